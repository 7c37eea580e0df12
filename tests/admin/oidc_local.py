"""A provider of OpenID Connect on this machine, which can be told to do wrong."""

import asyncio
import base64
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT = "faregate-tests"
SECRET = "s3cret of the tests / with + signs"
NOW = 1_800_000_000.0


class Clock:
    """One clock for the provider and the gateway."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def b64(found: bytes) -> str:
    """As tokens are written."""
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def rsa(kid: str, size: int = 2048) -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(size, {"kid": kid, "use": "sig"})


ONE, TWO, OTHER = rsa("one"), rsa("two"), rsa("one")
"""Two keys of the provider, and somebody else's with the name of the first."""
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})


class LocalProvider:
    """An ASGI application: metadata, keys, a sign-in page that asks nothing, and tokens."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock or Clock()
        self.issuer = ""
        self.claims: dict[str, Any] = {}
        """What a token says beyond, or instead of, what it should; None leaves a claim out."""
        self.key: Key = ONE
        self.alg = "RS256"
        self.published: list[Mapping[str, Any]] = [ONE.as_dict(private=False)]
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.metadata: dict[str, Any] = {}
        self.instead: dict[str, tuple[int, bytes]] = {}
        """Answers by path, instead of the right ones."""
        self.redirects: set[str] = set()
        self.error = ""
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def rotate(self, key: Key, *, keep: bool = True) -> None:
        """Sign with another key from now on."""
        self.key = key
        self.published = [*(self.published if keep else ()), key.as_dict(private=False)]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        path = scope["path"]
        self.asked.append(path)
        status, location, answer = 200, "", b"{}"
        if path in self.instead:
            status, answer = self.instead[path]
        elif path == "/.well-known/openid-configuration":
            answer = json.dumps(self._metadata()).encode()
        elif path == "/keys":
            answer = json.dumps({"keys": self.published}).encode()
        elif path == "/authorize":
            status, location = self.authorize(dict(parse_qsl(scope["query_string"].decode())))
        elif path == "/token":
            status, found = self._token(dict(parse_qsl(body.decode())), dict(scope["headers"]))
            answer = json.dumps(found).encode()
        else:
            status = 404
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        if location:
            headers.append((b"location", location.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def authorize(self, query: dict[str, str]) -> tuple[int, str]:
        """The answer to a browser that comes to sign in: (status, where it is sent)."""
        good = (
            query["client_id"] == CLIENT
            and query["response_type"] == "code"
            and query["redirect_uri"] in self.redirects
            and "openid" in query["scope"].split()
            and query["code_challenge_method"] == "S256"
        )
        if not good:
            return 400, ""
        said = {"state": query["state"], "iss": self.issuer}
        if self.error:
            return 303, f"{query['redirect_uri']}?{urlencode({**said, 'error': self.error})}"
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return 303, f"{query['redirect_uri']}?{urlencode({**said, 'code': code})}"

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.metadata,
        }

    def _token(
        self, form: dict[str, str], headers: dict[bytes, bytes]
    ) -> tuple[int, dict[str, Any]]:
        self.forms.append(form)
        pair = (form.get("client_id", ""), form.get("client_secret", ""))
        if b"authorization" in headers:
            given = base64.b64decode(headers[b"authorization"].removeprefix(b"Basic ")).decode()
            pair = (unquote_plus(given.split(":")[0]), unquote_plus(given.split(":")[1]))
        if pair != (CLIENT, SECRET):
            return 401, {"error": "invalid_client", "error_description": f"no {pair}"}
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = b64(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or begun["code_challenge"] != challenge
            or begun["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = self.token_claims(begun["nonce"])
        made = self.forge(claims) if self.forge else self.sign(claims)
        return 200, {"id_token": made, "access_token": "unused", "token_type": "Bearer"}

    def token_claims(self, nonce: str) -> dict[str, Any]:
        """What a token says."""
        now = int(self.clock())
        said = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "00u-ada",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "name": "Ada Lovelace",
            "email": "Ada@Example.com",
            "email_verified": True,
            "groups": ["staff", "gateway-admins"],
            **self.claims,
        }
        return {name: value for name, value in said.items() if value is not None}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token."""
        return jwt.encode(
            {"alg": self.alg, "kid": self.key.kid, **header},
            claims,
            self.key,
            algorithms=[self.alg],
        )


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token no library would make: unsigned, or by HMAC with whatever bytes."""
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    signature = hmac.digest(secret, text.encode(), "sha256") if secret is not None else b""
    return f"{text}.{b64(signature)}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port = 0

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        self.port = self.servers[0].sockets[0].getsockname()[1]
        self.listening.set()


@contextmanager
def serving(provider: LocalProvider) -> Iterator[LocalProvider]:
    """The provider on a free port of this machine, in a thread of its own."""
    config = uvicorn.Config(
        provider, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none"
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        assert server.listening.wait(20)
        provider.issuer = f"http://127.0.0.1:{server.port}"
        yield provider
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
