"""Signing in by OpenID Connect: the authorization code flow with PKCE, state and nonce.

A sign-in under way is kept nowhere but in the browser's signed cookie, so any worker can finish it.
State, nonce and PKCE's verifier are made of what the cookie says and this gateway's secret: nobody
can make them up, and whoever sees one knows none of the others.
"""

import asyncio
import base64
import binascii
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from faregate.admin.oidc_provider import Metadata, Provider
from faregate.admin.oidc_roles import Person, person_of
from faregate.admin.oidc_token import ALGORITHMS, BadTokenError, Expected, validate
from faregate.admin.session import Attempts, Issued, Sessions
from faregate.config.sign_on import CALLBACK, Oidc, is_loopback, rules_of
from faregate.errors import (
    APIError,
    BadRequestError,
    ConfigError,
    NotFoundError,
    PermissionDeniedError,
    ServiceUnavailableError,
)

log = logging.getLogger("faregate.admin")

LASTS = 600
"""Seconds a person has at the provider."""
HOME = "/ui/"

_MOST_AT_ONCE = 16
_LONGEST_PATH = 1024
_PATH = re.compile(r"/ui(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*(\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?\Z")
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_WORD = re.compile(r"[a-z_]{1,40}\Z")


class Flow(Struct, frozen=True, kw_only=True, rename={"redirect": "r", "until": "u"}):
    """A sign-in under way, as its cookie says."""

    id: str
    next: str
    redirect: str
    until: int


class Begun(Struct, frozen=True):
    """Where to send a browser, and the cookie it is to keep meanwhile."""

    location: str
    cookie: str


class Finished(Struct, frozen=True):
    """A session, and the page below the gateway that was wanted."""

    issued: Issued
    next: str


