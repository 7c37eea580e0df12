"""Days as they are shown: in which zone sums are made, and which day it is there."""

from faregate.admin.wire import Instant, Shown, maybe_instant
from faregate.store.calendar import Calendar


class Days(Shown):
    """The ledger's days. They are the same for everybody, wherever they read this."""

    zone: str
    """By its IANA name."""
    since: Instant | None
    """From here on; what lies before is summed by the days of another zone. Null: all that is
    known."""
    today: str


def days_of(calendar: Calendar, now: float) -> Days:
    """The days of a calendar, at an instant (Unix seconds)."""
    return Days(
        zone=calendar.zone,
        since=maybe_instant(calendar.zone_since),
        today=calendar.today(now).isoformat(),
    )
