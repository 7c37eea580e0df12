"""Users: people, or programs, that own keys."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from faregate.control import budgets, fields, limits, teams
from faregate.control.belongings import remove_belongings
from faregate.control.budgets import BudgetFields
from faregate.control.desk import Desk, Kept, check_id, create, create_fresh, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.keys import checked_models
from faregate.control.limits import LimitFields
from faregate.core.keys import User


class UserFields(Struct, frozen=True, kw_only=True):
    """What is said of a user: of a new one, or what changes."""

    name: str | UnsetType = UNSET
    models: Sequence[str] | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET
    metadata: Mapping[str, Any] | UnsetType = UNSET
    budgets: Sequence[BudgetFields] | UnsetType = UNSET
    limits: Sequence[LimitFields] | UnsetType = UNSET


async def make(desk: Desk, wanted: UserFields, *, identity: str = "") -> Kept[User]:
    """A new user; without an id they get one made from their name."""
    stated = _checked(desk, wanted)
    plain = User(id="", created_at=desk.now, updated_at=desk.now, **stated)

    def made(chosen: str) -> User:
        return _with_limits(desk, replace(plain, id=chosen), wanted)

    if identity:
        return await create(desk, check_id("user", identity), made(identity))
    made("checked")
    return await create_fresh(desk, plain.name or "user", made)


async def update(
    desk: Desk, identity: str, changes: UserFields, version: int | None = None
) -> Kept[User]:
    """Change a user."""
    stated = _checked(desk, changes)

    def change(user: User) -> User:
        changed = _with_limits(desk, replace(user, **stated), changes)
        return user if changed == user else replace(changed, updated_at=desk.now)

    return await edit(desk, User, identity, version, change)


async def block(
    desk: Desk, identity: str, *, blocked: bool = True, version: int | None = None
) -> Kept[User]:
    """Block a user with all their keys, or let them call again."""
    return await update(desk, identity, UserFields(blocked=blocked), version)


async def delete(desk: Desk, identity: str, version: int | None = None) -> Kept[User]:
    """Delete a user, who leaves every team. Raises :class:`ConflictError` while they own keys."""
    await teams.check_no_keys(desk, "user", identity)
    gone = await remove_entity(desk, User, identity, version)
    for team in await teams.every(desk):
        if identity in team.entity.members:
            await teams.remove_member(desk, team.id, identity)
    await remove_belongings(desk, "user", identity)
    return gone


async def get(desk: Desk, identity: str) -> Kept[User]:
    """A user by their id."""
    return await read(desk, User, identity)


async def every(desk: Desk) -> list[Kept[User]]:
    """Every user, by id."""
    return await read_all(desk, User)


def _checked(desk: Desk, wanted: UserFields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if wanted.name is not UNSET:
        found["name"] = fields.name("name", wanted.name)
    if wanted.models is not UNSET:
        found["models"] = checked_models(desk, wanted.models)
    if wanted.blocked is not UNSET:
        found["blocked"] = wanted.blocked
    if wanted.metadata is not UNSET:
        found["metadata"] = fields.metadata("metadata", wanted.metadata)
    return found


def _with_limits(desk: Desk, user: User, wanted: UserFields) -> User:
    if wanted.budgets is not UNSET:
        user = replace(user, budgets=budgets.embedded("user", user.id, wanted.budgets))
    if wanted.limits is not UNSET:
        user = replace(user, limits=limits.embedded(desk, "user", user.id, wanted.limits))
    return user
