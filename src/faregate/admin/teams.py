"""``/api/teams``."""

from fastapi import Response
from pydantic import Field

from faregate.admin import listing
from faregate.admin.desks import Stated, desk
from faregate.admin.holders import HolderShown, HolderUpdate, answer, changed, common, standings_of
from faregate.admin.standing import Standings
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Cursor, Said, Shown, Who
from faregate.admin.wire import Limit as PageLimit
from faregate.control import teams as control
from faregate.control.desk import Kept
from faregate.core.keys import Team as TeamEntity

table = Table("teams")


class TeamUpdate(HolderUpdate):
    """What changes of a team. What is left out stays; lists are replaced whole."""

    members: list[str] = Field(default_factory=list)
    """Ids of users."""
    tags: list[str] = Field(default_factory=list)
    """Every call of the team carries them."""


class TeamCreate(TeamUpdate):
    """A new team."""

    id: str | None = Field(None, max_length=128)
    """Null: made from the name."""


class TeamMember(Said):
    """Who is to be a member."""

    user: str


class Team(HolderShown):
    """A team."""

    members: list[str]
    blocked: bool
    tags: list[str]


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
    return await changed(who, made, response, show_all)


@table.route("GET", "/api/teams/{team_id}", "read", "getTeam")
async def get_team(who: Who, team_id: str, response: Response) -> Team:
    """One team."""
    return await answer(who, await control.get(desk(who), team_id), response, show_all)


@table.route("PATCH", "/api/teams/{team_id}", "change", "updateTeam")
async def update_team(
    who: Who,
    team_id: str,
    body: TeamUpdate,
    response: Response,
    version: Stated,
) -> Team:
    """Change a team."""
    kept = await control.update(desk(who), team_id, fields(body), version)
    return await changed(who, kept, response, show_all)


@table.route("POST", "/api/teams/{team_id}/members", "change", "addTeamMember")
async def add_member(who: Who, team_id: str, body: TeamMember, response: Response) -> Team:
    """Make a user a member."""
    return await changed(
        who, await control.add_member(desk(who), team_id, body.user), response, show_all
    )


@table.route("DELETE", "/api/teams/{team_id}/members/{user_id}", "change", "removeTeamMember")
async def remove_member(who: Who, team_id: str, user_id: str, response: Response) -> Team:
    """Let a user be a member no more."""
    return await changed(
        who, await control.remove_member(desk(who), team_id, user_id), response, show_all
    )


@table.route("POST", "/api/teams/{team_id}/block", "change", "blockTeam")
async def block_team(who: Who, team_id: str, response: Response) -> Team:
    """Let none of a team's keys make a further call."""
    return await changed(who, await control.block(desk(who), team_id), response, show_all)


@table.route("POST", "/api/teams/{team_id}/unblock", "change", "unblockTeam")
async def unblock_team(who: Who, team_id: str, response: Response) -> Team:
    """Let a blocked team's keys call again."""
    return await changed(
        who, await control.block(desk(who), team_id, blocked=False), response, show_all
    )


@table.route("DELETE", "/api/teams/{team_id}", "change", "deleteTeam", status_code=204)
async def delete_team(who: Who, team_id: str, version: Stated) -> None:
    """Delete a team, which must have no key any more. Its calls stay in the ledger."""
    await control.delete(desk(who), team_id, version)
    await who.office.applied()


def fields(body: TeamUpdate) -> control.TeamFields:
    """What a body states, for control."""
    return control.TeamFields(**body.changes("id"))


async def show_all(who: Asked, kept: list[Kept[TeamEntity]]) -> list[Team]:
    """Teams with how their budgets and limits stand."""
    known = await standings_of(who, kept)
    return [show(each, known) for each in kept]


def show(kept: Kept[TeamEntity], known: Standings) -> Team:
    """A team as it is shown."""
    team = kept.entity
    return Team(
        **common(kept, known),
        members=list(team.members),
        blocked=team.blocked,
        tags=list(team.tags),
    )
