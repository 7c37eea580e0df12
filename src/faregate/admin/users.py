"""``/api/users``."""

from typing import Any

from fastapi import Response
from pydantic import Field

from faregate.admin import listing
from faregate.admin.desks import IfMatch, Version, desk, stated, tag
from faregate.admin.standing import (
    Budget,
    BudgetInput,
    Limit,
    LimitInput,
    Standings,
    of_holders,
    show_budget,
    show_limit,
)
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Cursor, Instant, Said, Shown, Who, instant
from faregate.admin.wire import Limit as PageLimit
from faregate.control import users as control
from faregate.control.desk import Kept
from faregate.core.keys import User as UserEntity

table = Table("users")


class UserUpdate(Said):
    """What changes of a user. What is left out stays; lists are replaced whole."""

    name: str = ""
    models: list[str] = Field(default_factory=list)
    """What their keys may call at most; none at all for every model."""
    blocked: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    budgets: list[BudgetInput] = Field(default_factory=list)
    limits: list[LimitInput] = Field(default_factory=list)


class UserCreate(UserUpdate):
    """A new user."""

    id: str | None = Field(None, max_length=128)
    """An address, say; null: made from the name."""


class User(Shown):
    """Somebody, or something, that owns keys."""

    id: str
    version: int
    name: str
    models: list[str]
    blocked: bool
    metadata: dict[str, Any]
    budgets: list[Budget]
    limits: list[Limit]
    created_at: Instant
    updated_at: Instant


class UserPage(Shown):
    """Users, by id."""

    data: list[User]
    next: str | None


@table.route("GET", "/api/users", "read", "listUsers")
async def list_users(
    who: Who, q: str = "", cursor: Cursor = None, limit: PageLimit = 100
) -> UserPage:
    """Users, by id. `q` is looked for in ids and names."""
    found = [
        each
        for each in who.office.directory().users.values()
        if q.lower() in each.id.lower() or q.lower() in each.name.lower()
    ]
    page = await listing.page(who, UserEntity, found, cursor, limit)
    return UserPage(data=await show_all(who, page.kept), next=page.next)


@table.route("POST", "/api/users", "change", "createUser", status_code=201)
async def create_user(who: Who, body: UserCreate, response: Response) -> User:
    """Make a user."""
    made = await control.make(desk(who), fields(body), identity=body.id or "")
    return await _changed(who, made, response)


@table.route("GET", "/api/users/{user_id}", "read", "getUser")
async def get_user(who: Who, user_id: str, response: Response) -> User:
    """One user."""
    return await _shown(who, await control.get(desk(who), user_id), response)


@table.route("PATCH", "/api/users/{user_id}", "change", "updateUser")
async def update_user(
    who: Who,
    user_id: str,
    body: UserUpdate,
    response: Response,
    if_match: IfMatch = None,
    version: Version = None,
) -> User:
    """Change a user."""
    kept = await control.update(desk(who), user_id, fields(body), stated(if_match, version))
    return await _changed(who, kept, response)


@table.route("POST", "/api/users/{user_id}/block", "change", "blockUser")
async def block_user(who: Who, user_id: str, response: Response) -> User:
    """Let none of a user's keys make a further call."""
    return await _changed(who, await control.block(desk(who), user_id), response)


@table.route("POST", "/api/users/{user_id}/unblock", "change", "unblockUser")
async def unblock_user(who: Who, user_id: str, response: Response) -> User:
    """Let a blocked user's keys call again."""
    return await _changed(who, await control.block(desk(who), user_id, blocked=False), response)


@table.route("DELETE", "/api/users/{user_id}", "change", "deleteUser", status_code=204)
async def delete_user(
    who: Who, user_id: str, if_match: IfMatch = None, version: Version = None
) -> None:
    """Delete a user, who must own no key any more and leaves every team."""
    await control.delete(desk(who), user_id, stated(if_match, version))
    await who.office.applied()


def fields(body: UserUpdate) -> control.UserFields:
    """What a body states, for control."""
    found: dict[str, Any] = {
        name: getattr(body, name) for name in body.model_fields_set if name != "id"
    }
    for name in ("budgets", "limits"):
        if name in found:
            found[name] = [each.fields() for each in found[name]]
    return control.UserFields(**found)


async def show_all(who: Asked, kept: list[Kept[UserEntity]]) -> list[User]:
    """Users with how their budgets and limits stand."""
    known = await of_holders(who.office, [(k.entity.budgets, k.entity.limits) for k in kept])
    return [show(each, known) for each in kept]


def show(kept: Kept[UserEntity], known: Standings) -> User:
    """A user as they are shown."""
    user = kept.entity
    return User(
        id=kept.id,
        version=kept.version,
        name=user.name,
        models=list(user.models),
        blocked=user.blocked,
        metadata=dict(user.metadata),
        budgets=[show_budget(each, known) for each in user.budgets],
        limits=[show_limit(each, known) for each in user.limits],
        created_at=instant(user.created_at),
        updated_at=instant(user.updated_at),
    )


async def _shown(who: Asked, kept: Kept[UserEntity], response: Response) -> User:
    tag(response, kept.version)
    return (await show_all(who, [kept]))[0]


async def _changed(who: Asked, kept: Kept[UserEntity], response: Response) -> User:
    await who.office.applied()
    return await _shown(who, kept, response)
