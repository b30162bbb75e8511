"""Serving an ASGI application on loopback: in a thread of this process, or as the whole process."""

import asyncio
import socket
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Literal, Self

import uvicorn

_START_SECONDS = 30.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 is a free one.

    Raises:
        OSError: if the port is taken; the message names it.

    The protocol is spelled out because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port} on {host}: {error.strerror}") from error
    return sock


def url_of(sock: socket.socket) -> str:
    """Base URL of a listening socket."""
    host, port = sock.getsockname()
    return f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Uvicorn's server, which is woken to stop instead of looking ten times a second whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Serve until `stop`."""
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._woken.wait()

    def stop(self) -> None:
        """Stop serving; callable from any thread and from a signal handler."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has stopped meanwhile
                self._loop.call_soon_threadsafe(self._woken.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Uvicorn's signal handler."""
        super().handle_exit(sig, frame)
        self.stop()


def server_of(application: Any, *, lifespan: Literal["on", "off"] = "off") -> Server:  # noqa: ANN401  (ASGI)
    """The HTTP server of ``application``; it is given its sockets when it runs."""
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan=lifespan,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    return Server(config)


class ServerThread:
    """A server in a thread; a context manager that stops it."""

    def __init__(
        self,
        application: Any,  # noqa: ANN401  (ASGI)
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        lifespan: Literal["on", "off"] = "off",
        sock: socket.socket | None = None,
    ) -> None:
        """Start it and wait until it accepts connections; ``port`` 0 is a free one.

        ``sock``, if given, listens already, and is closed with the server.

        Raises:
            OSError: if the port is taken.
            RuntimeError: if the server does not start.
        """
        self._socket = sock or listen(host, port)
        self.url = url_of(self._socket)
        self.port: int = self._socket.getsockname()[1]
        self._server = server_of(application, lifespan=lifespan)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.close()
                raise RuntimeError("the server did not start")
            time.sleep(0.005)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; requests under way get two seconds. Calls after the first do nothing."""
        self._server.stop()
        self._thread.join()
        self._socket.close()
