"""Days, months, and how a range of days is read from both roll-ups. Pure."""

from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

EPOCH = date(1970, 1, 1)


class Part(NamedTuple):
    """A range of one roll-up that is added (``sign`` 1) or taken away (-1); ``until`` excluded."""

    monthly: bool
    since: int | None
    until: int | None
    sign: int = 1


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


@lru_cache(maxsize=4096)
def day_text(number: int) -> str:
    """The day as ``2026-11-22``."""
    return (EPOCH + timedelta(days=number)).isoformat()


def month_number(day: int) -> int:
    """Months since 1970-01 of a day number."""
    found = EPOCH + timedelta(days=day)
    return (found.year - 1970) * 12 + found.month - 1


def first_day(month: int) -> int:
    """The day number a month begins with."""
    year = 1970 + month // 12
    if year > date.max.year:
        return day_number(date.max) + 1
    return day_number(date(year, month % 12 + 1, 1))


def parts(since: date | None, until: date | None) -> list[Part]:
    """The fewest lines to read for ``since`` (included) to ``until`` (not).

    Whole months come from the monthly roll-up. A month at an edge is read as days, or as the month
    less the days outside, whichever is fewer; sums are exact either way.
    """
    start = None if since is None else day_number(since)
    end = None if until is None else day_number(until)
    if start is not None and end is not None and end - start <= 31:
        return [Part(False, start, end)] if end > start else []
    edges: list[Part] = []
    first = last = None
    if start is not None:
        first, rest = _edge_after(start)
        edges += rest
    if end is not None:
        last, rest = _edge_before(end)
        edges += rest
    return [Part(True, first, last), *edges]


def _edge_after(start: int) -> tuple[int, list[Part]]:
    """The first month to read, and what puts its days before ``start`` right."""
    month = month_number(start)
    begin, following = first_day(month), first_day(month + 1)
    if start == begin:
        return month, []
    if following - start <= start - begin:
        return month + 1, [Part(False, start, following)]
    return month, [Part(False, begin, start, -1)]


def _edge_before(end: int) -> tuple[int, list[Part]]:
    """The month to stop before, and what puts its days up to ``end`` right."""
    month = month_number(end)
    begin, following = first_day(month), first_day(month + 1)
    if end == begin:
        return month, []
    if end - begin <= following - end:
        return month, [Part(False, begin, end)]
    return month + 1, [Part(False, end, following, -1)]
