"""Teams: people and keys with budgets, limits and models in common."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from faregate.control import fields, holders
from faregate.control.belongings import remove_belongings
from faregate.control.desk import Desk, Kept, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.errors import ConflictError
from faregate.control.holders import HolderFields
from faregate.control.scopes import check_exists
from faregate.core.keys import Key, Team


class TeamFields(HolderFields, frozen=True, kw_only=True):
    """What is said of a team: of a new one, or what changes."""

    members: Sequence[str] | UnsetType = UNSET
    """Ids of users; all of them."""
    tags: Sequence[str] | UnsetType = UNSET


async def make(desk: Desk, wanted: TeamFields, *, identity: str = "") -> Kept[Team]:
    """A new team; without an id it gets one made from its name."""
    stated = await _checked(desk, wanted)
    plain = Team(id="", created_at=desk.now, updated_at=desk.now, **stated)
    return await holders.make(desk, plain, wanted, identity=identity)


async def update(
    desk: Desk, identity: str, changes: TeamFields, version: int | None = None
) -> Kept[Team]:
    """Change a team."""
    stated = await _checked(desk, changes)
    return await holders.change(desk, Team, identity, stated, changes, version)


async def add_member(desk: Desk, identity: str, user: str) -> Kept[Team]:
    """Make a user a member; nothing changes for one who is."""
    await check_exists(desk, "user", "user", user)

    def change(team: Team) -> Team:
        if user in team.members:
            return team
        return replace(team, members=(*team.members, user), updated_at=desk.now)

    return await edit(desk, Team, identity, None, change)


async def remove_member(desk: Desk, identity: str, user: str) -> Kept[Team]:
    """Let a user be a member no more; nothing changes for one who is none."""

    def change(team: Team) -> Team:
        if user not in team.members:
            return team
        rest = tuple(each for each in team.members if each != user)
        return replace(team, members=rest, updated_at=desk.now)

    return await edit(desk, Team, identity, None, change)


async def block(
    desk: Desk, identity: str, *, blocked: bool = True, version: int | None = None
) -> Kept[Team]:
    """Block a team with all its keys, or let it call again."""
    return await update(desk, identity, TeamFields(blocked=blocked), version)


async def delete(desk: Desk, identity: str, version: int | None = None) -> Kept[Team]:
    """Delete a team. Raises :class:`ConflictError` while keys belong to it."""
    await check_no_keys(desk, "team", identity)
    gone = await remove_entity(desk, Team, identity, version)
    await remove_belongings(desk, "team", identity)
    return gone


async def get(desk: Desk, identity: str) -> Kept[Team]:
    """A team by its id."""
    return await read(desk, Team, identity)


async def every(desk: Desk) -> list[Kept[Team]]:
    """Every team, by id."""
    return await read_all(desk, Team)


async def check_no_keys(desk: Desk, noun: str, identity: str) -> None:
    """Raise :class:`ConflictError` while keys belong to a team or user."""
    owned = [
        each.id for each in await read_all(desk, Key) if getattr(each.entity, noun) == identity
    ]
    if owned:
        more = f" and {len(owned) - 5} more" if len(owned) > 5 else ""
        raise ConflictError(
            f"the keys {', '.join(owned[:5])}{more} belong to {noun} {identity!r}; delete them or "
            f"give them another {noun} first"
        )


async def _checked(desk: Desk, wanted: TeamFields) -> dict[str, Any]:
    found = holders.checked(desk, wanted)
    if wanted.members is not UNSET:
        found["members"] = tuple(dict.fromkeys(wanted.members))
        for each in found["members"]:
            await check_exists(desk, "members", "user", each)
    if wanted.tags is not UNSET:
        found["tags"] = fields.texts("tags", wanted.tags)
    return found
