"""The calendar: which day an instant belongs to, in any zone, across pieces."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.store import calendar as module
from faregate.store.calendar import BEYOND, Calendar, Piece, starts
from faregate.store.periods import EPOCH, day_number

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Monrovia",
)
HOUR, DAY = 3_600_000_000, 86_400_000_000


def micro(text: str) -> int:
    """An instant as the ledger has it."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def of(zone: str) -> Calendar:
    return Calendar((Piece(0, zone),))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-11-22", 24),
        ("America/Los_Angeles", "2026-03-08", 23),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Sao_Paulo", "2018-11-04", 23),  # the clocks skip midnight
        ("America/Havana", "2024-11-03", 25),  # the hour after midnight comes twice
        ("Pacific/Apia", "2011-12-30", 0),  # a day that never was
        ("UTC", "2026-03-29", 24),
    ],
)
def test_a_day_has_the_hours_its_zone_gives_it(zone: str, day: str, hours: float) -> None:
    number = day_number(date.fromisoformat(day))
    first, end = starts(zone, number), starts(zone, number + 1)
    assert end - first == hours * HOUR
    if hours:
        assert of(zone).extents(number) == [(first, end)]
        assert of(zone).day(first) == of(zone).day(end - 1) == number
    assert of(zone).day(first - 1) < number < of(zone).day(end) or not hours


@pytest.mark.parametrize("zone", ZONES)
def test_it_is_the_date_on_the_wall(zone: str) -> None:
    calendar, place = of(zone), ZoneInfo(zone)
    for step in range(0, 3 * 366 * 24, 7):
        at = micro("2026-01-01") + step * HOUR + 59
        wall = datetime.fromtimestamp(at / 1_000_000, place)
        assert calendar.day(at) == day_number(wall.date()), wall
        assert calendar.today(at / 1_000_000) == wall.date()


@given(zone=st.sampled_from(ZONES), at=st.integers(0, BEYOND - 1))
def test_every_instant_is_within_its_day(zone: str, at: int) -> None:
    calendar = of(zone)
    day = calendar.day(at)
    assert starts(zone, day) <= at
    assert at < starts(zone, day + 1) or at >= BEYOND - 3 * DAY
    assert of(zone).day(at) == calendar.day(at) == day


def test_the_zone_is_asked_once_a_day_and_not_once_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = module._day_in

    def count(zone: str, at: int) -> int:
        asked.append(at)
        return real(zone, at)

    monkeypatch.setattr(module, "_day_in", count)
    calendar = of("Europe/Berlin")
    first = micro("2026-11-22T00:00")
    days = [calendar.day(first + minute * 60_000_000) for minute in range(24 * 60)]
    assert len(set(days)) == len(asked) == 2


def test_pieces_meet_without_a_gap() -> None:
    since = micro("2026-11-10T05:00")
    calendar = Calendar((Piece(0, "UTC"), Piece(since, "America/Los_Angeles")))
    tenth = day_number(date(2026, 11, 10))
    assert calendar.zone == "America/Los_Angeles"
    assert calendar.zone_since == since / 1_000_000
    assert [calendar.day(since - 1), calendar.day(since)] == [tenth, tenth - 1]
    assert calendar.extents(tenth - 1) == [
        (since - 29 * HOUR, since - 5 * HOUR),
        (since, since + 3 * HOUR),
    ]
    assert calendar.extents(tenth) == [
        (since - 5 * HOUR, since),
        (since + 3 * HOUR, since + 27 * HOUR),
    ]
    assert calendar.first_day(since - 1) == tenth - 1
    assert calendar.begins(date(2026, 11, 9)) == (since - 29 * HOUR) / 1_000_000
    assert calendar.begins(date(2026, 11, 11)) == (since + 27 * HOUR) / 1_000_000


@given(
    pieces=st.lists(st.tuples(st.integers(0, 400), st.sampled_from(ZONES)), max_size=4),
    hours=st.integers(-40, 9_700),
)
def test_extents_and_days_say_the_same(pieces: list[tuple[int, str]], hours: int) -> None:
    begin = micro("2026-01-01")
    sinces = sorted({begin + at * DAY + 5 * HOUR: zone for at, zone in pieces}.items())
    calendar = Calendar((Piece(0, "UTC"), *(Piece(*each) for each in sinces)))
    at = begin + hours * HOUR
    inside = [low <= at < high for low, high in calendar.extents(calendar.day(at))]
    assert inside.count(True) == 1
    assert calendar.first_day(at) <= calendar.day(at)
    for day in (calendar.day(at) + 1, calendar.day(at) - 1):
        assert not any(low <= at < high for low, high in calendar.extents(day))


def test_a_date_begins_when_its_zone_says_so() -> None:
    berlin = of("Europe/Berlin")
    assert berlin.begins(date(2026, 11, 22)) == micro("2026-11-21T23:00") / 1_000_000
    assert berlin.begins(date(2026, 7, 1)) == micro("2026-06-30T22:00") / 1_000_000
    assert berlin.midnight(date(2026, 7, 1)).isoformat() == "2026-07-01T00:00:00+02:00"
    assert Calendar().midnight(date(2026, 7, 1)).isoformat() == "2026-07-01T00:00:00+00:00"
    assert berlin.begins(date.max) > berlin.begins(date.max - timedelta(days=1))
    assert berlin.begins(EPOCH - timedelta(days=9)) == 0.0


def test_what_is_moved_next() -> None:
    calendar = Calendar().changed("Europe/Berlin")
    noon = micro("2026-11-22T12:00")
    assert calendar.zone_since is not None
    assert calendar.day(noon) == day_number(date(2026, 11, 22))
    late = calendar.to_move(micro("2026-11-22T23:30"))
    assert late is not None
    assert late.since == micro("2026-11-22T23:00")
    assert late.after == late.before + 1
    calendar = calendar.moved(late.since)
    again = calendar.to_move(noon)
    assert again is not None
    assert again.since == micro("2026-11-22T00:00")
    assert again.after == again.before
    calendar = calendar.moved(again.since)
    assert calendar.to_move(noon) is None
    assert calendar.settled([]).pieces == (Piece(0, "Europe/Berlin"),)
    assert calendar.settled([again.before]).pieces == (Piece(0, "Europe/Berlin"),)
    assert calendar.settled([again.before - 3, again.before]).pieces == calendar.pieces


def test_a_choice_that_is_taken_back_leaves_nothing() -> None:
    assert Calendar().changed("UTC").pieces == Calendar().pieces
    assert Calendar().changed("Asia/Tokyo").changed("UTC").pieces == Calendar().pieces
    half = Calendar().changed("Asia/Tokyo").moved(micro("2026-11-01"))
    back = half.changed("UTC")
    assert [each.zone for each in back.pieces] == ["UTC", "Asia/Tokyo", "UTC"]
    move = back.to_move(micro("2026-11-22T12:00"))
    assert move is not None
    assert back.moved(micro("2026-11-01")).pieces == Calendar().pieces


def test_with_no_row_left_the_days_there_are_keep_their_zone() -> None:
    last = day_number(date(2026, 11, 22))
    calendar = Calendar().changed("Asia/Tokyo").settled([last - 5, last])
    assert calendar.pieces == (Piece(0, "UTC"), Piece(micro("2026-11-23"), "Asia/Tokyo"))
    assert calendar.settled([last]).pieces == calendar.pieces
