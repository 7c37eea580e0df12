"""Client keys, teams and users: made, hashed, shown, found, and asked what they may do.

A key is 256 random bits, so its SHA-256 says nothing about it: there is no list of likely keys to
try, and the slow hashes that passwords need would cost every request milliseconds and protect
nothing. Keys are found by their hash in a mapping; how long that takes depends on the hash, which
nobody can choose, and not on how much of a guess was right.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Literal, TypeAlias
from zlib import crc32

from msgspec import Struct

from faregate.core.budget import Budget, RateLimit
from faregate.errors import ConfigError

PREFIX = "sk-fg-"
ENTROPY = 32
"""Random bytes in a key."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY, _CHECK = 43, 6
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_BODY + _CHECK}}}\Z")
_FOREIGN = re.compile(r"[\x21-\x7e]{20,256}\Z")
_LONGEST_NAME = 200
_LISTED = 20

EVERY_MODEL = ("*", "all-proxy-models", "all-team-models")
"""Names that allow every model (that the team allows); those with words are LiteLLM's."""


Role: TypeAlias = Literal["", "viewer", "admin"]
"""What a key may do beside calling models: nothing, read everything, or change everything. Every
key may read its own calls."""


class Key(Struct, frozen=True, kw_only=True):
    """A client's key as it is kept: everything but the key. Times are Unix seconds."""

    id: str
    hash: str
    """SHA-256 of the key, in hexadecimal."""
    shown: str
    """How it is shown: ``sk-fg-…1a2b``."""
    name: str = ""
    role: Role = ""
    team: str = ""
    user: str = ""
    """Who owns it."""
    models: tuple[str, ...] = ()
    """The models it may call; ``*`` stands for any characters, none at all for every model."""
    expires_at: float | None = None
    blocked: bool = False
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    previous_hash: str = ""
    """The key before the last rotation, good until ``previous_until``."""
    previous_until: float = 0.0
    created_at: float = 0.0
    updated_at: float = 0.0


class Team(Struct, frozen=True, kw_only=True):
    """People and keys with budgets and models in common."""

    id: str
    name: str = ""
    members: tuple[str, ...] = ()
    """Ids of users."""
    models: tuple[str, ...] = ()
    blocked: bool = False
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    created_at: float = 0.0
    updated_at: float = 0.0


class User(Struct, frozen=True, kw_only=True):
    """Somebody (or something) that owns keys."""

    id: str
    name: str = ""
    email: str = ""
    """How to reach them. Nothing is sent there, and it gives no right."""
    models: tuple[str, ...] = ()
    blocked: bool = False
    metadata: Mapping[str, Any] = {}
    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    created_at: float = 0.0
    updated_at: float = 0.0


Why: TypeAlias = Literal["expired", "blocked", "model_not_allowed"]


class Refusal(Struct, frozen=True):
    """Why a key may not make a call."""

    why: Why
    message: str
    """For the client; holds no secret."""


def make_key(entropy: bytes) -> str:
    """A new key from :data:`ENTROPY` random bytes: ``sk-fg-`` and 49 letters and digits.

    The last six are a checksum, so that a key cut short or mistyped is told from an unknown one,
    and leaked keys can be found in a text without asking anybody. Raises ValueError for any other
    number of bytes.
    """
    if len(entropy) != ENTROPY:
        raise ValueError(f"a key is made of {ENTROPY} random bytes, not {len(entropy)}")
    body = _base62(int.from_bytes(entropy), _BODY)
    return PREFIX + body + _checksum(body)


def check_key(key: str) -> str:
    """``key``, if it can be one of ours or one brought along (20 to 256 printable characters).

    Raises :class:`ConfigError` that says what is wrong and never shows the key.
    """
    if key.startswith(PREFIX):
        body = key.removeprefix(PREFIX)
        if not _SHAPE.match(key) or _checksum(body[:_BODY]) != body[_BODY:]:
            raise ConfigError(
                f"a key that begins with {PREFIX} is made by Faregate, and this one is mistyped or "
                "cut short: its checksum is wrong"
            )
    elif not _FOREIGN.match(key):
        raise ConfigError(
            "a key of your own has 20 to 256 printable ASCII characters and no blank; leave it out "
            "and one is made"
        )
    return key


def hash_key(key: str) -> str:
    """What is kept of a key."""
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def redact(key: str) -> str:
    """A key as it may be shown: ``sk-fg-…1a2b``. Of a key under 20 characters nothing is shown."""
    head = PREFIX if key.startswith(PREFIX) else "sk-" if key.startswith("sk-") else ""
    return f"{head}…{key[-4:]}" if len(key) >= 20 else "…"


