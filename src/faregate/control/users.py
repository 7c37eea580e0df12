"""Users: people, or programs, that own keys."""

from typing import Any

from msgspec import UNSET, UnsetType

from faregate.control import fields, holders, teams
from faregate.control.belongings import remove_belongings
from faregate.control.desk import Desk, Kept, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.holders import HolderFields
from faregate.core.keys import User


class UserFields(HolderFields, frozen=True, kw_only=True):
    """What is said of a user: of a new one, or what changes."""

    email: str | UnsetType = UNSET


async def make(desk: Desk, wanted: UserFields, *, identity: str = "") -> Kept[User]:
    """A new user; without an id they get one made from their name."""
    stated = _checked(desk, wanted)
    plain = User(id="", created_at=desk.now, updated_at=desk.now, **stated)
    return await holders.make(desk, plain, wanted, identity=identity)


async def update(
    desk: Desk, identity: str, changes: UserFields, version: int | None = None
) -> Kept[User]:
    """Change a user."""
    stated = _checked(desk, changes)
    return await holders.change(desk, User, identity, stated, changes, version)


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
    found = holders.checked(desk, wanted)
    if wanted.email is not UNSET:
        found["email"] = fields.email("email", wanted.email)
    return found