class SignOn:
    """Sign-ins of one process, by whatever configuration is in force."""

    def __init__(
        self,
        master_key: str,
        sessions: Sessions,
        settings: Callable[[], Oidc | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``settings`` is None while single sign-on is off."""
        self._secret = hmac.digest(master_key.encode(), b"faregate oidc", "sha256")
        self._sessions = sessions
        self._settings = settings
        self._clock = clock
        self._provider: Provider | None = None
        self._used: dict[str, int] = {}
        self._attempts = Attempts(clock, "sign-ins that failed")
        self._under_way = 0

    @property
    def label(self) -> str | None:
        """What the button says; None while single sign-on is off."""
        oidc = self._settings()
        return None if oidc is None else oidc.label

    async def begin(self, origin: str, wanted: str) -> Begun:
        """Send somebody to the provider.

        ``origin`` is the scheme and host the browser asked, ``wanted`` the page it is to see after.
        Raises :class:`NotFoundError` while this is off, :class:`BadRequestError` for a host that is
        not allowed, and :class:`BadGatewayError` when the provider does not answer.
        """
        oidc = self._oidc()
        redirect = redirect_url(oidc, origin)
        metadata = await self._provider_of(oidc).metadata()
        flow = Flow(
            id=secrets.token_urlsafe(24),
            next=safe_next(wanted),
            redirect=redirect,
            until=int(self._clock()) + LASTS,
        )
        challenge = sha256(self._verifier(oidc, flow).encode()).digest()
        query = {
            "response_type": "code",
            "client_id": oidc.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(oidc.scopes),
            "state": self._made("state", oidc, flow),
            "nonce": self._made("nonce", oidc, flow),
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        mark = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        location = f"{metadata.authorization_endpoint}{mark}{urlencode(query)}"
        body = base64.urlsafe_b64encode(msgspec.json.encode(flow)).rstrip(b"=")
        return Begun(location, f"{body.decode()}.{self._sign(oidc, body)}")

    async def finish(self, query: Mapping[str, str], cookie: str, address: str) -> Finished:
        """Let in whom the provider sends back. ``query`` is what it says, ``address`` whence.

        Raises :class:`BadRequestError` for what is not an answer to the cookie's sign-in,
        :class:`PermissionDeniedError` for somebody who may not enter or a token that is not
        accepted, :class:`BadGatewayError` when the provider fails, :class:`RateLimitError` after
        too many failures from one address, and :class:`ServiceUnavailableError` when too many are
        let in at once.
        """
        oidc = self._oidc()
        self._attempts.check(address)
        flow = self._flow(oidc, cookie)
        if not _same(query.get("state", ""), self._made("state", oidc, flow)):
            raise _stale("this is not the answer to the sign-in that was begun here last")
        if self._under_way >= _MOST_AT_ONCE:
            raise ServiceUnavailableError(
                "many people are signing in; try again in a moment",
                code="sso_busy",
                retry_after=1.0,
            )
        self._under_way += 1
        self._use(flow)
        try:
            person = await self._person(oidc, query, flow)
        except APIError as error:
            self._attempts.count(address)
            # Codes and names of claims alone: what a token says is about a person.
            log.warning("single sign-on: not let in: %s %s", error.code, error.param or "")
            raise
        finally:
            self._under_way -= 1
        issued = self._sessions.sign_in_person(person.id, person.name, person.role, rules_of(oidc))
        return Finished(issued, flow.next)

    async def _person(self, oidc: Oidc, query: Mapping[str, str], flow: Flow) -> Person:
        provider = self._provider_of(oidc)
        metadata = await provider.metadata()
        _check_answer(query, metadata, oidc)
        verifier = self._verifier(oidc, flow)
        token = await provider.exchange(oidc, query["code"], verifier, flow.redirect)
        expected = Expected(
            issuer=oidc.issuer,
            client_id=oidc.client_id,
            nonce=self._made("nonce", oidc, flow),
            now=int(self._clock()),
            algorithms=metadata.id_token_signing_alg_values_supported or ALGORITHMS,
        )
        return person_of(await _validated(provider, token, expected), oidc)

    def _oidc(self) -> Oidc:
        oidc = self._settings()
        if oidc is None:
            raise NotFoundError(
                "single sign-on is off: general_settings.oidc is not set", code="sso_off"
            )
        return oidc

    def _provider_of(self, oidc: Oidc) -> Provider:
        if self._provider is None or self._provider.issuer != oidc.issuer:
            self._provider = Provider(oidc.issuer, self._clock)
        return self._provider

    def _flow(self, oidc: Oidc, cookie: str) -> Flow:
        """The sign-in a cookie is of. Raises :class:`BadRequestError` unless it was begun here,
        with this provider, a short while ago, and has not been finished."""
        body, _, signature = cookie.partition(".")
        if not cookie or len(cookie) > 4096:
            raise _stale("your browser has no sign-in under way at this address")
        if not _same(signature, self._sign(oidc, body.encode("utf-8", "replace"))):
            raise _stale("the sign-in was not begun here, or the configuration has changed since")
        try:
            text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            flow = msgspec.json.decode(text, type=Flow)
        except (binascii.Error, msgspec.DecodeError):
            raise _stale("the sign-in was not begun here") from None
        if flow.until <= self._clock():
            raise _stale("the sign-in took too long")
        if flow.id in self._used:
            raise _stale("the sign-in is finished already")
        return flow

    def _use(self, flow: Flow) -> None:
        """A sign-in is finished once; this process remembers, and the provider's code is spent."""
        now = self._clock()
        for each in [each for each, until in self._used.items() if until <= now]:
            del self._used[each]
        self._used[flow.id] = flow.until

    def _verifier(self, oidc: Oidc, flow: Flow) -> str:
        return self._made("verifier", oidc, flow)

    def _made(self, what: str, oidc: Oidc, flow: Flow) -> str:
        said = f"{what}\n{oidc.issuer}\n{oidc.client_id}\n{flow.id}".encode()
        digest = hmac.digest(self._secret, said, "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _sign(self, oidc: Oidc, body: bytes) -> str:
        said = f"cookie\n{oidc.issuer}\n{oidc.client_id}\n".encode() + body
        return hmac.new(self._secret, said, sha256).hexdigest()


def redirect_url(oidc: Oidc, origin: str) -> str:
    """Where the provider is to send somebody back to who asked at ``origin``.

    Raises :class:`BadRequestError` for a host of the request's that is not allowed: a made-up one
    would have the provider send the code elsewhere.
    """
    if oidc.redirect_url:
        return oidc.redirect_url
    try:
        parts = urlsplit(origin.lower())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if (
        not host
        or "@" in parts.netloc
        or not (is_loopback(host) or parts.netloc in oidc.allowed_hosts)
    ):
        raise BadRequestError(
            "people cannot sign in by this address: set general_settings.oidc.redirect_url, or have"
            " its host in allowed_hosts",
            code="sso_host",
        )
    return f"{parts.scheme}://{parts.netloc}{CALLBACK}"


def safe_next(wanted: str) -> str:
    """The page below ``/ui/`` to show after a sign-in, or the first one for anything else."""
    fits = len(wanted) <= _LONGEST_PATH and _PATH.match(wanted) is not None
    path = wanted.partition("?")[0]
    return wanted if fits and "//" not in path and not _DOTS.search(path) else HOME


def _check_answer(query: Mapping[str, str], metadata: Metadata, oidc: Oidc) -> None:
    """Raise unless the provider has sent a code, and this provider has."""
    issuer = query.get("iss")
    asked = metadata.authorization_response_iss_parameter_supported
    if (issuer is not None or asked) and issuer != oidc.issuer:
        raise _stale("the answer is another provider's (iss)")
    if "error" in query:
        word = query["error"] if _WORD.match(query["error"]) else "an error"
        raise PermissionDeniedError(
            f"The provider let nobody in ({word}). Ask {oidc.contact}.", code="sso_denied"
        )
    if not query.get("code"):
        raise _stale("the provider's answer has no code")


async def _validated(provider: Provider, token: str, expected: Expected) -> Mapping[str, object]:
    """The claims of a token, by the provider's keys or by newer ones."""
    try:
        # In a thread, since the first one imports something that takes a moment.
        try:
            keys = await provider.keys()
            return await asyncio.to_thread(validate, token, keys, expected)
        except BadTokenError as error:
            if not error.unknown_key:
                raise
            newer = await provider.keys(newer=True)
            if newer is keys:
                raise
            return await asyncio.to_thread(validate, token, newer, expected)
    except BadTokenError as error:
        raise PermissionDeniedError(
            f"the sign-in provider's token is not accepted: {error.reason}", code="sso_token"
        ) from None
    except ConfigError as error:
        raise ServiceUnavailableError(str(error), code="sso_not_installed") from None


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _stale(why: str) -> BadRequestError:
    return BadRequestError(f"{why}: begin again", code="sso_stale")