def rotated(key: Key, fresh: str, now: float, overlap: float) -> Key:
    """``key`` with a new secret; the one before is good for ``overlap`` more seconds.

    Raises :class:`ConfigError` for a negative overlap or a secret that cannot be a key.
    """
    if not 0 <= overlap <= 366 * 86_400:
        raise ConfigError(f"an overlap of {overlap} seconds is not between 0 and a year")
    return _replace(
        key,
        hash=hash_key(check_key(fresh)),
        shown=redact(fresh),
        previous_hash=key.hash if overlap else "",
        previous_until=now + overlap if overlap else 0.0,
        updated_at=now,
    )


def index_keys(keys: Iterable[Key]) -> dict[str, Key]:
    """Keys by their hashes, those before a rotation included."""
    found: dict[str, Key] = {}
    for key in keys:
        if key.previous_hash:
            found.setdefault(key.previous_hash, key)
        found[key.hash] = key
    return found


def find_key(index: Mapping[str, Key], presented: str, now: float) -> Key | None:
    """The key a client presents, current or rotated and still good; None where there is none."""
    digest = hash_key(presented)
    key = index.get(digest)
    if key is None or digest == key.hash or now < key.previous_until:
        return key
    return None


def authorise(
    key: Key, model: str, now: float, team: Team | None = None, user: User | None = None
) -> Refusal | None:
    """Whether ``key`` may call ``model`` at ``now``; team and user must allow it as well.

    Gives None, or the reason in words that tell the client what to do.
    """
    found = barred(key, now, team, user)
    if found is not None:
        return found
    if not may_call(key.models, model):
        return _not_allowed(f"key {key.name or key.shown}", key.models, model)
    for kind, holder in (("team", team), ("user", user)):
        if holder is not None and not may_call(holder.models, model):
            return _not_allowed(f"{kind} {holder.name or holder.id}", holder.models, model)
    return None


def barred(
    key: Key, now: float, team: Team | None = None, user: User | None = None
) -> Refusal | None:
    """Why a key may do nothing at all at ``now``: it is blocked or expired, or its team or owner is
    blocked. None where it may.
    """
    title = f"key {key.name or key.shown}"
    if key.blocked:
        return Refusal("blocked", f"{title} is blocked; ask whoever gave it to you")
    if key.expires_at is not None and now >= key.expires_at:
        return Refusal("expired", f"{title} has expired; ask for a new one")
    for kind, holder in (("team", team), ("user", user)):
        if holder is not None and holder.blocked:
            title = f"{kind} {holder.name or holder.id}"
            return Refusal("blocked", f"{title}, which the key belongs to, is blocked")
    return None


def may_call(patterns: tuple[str, ...], model: str) -> bool:
    """Whether one of the patterns covers a model; no pattern at all covers every model."""
    return not patterns or any(_covers(pattern, model) for pattern in patterns)


def check_models(patterns: Iterable[str], known: Iterable[str]) -> None:
    """Raises :class:`ConfigError` naming each pattern that no known model fits, and the nearest."""
    names = sorted(known)
    problems = []
    for pattern in patterns:
        if pattern in EVERY_MODEL or any(_fits(pattern, name) for name in names):
            continue
        near = difflib.get_close_matches(pattern, names, 1)
        problems.append(repr(pattern[:80]) + (f" (did you mean {near[0]!r}?)" if near else ""))
    if problems:
        raise ConfigError(
            f"no model fits {', '.join(problems[:_LISTED])}; the models are {_listed(names)}"
        )


def check_name(what: str, name: str) -> None:
    """Raises :class:`ConfigError` for a name too long to show or with control characters."""
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"{what} is at most {_LONGEST_NAME} printable characters")


def _replace(key: Key, **changed: Any) -> Key:
    facts = {name: getattr(key, name) for name in key.__struct_fields__}
    return Key(**{**facts, **changed})


def _fits(pattern: str, name: str) -> bool:
    return _covers(pattern, name) or ("*" in name and _covers(name, pattern))


def _covers(pattern: str, model: str) -> bool:
    """Whether a pattern fits; ``*`` stands for any characters, and nothing else is special."""
    if pattern == model or pattern in EVERY_MODEL:
        return True
    if "*" not in pattern:
        return False
    first, *middle, last = pattern.split("*")
    if len(model) < len(first) + len(last):
        return False
    if not model.startswith(first) or not model.endswith(last):
        return False
    at, end = len(first), len(model) - len(last)
    for part in middle:
        found = model.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _not_allowed(title: str, patterns: tuple[str, ...], model: str) -> Refusal:
    said = f"{title} may not call {model[:200]!r}; it may call {_listed(patterns)}"
    return Refusal("model_not_allowed", said)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return (", ".join(every[:_LISTED]) or "none") + more


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), _CHECK)
