"""``/api/overview``: the figures of the first page, from the daily sums."""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from fastapi import Query

from faregate.admin.days import Days, days_of
from faregate.admin.latency import Latency, latency
from faregate.admin.narrowing import own
from faregate.admin.spend import SpendGroup, Sums, add, show_group, show_sums
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Instant, Shown, Who, instant
from faregate.core import figures
from faregate.store.protocol import Filter, SpendLine

table = Table("overview")

_SAMPLE = 5000
"""Calls that latencies are taken of, at most: the last ones."""
_TOP = 10


class Period(Shown):
    """Some days up to now, and as many before them."""

    days: int
    since: str
    """The first day; the last one is today."""
    now: Sums
    before: Sums


class Overview(Shown):
    """The figures of the first page."""

    at: Instant
    calendar: Days
    days: int
    today: Period
    week: Period
    month: Period
    range: Period
    """The days that were asked for; everything below is of them."""
    error_rate: float | None
    """Failed calls of all, from 0 to 1; null without calls."""
    latency: Latency
    series: list[SpendGroup]
    """By `day` and `served_model`, in the order of the days."""
    top_keys: list[SpendGroup]
    top_teams: list[SpendGroup]
    top_models: list[SpendGroup]
    """By `served_model`."""


@table.route("GET", "/api/overview", "own", "getOverview")
async def get_overview(who: Who, days: Annotated[int, Query(ge=1, le=366)] = 7) -> Overview:
    """Spend, calls, errors and latency of the last days, against as many before them. A key
    without a role sees what is its own."""
    now = time.time()
    only = own(who, Filter())
    store = who.office.store()
    calendar = await store.calendar()
    today = calendar.today(now)
    longest = max(days, 30) * 2
    begin = today - timedelta(days=longest - 1)
    by_day = await store.spend(("day",), only=only, since=begin)
    since = today - timedelta(days=days - 1)
    series = await store.spend(("day", "served_model"), only=only, since=since)
    keys = await store.spend(("key",), only=only, since=since)
    teams = await store.spend(("team",), only=only, since=since)
    models = await store.spend(("served_model",), only=only, since=since)
    wanted = _period(by_day, today, days)
    return Overview(
        at=instant(now),
        calendar=days_of(calendar, now),
        days=days,
        today=_period(by_day, today, 1),
        week=_period(by_day, today, 7),
        month=_period(by_day, today, 30),
        range=wanted,
        error_rate=figures.share(wanted.now.failed, wanted.now.calls),
        latency=await _latency(who, only, calendar.begins(since)),
        series=[
            show_group(("day", "served_model"), each)
            for each in sorted(series, key=lambda each: each.group)
        ],
        top_keys=[show_group(("key",), each) for each in keys[:_TOP]],
        top_teams=[show_group(("team",), each) for each in teams[:_TOP]],
        top_models=[show_group(("served_model",), each) for each in models[:_TOP]],
    )


def _period(by_day: Sequence[SpendLine], today: date, days: int) -> Period:
    since = today - timedelta(days=days - 1)
    before = since - timedelta(days=days)
    first, middle = since.isoformat(), before.isoformat()
    return Period(
        days=days,
        since=first,
        now=show_sums(add([each for each in by_day if each.group[0] >= first])),
        before=show_sums(add([each for each in by_day if middle <= each.group[0] < first])),
    )


async def _latency(who: Asked, only: Filter, since: float) -> Latency:
    """Of the last completed calls: the log knows them in full, the sums do not."""
    narrowed = Filter(key=only.key, outcome=("completed",), since=since)
    found = await who.office.store().durations(narrowed, limit=_SAMPLE + 1)
    return latency(found[:_SAMPLE], complete=len(found) <= _SAMPLE)
