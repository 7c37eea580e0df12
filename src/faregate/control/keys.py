"""Keys: made, changed, rotated, blocked, deleted. A key is shown once, and kept as its hash."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from faregate.control import budgets, fields, limits
from faregate.control.belongings import remove_belongings
from faregate.control.budgets import BudgetFields
from faregate.control.desk import Desk, Kept, create_fresh, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.errors import ConflictError, FieldError, about
from faregate.control.limits import LimitFields
from faregate.control.scopes import check_exists
from faregate.core.keys import (
    ENTROPY,
    Key,
    Role,
    check_key,
    check_models,
    hash_key,
    make_key,
    redact,
    rotated,
)

ROLES: tuple[Role, ...] = ("", "viewer", "admin")


class KeyFields(Struct, frozen=True, kw_only=True):
    """What is said of a key: of a new one, or what changes. What is not stated stays as it is."""

    name: str | UnsetType = UNSET
    role: str | UnsetType = UNSET
    """Empty, ``viewer`` or ``admin``."""
    team: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    models: Sequence[str] | UnsetType = UNSET
    expires: str | float | UnsetType | None = UNSET
    """A span from now on, an instant, or None for never."""
    blocked: bool | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    metadata: Mapping[str, Any] | UnsetType = UNSET
    budgets: Sequence[BudgetFields] | UnsetType = UNSET
    """All of them, at most one a window."""
    limits: Sequence[LimitFields] | UnsetType = UNSET
    """All of them."""


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
    _with_limits(desk, replace(plain, id="checked"), wanted)
    made = await create_fresh(
        desk, plain.name, lambda chosen: _with_limits(desk, replace(plain, id=chosen), wanted)
    )
    return Issued(made, chosen)


async def update(
    desk: Desk, identity: str, changes: KeyFields, version: int | None = None
) -> Kept[Key]:
    """Change a key. Budgets keep what was spent on them. Raises :class:`FieldError`,
    :class:`UnknownEntityError`, :class:`~faregate.store.errors.VersionConflictError`."""
    stated = await _checked(desk, changes)

    def change(key: Key) -> Key:
        changed = _with_limits(desk, replace(key, **stated), changes)
        return key if changed == key else replace(changed, updated_at=desk.now)

    return await edit(desk, Key, identity, version, change)


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
    """The fields that are stated, but budgets and limits, which need the key's id."""
    found: dict[str, Any] = {}
    if wanted.name is not UNSET:
        found["name"] = fields.name("name", wanted.name)
    if wanted.role is not UNSET:
        found["role"] = _role(wanted.role)
    for noun, identity in (("team", wanted.team), ("user", wanted.user)):
        if identity is not UNSET:
            if identity:
                await check_exists(desk, noun, noun, identity)
            found[noun] = identity
    if wanted.models is not UNSET:
        found["models"] = checked_models(desk, wanted.models)
    if wanted.expires is not UNSET:
        found["expires_at"] = fields.expiry("expires", wanted.expires, desk.now)
    if wanted.blocked is not UNSET:
        found["blocked"] = wanted.blocked
    if wanted.tags is not UNSET:
        found["tags"] = fields.texts("tags", wanted.tags)
    if wanted.metadata is not UNSET:
        found["metadata"] = fields.metadata("metadata", wanted.metadata)
    return found


def checked_models(desk: Desk, wanted: Sequence[str]) -> tuple[str, ...]:
    """Patterns of models that somebody may call. Raises :class:`FieldError`."""
    found = fields.patterns("models", wanted)
    if desk.models is not None:
        with about("models"):
            check_models(found, desk.models)
    return found


def _with_limits(desk: Desk, key: Key, wanted: KeyFields) -> Key:
    if wanted.budgets is not UNSET:
        key = replace(key, budgets=budgets.embedded("key", key.id, wanted.budgets))
    if wanted.limits is not UNSET:
        key = replace(key, limits=limits.embedded(desk, "key", key.id, wanted.limits))
    return key


def _role(role: str) -> Role:
    if role not in ROLES:
        raise FieldError("role", f"{role[:40]!r} is none of viewer, admin, or empty")
    return role
