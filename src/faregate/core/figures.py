"""Figures for people to look at, from amounts that are known: projections, averages, shares.

Nothing here is charged, held or added to anything.
"""

from faregate.core.budget import Account
from faregate.core.windows import bounds
from faregate.money import Usd

_EARLIEST = 20  # a twentieth of the window: before that, one call would foretell a fortune


def projected(account: Account, spent: int, now: float) -> int | None:
    """What will be spent by the end of a calendar window if it goes on as it did until ``now``.

    None for rolling windows and totals, which have no end, and while too little of the window has
    passed to tell.
    """
    if account.window.rolling or account.window.unit == "total":
        return None
    start, end = bounds(account.window, now, account.zone)
    if end is None:
        return None
    length, passed = round((end - start) * 1000), round((now - start) * 1000)
    if passed <= 0 or passed * _EARLIEST < length:
        return None
    return spent * length // passed


def per_calls(spend: Usd, calls: int, count: int = 1000) -> Usd | None:
    """What ``count`` calls cost on average, rounded down; None for no calls."""
    return spend * count // calls if calls else None


def share(part: int, whole: int) -> float | None:
    """A part of the whole, from 0 to 1; None where there is no whole."""
    return part / whole if whole > 0 else None


def quantile(values: list[float], at: float) -> float | None:
    """The value that so many of the sorted ``values`` are at or below; None of none."""
    if not values:
        return None
    return values[min(len(values) - 1, max(0, -int(-at * len(values) // 1) - 1))]
