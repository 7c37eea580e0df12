"""How many calls deployments had of late, and what these cost: of the last 24 hours by the rows'
index, or by whole days where a walk through it would take too long.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.money import Usd
from faregate.store.calendar import Calendar
from faregate.store.packing import MICRO
from faregate.store.periods import EPOCH
from faregate.store.protocol import SpendLine, Store, Traffic
from faregate.store.tables import calls
from faregate.store.text import clean, microseconds, seconds

MOST_WALKED = 1_000_000
"""Calls of an answer that is counted from the index. A walk takes 0.1 to 0.2 s for so many."""

_SPAN = 24 * 3600
_AT_ONCE = 400


class Recent(Struct, frozen=True, kw_only=True):
    """What deployments had of late."""

    since: float
    """Unix seconds: 24 hours ago, or when ``day`` began."""
    day: date | None
    """The ledger's day from which on whole days are counted; None: the last 24 hours."""
    data: tuple[Traffic, ...]
    minimum: frozenset[str]
    """Deployments whose spend may be more: on one of the days that these are hours of, they have
    calls whose cost is not known."""


async def recent(
    store: Store, deployments: Sequence[str], *, now: float, most: int = MOST_WALKED
) -> Recent:
    """The last 24 hours of deployments, in their order, up to ``now`` (Unix seconds).

    Where they had more than ``most`` calls on the days that these hours are of, it is those whole
    days, by their sums: then a deployment's spend is what itself charged, failed attempts of calls
    that others answered included. Raises what the store does.
    """
    since = seconds(microseconds(now - _SPAN))
    calendar = await store.calendar()
    first = _first_day(calendar, since)
    days = {line.group[0]: line for line in await store.spend(("deployment",), since=first)}
    lines = {each: days.get(clean(each), _NOTHING) for each in deployments}
    minimum = frozenset(each for each, line in lines.items() if _part_unknown(line))
    if sum(line.calls for line in lines.values()) > most:
        summed = (Traffic(each, line.calls, line.spend) for each, line in lines.items())
        begun = calendar.begins(first)
        return Recent(since=begun, day=first, data=tuple(summed), minimum=minimum)
    # Those without a call on these days have none in the hours, and need not be looked for.
    busy = [each for each, line in lines.items() if line.calls]
    counted = {each.deployment: each for each in await store.traffic(busy, since)}
    data = tuple(counted.get(each, Traffic(each)) for each in lines)
    return Recent(since=since, day=None, data=data, minimum=minimum)


async def counted(
    connection: AsyncConnection, deployments: Sequence[str], since: float
) -> list[Traffic]:
    """Calls and their spend: everything that is asked for is in one index."""
    found: dict[str, tuple[int, Usd]] = {}
    names = sorted({clean(each) for each in deployments})
    at = calls.c
    # In two parts, as the roll-ups have it: pico-dollars added up may not fit into 64 bits.
    sums = (func.sum(at.spend_pico // MICRO), func.sum(at.spend_pico % MICRO))
    for start in range(0, len(names), _AT_ONCE):
        statement = (
            select(at.deployment, func.count(), *sums)
            .where(at.deployment.in_(names[start : start + _AT_ONCE]))
            .where(at.started >= microseconds(since))
            .group_by(at.deployment)
        )
        for name, count, micro, rest in await connection.execute(statement):
            found[name] = (count, int(micro) * MICRO + int(rest))
    return [Traffic(each, *found.get(clean(each), (0, 0))) for each in deployments]


def _first_day(calendar: Calendar, since: float) -> date:
    """The first day that a call of these hours may be of: yesterday, or after a day of 23 hours
    the one before."""
    return EPOCH + timedelta(days=calendar.first_day(microseconds(since)))


def _part_unknown(line: SpendLine) -> bool:
    return bool(line.unpriced or line.inconsistent or line.unsettled)


_NOTHING = SpendLine(group=(), tokens={})
