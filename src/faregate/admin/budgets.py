"""``/api/budgets``: those that stand alone, and those that keys, teams and users carry."""

from typing import Any, Literal

from fastapi import Response
from pydantic import Field

from faregate.admin.desks import Stated, desk, tag
from faregate.admin.listing import carried_budgets
from faregate.admin.standing import (
    Budget,
    BudgetInput,
    account_of,
    show_budget,
    standings,
)
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Cursor, MoneySaid, Said, Shown, Who, page_by_place
from faregate.admin.wire import Limit as PageLimit
from faregate.control import budgets as control
from faregate.control.desk import Kept
from faregate.control.errors import ConflictError, UnknownEntityError
from faregate.core.budget import Budget as BudgetEntity
from faregate.core.budget import Payer

table = Table("budgets")


class BudgetCreate(BudgetInput):
    """A budget that stands alone."""

    id: str | None = Field(None, max_length=128)
    """Null: made from what it is for."""
    scope: Payer
    scope_id: str = Field("", max_length=200)
    """The key, team, user, tag, deployment or model; nothing for `everything`."""


class BudgetUpdate(Said):
    """What changes of a budget. What is left out stays."""

    limit: MoneySaid = "0"
    window: str = Field("total", max_length=40)
    zone: str = Field("UTC", max_length=60)
    soft_limit: MoneySaid | None = None
    reserve: Literal["worst_case", "estimate"] = "worst_case"


class BudgetPage(Shown):
    """Budgets."""

    data: list[Budget]
    next: str | None


@table.route("GET", "/api/budgets", "read", "listBudgets")
async def list_budgets(
    who: Who,
    scope: Payer | None = None,
    scope_id: str | None = None,
    sort: Literal["id", "share"] = "id",
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> BudgetPage:
    """Budgets with how they stand: by id, or (`sort=share`) the fullest first."""
    found = [
        each
        for each in await _every(who)
        if (scope is None or each[0].scope == scope)
        and (scope_id is None or each[0].scope_id == scope_id)
    ]
    if sort == "share":
        # What is fullest can only be said once all are known.
        known = await standings(who.office, [account_of(budget) for budget, _ in found])
        shown = [show_budget(budget, known, kept) for budget, kept in found]
        shown.sort(key=lambda each: -each.standing.share if each.standing else 1.0)
        page = page_by_place(shown, cursor, limit)
        return BudgetPage(data=page.data, next=page.next)
    cut = page_by_place(found, cursor, limit)
    known = await standings(who.office, [account_of(budget) for budget, _ in cut.data])
    data = [show_budget(budget, known, kept) for budget, kept in cut.data]
    return BudgetPage(data=data, next=cut.next)


@table.route("POST", "/api/budgets", "change", "createBudget", status_code=201)
async def create_budget(who: Who, body: BudgetCreate, response: Response) -> Budget:
    """Make a budget of a tag, deployment, model, key, team, user, or everything."""
    wanted = control.BudgetFields(**body.model_dump(exclude={"id", "scope", "scope_id"}))
    made = await control.make_budget(
        desk(who), body.scope, body.scope_id, wanted, identity=body.id or ""
    )
    return await _changed(who, made, response)


@table.route("GET", "/api/budgets/{budget_id:path}", "read", "getBudget")
async def get_budget(who: Who, budget_id: str, response: Response) -> Budget:
    """One budget, carried or standing alone."""
    for budget, kept in await _every(who):
        if budget.id == budget_id:
            if kept is not None:
                tag(response, kept.version)
            return show_budget(budget, await standings(who.office, [account_of(budget)]), kept)
    raise UnknownEntityError(f"there is no budget {budget_id[:128]!r}")


@table.route("PATCH", "/api/budgets/{budget_id:path}", "change", "updateBudget")
async def update_budget(
    who: Who,
    budget_id: str,
    body: BudgetUpdate,
    response: Response,
    version: Stated,
) -> Budget:
    """Change a budget that stands alone. What was spent stays."""
    check_alone("budget", budget_id)
    stated_fields: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    changes = control.BudgetChanges(**stated_fields)
    kept = await control.update_budget(desk(who), budget_id, changes, version)
    return await _changed(who, kept, response)


@table.route("DELETE", "/api/budgets/{budget_id:path}", "change", "deleteBudget", status_code=204)
async def delete_budget(who: Who, budget_id: str, version: Stated) -> None:
    """Delete a budget that stands alone."""
    check_alone("budget", budget_id)
    await control.delete_budget(desk(who), budget_id, version)
    await who.office.applied()


def check_alone(noun: str, identity: str) -> None:
    """Raise :class:`ConflictError` for what a key, team or user carries."""
    if "/" in identity:
        raise ConflictError(
            f"the {noun} {identity[:128]!r} is carried by a key, team or user; change it there"
        )


async def _every(who: Asked) -> list[tuple[BudgetEntity, Kept[BudgetEntity] | None]]:
    found: list[tuple[BudgetEntity, Kept[BudgetEntity] | None]] = [
        (each.entity, each) for each in await control.list_budgets(desk(who))
    ]
    found += [(each, None) for each in carried_budgets(who.office.directory())]
    return sorted(found, key=lambda each: each[0].id)


async def _changed(who: Asked, kept: Kept[BudgetEntity], response: Response) -> Budget:
    await who.office.applied()
    tag(response, kept.version)
    known = await standings(who.office, [account_of(kept.entity)])
    return show_budget(kept.entity, known, kept)
