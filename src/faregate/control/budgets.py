"""Budgets: those that keys, teams and users carry, and those that stand alone."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from faregate.control import fields
from faregate.control.desk import Desk, Kept, check_id, create, create_fresh, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.errors import FieldError, about
from faregate.control.scopes import check_scope
from faregate.core.budget import Budget, Payer, Reserving, check
from faregate.core.windows import BudgetWindow
from faregate.core.zones import read_zone
from faregate.money import Usd

_MOST = 20
"""Budgets of one holder."""

RESERVING: tuple[Reserving, ...] = ("worst_case", "estimate")


class BudgetFields(Struct, frozen=True, kw_only=True):
    """A budget as it is asked for. Amounts are USD, exact: ``"10.50"``, ``"$10"`` or ``10``."""

    limit: str | int
    window: str = "total"
    """As :func:`~faregate.core.windows.parse_window` reads it."""
    zone: str = "UTC"
    soft_limit: str | int | None = None
    reserve: str = "worst_case"


class BudgetChanges(Struct, frozen=True, kw_only=True):
    """What changes of a stand-alone budget; what is not stated stays."""

    limit: str | int | UnsetType = UNSET
    window: str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    soft_limit: str | int | UnsetType | None = UNSET
    reserve: str | UnsetType = UNSET


async def make_budget(
    desk: Desk, scope: str, scope_id: str, wanted: BudgetFields, *, identity: str = ""
) -> Kept[Budget]:
    """A stand-alone budget of a tag, deployment, model, key, team, user, or everything.

    Without an id it gets one made from what it is for. Raises :class:`FieldError`,
    :class:`ConflictError`.
    """
    payer = await check_scope(desk, scope, scope_id)

    def make(chosen: str) -> Budget:
        return of_fields(chosen, payer, scope_id, wanted)

    if identity:
        return await create(desk, check_id("budget", identity), make(identity))
    make("checked")
    return await create_fresh(desk, f"{scope} {scope_id}", make)


async def update_budget(
    desk: Desk, identity: str, changes: BudgetChanges, version: int | None = None
) -> Kept[Budget]:
    """Change a stand-alone budget. What was spent stays; another window counts it anew."""

    def change(budget: Budget) -> Budget:
        found = budget
        if changes.limit is not UNSET:
            found = replace(found, limit=fields.amount("limit", changes.limit))
        if changes.window is not UNSET:
            found = replace(found, window=fields.window("window", changes.window))
        if changes.zone is not UNSET:
            found = replace(found, zone=fields.zone("zone", changes.zone))
        if changes.soft_limit is not UNSET:
            found = replace(found, soft_limit=_soft(changes.soft_limit))
        if changes.reserve is not UNSET:
            found = replace(found, reserve=_reserve(changes.reserve))
        return _checked(found)

    return await edit(desk, Budget, identity, version, change)


async def delete_budget(desk: Desk, identity: str, version: int | None = None) -> Kept[Budget]:
    """Delete a stand-alone budget."""
    return await remove_entity(desk, Budget, identity, version)


async def get_budget(desk: Desk, identity: str) -> Kept[Budget]:
    """A stand-alone budget."""
    return await read(desk, Budget, identity)


async def list_budgets(desk: Desk) -> list[Kept[Budget]]:
    """The stand-alone budgets, by id."""
    return await read_all(desk, Budget)


def embedded(
    holder: Literal["key", "team", "user"], identity: str, wanted: Sequence[BudgetFields]
) -> tuple[Budget, ...]:
    """The budgets a key, team or user carries: one a window.

    A budget's id is made of its holder's and its window's, so what was spent stays when the amount
    is changed. Raises :class:`FieldError`.
    """
    if len(wanted) > _MOST:
        raise FieldError("budgets", f"{len(wanted)} are too many; {_MOST} are the most")
    found: dict[str, Budget] = {}
    for number, each in enumerate(wanted):
        with about(f"budgets.{number}"):
            window = fields.window("window", each.window)
            chosen = embedded_id(holder, identity, window)
            if chosen in found:
                raise FieldError("window", f"there are two budgets for {window}; one can hold")
            found[chosen] = of_fields(chosen, holder, identity, each)
    return tuple(found.values())


def embedded_id(holder: str, identity: str, window: BudgetWindow) -> str:
    """``key/search-prod-x7k2/1mo``."""
    return f"{holder}/{identity}/{str(window).replace(' ', '-')}"


def of_fields(identity: str, scope: Payer, scope_id: str, wanted: BudgetFields) -> Budget:
    """A budget of what is asked for. Raises :class:`FieldError`."""
    return _checked(
        Budget(
            id=identity,
            scope=scope,
            scope_id=scope_id,
            limit=fields.amount("limit", wanted.limit),
            window=fields.window("window", wanted.window),
            zone=fields.zone("zone", wanted.zone),
            soft_limit=_soft(wanted.soft_limit),
            reserve=_reserve(wanted.reserve),
        )
    )


def _checked(budget: Budget) -> Budget:
    if budget.soft_limit is not None and budget.soft_limit > budget.limit:
        raise FieldError("soft_limit", "is above the limit, so it would never be reached")
    with about(""):
        check(budget, read_zone(budget.zone))
    return budget


def _soft(value: str | int | None) -> Usd | None:
    return None if value is None else fields.amount("soft_limit", value)


def _reserve(value: str) -> Reserving:
    if value not in RESERVING:
        raise FieldError("reserve", f"{value[:40]!r} is none of {', '.join(RESERVING)}")
    return value
