"""Sign-in for browsers: a key is exchanged once for a cookie that no script can read.

A session is a signed text and is kept nowhere: whose it is, until when, and a proof of the key it
was made with. So it ends with its key: blocked, expired, deleted or rotated. Changing anything
needs a header beside the cookie, whose value only a page of the same origin can read.
"""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

import msgspec
from msgspec import Struct

from faregate.core.directory import MASTER, MASTER_HOLDER, Directory, Holder
from faregate.core.keys import Role, hash_key
from faregate.errors import APIError, AuthenticationError, PermissionDeniedError, RateLimitError

CSRF_HEADER = "x-faregate-csrf"
LIFETIME = 12 * 3600.0
"""Seconds without a sign of life after which a session ends."""
LONGEST = 7 * 86_400.0
"""Seconds after which a session ends in any case."""
LONGEST_PERSON = 12 * 3600.0
"""The same for a person who signed in without a key: what the provider says of them is not asked
again meanwhile."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_KEYS = ("authorization", "x-api-key", "api-key")
_WINDOW = 60.0
_MOST_WRONG = 10
_MOST_WRONG_TOGETHER = 200
_MOST_ADDRESSES = 4096


class Signed(
    Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"holder": "h", "proof": "p"}
):
    """What a cookie says."""

    holder: str
    proof: str
    """Of the key that was presented; of the master key empty, since that signs."""
    nonce: str
    begun: int
    until: int
    role: Role = ""
    """Of a person who signed in without a key; with one it is the key's."""
    name: str = ""


class Opened(Struct, frozen=True, kw_only=True):
    """A session as a page is told of it."""

    id: str
    """The key's id, or ``master``."""
    name: str
    role: str
    """``none``, ``viewer`` or ``admin``."""
    csrf: str
    """To be sent as ``x-faregate-csrf`` with whatever changes something."""
    expires_in: int
    """Seconds, unless it is renewed."""
    zone: str = "UTC"
    """Whose days spend is summed by, by its IANA name."""
    zone_since: float | None = None
    """From when on (Unix seconds); what lies before is summed by the days of another zone. Null:
    all that is known."""


class Issued(Struct, frozen=True):
    """A session and its cookie, ``name=value``."""

    opened: Opened
    cookie: str


