"""Tokens that must be fetched: Entra ID through azure-identity, or a caller's own source.

One :class:`EntraToken` serves an upstream for the life of the process. azure-identity's blocking
credentials run in a thread of their own, so no second HTTP stack for asyncio is needed.
"""

import asyncio
import concurrent.futures
import inspect
import re
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from faregate.errors import APIConnectionError, AuthenticationError, ConfigError
from faregate.providers.auth import check_secret

EntraKind: TypeAlias = Literal["default", "managed_identity", "client_secret", "workload_identity"]
TokenProvider: TypeAlias = Callable[[], str | Awaitable[str]]

REFRESH_AHEAD = 300.0
"""Seconds before its end at which a token is renewed, while it still serves."""

_MARGIN = 15.0
"""Seconds before its end at which a token no longer serves."""
_PAUSE = 30.0
"""Seconds between attempts to renew a token that still serves."""

_CLOUDS = {
    "azure.com": (
        "https://cognitiveservices.azure.com/.default",
        "https://ai.azure.com/.default",
        "",
    ),
    "azure.us": (
        "https://cognitiveservices.azure.us/.default",
        "https://ai.azure.us/.default",
        "https://login.microsoftonline.us",
    ),
    "azure.cn": (
        "https://cognitiveservices.azure.cn/.default",
        "https://ai.azure.cn/.default",
        "https://login.chinacloudapi.cn",
    ),
}
"""Per cloud: an account's scope, a project's scope, the authority (empty: the default)."""

_AADSTS = re.compile(r"AADSTS\d{4,8}")


class TokenSource(Protocol):
    """Whatever yields a bearer token for a request."""

    async def token(self) -> str:
        """A token that can be sent now."""
        ...

    async def close(self) -> None:
        """Release what is held; the source is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraOptions:
    """How to sign in to Entra ID. The secret never shows in a repr."""

    kind: EntraKind = "default"
    tenant_id: str = ""
    client_id: str = ""
    """The application's, or a user-assigned managed identity's."""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    """Empty: by the endpoint, see :func:`default_scope`."""
    authority: str = ""
    """Empty: by the endpoint's cloud."""


def default_scope(api_base: str) -> str:
    """The scope of an endpoint: Azure AI's for a project, Cognitive Services' for an account."""
    parts = urlsplit(api_base)
    account, project, _ = _cloud(parts.hostname or "")
    return project if "/api/projects/" in parts.path.lower() else account


def default_authority(api_base: str) -> str:
    """The sign-in address of an endpoint's cloud; empty for the public one."""
    return _cloud(urlsplit(api_base).hostname or "")[2]


def _cloud(host: str) -> tuple[str, str, str]:
    for suffix, cloud in _CLOUDS.items():
        if host.endswith(f".{suffix}"):
            return cloud
    return _CLOUDS["azure.com"]


class FixedToken:
    """A token the caller fetched (``azure_ad_token``)."""

    def __init__(self, token: str) -> None:
        self._token = check_secret(token, "azure_ad_token")

    async def token(self) -> str:
        """The token as it was given."""
        return self._token

    async def close(self) -> None:
        """Nothing to release."""


class ProvidedToken:
    """A caller's function (``azure_ad_token_provider``), sync or async, asked for every request.

    It does its own caching, as azure-identity's ``get_bearer_token_provider`` does. A sync function
    runs in a thread, because it may go to the network.
    """

    def __init__(self, provider: TokenProvider) -> None:
        if not callable(provider):
            raise ConfigError("azure_ad_token_provider must be a function that returns a token")
        self._provider = provider

    async def token(self) -> str:
        """What the function returns. Raises :class:`ConfigError` when that is no token."""
        if inspect.iscoroutinefunction(self._provider):
            found: object = await self._provider()
        else:
            found = await asyncio.to_thread(self._provider)
            if inspect.isawaitable(found):
                found = await found
        if not isinstance(found, str):
            raise ConfigError(
                f"azure_ad_token_provider returned {type(found).__name__}, not a token"
            )
        return check_secret(found, "token of azure_ad_token_provider")

    async def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    expires_on: float


