"""``/api/router``: what routers chose, and what one fixed model would have cost instead."""

import asyncio
import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

import msgspec
from fastapi import Query

from faregate.admin.days import Days, days_of
from faregate.admin.latency import Latency, latency
from faregate.admin.narrowing import day
from faregate.admin.spend import SpendGroup, Sums, add, show_group, show_sums
from faregate.admin.table import Table
from faregate.admin.wire import Money, Shown, Who, maybe_money, money
from faregate.config.settings import ModelDeployment
from faregate.control.waiting import price_list
from faregate.core import figures
from faregate.core.baseline import METHOD, Day, baseline
from faregate.core.pricebook import PriceBook
from faregate.store.calendar import Calendar
from faregate.store.protocol import Filter, SpendLine
from faregate.types import UNITS, Row, Usage

table = Table("router")

_MOST_BASELINES = 10
_SAMPLE = 1000
"""Calls that latencies are taken of."""


class Baseline(Shown):
    """What the same usage would have cost on one model."""

    model: str
    would_cost: Money | None
    """Null where its price is not known for all of the usage."""
    saved: Money | None
    """What it would have cost less what was spent: negative where the router was dearer."""
    reason: str
    """Why it cannot be said; empty where it can."""


class RouterUse(Shown):
    """One router deployment."""

    deployment: str
    model: str
    """The name clients call it by."""
    total: Sums
    fee_share: float | None
    """The routing fee's part of the spend, from 0 to 1."""
    per_1000_calls: Money | None
    flows: list[SpendGroup]
    """By `model` (requested) and `served_model`, the dearest first."""
    series: list[SpendGroup]
    """By `day` and `served_model`, in the order of the days."""
    baselines: list[Baseline]
    method: str
    """How baselines are worked out."""


class RouterPage(Shown):
    """Every router deployment that is configured or was used."""

    calendar: Days
    since: str
    until: str | None
    data: list[RouterUse]


@table.route("GET", "/api/router", "read", "getRouter")
async def get_router(
    who: Who,
    deployment: Annotated[list[str] | None, Query()] = None,
    baseline: Annotated[list[str] | None, Query(description="models to compare with")] = None,
    since: str | None = None,
    until: str | None = None,
) -> RouterPage:
    """What the routers chose. `since` is a day or `7d`; the last 30 days unless said."""
    now = time.time()
    store = who.office.store()
    calendar = await store.calendar()
    today = calendar.today(now)
    first = day("since", since, today) or today - timedelta(days=29)
    last = day("until", until, today)
    settings = who.office.settings()
    routers = {
        each.id: each for each in settings.deployments() if each.deployment.route == "model_router"
    }
    wanted = [each for each in routers if not deployment or each in deployment]
    data = []
    for each in wanted:
        only = Filter(deployment=(each,))
        flows, daily = await asyncio.gather(
            store.spend(("model", "served_model"), only=only, since=first, until=last),
            store.spend(("day", "served_model"), only=only, since=first, until=last),
        )
        data.append(_use(routers[each], flows, daily, baseline, who.office.book(), calendar))
    data.sort(key=lambda each: -each.total.calls)
    return RouterPage(
        calendar=days_of(calendar, now),
        since=first.isoformat(),
        until=None if last is None else last.isoformat(),
        data=data,
    )


class ServedLatency(Latency):
    """How long the last calls took that a model served."""

    served_model: str
    routing_p50: float | None
    """What Azure's router itself took of it, where its answers say so."""


class LatencyPage(Shown):
    """By served model, the one with the most calls first."""

    deployment: str
    data: list[ServedLatency]


@table.route("GET", "/api/router/latency", "read", "getRouterLatency")
async def get_latency(who: Who, deployment: str) -> LatencyPage:
    """How long the last 1,000 completed calls of a deployment took, by served model."""
    only = Filter(deployment=(deployment,), outcome=("completed",))
    found: dict[str, list[Row]] = {}
    page = await who.office.store().rows(only, limit=_SAMPLE)
    for entry in page.entries:
        receipt = entry.row.receipt
        served = receipt.charges[-1].served_model if receipt and receipt.charges else ""
        found.setdefault(served, []).append(entry.row)
    data = [_served(name, rows, page.cursor is None) for name, rows in found.items()]
    data.sort(key=lambda each: (-each.calls, each.served_model))
    return LatencyPage(deployment=deployment, data=data)


def _served(name: str, rows: Sequence[Row], complete: bool) -> ServedLatency:
    traces = [row.receipt.charges[-1].trace for row in rows if row.receipt and row.receipt.charges]
    routing = sorted(
        each.latency_ms / 1000 for each in traces if each and each.latency_ms is not None
    )
    return ServedLatency(
        served_model=name,
        routing_p50=figures.quantile(routing, 0.5),
        **latency(rows, complete=complete).model_dump(),
    )


def _use(
    entry: ModelDeployment,
    flows: Sequence[SpendLine],
    daily: Sequence[SpendLine],
    asked: Sequence[str] | None,
    book: PriceBook,
    calendar: Calendar,
) -> RouterUse:
    total = add(flows)
    days = [_day(each, calendar) for each in daily]
    names = list(asked or dict.fromkeys(each.group[1] for each in flows if each.group[1]))
    return RouterUse(
        deployment=entry.id,
        model=entry.model_name,
        total=show_sums(total),
        fee_share=figures.share(total.router_fee, total.spend),
        per_1000_calls=maybe_money(figures.per_calls(total.spend, total.calls)),
        flows=[show_group(("model", "served_model"), each) for each in flows],
        series=[
            show_group(("day", "served_model"), each)
            for each in sorted(daily, key=lambda each: each.group)
        ],
        baselines=[_baseline(name, entry, days, total, book) for name in names[:_MOST_BASELINES]],
        method=METHOD,
    )


def _baseline(
    model: str,
    entry: ModelDeployment,
    days: Sequence[Day],
    total: SpendLine,
    book: PriceBook,
) -> Baseline:
    listed = price_list(entry.deployment.provider)
    found = baseline(book, listed, entry.deployment.scope, model, days)
    if found.total is None:
        return Baseline(model=model, would_cost=None, saved=None, reason=found.reason)
    reason = ""
    saved: str | None = money(found.total - total.spend)
    if total.unpriced or total.inconsistent or total.unsettled:
        saved, reason = None, "what was spent is not wholly known"
    return Baseline(model=model, would_cost=money(found.total), saved=saved, reason=reason)


def _day(line: SpendLine, calendar: Calendar) -> Day:
    return Day(
        calendar.begins(date.fromisoformat(line.group[0])),
        msgspec.convert({unit: line.tokens.get(unit, 0) for unit in UNITS}, Usage),
    )
