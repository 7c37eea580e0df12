"""``/api/spend``: what was spent, and on what, from the daily sums."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Query

from faregate.admin.days import Days, days_of
from faregate.admin.narrowing import SpendFilter, day, spend_filter
from faregate.admin.receipts import Tokens
from faregate.admin.table import Table
from faregate.admin.wire import Money, PageQuery, Shown, Who, money, page_by_place
from faregate.errors import BadRequestError
from faregate.store.protocol import DIMENSIONS, Dimension, SpendLine

table = Table("spend")
_PLACES = range(2 * 10**9)
"""In a list of any length: only the lines of a page are made."""


class Sums(Shown):
    """What was spent by a group of calls."""

    calls: int
    failed: int
    """Of them: failed, refused after admission, or lost."""
    tokens: Tokens
    spend: Money
    minimum: bool
    """Whether some cost is not known, so that the spend is at least this."""
    router_fee: Money
    """A part of the spend."""
    priced: int
    estimated: int
    unpriced: int
    inconsistent: int
    unsettled: int


class SpendGroup(Sums):
    """One group of a question about spend."""

    group: dict[str, str]
    """By dimension: `{"model": "gpt", "key": ""}`; empty text for calls without one."""


class SpendPage(Shown):
    """Spend by dimensions, the dearest group first."""

    by: list[Dimension]
    calendar: Days
    since: str | None
    """A day, included."""
    until: str | None
    """Not included."""
    data: list[SpendGroup]
    total: Sums
    """Of everything asked for, not of the page. By `tag`, a call counts under each of its tags, and
    once here."""
    next: str | None


class SpendQuery(SpendFilter, PageQuery):
    """A question about spend."""

    by: str = "model,served_model"
    """Any of key, team, user, tag, model, served_model, deployment, provider, day."""
    since: str | None = None
    """A day, `2026-11-01` or `7d`; included."""
    until: str | None = None
    """Not included."""


@table.route("GET", "/api/spend", "own", "getSpend")
async def get_spend(who: Who, asked: Annotated[SpendQuery, Query()]) -> SpendPage:
    """What was spent, and on what. A key without a role sees its own spend."""
    by = dimensions(asked.by)
    now = time.time()
    store = who.office.store()
    calendar = await store.calendar()
    today = calendar.today(now)
    since, until = day("since", asked.since, today), day("until", asked.until, today)
    only = spend_filter(who, asked)
    ask = partial(store.spend, only=only, since=since, until=until)
    places = page_by_place(_PLACES, asked.cursor, asked.limit)
    skip = places.data[0]
    lines = await ask(by, skip=skip, limit=asked.limit + 1) if by else []
    more = len(lines) > asked.limit
    whole = bool(lines) and not (skip or more or "tag" in by)
    total = add(lines) if whole else (await ask(()))[0]
    return SpendPage(
        by=list(by),
        calendar=days_of(calendar, now),
        since=None if since is None else since.isoformat(),
        until=None if until is None else until.isoformat(),
        data=[show_group(by, each) for each in lines[: asked.limit]],
        total=show_sums(total),
        next=places.next if more else None,
    )


def dimensions(text: str) -> tuple[Dimension, ...]:
    """Dimensions, separated by commas. Raises :class:`BadRequestError`."""
    names = list(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    found = tuple(each for name in names for each in DIMENSIONS if each == name)
    if len(found) != len(names):
        unknown = next(name for name in names if name not in DIMENSIONS)
        raise BadRequestError(
            f"by: {unknown[:40]!r} is none of {', '.join(DIMENSIONS)}",
            code="invalid_request",
            param="by",
        )
    return found


def add(lines: Sequence[SpendLine]) -> SpendLine:
    """Lines added up."""
    tokens: dict[str, int] = {}
    for line in lines:
        for unit, count in line.tokens.items():
            tokens[unit] = tokens.get(unit, 0) + count
    names = (
        "calls",
        "failed",
        "spend",
        "router_fee",
        "priced",
        "estimated",
        "unpriced",
        "inconsistent",
        "unsettled",
    )
    sums = {name: sum(getattr(line, name) for line in lines) for name in names}
    return SpendLine(group=(), tokens=tokens, **sums)


def show_group(by: Sequence[Dimension], line: SpendLine) -> SpendGroup:
    """A group as it is shown."""
    group: dict[str, str] = dict(zip(by, line.group, strict=True))
    return SpendGroup(group=group, **_sums(line))


def show_sums(line: SpendLine) -> Sums:
    """Sums as they are shown."""
    return Sums(**_sums(line))


def _sums(line: SpendLine) -> dict[str, Any]:
    return {
        "calls": line.calls,
        "failed": line.failed,
        "tokens": dict(line.tokens),
        "spend": money(line.spend),
        "minimum": bool(line.unpriced or line.inconsistent or line.unsettled),
        "router_fee": money(line.router_fee),
        "priced": line.priced,
        "estimated": line.estimated,
        "unpriced": line.unpriced,
        "inconsistent": line.inconsistent,
        "unsettled": line.unsettled,
    }
