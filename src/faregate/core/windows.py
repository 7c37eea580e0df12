"""Windows of budgets and limits: which stretch of time an instant belongs to, and when it ends.

A calendar window starts at a boundary of the calendar of a time zone (midnight, Monday, the first
of the month) and is empty again at the next one. A rolling window looks back from now; it is kept
in slots, and a slot counts until all of it is too old, so that a limit holds for *every* stretch of
that length, at the price of waiting up to one slot (a sixtieth of the window) longer.
"""

import math
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

from faregate.errors import ConfigError

WindowUnit: TypeAlias = Literal["second", "day", "month", "total"]

SLOTS = 60
"""Into how many slots a rolling window is divided."""

_DAY = 86_400
_MINUTE, _HOUR, _WEEK = 60, 3_600, 7 * _DAY
_LONGEST_MONTHS = 120
_LATEST = 250_000_000_000.0  # year 9892: the calendar's arithmetic ends soon after
_EPOCH = date(1970, 1, 1).toordinal()
_MONDAY = date(1970, 1, 5).toordinal()
_FORM = (
    "write it like 30s, 5m, 24h, 7d, 2w, 1mo or 1y, or as minute, hourly, daily, weekly, monthly, "
    "yearly or total; 'rolling 24h' looks back from now"
)
_TEXT = re.compile(r"(?:(rolling|calendar)[ _:-]+)?(?:per |every )?(?:([0-9]{1,9}) ?)?([a-z]+)\Z")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "minutely"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "hourly"), _HOUR),
    **dict.fromkeys(("d", "day", "days", "daily"), _DAY),
    **dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), _WEEK),
}
_MONTHS = {
    **dict.fromkeys(("mo", "mon", "month", "months", "monthly"), 1),
    **dict.fromkeys(("y", "yr", "year", "years", "yearly", "annual", "annually"), 12),
}
_TOTALS = ("total", "lifetime", "forever", "never", "none")


class BudgetWindow(Struct, frozen=True):
    """How long spending counts: ``count`` times ``unit``, aligned to the calendar or rolling.

    Make one with :func:`parse_window`. Seconds stand for everything shorter than a day.
    """

    unit: WindowUnit
    count: int = 1
    rolling: bool = False

    def __str__(self) -> str:
        return ("rolling " if self.rolling else "") + self._length()

    def _length(self) -> str:
        if self.unit == "total":
            return "total"
        if self.unit == "month":
            return f"{self.count // 12}y" if self.count % 12 == 0 else f"{self.count}mo"
        if self.unit == "day":
            return f"{self.count // 7}w" if self.count % 7 == 0 else f"{self.count}d"
        for size, letter in ((_HOUR, "h"), (_MINUTE, "m")):
            if self.count % size == 0:
                return f"{self.count // size}{letter}"
        return f"{self.count}s"

    @property
    def seconds(self) -> int:
        """Its length: exact for rolling windows; a month counts as 30 days. 0 for ``total``."""
        if self.unit == "total":
            return 0
        if self.unit == "month":
            years, months = divmod(self.count, 12)
            return (years * 365 + months * 30) * _DAY
        return self.count * (_DAY if self.unit == "day" else 1)


class Bounds(NamedTuple):
    """A calendar window: from ``start`` until before ``end`` (Unix seconds; None: for ever)."""

    start: float
    end: float | None


TOTAL = BudgetWindow("total")
MINUTE = BudgetWindow("second", _MINUTE, rolling=True)
HOUR = BudgetWindow("second", _HOUR, rolling=True)
DAY = BudgetWindow("day", 1, rolling=True)
"""The rolling windows of rate limits."""


