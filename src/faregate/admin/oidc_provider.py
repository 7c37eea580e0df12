"""A provider of OpenID Connect, as far as it is asked over HTTP: its metadata, its keys, and the
exchange of a code. Answers are small and come soon, or are errors; nothing of them is repeated.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec
from msgspec import Struct

from faregate.config.sign_on import Oidc, is_loopback, safe_url
from faregate.errors import APIError, BadGatewayError, BadRequestError
from faregate.types import HttpRequest
from faregate.upstream.limits import Limits, Timeouts
from faregate.upstream.transport import Transport, shared
from faregate.upstream.transport_errors import TransportError

KEPT = 3600.0
"""Seconds for which metadata and keys are kept: a key that was withdrawn is gone after that."""
PAUSE = 10.0
"""Seconds between two looks for newer keys."""

_TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, between=10.0, total=15.0)
_LIMITS = Limits(max_body_bytes=512 * 1024, max_connections_per_host=8, max_idle_per_host=1)
_WELL_KNOWN = "/.well-known/openid-configuration"
_WORD = re.compile(r"[a-z_]{1,40}\Z")

Found = TypeVar("Found")


class Metadata(Struct, frozen=True, kw_only=True):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool | None = None


class _KeySet(Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class _Tokens(Struct, frozen=True):
    """Of a token endpoint; the access token is not wanted and not kept."""

    id_token: str


class _Refused(Struct, frozen=True):
    error: str = ""


class Provider:
    """One provider, by its issuer."""

    def __init__(
        self,
        issuer: str,
        clock: Callable[[], float],
        transport: Callable[[], Transport] = lambda: shared(limits=_LIMITS),
    ) -> None:
        """``clock`` in seconds decides what is old; ``transport`` is that of the running loop."""
        self.issuer = issuer
        self._clock = clock
        self._transport = transport
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, Sequence[Mapping[str, Any]]] | None = None
        self._lock = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """What the provider says of itself. Raises :class:`BadGatewayError`."""
        async with self._lock:
            if self._metadata is not None and self._fresh(self._metadata[0], KEPT):
                return self._metadata[1]
            found = await self._get(self.issuer.rstrip("/") + _WELL_KNOWN, Metadata)
            self._check(found)
            self._metadata = (self._clock(), found)
            return found

    async def keys(self, *, newer: bool = False) -> Sequence[Mapping[str, Any]]:
        """The keys the provider signs with. ``newer``: those that are known did not suffice, so it
        is asked again, unless it was just now. Raises :class:`BadGatewayError`."""
        address = (await self.metadata()).jwks_uri
        async with self._lock:
            if self._keys is not None and self._fresh(self._keys[0], PAUSE if newer else KEPT):
                return self._keys[1]
            found = await self._get(address, _KeySet)
            self._keys = (self._clock(), found.keys)
            return found.keys

    async def exchange(self, oidc: Oidc, code: str, verifier: str, redirect: str) -> str:
        """The ID token for a code.

        Raises :class:`BadRequestError` when the provider refuses the code and
        :class:`BadGatewayError` when it refuses anything else, or gives no usable answer.
        """
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        secret = oidc.client_secret.reveal()
        methods = metadata.token_endpoint_auth_methods_supported or ("client_secret_basic",)
        if "client_secret_post" in methods:
            form |= {"client_id": oidc.client_id, "client_secret": secret}
        elif "client_secret_basic" in methods:
            headers["authorization"] = _basic(oidc.client_id, secret)
        else:
            raise _broken(self.issuer, "takes no client secret at its token endpoint")
        body = urlencode(form).encode()
        status, answer = await self._ask("POST", metadata.token_endpoint, headers, body)
        if status == 200:
            return self._read(answer, _Tokens, "the token endpoint gave no ID token").id_token
        raise self._refusal(status, answer)

    def _refusal(self, status: int, answer: bytes) -> APIError:
        try:
            said = msgspec.json.decode(answer, type=_Refused).error
        except msgspec.DecodeError:
            said = ""
        word = said if _WORD.match(said) else ""
        if word == "invalid_grant":
            return BadRequestError(
                "the provider does not accept this sign-in's code any more: begin again",
                code="sso_stale",
            )
        return _broken(self.issuer, f"refused the code ({word or f'status {status}'})")

    async def _get(self, url: str, kind: type[Found]) -> Found:
        status, body = await self._ask("GET", url, {"accept": "application/json"})
        if status != 200:
            raise _broken(self.issuer, f"{_shown(url)} answered with status {status}")
        return self._read(body, kind, f"{_shown(url)} is not what OpenID Connect asks for")

    def _read(self, body: bytes, kind: type[Found], wrong: str) -> Found:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise _broken(self.issuer, wrong) from None

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        try:
            answer = await self._transport().send(
                HttpRequest(method, url, {"accept": "application/json", **headers}, body), _TIMEOUTS
            )
        except TransportError as error:
            raise _broken(self.issuer, str(error)) from None
        except ValueError:
            raise _broken(self.issuer, f"{_shown(url)} is no address") from None
        return answer.status, answer.body

    def _check(self, found: Metadata) -> None:
        if found.issuer != self.issuer:
            raise _broken(
                self.issuer,
                f"calls itself {found.issuer[:200]!r}: set general_settings.oidc.issuer to the"
                " address it uses for your organisation, letter by letter",
            )
        local = is_loopback(urlsplit(self.issuer).hostname or "")
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            parts = safe_url(url)
            if parts is None or (parts.scheme == "http" and not local):
                raise _broken(self.issuer, "names an address that is not https")

    def _fresh(self, at: float, seconds: float) -> bool:
        return 0 <= self._clock() - at < seconds


def _basic(client_id: str, secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _shown(url: str) -> str:
    return url.partition("?")[0][:200]


def _broken(issuer: str, why: str) -> BadGatewayError:
    return BadGatewayError(f"the sign-in provider {issuer} {why}", code="sso_provider")
