"""Where changes are made: the store, who asks, when, and which names mean something.

Every change is read, checked whole, and written with its audit entry under the version it was made
from. Whoever states a version is told when another change came first; whoever states none has
theirs made on top of it.
"""

import secrets
from base64 import b32encode
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from faregate.control.errors import ConflictError, FieldError, UnknownEntityError
from faregate.core.budget import Budget, RateLimit
from faregate.core.entities import E, Noun, of_document, to_document
from faregate.core.keys import Key, Team, User
from faregate.store.errors import VersionConflictError
from faregate.store.protocol import Entity, Store

T = TypeVar("T")

_NOUNS: dict[type, Noun] = {
    Key: "key",
    Team: "team",
    User: "user",
    Budget: "budget",
    RateLimit: "limit",
}
_TRIES = 5
_RANDOM = 4
_LONGEST_SLUG = 40
_LONGEST_ID = 128
_EXTRA = "._@+:-"


class Desk(Struct, frozen=True, kw_only=True):
    """What a change needs."""

    store: Store
    actor: str
    """Who makes it, for the audit log: a key's id, ``master``, or ``cli``."""
    now: float
    """Unix seconds."""
    models: Collection[str] | None = None
    """Model names and patterns that are configured; None: not known, so names are not checked."""
    deployments: Collection[str] | None = None
    """Ids of deployments; None: not known."""
    aliases: Mapping[str, tuple[str, ...]] = {}
    """The other names of a model: what is spent under them is the model's, too."""
    entropy: Callable[[int], bytes] = secrets.token_bytes


class Kept(Struct, Generic[T], frozen=True, kw_only=True):
    """An entity as the store keeps it."""

    id: str
    version: int
    changed_at: float
    entity: T


async def read(desk: Desk, kind: type[E], identity: str) -> Kept[E]:
    """One entity. Raises :class:`UnknownEntityError`."""
    noun = _NOUNS[kind]
    found = await desk.store.get(noun, identity) if 0 < len(identity) <= 256 else None
    if found is None:
        raise UnknownEntityError(f"there is no {noun} {identity[:_LONGEST_ID]!r}")
    return kept(kind, found)


async def read_all(desk: Desk, kind: type[E], only: Collection[str] | None = None) -> list[Kept[E]]:
    """Every entity of a kind, or those of these ids; by id."""
    return [kept(kind, each) for each in await desk.store.entities(_NOUNS[kind], only)]


def kept(kind: type[E], found: Entity) -> Kept[E]:
    """An entity out of its document. Raises :class:`ConfigError` for one that cannot be read."""
    assert found.document is not None
    return Kept(
        id=found.id,
        version=found.version,
        changed_at=found.changed_at,
        entity=of_document(kind, found.document),
    )


async def create(desk: Desk, identity: str, entity: E) -> Kept[E]:
    """Write a new entity. Raises :class:`ConflictError` when there is one of that id."""
    noun = _NOUNS[type(entity)]
    try:
        found = await desk.store.put(
            noun,
            identity,
            to_document(entity),
            actor=desk.actor,
            at=desk.now,
            expected_version=0,
        )
    except VersionConflictError:
        raise ConflictError(
            f"there is a {noun} {identity!r} already; change that one, or choose another id"
        ) from None
    return Kept(id=identity, version=found.version, changed_at=found.changed_at, entity=entity)


async def create_fresh(desk: Desk, name: str, make: Callable[[str], E]) -> Kept[E]:
    """Write a new entity under an id that was never used before, made from a name."""
    for identity in candidates(desk, name):
        try:
            made = await create(desk, identity, make(identity))
        except ConflictError:
            continue
        if made.version == 1:
            return made
        # There was one of this id once, and its calls are in the ledger: leave the id alone.
        await remove(desk, type(made.entity), identity, made.version)
    raise ConflictError(f"no free id was found for {name!r}; choose another name")


async def edit(
    desk: Desk, kind: type[E], identity: str, version: int | None, change: Callable[[E], E]
) -> Kept[E]:
    """Change an entity; where ``change`` gives back an equal one, nothing is written.

    Raises :class:`UnknownEntityError`, and :class:`VersionConflictError` when it is at another
    version than the one stated.
    """
    for attempt in range(_TRIES):
        found = await read(desk, kind, identity)
        check_version(_NOUNS[kind], found, version)
        entity = change(found.entity)
        if entity == found.entity:
            return found
        try:
            written = await desk.store.put(
                _NOUNS[kind],
                identity,
                to_document(entity),
                actor=desk.actor,
                at=desk.now,
                expected_version=found.version,
            )
        except VersionConflictError:
            if version is not None or attempt == _TRIES - 1:
                raise
            continue
        return Kept(
            id=identity, version=written.version, changed_at=written.changed_at, entity=entity
        )
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


async def remove(desk: Desk, kind: type[E], identity: str, version: int | None = None) -> Kept[E]:
    """Delete an entity, and give back what it was. Raises as :func:`edit` does."""
    for attempt in range(_TRIES):
        found = await read(desk, kind, identity)
        check_version(_NOUNS[kind], found, version)
        try:
            await desk.store.put(
                _NOUNS[kind],
                identity,
                None,
                actor=desk.actor,
                at=desk.now,
                expected_version=found.version,
            )
        except VersionConflictError:
            if version is not None or attempt == _TRIES - 1:
                raise
            continue
        return found
    raise AssertionError  # pragma: no cover - the last attempt returns or raises


def check_version(noun: str, found: Kept[T], version: int | None) -> None:
    """Raise :class:`VersionConflictError` for another version than the one stated."""
    if version is not None and version != found.version:
        raise VersionConflictError(
            f"{noun} {found.id!r} is at version {found.version}, not {version}: it was changed "
            "meanwhile. Read it again and repeat your change"
        )


def candidates(desk: Desk, name: str, empty: str = "key") -> Iterator[str]:
    """Ids to try: the slug of a name and four random characters."""
    head = slug(name) or empty
    for _ in range(_TRIES * 2):
        tail = b32encode(desk.entropy(5)).decode().lower()[:_RANDOM]
        yield f"{head}-{tail}"


def slug(name: str) -> str:
    """A name as ids have it: small ASCII letters, digits and single hyphens."""
    kept_ = "".join(each if each.isascii() and each.isalnum() else " " for each in name.lower())
    return "-".join(kept_.split())[:_LONGEST_SLUG].strip("-")


def check_id(what: str, identity: str) -> str:
    """An id that somebody chose. Raises :class:`FieldError`."""
    fit = all(each.isascii() and (each.isalnum() or each in _EXTRA) for each in identity)
    if not (1 <= len(identity) <= _LONGEST_ID and fit and identity[0].isalnum()):
        raise FieldError(
            "id",
            f"the id of a {what} has 1 to {_LONGEST_ID} of A-Z a-z 0-9 . _ @ + : - and begins "
            f"with a letter or digit, not {identity[:40]!r}",
        )
    return identity