class Sessions:
    """All sessions of a process; others with the same master key know them, too."""

    def __init__(
        self,
        master_key: str,
        identify: Callable[[str], Holder],
        directory: Callable[[], Directory],
        clock: Callable[[], float] = time.time,
        rules: Callable[[], str] = lambda: "",
    ) -> None:
        """``identify`` says who presents a key, and raises :class:`AuthenticationError`. ``rules``
        are those by which people enter without one: when they change, their sessions end; empty,
        nobody does."""
        self._secret = hmac.digest(master_key.encode(), b"faregate session", "sha256")
        # Browsers tell the hosts of cookies apart, not the ports: two gateways on one machine would
        # sign each other's people out.
        mark = hmac.digest(self._secret, b"faregate cookie", "sha256").hex()[:8]
        self.cookie_name = f"faregate_session_{mark}"
        self._identify = identify
        self._directory = directory
        self._clock = clock
        self._rules = rules
        self._ended: dict[str, int] = {}
        self._attempts = Attempts(clock)

    def sign_in(self, key: str, address: str) -> Issued:
        """A session for a key. Raises :class:`AuthenticationError` for a key that opens nothing,
        :class:`RateLimitError` after too many of those from one address."""
        self._attempts.check(address)
        try:
            holder = self._identify(key)
        except AuthenticationError:
            self._attempts.count(address)
            raise
        now = int(self._clock())
        proof = "" if holder.key is None else self._proof(hash_key(key))
        return self._issue(holder, proof, secrets.token_urlsafe(16), now)

    def sign_in_person(self, identity: str, name: str, role: Role, rules: str) -> Issued:
        """A session for somebody who has proven otherwise who they are and what they may do, by
        these rules. ``identity`` goes into the audit log."""
        holder = Holder(id=identity, role=role, name=name)
        now = int(self._clock())
        return self._issue(holder, self._allowed(rules), secrets.token_urlsafe(16), now)

    def renew(self, headers: Mapping[str, str]) -> Issued:
        """The same session for longer. Raises :class:`AuthenticationError` where there is none."""
        signed = self._signed(headers)
        holder = None if signed is None else self._holder(signed)
        if signed is None or holder is None:
            raise AuthenticationError("nobody is signed in", code="not_signed_in")
        return self._issue(holder, signed.proof, signed.nonce, signed.begun)

    def sign_out(self, headers: Mapping[str, str]) -> None:
        """End a session; its cookie opens nothing any more in this process."""
        signed = self._signed(headers)
        if signed is None:
            return
        now = self._clock()
        for nonce in [nonce for nonce, until in self._ended.items() if until <= now]:
            del self._ended[nonce]
        self._ended[signed.nonce] = int(now + LONGEST)

    def enter(self, method: str, headers: Mapping[str, str]) -> Holder | None:
        """Whose session a request is of; None when it has none, or shows a key instead.

        ``headers`` have lower-case names. Raises :class:`AuthenticationError` for a session that is
        over, and :class:`PermissionDeniedError` when it would change something and the header that
        proves where it is from is missing.
        """
        if any(headers.get(name) for name in _KEYS):
            return None
        if self.cookie_name not in headers.get("cookie", ""):
            return None
        signed = self._signed(headers)
        holder = None if signed is None else self._holder(signed)
        if signed is None or holder is None:
            raise AuthenticationError("the session is over: sign in again", code="session_over")
        if method not in _SAFE and not hmac.compare_digest(
            headers.get(CSRF_HEADER, "").encode("utf-8", "replace"),
            self._csrf(signed.nonce).encode(),
        ):
            raise PermissionDeniedError(
                f"a request of a session that changes something needs the header {CSRF_HEADER}, "
                "with what GET /api/session says",
                code="csrf",
            )
        return holder

    def _issue(self, holder: Holder, proof: str, nonce: str, begun: int) -> Issued:
        now = self._clock()
        person = holder.key is None and holder.id != MASTER
        until = int(min(now + LIFETIME, begun + (LONGEST_PERSON if person else LONGEST)))
        signed = Signed(
            holder=holder.id,
            proof=proof,
            nonce=nonce,
            begun=begun,
            until=until,
            role=holder.role if person else "",
            name=holder.name,
        )
        body = base64.urlsafe_b64encode(msgspec.json.encode(signed)).rstrip(b"=")
        opened = Opened(
            id=holder.id,
            name=holder.title,
            role=holder.role or "none",
            csrf=self._csrf(nonce),
            expires_in=max(int(until - now), 0),
        )
        return Issued(opened, f"{self.cookie_name}={body.decode()}.{self._sign(body)}")

    def _signed(self, headers: Mapping[str, str]) -> Signed | None:
        """What the cookie says, when it was signed here and is not over."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return None
        if morsel is None or len(morsel.value) > 4096 or not morsel.value.isascii():
            return None
        body, _, signature = morsel.value.partition(".")
        if not hmac.compare_digest(signature, self._sign(body.encode())):
            return None
        try:
            text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            signed = msgspec.json.decode(text, type=Signed)
        except (binascii.Error, msgspec.DecodeError):
            return None
        over = signed.until <= self._clock() or signed.nonce in self._ended
        return None if over else signed

    def _holder(self, signed: Signed) -> Holder | None:
        """Who that is now; None when the key is gone, barred or another one."""
        if signed.holder == MASTER and not signed.proof:
            return MASTER_HOLDER
        if signed.role:
            rules = self._rules()
            good = bool(rules) and hmac.compare_digest(self._allowed(rules), signed.proof)
            known = Holder(id=signed.holder, role=signed.role, name=signed.name)
            return known if good else None
        holder = self._directory().holder_of(signed.holder)
        now = self._clock()
        if holder is None or holder.key is None or holder.barred(now) is not None:
            return None
        hashes = [holder.key.hash]
        if holder.key.previous_hash and now < holder.key.previous_until:
            hashes.append(holder.key.previous_hash)
        proven = any(hmac.compare_digest(self._proof(each), signed.proof) for each in hashes)
        return holder if proven else None

    def _proof(self, key_hash: str) -> str:
        return hmac.new(self._secret, b"key " + key_hash.encode(), sha256).hexdigest()[:32]

    def _allowed(self, rules: str) -> str:
        return hmac.new(self._secret, b"rules " + rules.encode(), sha256).hexdigest()[:32]

    def _csrf(self, nonce: str) -> str:
        return hmac.new(self._secret, b"csrf " + nonce.encode(), sha256).hexdigest()[:32]

    def _sign(self, body: bytes) -> str:
        return hmac.new(self._secret, b"session " + body, sha256).hexdigest()


class Attempts:
    """Wrong keys of the last minute, by address. A right key is never slowed by another address
    until there are so many wrong ones together that somebody is guessing from everywhere."""

    def __init__(self, clock: Callable[[], float], what: str = "wrong keys") -> None:
        self._clock = clock
        self._what = what
        self._wrong: dict[str, list[float]] = {}

    def check(self, address: str) -> None:
        """Raise :class:`RateLimitError` when there were too many."""
        since = self._clock() - _WINDOW
        self._wrong = {
            each: kept
            for each, times in self._wrong.items()
            if (kept := [at for at in times if at > since])
        }
        mine = self._wrong.get(address, [])
        together = sum(map(len, self._wrong.values()))
        if len(mine) >= _MOST_WRONG or together >= _MOST_WRONG_TOGETHER:
            oldest = min(mine or [min(times) for times in self._wrong.values()])
            raise RateLimitError(
                f"too many {self._what}; wait a minute",
                code="too_many_attempts",
                retry_after=max(oldest - since, 1.0),
            )

    def count(self, address: str) -> None:
        """Take note of a wrong key."""
        if address in self._wrong or len(self._wrong) < _MOST_ADDRESSES:
            self._wrong.setdefault(address, []).append(self._clock())


def problem(error: APIError) -> bytes:
    """An error in OpenAI's shape."""
    fields = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    return msgspec.json.encode({"error": fields})
