"""LiteLLM's ``/team/…``."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from faregate.admin import listing, litellm_keys
from faregate.admin.desks import desk
from faregate.admin.litellm_fields import (
    Common,
    Held,
    Spent,
    check_supported,
    common,
    see_user,
    show_limits,
    spent,
)
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Who, instant
from faregate.control import keys
from faregate.control import teams as control
from faregate.control.desk import Kept
from faregate.core.keys import Key, Team
from faregate.errors import BadRequestError

table = Table("litellm")

_HIDDEN = {"include_in_schema": False, "response_model": None}


class Member(BaseModel):
    """Somebody in a team. The role is taken in and means nothing here."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["admin", "user"] = "user"
    user_id: str | None = None
    user_email: str | None = None

    @property
    def who(self) -> str:
        """The user's id."""
        found = self.user_id or self.user_email
        if not found:
            raise BadRequestError(
                "a member needs a user_id", code="invalid_request", param="member"
            )
        return found


class TeamBody(Common):
    """The body of /team/new and /team/update."""

    team_id: str | None = None
    team_alias: str | None = None
    members_with_roles: list[Member] | None = None
    tags: list[str] | None = None


class TeamsBody(BaseModel):
    """Several teams."""

    team_ids: list[str]


class TeamNamed(BaseModel):
    """One team."""

    team_id: str


class MemberAdd(BaseModel):
    """Who comes to a team."""

    model_config = ConfigDict(extra="allow")

    team_id: str
    member: Member | list[Member]


class MemberDelete(BaseModel):
    """Who leaves a team."""

    team_id: str
    user_id: str | None = None
    user_email: str | None = None


@table.route("POST", "/team/new", "change", "litellmTeamNew", **_HIDDEN)
async def new(who: Who, body: TeamBody) -> dict[str, Any]:
    """A new team. Users that are named and do not exist are made."""
    at = desk(who)
    members = [each.who for each in body.members_with_roles or ()]
    for each in members:
        await see_user(at, each)
    fields = _fields(body, Held())
    kept = await control.make(at, fields, identity=body.team_id or "")
    await who.office.applied()
    return await _shown(who, kept)


@table.route("GET", "/team/info", "read", "litellmTeamInfo", **_HIDDEN)
async def info(who: Who, team_id: str) -> dict[str, Any]:
    """One team and its keys."""
    kept = await control.get(desk(who), team_id)
    owned = (each for each in who.office.directory().keys.values() if each.team == team_id)
    return {
        "team_id": kept.id,
        "team_info": await _shown(who, kept),
        "keys": await litellm_keys.show_all(who, await listing.read(who, Key, owned)),
        "team_memberships": [],
    }


@table.route("POST", "/team/update", "change", "litellmTeamUpdate", **_HIDDEN)
async def update(who: Who, body: TeamBody) -> dict[str, Any]:
    """Change a team."""
    if not body.team_id:
        raise BadRequestError("team_id: is missing", code="invalid_request", param="team_id")
    at = desk(who)
    kept = await control.get(at, body.team_id)
    for each in body.members_with_roles or ():
        await see_user(at, each.who)
    fields = _fields(body, Held(kept.entity.budgets, kept.entity.limits))
    kept = await control.update(at, kept.id, fields, kept.version)
    await who.office.applied()
    return {"team_id": kept.id, "data": await _shown(who, kept)}


@table.route("POST", "/team/delete", "change", "litellmTeamDelete", **_HIDDEN)
async def delete(who: Who, body: TeamsBody) -> dict[str, Any]:
    """Delete teams with all their keys, as LiteLLM does."""
    at = desk(who)
    for each in body.team_ids:
        await control.get(at, each)
    for key in await keys.every(at):
        if key.entity.team in body.team_ids:
            await keys.delete(at, key.id)
    for each in dict.fromkeys(body.team_ids):
        await control.delete(at, each)
    await who.office.applied()
    return {"deleted_teams": body.team_ids}


@table.route("GET", "/team/list", "read", "litellmTeamList", **_HIDDEN)
async def list_teams(who: Who, user_id: str | None = None) -> list[dict[str, Any]]:
    """Every team, or those somebody is a member of."""
    found = [
        each
        for each in await control.every(desk(who))
        if user_id is None or user_id in each.entity.members
    ]
    sums = await spent(who, "team", [each.entity for each in found])
    return [show(each, sums) for each in found]


@table.route("POST", "/team/member_add", "change", "litellmTeamMemberAdd", **_HIDDEN)
async def member_add(who: Who, body: MemberAdd) -> dict[str, Any]:
    """Add members. A user that does not exist is made."""
    check_supported(body)
    at = desk(who)
    kept = await control.get(at, body.team_id)
    for each in body.member if isinstance(body.member, list) else [body.member]:
        await see_user(at, each.who)
        kept = await control.add_member(at, body.team_id, each.who)
    await who.office.applied()
    return await _shown(who, kept)


@table.route("POST", "/team/member_delete", "change", "litellmTeamMemberDelete", **_HIDDEN)
async def member_delete(who: Who, body: MemberDelete) -> dict[str, Any]:
    """Take a member out of a team."""
    user = Member(user_id=body.user_id, user_email=body.user_email).who
    kept = await control.remove_member(desk(who), body.team_id, user)
    await who.office.applied()
    return await _shown(who, kept)


@table.route("POST", "/team/block", "change", "litellmTeamBlock", **_HIDDEN)
async def block(who: Who, body: TeamNamed) -> dict[str, Any]:
    """Block a team with all its keys."""
    kept = await control.block(desk(who), body.team_id)
    await who.office.applied()
    return await _shown(who, kept)


@table.route("POST", "/team/unblock", "change", "litellmTeamUnblock", **_HIDDEN)
async def unblock(who: Who, body: TeamNamed) -> dict[str, Any]:
    """Let a blocked team's keys call again."""
    kept = await control.block(desk(who), body.team_id, blocked=False)
    await who.office.applied()
    return await _shown(who, kept)


def show(kept: Kept[Team], sums: Spent) -> dict[str, Any]:
    """A team as LiteLLM shows it."""
    team = kept.entity
    return {
        "team_id": kept.id,
        "team_alias": team.name or None,
        "members": list(team.members),
        "members_with_roles": [{"role": "user", "user_id": each} for each in team.members],
        "models": list(team.models),
        "metadata": dict(team.metadata),
        "tags": list(team.tags),
        "blocked": team.blocked,
        "spend": sums.of(team),
        "created_at": instant(team.created_at),
        "updated_at": instant(team.updated_at),
        **show_limits(team, sums.known),
    }


async def _shown(who: Asked, kept: Kept[Team]) -> dict[str, Any]:
    return show(kept, await spent(who, "team", [kept.entity]))


def _fields(body: TeamBody, held: Held) -> control.TeamFields:
    found = common(body, held)
    if "team_alias" in body.model_fields_set:
        found["name"] = body.team_alias or ""
    if body.members_with_roles is not None:
        found["members"] = [each.who for each in body.members_with_roles]
    if "tags" in body.model_fields_set:
        found["tags"] = body.tags or []
    return control.TeamFields(**found)
