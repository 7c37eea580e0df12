"""``/api/users``."""

from fastapi import Response
from pydantic import Field

from faregate.admin import listing
from faregate.admin.desks import Stated, desk
from faregate.admin.holders import HolderShown, HolderUpdate, answer, changed, common, standings_of
from faregate.admin.standing import Standings
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Cursor, Shown, Who
from faregate.admin.wire import Limit as PageLimit
from faregate.control import users as control
from faregate.control.desk import Kept
from faregate.core.keys import User as UserEntity

table = Table("users")


class UserUpdate(HolderUpdate):
    """What changes of a user. What is left out stays; lists are replaced whole."""

    email: str = Field("", max_length=254)
    """For people; it gives no right."""


class UserCreate(UserUpdate):
    """A new user."""

    id: str | None = Field(None, max_length=128)
    """An address, say; null: made from the name."""


class User(HolderShown):
    """Somebody, or something, that owns keys."""

    email: str
    """Empty where none is known."""
    blocked: bool


class UserPage(Shown):
    """Users, by id."""

    data: list[User]
    next: str | None


@table.route("GET", "/api/users", "read", "listUsers")
async def list_users(
    who: Who, q: str = "", cursor: Cursor = None, limit: PageLimit = 100
) -> UserPage:
    """Users, by id. `q` is looked for in ids, names and e-mail addresses."""
    found = [
        each
        for each in who.office.directory().users.values()
        if any(q.lower() in text.lower() for text in (each.id, each.name, each.email))
    ]
    page = await listing.page(who, UserEntity, found, cursor, limit)
    return UserPage(data=await show_all(who, page.kept), next=page.next)


@table.route("POST", "/api/users", "change", "createUser", status_code=201)
async def create_user(who: Who, body: UserCreate, response: Response) -> User:
    """Make a user."""
    made = await control.make(desk(who), fields(body), identity=body.id or "")
    return await changed(who, made, response, show_all)


@table.route("GET", "/api/users/{user_id}", "read", "getUser")
async def get_user(who: Who, user_id: str, response: Response) -> User:
    """One user."""
    return await answer(who, await control.get(desk(who), user_id), response, show_all)


@table.route("PATCH", "/api/users/{user_id}", "change", "updateUser")
async def update_user(
    who: Who,
    user_id: str,
    body: UserUpdate,
    response: Response,
    version: Stated,
) -> User:
    """Change a user."""
    kept = await control.update(desk(who), user_id, fields(body), version)
    return await changed(who, kept, response, show_all)


@table.route("POST", "/api/users/{user_id}/block", "change", "blockUser")
async def block_user(who: Who, user_id: str, response: Response) -> User:
    """Let none of a user's keys make a further call."""
    return await changed(who, await control.block(desk(who), user_id), response, show_all)


@table.route("POST", "/api/users/{user_id}/unblock", "change", "unblockUser")
async def unblock_user(who: Who, user_id: str, response: Response) -> User:
    """Let a blocked user's keys call again."""
    return await changed(
        who, await control.block(desk(who), user_id, blocked=False), response, show_all
    )


@table.route("DELETE", "/api/users/{user_id}", "change", "deleteUser", status_code=204)
async def delete_user(who: Who, user_id: str, version: Stated) -> None:
    """Delete a user, who must own no key any more and leaves every team."""
    await control.delete(desk(who), user_id, version)
    await who.office.applied()


def fields(body: UserUpdate) -> control.UserFields:
    """What a body states, for control."""
    return control.UserFields(**body.changes("id"))


async def show_all(who: Asked, kept: list[Kept[UserEntity]]) -> list[User]:
    """Users with how their budgets and limits stand."""
    known = await standings_of(who, kept)
    return [show(each, known) for each in kept]


def show(kept: Kept[UserEntity], known: Standings) -> User:
    """A user as they are shown."""
    return User(**common(kept, known), email=kept.entity.email, blocked=kept.entity.blocked)
