"""``faregate budgets``: those that stand alone, for a tag, a deployment, a model, everything."""

from typing import Any

import click
from msgspec import UNSET

from faregate.cli.entity_json import budget_json, page_json
from faregate.cli.entity_text import PlacedBudget, budget_text, budgets_table, whom_text
from faregate.cli.holder_options import NONE, Spending, SpendingType, WindowType, budget_terms
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import Place, find_place, placed, stated
from faregate.cli.ledger_work import BadInputError, at_place, changing, warn_unchecked
from faregate.cli.noun_commands import JSON, YES
from faregate.cli.scope_options import scope_of, scoped
from faregate.cli.standings import Standings, standings
from faregate.control import budgets as control
from faregate.control import keys, teams, users
from faregate.control.budgets import BudgetChanges, BudgetFields
from faregate.control.desk import Desk, Kept
from faregate.core.budget import Budget
from faregate.core.windows import TOTAL, BudgetWindow


@click.group()
def budgets() -> None:
    """Budgets for tags, models, everything.

    And for deployments; also for a key, team or user. Those that a key, team or user carries
    are changed with 'faregate keys' and the like.
    """


@budgets.command()
@click.argument("amount", type=SpendingType(), metavar="USD[/WINDOW]")
@scoped
@click.option("--id", "identity", default="", help="Default: made from what it is for.")
@budget_terms(several=False)
@JSON
@placed
def make(amount: Spending, identity: str, as_json_: bool, **given: Any) -> None:
    """Make a budget, and print its id: 100/1mo, 5/day, '20/rolling 7d', 1000 (for ever)."""
    place = stated(given)
    scope, scope_id = scope_of(given)
    soft = _soft(given["soft_limits"])
    wanted = BudgetFields(
        limit=amount.amount,
        window=str(amount.window or TOTAL),
        zone=given["zone"] or "UTC",
        soft_limit=None if soft is UNSET else soft,
        reserve=given["reserve"] or "worst_case",
    )

    async def work(desk: Desk) -> tuple[Kept[Budget], Standings]:
        _warn(desk, scope, scope_id)
        made = await control.make_budget(desk, scope, scope_id, wanted, identity=identity)
        return made, await standings(desk, [made.entity])

    made, known = changing(place, work)
    click.echo(as_json(budget_json(made.entity, known, made)) if as_json_ else made.id)


@budgets.command("list")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Also those that keys, teams and users carry, and that of the configuration.",
)
@JSON
@placed
def list_(every: bool, as_json_: bool, **given: Any) -> None:
    """Budgets, and how they stand: spent (by the ledger), left, and when they reset."""
    place = find_place(stated(given))

    async def work(desk: Desk) -> tuple[list[PlacedBudget], Standings]:
        found: list[PlacedBudget] = [(e.entity, e) for e in await control.list_budgets(desk)]
        if every:
            found += [(each, None) for each in await _carried(desk, place)]
        return found, await standings(desk, [each for each, _ in found])

    found, known = at_place(place, work)
    if as_json_:
        click.echo(as_json(page_json(budget_json(each, known, kept) for each, kept in found)))
    elif found:
        click.echo(budgets_table(found, known))
    else:
        click.echo("No budget stands alone; --all shows those that keys, teams and users carry.")


@budgets.command()
@click.argument("identity", metavar="ID")
@JSON
@placed
def show(identity: str, as_json_: bool, **given: Any) -> None:
    """A budget, and how it stands."""
    place = stated(given)
    _echo(*changing(place, lambda desk: _found(desk, identity)), as_json_=as_json_)


@budgets.command()
@click.argument("identity", metavar="ID")
@click.option("--limit", type=SpendingType(), metavar="USD", help="The amount.")
@click.option(
    "--window", type=WindowType(), help="The window; what was spent is counted anew in it."
)
@budget_terms(several=False)
@JSON
@placed
def update(
    identity: str,
    limit: Spending | None,
    window: BudgetWindow | None,
    as_json_: bool,
    **given: Any,
) -> None:
    """Change a budget. What is not said stays as it is, and so does what was spent."""
    place = stated(given)
    chosen = window or (limit.window if limit is not None else None)
    changes = BudgetChanges(
        limit=UNSET if limit is None else limit.amount,
        window=UNSET if chosen is None else str(chosen),
        zone=given["zone"] or UNSET,
        soft_limit=_soft(given["soft_limits"]),
        reserve=given["reserve"] or UNSET,
    )
    if changes == BudgetChanges():
        raise BadInputError("nothing is to be changed: say what, see --help")

    async def work(desk: Desk) -> tuple[Kept[Budget], Standings]:
        kept = await control.update_budget(desk, identity, changes)
        return kept, await standings(desk, [kept.entity])

    _echo(*changing(place, work), as_json_=as_json_)


@budgets.command()
@click.argument("identity", metavar="ID")
@YES
@placed
def delete(identity: str, yes: bool, **given: Any) -> None:
    """Delete a budget: nothing is refused for it any more."""
    place = stated(given)
    if not yes:
        budget = changing(place, lambda desk: control.get_budget(desk, identity)).entity
        whom = whom_text(budget.scope, budget.scope_id)
        click.confirm(
            f"Delete the budget {identity}, {budget_text(budget)} for {whom}?", abort=True
        )
    changing(place, lambda desk: control.delete_budget(desk, identity))
    click.echo(f"budget {identity} is deleted")


async def _found(desk: Desk, identity: str) -> tuple[Kept[Budget], Standings]:
    kept = await control.get_budget(desk, identity)
    return kept, await standings(desk, [kept.entity])


def _echo(kept: Kept[Budget], known: Standings, *, as_json_: bool) -> None:
    if as_json_:
        click.echo(as_json(budget_json(kept.entity, known, kept)))
    else:
        click.echo(budgets_table([(kept.entity, kept)], known))


async def _carried(desk: Desk, place: Place) -> list[Budget]:
    found = [b for each in await keys.every(desk) for b in each.entity.budgets]
    found += [b for each in await teams.every(desk) for b in each.entity.budgets]
    found += [b for each in await users.every(desk) for b in each.entity.budgets]
    general = None if place.settings is None else place.settings.general
    if general is not None and general.max_budget is not None:
        from faregate.gateway.access import EVERYTHING

        window = general.budget_duration or TOTAL
        found.append(
            Budget(id=EVERYTHING, scope="everything", limit=general.max_budget, window=window)
        )
    return found


def _soft(given: tuple[Spending, ...]) -> Any:
    """The soft limit of the one budget there is; unset where none was stated."""
    if not given:
        return UNSET
    if len(given) > 1 or given[0].window is not None:
        raise BadInputError("--soft-limit: one amount in USD, since there is one budget")
    return None if given[0].amount == NONE else given[0].amount


def _warn(desk: Desk, scope: str, scope_id: str) -> None:
    warn_unchecked(
        desk,
        [scope_id] if scope == "model" else [],
        scope_id if scope == "deployment" else "",
    )