def parse_window(text: str, *, rolling: bool = False) -> BudgetWindow:
    """The window a text means: ``30d``, ``1mo``, ``24h``, ``monthly``, ``rolling 7d``, ``total``.

    The spellings are those of LiteLLM's ``budget_duration``, and so is what they mean on the
    calendar: ``7d`` is the week from Monday, ``30d`` the month. A rolling ``30d`` is thirty days.
    Raises :class:`ConfigError` naming the expected form for anything else.
    """
    if not isinstance(text, str):
        raise ConfigError(f"a window must be a text, not {type(text).__name__}; {_FORM}")
    found = _TEXT.match(text.strip().lower())
    if found is None:
        raise ConfigError(f"{text[:40]!r} is no window; {_FORM}")
    mode, number, word = found.groups()
    rolling = rolling if mode is None else mode == "rolling"
    if word in _TOTALS and number is None:
        if rolling:
            raise ConfigError(f"{text[:40]!r}: a total has no length to look back; {_FORM}")
        return TOTAL
    count = 1 if number is None else int(number)
    if word not in _SECONDS and word not in _MONTHS:
        raise ConfigError(f"{text[:40]!r} is no window: {word!r} is no unit of time; {_FORM}")
    if count == 0:
        raise ConfigError(f"{text[:40]!r} is no window: it has no length; {_FORM}")
    if word in _MONTHS:
        window = BudgetWindow("month", count * _MONTHS[word], rolling)
    else:
        window = _of_seconds(count * _SECONDS[word], rolling, text)
    if window.seconds > _LONGEST_MONTHS * 31 * _DAY:
        raise ConfigError(f"{text[:40]!r} is longer than ten years; use total, or {_FORM}")
    return window


def bounds(window: BudgetWindow, now: float, zone: tzinfo = UTC) -> Bounds:
    """The calendar window that ``now`` (Unix seconds) lies in, in the calendar of ``zone``.

    Days have the hours the zone gives them (23 to 25 where clocks change); what is shorter than a
    day is counted from midnight on and ends with the day. An instant outside the calendar is taken
    as its first or last.
    """
    now = min(max(0.0, now), _LATEST)
    if window.unit == "total":
        return Bounds(0.0, None)
    local = datetime.fromtimestamp(now, zone).date()
    if window.unit == "month":
        return _months(window.count, local, zone)
    if window.unit == "day":
        first = _MONDAY + (local.toordinal() - _MONDAY) // window.count * window.count
        return Bounds(midnight_of(first, zone), midnight_of(first + window.count, zone))
    midnight = midnight_of(local.toordinal(), zone)
    morrow = midnight_of(local.toordinal() + 1, zone)
    start = midnight + (now - midnight) // window.count * window.count
    return Bounds(start, min(start + window.count, morrow))


class Slotting(NamedTuple):
    """A rolling window in slots: each ``width`` milliseconds, ``back`` of them before this one."""

    width: int
    back: int

    def slot(self, now: float) -> int:
        """The slot of a Unix instant."""
        return int(min(max(0.0, now), _LATEST) * 1000) // self.width


def slotting(window: BudgetWindow) -> Slotting:
    """How a rolling window is kept."""
    length = window.seconds * 1000
    width = math.ceil(length / SLOTS)
    return Slotting(width, math.ceil(length / width))


def _of_seconds(seconds: int, rolling: bool, text: str) -> BudgetWindow:
    if seconds < _DAY:
        return BudgetWindow("second", seconds, rolling)
    days, rest = divmod(seconds, _DAY)
    if rest:
        if rolling:
            return BudgetWindow("second", seconds, rolling=True)
        raise ConfigError(f"{text[:40]!r} is more than a day but not whole days; {_FORM}")
    if days == 30 and not rolling:
        return BudgetWindow("month")
    return BudgetWindow("day", days, rolling)


def _months(count: int, local: date, zone: tzinfo) -> Bounds:
    first = (local.year * 12 + local.month - 1) // count * count
    start, end = (date(each // 12, each % 12 + 1, 1) for each in (first, first + count))
    return Bounds(midnight_of(start.toordinal(), zone), midnight_of(end.toordinal(), zone))


def midnight_of(day: int, zone: tzinfo) -> float:
    """When a day begins; where the clocks skip midnight, when they do so."""
    first = date.fromordinal(day)
    moment = datetime(first.year, first.month, first.day, tzinfo=zone)
    if moment.utcoffset() == timedelta(0):
        return (day - _EPOCH) * float(_DAY)
    return moment.timestamp()