class EntraToken:
    """Entra ID tokens for one upstream: cached, renewed ahead of time, fetched once at a time.

    ``credential`` (anything with azure-identity's ``get_token``) and ``clock`` are for tests and
    for callers with a credential of their own.
    """

    def __init__(
        self,
        options: EntraOptions,
        api_base: str,
        *,
        credential: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options = options
        self._scope = options.scope or default_scope(api_base)
        self._authority = options.authority or default_authority(api_base)
        self._credential = credential
        self._clock = clock
        self._held: _Held | None = None
        self._tried_at = float("-inf")
        self._guard = threading.Lock()
        self._fetch: concurrent.futures.Future[_Held] | None = None

    def __repr__(self) -> str:
        return f"EntraToken(kind={self._options.kind!r}, scope={self._scope!r})"

    async def token(self) -> str:
        """A token that is valid for some while yet.

        Raises :class:`ConfigError` when azure-identity is missing or the options do not suffice,
        :class:`AuthenticationError` when Entra ID refuses, and :class:`APIConnectionError` when it
        cannot be reached. None of them quotes what the credential said.
        """
        held, now = self._held, self._clock()
        if held is not None and now < held.expires_on - _MARGIN:
            if now >= held.expires_on - REFRESH_AHEAD and now >= self._tried_at + _PAUSE:
                self._start(now, held)
            return held.token
        fetch = self._start(now, held)
        # Shielded: a caller who gives up must not cancel the fetch the others wait for.
        fetched = await asyncio.shield(asyncio.wrap_future(fetch))
        return fetched.token

    async def close(self) -> None:
        """Close the credential."""
        close = getattr(self._credential, "close", None)
        if close is not None:
            await asyncio.to_thread(close)

    def _start(self, now: float, seen: _Held | None) -> "concurrent.futures.Future[_Held]":
        """The fetch under way, or a new one in a thread of its own.

        Not asyncio's pool and lock: an upstream outlives event loops, and a sign-in that hangs
        must neither fill the pool nor hold up the end of the process.
        """
        with self._guard:
            if self._fetch is not None:
                return self._fetch
            fetch: concurrent.futures.Future[_Held] = concurrent.futures.Future()
            if self._held is not None and self._held is not seen:
                fetch.set_result(self._held)  # another caller's fetch has just ended
                return fetch
            self._tried_at, self._fetch = now, fetch
        threading.Thread(
            target=self._run, args=(fetch,), name="faregate-entra", daemon=True
        ).start()
        return fetch

    def _run(self, fetch: "concurrent.futures.Future[_Held]") -> None:
        try:
            held = self._obtain()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            with self._guard:
                self._fetch = None
            fetch.set_exception(error)
            return
        with self._guard:
            self._held, self._fetch = held, None
        fetch.set_result(held)

    def _obtain(self) -> _Held:
        try:
            if self._credential is None:
                self._credential = _sign_in(self._options, self._authority)
            found = self._credential.get_token(self._scope)
        except ConfigError:
            raise
        except ImportError:
            raise ConfigError(
                "Entra ID needs azure-identity: pip install 'faregate[entra]'"
            ) from None
        except Exception as error:  # noqa: BLE001 - azure-identity's classes may not be installed
            raise self._failure(error) from None
        return _Held(check_secret(str(found.token), "Entra ID token"), float(found.expires_on))

    def _failure(self, error: Exception) -> Exception:
        """The error for a caller: what failed and its AADSTS code, without the chain's own text."""
        ancestry = {ancestor.__name__ for ancestor in type(error).__mro__}
        code = _AADSTS.search(str(error))
        what = f"{type(error).__name__}{f', {code[0]}' if code else ''}"
        where = f"scope {self._scope}, sign-in {self._options.kind}"
        if "ClientAuthenticationError" in ancestry:
            return AuthenticationError(
                f"Entra ID gave no token ({what}; {where}). Check the identity, its secret and its "
                "role on the resource",
                code="entra_no_token",
            )
        if "AzureError" in ancestry or isinstance(error, OSError):
            return APIConnectionError(
                f"Entra ID could not be reached ({what}; {where})", code="entra_unreachable"
            )
        return ConfigError(f"Entra ID sign-in is not set up right ({what}; {where})")


def _sign_in(options: EntraOptions, authority: str) -> Any:
    """The azure-identity credential of some options. Raises ImportError without azure-identity."""
    missing = [
        name
        for name in ("tenant_id", "client_id", "client_secret")
        if options.kind == "client_secret" and not getattr(options, name)
    ]
    if missing:
        raise ConfigError(f"Entra ID with a client secret needs {', '.join(missing)}")
    from azure import identity

    named = {"tenant_id": options.tenant_id, "client_id": options.client_id}
    given: dict[str, Any] = {name: value for name, value in named.items() if value}
    if options.kind == "managed_identity":
        given.pop("tenant_id", None)
        return identity.ManagedIdentityCredential(**given)
    if authority:
        given["authority"] = authority
    if options.kind == "client_secret":
        return identity.ClientSecretCredential(client_secret=options.client_secret, **given)
    if options.kind == "workload_identity":
        return identity.WorkloadIdentityCredential(**given)
    if options.kind != "default":
        raise ConfigError(
            "Entra ID sign-in is default, managed_identity, client_secret or workload_identity"
        )
    client = given.pop("client_id", "")
    given.pop("tenant_id", None)
    if client:
        given |= {"managed_identity_client_id": client, "workload_identity_client_id": client}
    if options.tenant_id:
        given["workload_identity_tenant_id"] = options.tenant_id
    return identity.DefaultAzureCredential(**given)


def token_source(
    api_base: str,
    *,
    token: str = "",
    provider: TokenProvider | None = None,
    entra: EntraOptions | None = None,
) -> TokenSource | None:
    """The source a caller asked for: a token, a function or Entra ID; None for none of them.

    Raises :class:`ConfigError` when more than one is given.
    """
    given = [bool(token), provider is not None, entra is not None]
    if sum(given) > 1:
        raise ConfigError("give one of azure_ad_token, azure_ad_token_provider and Entra options")
    if token:
        return FixedToken(token)
    if provider is not None:
        return ProvidedToken(provider)
    return EntraToken(entra, api_base) if entra is not None else None
