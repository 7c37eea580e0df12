"""LiteLLM's ``/user/…``. Their role is kept and shown; what a key may do is its own role."""

import math
from typing import Any

from pydantic import BaseModel

from faregate.admin import listing, litellm_keys, litellm_teams
from faregate.admin.desks import desk
from faregate.admin.litellm_fields import Common, Held, Spent, common, show_limits, spent
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Who, instant
from faregate.control import keys, teams
from faregate.control import users as control
from faregate.control.desk import Kept
from faregate.core.keys import Key, Team, User
from faregate.errors import BadRequestError

table = Table("litellm")

_HIDDEN = {"include_in_schema": False, "response_model": None}
_ROLE = "user_role"
"""A field that is kept in the metadata."""


class UserBody(Common):
    """The body of /user/new and /user/update."""

    user_id: str | None = None
    user_alias: str | None = None
    user_email: str | None = None
    user_role: str | None = None
    teams: list[str] | None = None
    auto_create_key: bool = True
    key_alias: str | None = None
    duration: str | None = None


class UsersBody(BaseModel):
    """Several users."""

    user_ids: list[str]


@table.route("POST", "/user/new", "change", "litellmUserNew", **_HIDDEN)
async def new(who: Who, body: UserBody) -> dict[str, Any]:
    """A new user, and a key of theirs unless ``auto_create_key`` is false."""
    at = desk(who)
    for each in body.teams or ():
        await teams.get(at, each)
    fields = _fields(body, Held(), {})
    kept = await control.make(at, fields, identity=body.user_id or body.user_email or "")
    for each in body.teams or ():
        await teams.add_member(at, each, kept.id)
    made: dict[str, Any] = {"key": None, "expires": None}
    if body.auto_create_key:
        duration = None if body.duration in (None, "-1") else body.duration
        wanted = keys.KeyFields(name=body.key_alias or kept.id, user=kept.id, expires=duration)
        issued = await keys.make(at, wanted)
        sums = await spent(who, "key", [issued.kept.entity])
        shown = litellm_keys.show(issued.kept, sums)
        made = {"key": issued.secret, "expires": shown["expires"], "token": shown["token"]}
    await who.office.applied()
    return {**await _shown(who, kept), "teams": body.teams or [], **made}


@table.route("GET", "/user/info", "read", "litellmUserInfo", **_HIDDEN)
async def info(who: Who, user_id: str) -> dict[str, Any]:
    """One user, their keys and teams."""
    kept = await control.get(desk(who), user_id)
    directory = who.office.directory()
    owned = (each for each in directory.keys.values() if each.user == user_id)
    found = (each for each in directory.teams.values() if user_id in each.members)
    joined = await listing.read(who, Team, found)
    team_sums = await spent(who, "team", [each.entity for each in joined])
    return {
        "user_id": kept.id,
        "user_info": await _shown(who, kept),
        "keys": await litellm_keys.show_all(who, await listing.read(who, Key, owned)),
        "teams": [litellm_teams.show(each, team_sums) for each in joined],
    }


@table.route("POST", "/user/update", "change", "litellmUserUpdate", **_HIDDEN)
async def update(who: Who, body: UserBody) -> dict[str, Any]:
    """Change a user."""
    identity = body.user_id or body.user_email
    if not identity:
        raise BadRequestError("user_id: is missing", code="invalid_request", param="user_id")
    at = desk(who)
    kept = await control.get(at, identity)
    user = kept.entity
    fields = _fields(body, Held(user.budgets, user.limits), dict(user.metadata))
    kept = await control.update(at, kept.id, fields, kept.version)
    await who.office.applied()
    return {"user_id": kept.id, "data": await _shown(who, kept)}


@table.route("POST", "/user/delete", "change", "litellmUserDelete", **_HIDDEN)
async def delete(who: Who, body: UsersBody) -> int:
    """Delete users with all their keys, as LiteLLM does; how many."""
    at = desk(who)
    wanted = list(dict.fromkeys(body.user_ids))
    for each in wanted:
        await control.get(at, each)
    for key in await keys.every(at):
        if key.entity.user in wanted:
            await keys.delete(at, key.id)
    for each in wanted:
        await control.delete(at, each)
    await who.office.applied()
    return len(wanted)


@table.route("GET", "/user/list", "read", "litellmUserList", **_HIDDEN)
async def list_users(
    who: Who, page: int = 1, page_size: int = 25, user_ids: str | None = None
) -> dict[str, Any]:
    """A page of users."""
    named = None if user_ids is None else {each.strip() for each in user_ids.split(",")}
    every = sorted(who.office.directory().users.items())
    found = [each for identity, each in every if named is None or identity in named]
    size, number = min(max(page_size, 1), 100), min(max(page, 1), 10**6)
    kept = await listing.read(who, User, found[(number - 1) * size : number * size])
    sums = await spent(who, "user", [each.entity for each in kept])
    return {
        "users": [show(each, sums) for each in kept],
        "total": len(found),
        "page": number,
        "page_size": size,
        "total_pages": math.ceil(len(found) / size),
    }


def show(kept: Kept[User], sums: Spent) -> dict[str, Any]:
    """A user as LiteLLM shows them."""
    user = kept.entity
    return {
        "user_id": kept.id,
        "user_alias": user.name or None,
        "user_email": user.email or None,
        _ROLE: user.metadata.get(_ROLE),
        "models": list(user.models),
        "metadata": {name: each for name, each in user.metadata.items() if name != _ROLE},
        "spend": sums.of(user),
        "created_at": instant(user.created_at),
        "updated_at": instant(user.updated_at),
        **show_limits(user, sums.known),
    }


async def _shown(who: Asked, kept: Kept[User]) -> dict[str, Any]:
    return show(kept, await spent(who, "user", [kept.entity]))


def _fields(body: UserBody, held: Held, metadata: dict[str, Any]) -> control.UserFields:
    found = common(body, held)
    if "user_alias" in body.model_fields_set:
        found["name"] = body.user_alias or ""
    if "user_email" in body.model_fields_set:
        found["email"] = body.user_email or ""
    said = _ROLE in body.model_fields_set
    if said or "metadata" in found:
        role = body.user_role if said else metadata.get(_ROLE)
        merged = {**found.get("metadata", metadata), _ROLE: role}
        found["metadata"] = {name: each for name, each in merged.items() if each is not None}
    return control.UserFields(**found)
