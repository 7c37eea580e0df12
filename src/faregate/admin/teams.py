"""``/api/teams``."""

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
from faregate.control import teams as control
from faregate.control.desk import Kept
from faregate.core.keys import Team as TeamEntity

table = Table("teams")


class TeamUpdate(Said):
    """What changes of a team. What is left out stays; lists are replaced whole."""

    name: str = ""
    members: list[str] = Field(default_factory=list)
    """Ids of users."""
    models: list[str] = Field(default_factory=list)
    """What its keys may call at most; none at all for every model."""
    blocked: bool = False
    tags: list[str] = Field(default_factory=list)
    """Every call of the team carries them."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    budgets: list[BudgetInput] = Field(default_factory=list)
    limits: list[LimitInput] = Field(default_factory=list)


class TeamCreate(TeamUpdate):
    """A new team."""

    id: str | None = Field(None, max_length=128)
    """Null: made from the name."""


class TeamMember(Said):
    """Who is to be a member."""

    user: str


class Team(Shown):
    """A team."""

    id: str
    version: int
    name: str
    members: list[str]
    models: list[str]
    blocked: bool
    tags: list[str]
    metadata: dict[str, Any]
    budgets: list[Budget]
    limits: list[Limit]
    created_at: Instant
    updated_at: Instant


class TeamPage(Shown):
    """Teams, by id."""

    data: list[Team]
    next: str | None


@table.route("GET", "/api/teams", "read", "listTeams")
async def list_teams(
    who: Who,
    q: str = "",
    member: str | None = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> TeamPage:
    """Teams, by id. `q` is looked for in ids and names."""
    found = [
        each
        for each in who.office.directory().teams.values()
        if (member is None or member in each.members)
        and (q.lower() in each.id.lower() or q.lower() in each.name.lower())
    ]
    page = await listing.page(who, TeamEntity, found, cursor, limit)
    return TeamPage(data=await show_all(who, page.kept), next=page.next)


@table.route("POST", "/api/teams", "change", "createTeam", status_code=201)
async def create_team(who: Who, body: TeamCreate, response: Response) -> Team:
    """Make a team."""
    made = await control.make(desk(who), fields(body), identity=body.id or "")
    return await _changed(who, made, response)


@table.route("GET", "/api/teams/{team_id}", "read", "getTeam")
async def get_team(who: Who, team_id: str, response: Response) -> Team:
    """One team."""
    return await _shown(who, await control.get(desk(who), team_id), response)


@table.route("PATCH", "/api/teams/{team_id}", "change", "updateTeam")
async def update_team(
    who: Who,
    team_id: str,
    body: TeamUpdate,
    response: Response,
    if_match: IfMatch = None,
    version: Version = None,
) -> Team:
    """Change a team."""
    kept = await control.update(desk(who), team_id, fields(body), stated(if_match, version))
    return await _changed(who, kept, response)


@table.route("POST", "/api/teams/{team_id}/members", "change", "addTeamMember")
async def add_member(who: Who, team_id: str, body: TeamMember, response: Response) -> Team:
    """Make a user a member."""
    return await _changed(who, await control.add_member(desk(who), team_id, body.user), response)


@table.route("DELETE", "/api/teams/{team_id}/members/{user_id}", "change", "removeTeamMember")
async def remove_member(who: Who, team_id: str, user_id: str, response: Response) -> Team:
    """Let a user be a member no more."""
    return await _changed(who, await control.remove_member(desk(who), team_id, user_id), response)


@table.route("POST", "/api/teams/{team_id}/block", "change", "blockTeam")
async def block_team(who: Who, team_id: str, response: Response) -> Team:
    """Let none of a team's keys make a further call."""
    return await _changed(who, await control.block(desk(who), team_id), response)


@table.route("POST", "/api/teams/{team_id}/unblock", "change", "unblockTeam")
async def unblock_team(who: Who, team_id: str, response: Response) -> Team:
    """Let a blocked team's keys call again."""
    return await _changed(who, await control.block(desk(who), team_id, blocked=False), response)


@table.route("DELETE", "/api/teams/{team_id}", "change", "deleteTeam", status_code=204)
async def delete_team(
    who: Who, team_id: str, if_match: IfMatch = None, version: Version = None
) -> None:
    """Delete a team, which must have no key any more. Its calls stay in the ledger."""
    await control.delete(desk(who), team_id, stated(if_match, version))
    await who.office.applied()


def fields(body: TeamUpdate) -> control.TeamFields:
    """What a body states, for control."""
    found: dict[str, Any] = {
        name: getattr(body, name) for name in body.model_fields_set if name != "id"
    }
    for name in ("budgets", "limits"):
        if name in found:
            found[name] = [each.fields() for each in found[name]]
    return control.TeamFields(**found)


async def show_all(who: Asked, kept: list[Kept[TeamEntity]]) -> list[Team]:
    """Teams with how their budgets and limits stand."""
    known = await of_holders(who.office, [(k.entity.budgets, k.entity.limits) for k in kept])
    return [show(each, known) for each in kept]


def show(kept: Kept[TeamEntity], known: Standings) -> Team:
    """A team as it is shown."""
    team = kept.entity
    return Team(
        id=kept.id,
        version=kept.version,
        name=team.name,
        members=list(team.members),
        models=list(team.models),
        blocked=team.blocked,
        tags=list(team.tags),
        metadata=dict(team.metadata),
        budgets=[show_budget(each, known) for each in team.budgets],
        limits=[show_limit(each, known) for each in team.limits],
        created_at=instant(team.created_at),
        updated_at=instant(team.updated_at),
    )


async def _shown(who: Asked, kept: Kept[TeamEntity], response: Response) -> Team:
    tag(response, kept.version)
    return (await show_all(who, [kept]))[0]


async def _changed(who: Asked, kept: Kept[TeamEntity], response: Response) -> Team:
    await who.office.applied()
    return await _shown(who, kept, response)
