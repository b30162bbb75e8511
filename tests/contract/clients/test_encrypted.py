"""Both clients over TLS: certificates are verified, and the deadline holds for the handshake, too."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from operator_memory_client.transport import async_http, sync_http

from tests.support.clients.sides import CONTEXT, Connect
from tests.support.loopback import LoopbackServer, read_request, reply
from tests.support.time_outs import AMPLE

pytest_plugins = ["tests.support.clients.fixtures"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate for 127.0.0.1 that nobody but its reader trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "memory.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def encrypted(certificate: Path) -> LoopbackServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured, secured.makefile("rb") as stream:
            for _ in range(2):
                read_request(stream)
                secured.sendall(reply(CONTEXT))

    return LoopbackServer(talk)


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients trust the certificate."""
    context = ssl.create_default_context(cafile=str(certificate))
    for module in (sync_http, async_http):
        monkeypatch.setattr(module, "tls", lambda: context)


@pytest.mark.usefixtures("trusted")
def test_a_context_comes_over_tls_on_a_kept_connection(connect: Connect, certificate: Path) -> None:
    with encrypted(certificate) as server:
        client = connect(f"https://127.0.0.1:{server.port}")
        assert [client.context("acct-1").text for _ in range(2)] == [CONTEXT["context"]] * 2
        assert server.connections == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(connect: Connect, certificate: Path) -> None:
    with encrypted(certificate) as server:
        assert connect(f"https://127.0.0.1:{server.port}").context("acct-1").reason == "unreachable"


def test_a_handshake_that_never_ends_is_given_up_and_its_connection_closed(connect: Connect) -> None:
    left = threading.Event()

    def listen(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            stream.read()
        left.set()

    with LoopbackServer(listen) as server:
        assert connect(f"https://127.0.0.1:{server.port}").context("acct-1", deadline=0.15).reason == "deadline"
        assert left.wait(AMPLE)
