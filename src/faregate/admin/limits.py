"""``/api/limits``: rate limits that stand alone, and those that keys, teams and users carry."""

from fastapi import Response
from pydantic import Field

from faregate.admin.budgets import check_alone
from faregate.admin.desks import Stated, desk, tag
from faregate.admin.listing import carried_limits
from faregate.admin.standing import Limit, LimitInput, show_limit, standings
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Cursor, Said, Shown, Who, page_by_place
from faregate.admin.wire import Limit as PageLimit
from faregate.control import limits as control
from faregate.control.desk import Kept
from faregate.control.errors import UnknownEntityError
from faregate.core.budget import Payer, RateLimit, check_limit

table = Table("limits")


class LimitCreate(LimitInput):
    """A limit that stands alone."""

    id: str | None = Field(None, max_length=128)
    scope: Payer
    scope_id: str = Field("", max_length=200)


class LimitUpdate(Said):
    """How much a limit lets through; for anything else make another one."""

    limit: int = Field(ge=0, le=10**15)


class LimitPage(Shown):
    """Limits, by id."""

    data: list[Limit]
    next: str | None


@table.route("GET", "/api/limits", "read", "listLimits")
async def list_limits(
    who: Who,
    scope: Payer | None = None,
    scope_id: str | None = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> LimitPage:
    """Rate limits with how they stand."""
    found = [
        each
        for each in await _every(who)
        if (scope is None or each[0].scope == scope)
        and (scope_id is None or each[0].scope_id == scope_id)
    ]
    cut = page_by_place(found, cursor, limit)
    known = await standings(who.office, [check_limit(each) for each, _ in cut.data])
    return LimitPage(data=[show_limit(each, known, kept) for each, kept in cut.data], next=cut.next)


@table.route("POST", "/api/limits", "change", "createLimit", status_code=201)
async def create_limit(who: Who, body: LimitCreate, response: Response) -> Limit:
    """Make a limit of a tag, deployment, model, key, team, user, or everything."""
    wanted = control.LimitFields(**body.model_dump(exclude={"id", "scope", "scope_id"}))
    made = await control.make_limit(
        desk(who), body.scope, body.scope_id, wanted, identity=body.id or ""
    )
    return await _changed(who, made, response)


@table.route("GET", "/api/limits/{limit_id:path}", "read", "getLimit")
async def get_limit(who: Who, limit_id: str, response: Response) -> Limit:
    """One limit, carried or standing alone."""
    for limit, kept in await _every(who):
        if limit_id == (check_limit(limit).id if kept is None else kept.id):
            if kept is not None:
                tag(response, kept.version)
            return show_limit(limit, await standings(who.office, [check_limit(limit)]), kept)
    raise UnknownEntityError(f"there is no limit {limit_id[:128]!r}")


@table.route("PATCH", "/api/limits/{limit_id:path}", "change", "updateLimit")
async def update_limit(
    who: Who,
    limit_id: str,
    body: LimitUpdate,
    response: Response,
    version: Stated,
) -> Limit:
    """Change a limit that stands alone."""
    check_alone("limit", limit_id)
    kept = await control.update_limit(desk(who), limit_id, body.limit, version)
    return await _changed(who, kept, response)


@table.route("DELETE", "/api/limits/{limit_id:path}", "change", "deleteLimit", status_code=204)
async def delete_limit(who: Who, limit_id: str, version: Stated) -> None:
    """Delete a limit that stands alone."""
    check_alone("limit", limit_id)
    await control.delete_limit(desk(who), limit_id, version)
    await who.office.applied()


async def _every(who: Asked) -> list[tuple[RateLimit, Kept[RateLimit] | None]]:
    found: list[tuple[RateLimit, Kept[RateLimit] | None]] = [
        (each.entity, each) for each in await control.list_limits(desk(who))
    ]
    found += [(each, None) for each in carried_limits(who.office.directory())]
    return sorted(found, key=lambda each: check_limit(each[0]).id)


async def _changed(who: Asked, kept: Kept[RateLimit], response: Response) -> Limit:
    await who.office.applied()
    tag(response, kept.version)
    known = await standings(who.office, [check_limit(kept.entity)])
    return show_limit(kept.entity, known, kept)
