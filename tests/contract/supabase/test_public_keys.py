"""The project's signing key: published, kept, and good for tokens that the front itself accepts."""

import json
from pathlib import Path

import httpx
import jwt
import pytest

from devstack.supabase import SupabaseFront
from devstack.supabase.keys import load_keys
from tests.support.supabase.tenants import Connect, Tenant, ask, rows

pytest_plugins = ["tests.support.supabase.fixtures"]


def published(front: SupabaseFront) -> httpx.Response:
    return httpx.get(f"{front.url}/auth/v1/.well-known/jwks.json")


def test_the_public_key_is_published_to_all_and_the_private_one_is_not(supabase_front: SupabaseFront) -> None:
    answer = published(supabase_front)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=600")
    [key] = answer.json()["keys"]
    assert set(key) == {"kid", "kty", "crv", "x", "y", "alg", "use", "key_ops", "ext"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_a_users_token_is_verified_with_the_published_key(supabase_front: SupabaseFront, tenant: Tenant) -> None:
    token = supabase_front.user_token(tenant.user_id, algorithm="ES256")
    [key] = published(supabase_front).json()["keys"]
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]
    issuer = f"{supabase_front.url}/auth/v1"
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience="authenticated", issuer=issuer)
    assert (claims["sub"], claims["role"]) == (tenant.user_id, "authenticated")
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
def test_both_kinds_of_token_are_the_same_user(
    supabase_front: SupabaseFront, connect: Connect, tenant: Tenant, algorithm: str
) -> None:
    token = supabase_front.user_token(tenant.user_id, algorithm="ES256" if algorithm == "ES256" else "HS256")
    client = connect(token=token)
    found = rows(client.schema("basejump").table("accounts").select("id"))
    assert [row["id"] for row in found] == [tenant.account_id]


def test_a_token_signed_with_another_key_of_the_same_id_is_refused(
    supabase_front: SupabaseFront, tmp_path: Path
) -> None:
    other = load_keys(tmp_path / "keys.json")
    [key] = published(supabase_front).json()["keys"]
    other.signing_jwk["kid"] = key["kid"]
    token = other.user_token("u", iss=f"{supabase_front.url}/auth/v1", algorithm="ES256")
    answer = ask(supabase_front, "/threads", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")


def test_the_key_is_made_once_also_for_a_folder_that_had_none(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = load_keys(path)
    assert load_keys(path) == first
    kept = json.loads(path.read_text())
    del kept["signing_jwk"]
    path.write_text(json.dumps(kept))
    second = load_keys(path)
    assert (second.jwt_secret, second.anon_key) == (first.jwt_secret, first.anon_key)
    assert second.signing_jwk != first.signing_jwk
    assert load_keys(path) == second
    assert oct(path.stat().st_mode)[-3:] == "600"
