"""The ledger's days: which day an instant belongs to, in the zone days are reported in. Pure.

A ledger has one zone at a time, for everybody. When another is chosen, rows are moved to their days
in it from the newest on; until that is done, and for good where older rows were purged, what lies
further back keeps the days it was booked on. So a calendar is made of pieces: from an instant on,
days are those of a zone.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from faregate.core.windows import midnight_of
from faregate.core.zones import read_zone
from faregate.store.periods import EPOCH, day_number
from faregate.store.rollup import DAY
from faregate.store.text import microseconds, seconds

BEYOND = 253_402_300_800_000_000
"""After every instant a row may have, in microseconds."""

_DAY = DAY * 1_000_000
_FIRST_ORDINAL = EPOCH.toordinal()
_LAST = day_number(date.max)
_MIDNIGHT_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class Piece(NamedTuple):
    """From an instant on (microseconds), days are those of a zone."""

    since: int
    zone: str


class Stretch(NamedTuple):
    """Microseconds, ``until`` excluded, that are all of one day now and of one day afterwards."""

    since: int
    until: int
    before: int
    after: int


FOR_EVER = (Piece(0, "UTC"),)
"""The calendar of a ledger for which no zone was chosen."""


class Calendar:
    """Days by their numbers since 1970-01-01, instants in microseconds.

    The day that was asked for last is remembered with its bounds, since rows come in the order of
    time: for most of them a day is two comparisons.
    """

    def __init__(self, pieces: Sequence[Piece] = FOR_EVER) -> None:
        """``pieces`` in order; the first begins at 0."""
        self.pieces = tuple(pieces)
        self._since = self._until = self._day = 0
        self._extents: dict[int, list[tuple[int, int]]] = {}

    def __repr__(self) -> str:
        return f"Calendar({self.pieces})"

    @property
    def zone(self) -> str:
        """The name of the zone whose days are counted now."""
        return self.pieces[-1].zone

    @property
    def zone_since(self) -> float | None:
        """From when on (Unix seconds) days are those of :attr:`zone`; None: all that are known.

        Where the zone was chosen a moment ago and no day is counted in it yet: the last second
        there is a date for.
        """
        since = self.pieces[-1].since
        return seconds(min(since, BEYOND - 1_000_000)) if since else None

    def day(self, at: int) -> int:
        """The day of an instant."""
        if self._since <= at < self._until:
            return self._day
        for (since, zone), (until, _) in pairwise((*self.pieces, Piece(BEYOND, ""))):
            if at < until or until == BEYOND:
                self._day = day = _day_in(zone, at)
                self._since = max(since, starts(zone, day)) if since else starts(zone, day)
                self._until = min(until, starts(zone, day + 1))
                return day
        raise AssertionError  # pragma: no cover - the last piece has no end

    def extents(self, day: int) -> list[tuple[int, int]]:
        """What a day is made of, ends excluded: one stretch, but where pieces meet."""
        found = self._extents.get(day)
        if found is None:
            found = self._extents[day] = self._parts(day)
        return found

    def _parts(self, day: int) -> list[tuple[int, int]]:
        found = []
        for (since, zone), (until, _) in pairwise((*self.pieces, Piece(BEYOND, ""))):
            first = starts(zone, day)
            low, high = max(since, first) if since else first, min(until, starts(zone, day + 1))
            if low < high:
                found.append((low, high))
        # Between two pieces a day may have been skipped: only purged rows are of it.
        return found or [(starts(self.zone, day), starts(self.zone, day + 1))]

    def first_day(self, since: int) -> int:
        """The first day that anything may be of that started at an instant or later."""
        later = [_day_in(zone, at) for at, zone in self.pieces if since < at < BEYOND]
        return min([self.day(since), *later])

    def today(self, now: float) -> date:
        """The date of an instant (Unix seconds)."""
        return EPOCH + timedelta(days=self.day(microseconds(now)))

    def begins(self, day: date) -> float:
        """The first instant of a day (Unix seconds)."""
        number = day_number(day)
        for (since, zone), (until, _) in pairwise((*self.pieces, Piece(BEYOND, ""))):
            found = max(since, starts(zone, number))
            if found < until:
                return found / 1_000_000
        return seconds(BEYOND)

    def midnight(self, day: date) -> datetime:
        """The first instant of a day, as the clocks there show it."""
        return datetime.fromtimestamp(self.begins(day), read_zone(self._zone_of(day)))

    def _zone_of(self, day: date) -> str:
        at = microseconds(self.begins(day))
        return next(zone for since, zone in reversed(self.pieces) if since <= at)

    def to_move(self, newest: int) -> Stretch | None:
        """Up to and with a row that started at ``newest``, what is moved next to the last zone.

        None: that row and all later ones are where they belong.
        """
        last = self.pieces[-1]
        if newest >= last.since:
            return None
        since, zone = next(each for each in reversed(self.pieces) if each.since <= newest)
        before, after = _day_in(zone, newest), _day_in(last.zone, newest)
        low = since
        if zone != last.zone:
            low = max(since, starts(zone, before), starts(last.zone, after))
        return Stretch(low, newest + 1, before, after)

    def moved(self, since: int) -> "Calendar":
        """The calendar once everything from ``since`` on counts in the last zone."""
        kept = [each for each in self.pieces[:-1] if each.since < since]
        while kept and kept[-1].zone == self.zone:
            since = kept.pop().since
        return Calendar((*kept, Piece(since if kept else 0, self.zone)))

    def settled(self, days: Sequence[int]) -> "Calendar":
        """The calendar when no row is left to be moved and these are the days there are sums of:
        what came before the last zone stays where some of them are of it."""
        whole = Calendar((Piece(0, self.zone),))
        if not days:
            return whole
        since = min(self.pieces[-1].since, self.extents(max(days))[-1][1])
        return self.moved(since) if since < BEYOND and min(days) < whole.day(since) else whole

    def changed(self, zone: str) -> "Calendar":
        """The calendar as it is when a zone was chosen and nothing was moved yet."""
        return Calendar((*self.pieces, Piece(BEYOND, zone))).moved(BEYOND)


@lru_cache(maxsize=4096)
def starts(zone: str, day: int) -> int:
    """When a day begins in a zone; where clocks skip midnight, when they do so."""
    if zone == "UTC":
        return day * _DAY
    if not -_FIRST_ORDINAL < day <= _LAST:
        return BEYOND if day > 0 else -BEYOND
    return round(midnight_of(_FIRST_ORDINAL + day, _zone(zone)) * 1_000_000)


def _day_in(zone: str, at: int) -> int:
    if zone == "UTC":
        return at // _DAY
    # Two days are kept free for the offset at the end of the calendar.
    moment = _MIDNIGHT_1970 + timedelta(microseconds=min(at, BEYOND - 2 * _DAY))
    day = moment.astimezone(_zone(zone)).toordinal() - _FIRST_ORDINAL
    # Clocks that are set back over midnight, or over a day, leave a day before it has ended.
    while at >= starts(zone, day + 1):
        day += 1
    while at < starts(zone, day):
        day -= 1
    return day


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    return read_zone(name)
