"""Budgets and limits as they are shown: with how they stand."""

import time
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from faregate.admin.office import Office
from faregate.admin.wire import (
    Instant,
    Money,
    MoneySaid,
    Said,
    Shown,
    maybe_instant,
    maybe_money,
    money,
)
from faregate.control import budgets as control_budgets
from faregate.control import limits as control_limits
from faregate.control.desk import Kept
from faregate.core import figures
from faregate.core.budget import Account, Payer, RateLimit, check, check_limit
from faregate.core.budget import Budget as BudgetEntity
from faregate.core.budget import Standing as Counted
from faregate.core.zones import read_zone

Standings = Mapping[str, Counted]
"""How accounts stand, by their ids."""


class BudgetInput(Said):
    """A budget of a key, team or user. At most one a window."""

    limit: MoneySaid
    window: str = Field("total", max_length=40, examples=["1mo"])
    """`1mo`, `7d`, `24h`, `rolling 30d`, `total` …"""
    zone: str = Field("UTC", max_length=60)
    """The time zone whose calendar counts."""
    soft_limit: MoneySaid | None = None
    """From here on there is a warning; nothing is refused."""
    reserve: Literal["worst_case", "estimate"] = "worst_case"
    """How much a call holds while it is under way."""

    def fields(self) -> control_budgets.BudgetFields:
        """The same for control."""
        return control_budgets.BudgetFields(**self.model_dump())


class LimitInput(Said):
    """A rate limit of a key, team or user."""

    measure: Literal["requests", "tokens", "parallel"]
    limit: int = Field(ge=0, le=10**15)
    per: Literal["minute", "hour", "day"] | None = None
    """`minute` unless said; calls at once (`parallel`) have none."""
    model: str = Field("", max_length=256)
    """Only calls of this model count; empty: all."""

    def fields(self) -> control_limits.LimitFields:
        """The same for control."""
        return control_limits.LimitFields(**self.model_dump())


class BudgetStanding(Shown):
    """How a budget stands."""

    spent: Money
    held: Money
    """What calls under way may still cost."""
    left: Money
    share: float
    """Of the limit: spent and held. May be above 1 where a price was learnt later."""
    resets_at: Instant | None
    """When a calendar window ends, or a rolling one is empty again; null: never."""
    projected: Money | None
    """What will be spent by the end of the window if it goes on like this; null where nothing can
    be said: of rolling windows, totals, and windows that have just begun."""
    state: Literal["ok", "warning", "exhausted"]
    """`warning`: the soft limit is reached; `exhausted`: nothing is left."""


class LimitStanding(Shown):
    """How a limit stands."""

    used: int
    held: int
    """What calls under way may still use."""
    left: int
    share: float | None
    """Of the limit; null where the limit is 0."""
    resets_at: Instant | None


class Budget(Shown):
    """A budget, and how it stands."""

    id: str
    scope: Payer
    scope_id: str
    """Empty for `everything`."""
    limit: Money
    window: str
    zone: str
    soft_limit: Money | None
    reserve: Literal["worst_case", "estimate"]
    carried: bool
    """Whether a key, team or user carries it: then it is changed there."""
    version: int | None
    """Of a budget that stands alone; null for one that is carried."""
    standing: BudgetStanding | None
    """Null while it is not known."""


class Limit(Shown):
    """A rate limit, and how it stands."""

    id: str
    scope: Payer
    scope_id: str
    measure: Literal["requests", "tokens", "parallel"]
    limit: int
    per: Literal["minute", "hour", "day"] | None
    """Null for calls at once."""
    model: str
    carried: bool
    version: int | None
    standing: LimitStanding | None


def account_of(budget: BudgetEntity) -> Account:
    """The account of a budget that was checked when it was made."""
    return check(budget, read_zone(budget.zone))


async def standings(office: Office, accounts: Iterable[Account]) -> Standings:
    """How accounts stand, as far as it is known."""
    wanted = list(accounts)
    found = await office.standings(wanted) if wanted else ()
    return {each.account.id: each for each in found or ()}


async def of_holders(
    office: Office, holders: Iterable[tuple[tuple[BudgetEntity, ...], tuple[RateLimit, ...]]]
) -> Standings:
    """How the budgets and limits stand that keys, teams or users carry."""
    accounts: list[Account] = []
    for budgets, limits in holders:
        accounts += [account_of(each) for each in budgets]
        accounts += [check_limit(each) for each in limits]
    return await standings(office, accounts)


def show_budget(
    budget: BudgetEntity, known: Standings, kept: Kept[BudgetEntity] | None = None
) -> Budget:
    """A budget as it is shown; ``kept`` where it stands alone."""
    account = account_of(budget)
    return Budget(
        id=budget.id,
        scope=budget.scope,
        scope_id=budget.scope_id,
        limit=money(budget.limit),
        window=str(budget.window),
        zone=budget.zone,
        soft_limit=maybe_money(budget.soft_limit),
        reserve=budget.reserve,
        carried=kept is None,
        version=None if kept is None else kept.version,
        standing=_budget_standing(account, known.get(account.id)),
    )


def show_limit(limit: RateLimit, known: Standings, kept: Kept[RateLimit] | None = None) -> Limit:
    """A limit as it is shown; ``kept`` where it stands alone."""
    account = check_limit(limit)
    return Limit(
        id=account.id if kept is None else kept.id,
        scope=limit.scope,
        scope_id=limit.scope_id,
        measure=limit.measure,
        limit=limit.limit,
        per=control_limits.per(limit),
        model=limit.model,
        carried=kept is None,
        version=None if kept is None else kept.version,
        standing=_limit_standing(known.get(account.id)),
    )


def _budget_standing(account: Account, found: Counted | None) -> BudgetStanding | None:
    if found is None:
        return None
    used = found.spent + found.held
    soft = account.soft_limit
    warned = soft is not None and found.spent >= soft
    share = figures.share(used, account.limit)
    return BudgetStanding(
        spent=money(found.spent),
        held=money(found.held),
        left=money(found.left),
        share=1.0 if share is None else share,
        resets_at=maybe_instant(found.resets_at),
        projected=maybe_money(figures.projected(account, found.spent, time.time())),
        state="exhausted" if not found.left else "warning" if warned else "ok",
    )


def _limit_standing(found: Counted | None) -> LimitStanding | None:
    if found is None:
        return None
    return LimitStanding(
        used=found.spent,
        held=found.held,
        left=found.left,
        share=figures.share(found.spent + found.held, found.account.limit),
        resets_at=maybe_instant(found.resets_at),
    )
