"""Keys: made, changed, rotated, blocked, deleted. A key is shown once, and kept as its hash."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from faregate.control import fields, holders
from faregate.control.belongings import remove_belongings
from faregate.control.desk import Desk, Kept, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.errors import ConflictError, FieldError, about
from faregate.control.holders import HolderFields
from faregate.control.scopes import check_exists
from faregate.core.keys import (
    ENTROPY,
    Key,
    Role,
    check_key,
    hash_key,
    make_key,
    redact,
    rotated,
)

ROLES: tuple[Role, ...] = ("", "viewer", "admin")


class KeyFields(HolderFields, frozen=True, kw_only=True):
    """What is said of a key: of a new one, or what changes. What is not stated stays as it is."""

    role: str | UnsetType = UNSET
    """Empty, ``viewer`` or ``admin``."""
    team: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    expires: str | float | UnsetType | None = UNSET
    """A span from now on, an instant, or None for never."""
    tags: Sequence[str] | UnsetType = UNSET


class Issued(Struct, frozen=True):
    """A key that was just made, and the secret, which is not to be had again."""

    kept: Kept[Key]
    secret: str

    def __repr__(self) -> str:
        return f"Issued({self.kept.id}, {self.kept.entity.shown})"


async def make(desk: Desk, wanted: KeyFields, *, secret: str = "") -> Issued:
    """A new key; ``secret`` is one brought along (20 to 256 characters), empty: one is made.

    Raises :class:`FieldError`, and :class:`ConflictError` for a secret that is in use.
    """
    stated = await _checked(desk, wanted)
    chosen = await _secret(desk, secret)
    plain = Key(
        id="",
        hash=hash_key(chosen),
        shown=redact(chosen),
        created_at=desk.now,
        updated_at=desk.now,
        **stated,
    )
    return Issued(await holders.make(desk, plain, wanted), chosen)


async def update(
    desk: Desk, identity: str, changes: KeyFields, version: int | None = None
) -> Kept[Key]:
    """Change a key. Budgets keep what was spent on them. Raises :class:`FieldError`,
    :class:`UnknownEntityError`, :class:`~faregate.store.errors.VersionConflictError`."""
    stated = await _checked(desk, changes)
    return await holders.change(desk, Key, identity, stated, changes, version)


async def rotate(
    desk: Desk,
    identity: str,
    *,
    overlap: str | float = 0,
    secret: str = "",
    version: int | None = None,
) -> Issued:
    """A new secret for a key; the one before stays good for ``overlap`` (a span of time)."""
    seconds = fields.span("overlap", overlap)
    chosen = await _secret(desk, secret)

    def change(key: Key) -> Key:
        with about("overlap"):
            return rotated(key, chosen, desk.now, seconds)

    return Issued(await edit(desk, Key, identity, version, change), chosen)


async def block(
    desk: Desk, identity: str, *, blocked: bool = True, version: int | None = None
) -> Kept[Key]:
    """Block a key, or let it call again."""
    return await update(desk, identity, KeyFields(blocked=blocked), version)


async def delete(desk: Desk, identity: str, version: int | None = None) -> Kept[Key]:
    """Delete a key, with the budgets and limits that were for it. Its calls stay in the ledger."""
    gone = await remove_entity(desk, Key, identity, version)
    await remove_belongings(desk, "key", identity)
    return gone


async def get(desk: Desk, identity: str) -> Kept[Key]:
    """A key by its id."""
    return await read(desk, Key, identity)


async def every(desk: Desk) -> list[Kept[Key]]:
    """Every key, by id."""
    return await read_all(desk, Key)


async def find(desk: Desk, secret: str) -> Kept[Key] | None:
    """The key a secret belongs to, whatever became of it; None for one nobody was given."""
    digest = hash_key(secret)
    for each in await every(desk):
        key = each.entity
        if digest == key.hash or (digest == key.previous_hash and desk.now < key.previous_until):
            return each
    return None


async def _secret(desk: Desk, brought: str) -> str:
    if not brought:
        return make_key(desk.entropy(ENTROPY))
    with about("secret"):
        check_key(brought)
    digest = hash_key(brought)
    for each in await every(desk):
        if digest in (each.entity.hash, each.entity.previous_hash):
            raise ConflictError(f"this secret is that of the key {each.id!r}; choose another one")
    return brought


async def _checked(desk: Desk, wanted: KeyFields) -> dict[str, Any]:
    found = holders.checked(desk, wanted)
    if wanted.role is not UNSET:
        found["role"] = _role(wanted.role)
    for noun, identity in (("team", wanted.team), ("user", wanted.user)):
        if identity is not UNSET:
            if identity:
                await check_exists(desk, noun, noun, identity)
            found[noun] = identity
    if wanted.expires is not UNSET:
        found["expires_at"] = fields.expiry("expires", wanted.expires, desk.now)
    if wanted.tags is not UNSET:
        found["tags"] = fields.texts("tags", wanted.tags)
    return found


def _role(role: str) -> Role:
    if role not in ROLES:
        raise FieldError("role", f"{role[:40]!r} is none of viewer, admin, or empty")
    return role
