"""Which ID tokens are accepted: genuine, for this application, of this sign-in, of now."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from faregate.admin.oidc_provider import KEPT, PAUSE
from faregate.admin.oidc_token import LEEWAY, BadTokenError, Expected, validate
from faregate.errors import ConfigError
from tests.admin.oidc_browser import Browser, Gate
from tests.admin.oidc_local import (
    CLIENT,
    CURVE,
    NOW,
    ONE,
    OTHER,
    SECRET,
    TWO,
    Clock,
    LocalProvider,
    b64,
    by_hand,
    rsa,
    serving,
)


@pytest.fixture(scope="module")
def running() -> Iterator[LocalProvider]:
    with serving(LocalProvider()) as provider:
        yield provider


@pytest.fixture
def gate(running: LocalProvider) -> Gate:
    issuer, clock = running.issuer, Clock()
    vars(running).update(vars(LocalProvider(clock)))
    running.issuer = issuer
    return Gate(running, clock)


async def signs_in(gate: Gate) -> bool:
    """Whether somebody gets in; if not, it is for the token."""
    browser = Browser(gate)
    found = await browser.sign_in()
    assert found.status == 303 or b"sso_token" in found.body, found.body
    return browser.signed_in


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "another"}, "(nonce)"),
        ({"nonce": None}, "(nonce)"),
        ({"nonce": ["a", "b"]}, "(nonce)"),
        ({"aud": "another-app"}, "(aud)"),
        ({"aud": ["another-app"]}, "(aud)"),
        ({"aud": {CLIENT: 1}}, "(aud)"),
        ({"aud": None}, "lacks"),
        ({"aud": [CLIENT, "another-app"]}, "(azp)"),
        ({"aud": [CLIENT, "another-app"], "azp": "another-app"}, "(azp)"),
        ({"azp": "another-app"}, "(azp)"),
        ({"iss": "https://other.example"}, "(iss)"),
        ({"iss": None}, "lacks"),
        ({"iss": ["x"]}, "(iss)"),
        ({"exp": int(NOW) - LEEWAY}, "expired"),
        ({"exp": None}, "lacks"),
        ({"exp": "tomorrow"}, "(exp)"),
        ({"exp": float("inf")}, "(exp)"),
        ({"iat": int(NOW) + LEEWAY + 1}, "(iat)"),
        ({"iat": None}, "lacks"),
        ({"nbf": int(NOW) + LEEWAY + 1}, "(nbf)"),
        ({"sub": None}, "lacks"),
        ({"sub": ""}, "(sub)"),
        ({"sub": 7}, "(sub)"),
    ],
)
async def test_a_token_that_says_something_else_lets_nobody_in(
    gate: Gate, claims: dict[str, Any], said: str
) -> None:
    gate.provider.claims = claims
    error = await Browser(gate).refused()
    assert (error["status"], error["code"]) == (403, "sso_token")
    assert said in error["message"]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another-app"], "azp": CLIENT},
        {"exp": int(NOW) - LEEWAY + 1},
        {"iat": int(NOW) + LEEWAY},
        {"validate_": 1, "check": {"deep": []}},
    ],
)
async def test_a_token_that_says_it_in_another_way_is_good(
    gate: Gate, claims: dict[str, Any]
) -> None:
    gate.provider.claims = claims
    assert await signs_in(gate)


def public_pem() -> bytes:
    return ONE.as_pem(private=False)


FORGERIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "unsigned": lambda claims: by_hand({"alg": "none"}, claims),
    "unsigned-with-kid": lambda claims: by_hand({"alg": "none", "kid": "one"}, claims),
    "NONE": lambda claims: by_hand({"alg": "NoNe", "kid": "one"}, claims),
    "public-key-as-secret": lambda claims: by_hand(
        {"alg": "HS256", "kid": "one"}, claims, public_pem()
    ),
    "modulus-as-secret": lambda claims: by_hand(
        {"alg": "HS256", "kid": "one"}, claims, str(ONE.as_dict(private=False)["n"]).encode()
    ),
    "client-secret": lambda claims: by_hand({"alg": "HS256"}, claims, SECRET.encode()),
    "no-alg": lambda claims: by_hand({"kid": "one"}, claims, b""),
    "alg-is-a-list": lambda claims: by_hand({"alg": ["RS256"], "kid": "one"}, claims, b""),
    "signature-cut": lambda claims: LocalProvider().sign(claims).rpartition(".")[0] + ".",
    "payload-swapped": lambda claims: ".".join(
        (
            LocalProvider().sign(claims).split(".")[0],
            by_hand({}, claims | {"sub": "x"}).split(".")[1],
            LocalProvider().sign(claims).split(".")[2],
        )
    ),
    "unknown-crit": lambda claims: by_hand({"alg": "RS256", "crit": ["x"], "x": 1}, claims, b""),
    "own-key-in-the-header": lambda claims: (
        LocalProvider().sign(claims)[:0]
        + _signed_by(OTHER, claims, jwk=OTHER.as_dict(private=False))
    ),
    "four-parts": lambda claims: LocalProvider().sign(claims) + ".x",
    "empty": lambda _: "",
    "garbage": lambda _: "é.\x00.{}",
    "deep": lambda claims: f"{b64(b'[' * 3000)}.e30.x",
}


def _signed_by(key: RSAKey, claims: dict[str, Any], **header: Any) -> str:
    provider = LocalProvider()
    provider.key = key
    return provider.sign(claims, **header)


@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_forged_token_lets_nobody_in(gate: Gate, kind: str) -> None:
    gate.provider.forge = FORGERIES[kind]
    assert not await signs_in(gate)


async def test_the_provider_cannot_allow_what_is_never_allowed(gate: Gate) -> None:
    gate.provider.metadata["id_token_signing_alg_values_supported"] = ["HS256", "none"]
    gate.provider.forge = FORGERIES["public-key-as-secret"]
    assert not await signs_in(gate)
    gate.provider.forge = FORGERIES["client-secret"]
    assert not await signs_in(gate)
    gate.provider.forge = None
    assert not await signs_in(gate)  # the right one is not offered


async def test_a_signature_of_another_kind_than_offered_is_refused(gate: Gate) -> None:
    gate.provider.metadata["id_token_signing_alg_values_supported"] = ["ES256"]
    assert not await signs_in(gate)


async def test_a_published_secret_signs_nothing(gate: Gate) -> None:
    secret = b"k" * 32
    gate.provider.published.append({"kty": "oct", "kid": "oct", "k": b64(secret), "alg": "HS256"})
    gate.provider.forge = lambda claims: by_hand({"alg": "HS256", "kid": "oct"}, claims, secret)
    assert not await signs_in(gate)


async def test_strange_keys_among_the_published_do_no_harm(gate: Gate) -> None:
    gate.provider.published = [
        {"kty": "AKP", "kid": "post-quantum", "pub": "x"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": 1},
        {"kty": "RSA"},
        {},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        *gate.provider.published,
    ]
    assert await signs_in(gate)


async def test_keys_for_other_uses_and_short_keys_verify_nothing(gate: Gate) -> None:
    gate.provider.published = [{**ONE.as_dict(private=False), "use": "enc"}]
    assert not await signs_in(gate)
    with pytest.warns(match="2048"):
        short = rsa("short", 1024)
    gate.worker()
    gate.provider.rotate(short)
    assert not await signs_in(gate)


async def test_other_signatures_with_a_key_pair_are_good(gate: Gate) -> None:
    for alg in ("PS256", "RS512"):
        gate.provider.alg = alg
        assert await signs_in(gate)
    gate.provider.alg = "ES256"
    gate.provider.rotate(CURVE)
    gate.worker()
    assert await signs_in(gate)


async def test_a_new_key_is_fetched_when_it_is_first_seen(gate: Gate) -> None:
    assert await signs_in(gate)
    gate.clock.now += PAUSE
    gate.provider.rotate(TWO)
    assert await signs_in(gate)
    assert gate.provider.asked.count("/keys") == 2
    assert await signs_in(gate)
    assert gate.provider.asked.count("/keys") == 2


async def test_a_key_that_keeps_its_name_is_fetched_too(gate: Gate) -> None:
    assert await signs_in(gate)
    gate.clock.now += PAUSE
    gate.provider.rotate(OTHER, keep=False)
    assert await signs_in(gate)


async def test_unknown_keys_do_not_have_the_provider_asked_every_time(gate: Gate) -> None:
    gate.provider.key = TWO
    for _ in range(4):
        assert not await signs_in(gate)
    assert gate.provider.asked.count("/keys") == 1
    gate.clock.now += PAUSE
    assert not await signs_in(gate)
    assert gate.provider.asked.count("/keys") == 2


async def test_somebody_elses_key_of_the_same_name_is_refused(gate: Gate) -> None:
    gate.provider.key = OTHER
    assert not await signs_in(gate)


async def test_a_withdrawn_key_is_good_for_an_hour_at_most(gate: Gate) -> None:
    assert KEPT <= 3600
    assert await signs_in(gate)
    gate.provider.rotate(TWO, keep=False)
    gate.provider.key = ONE
    assert await signs_in(gate)
    gate.clock.now += KEPT
    assert not await signs_in(gate)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/.well-known/openid-configuration", 404, b"{}"),
        ("/.well-known/openid-configuration", 302, b""),
        ("/.well-known/openid-configuration", 200, b"<html>"),
        ("/.well-known/openid-configuration", 200, b'{"issuer": "https://other.example"}'),
        ("/.well-known/openid-configuration", 200, b"[" * 100_000),
        ("/keys", 500, b"{}"),
        ("/keys", 200, b'{"keys": 1}'),
        ("/keys", 200, b'{"keys": []}' + b" " * 600_000),
        ("/token", 500, b"{}"),
        ("/token", 400, b'{"error": "<script>"}'),
        ("/token", 200, b'{"access_token": "x"}'),
        ("/token", 401, b'{"error": "invalid_client", "error_description": "s3cret"}'),
    ],
)
async def test_a_provider_that_fails_is_said_to(
    gate: Gate, path: str, status: int, body: bytes
) -> None:
    gate.provider.instead[path] = (status, body)
    browser = Browser(gate)
    found = await browser.begin()
    if found.status == 303:
        found = await browser.get(await browser.at_provider(found))
    assert found.status == 502
    assert b"sso_provider" in found.body
    assert gate.provider.issuer.encode() in found.body
    assert b"<script>" not in found.body
    assert b"s3cret" not in found.body
    assert not browser.signed_in
    gate.provider.instead.clear()
    assert await signs_in(gate)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://login.example/{tenantid}"}, "{tenantid}"),
        ({"issuer": "https://<b>login.example"}, "&lt;b&gt;"),
        ({"token_endpoint": "http://login.example/token"}, "not https"),
        ({"jwks_uri": "file:///etc/passwd"}, "not https"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not https"),
        ({"authorization_endpoint": "https://a.example/\r\nset-cookie: a=b"}, "not https"),
        ({"token_endpoint": "https://user:pass@login.example/"}, "not https"),
    ],
)
async def test_metadata_that_cannot_be_right_is_not_followed(
    gate: Gate, metadata: dict[str, str], said: str
) -> None:
    gate.provider.metadata = metadata
    found = await Browser(gate).begin()
    assert (found.status, said in found.body.decode()) == (502, True)


async def test_a_provider_that_is_not_there_is_said_to_be(gate: Gate) -> None:
    gate.change(issuer="http://127.0.0.1:1")
    found = await Browser(gate).begin(accept="application/json")
    assert (found.status, found.json["error"]["code"]) == (502, "sso_provider")


async def test_without_the_library_nobody_is_let_in(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: Any) -> None:
        raise ConfigError("general_settings.oidc needs joserfc: pip install it")

    monkeypatch.setattr("faregate.admin.oidc.validate", absent)
    error = await Browser(gate).refused()
    assert (error["status"], error["code"]) == (503, "sso_not_installed")


def test_an_empty_list_of_signatures_allows_none() -> None:
    claims = {"iss": "i", "aud": "c", "sub": "s", "exp": 9, "iat": 1, "nonce": "n"}
    token = by_hand({"alg": "HS256"}, claims, b"k" * 32)
    expected = Expected(issuer="i", client_id="c", nonce="n", now=2, algorithms=("HS256",))
    with pytest.raises(BadTokenError, match="no signature"):
        validate(token, [ONE.as_dict(private=False)], expected)
