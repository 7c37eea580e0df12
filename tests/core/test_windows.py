"""Windows: what a text means, and the stretch of time an instant lies in."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.windows import (
    DAY,
    MINUTE,
    SLOTS,
    TOTAL,
    BudgetWindow,
    bounds,
    parse_window,
    slotting,
)
from faregate.errors import ConfigError

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
         "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Africa/Cairo")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("30s", BudgetWindow("second", 30)),
        ("5m", BudgetWindow("second", 300)),
        ("24h", BudgetWindow("day", 1)),
        ("1d", BudgetWindow("day", 1)),
        ("daily", BudgetWindow("day", 1)),
        ("per day", BudgetWindow("day", 1)),
        ("7d", BudgetWindow("day", 7)),
        ("weekly", BudgetWindow("day", 7)),
        ("2w", BudgetWindow("day", 14)),
        ("30d", BudgetWindow("month", 1)),
        ("rolling 30d", BudgetWindow("day", 30, rolling=True)),
        ("1mo", BudgetWindow("month", 1)),
        ("Monthly", BudgetWindow("month", 1)),
        (" 3 months ", BudgetWindow("month", 3)),
        ("1y", BudgetWindow("month", 12)),
        ("rolling 36h", BudgetWindow("second", 129_600, rolling=True)),
        ("rolling-minute", MINUTE),
        ("total", TOTAL),
        ("lifetime", TOTAL),
    ],
)
def test_spellings(text: str, window: BudgetWindow) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text",
    ["", "0d", "-1d", "1.5h", "fortnight", "d1", "30", "30 fathoms", "36h", "11y", "99999999d",
     "rolling total", "1d1h", "9" * 40 + "d", "1d; drop table", "monthly monthly", "٣d"],
)  # fmt: skip
def test_nonsense_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"30s, 5m, 24h, 7d|ten years"):
        parse_window(text)


def test_a_window_that_is_no_text() -> None:
    with pytest.raises(ConfigError, match="must be a text, not int"):
        parse_window(30)  # type: ignore[arg-type]


@given(st.sampled_from(("s", "m", "h", "d", "w", "mo", "y")), st.integers(1, 40), st.booleans())
def test_a_window_is_written_as_it_is_read(unit: str, count: int, rolling: bool) -> None:
    try:
        window = parse_window(f"{count}{unit}", rolling=rolling)
    except ConfigError:
        return
    assert parse_window(str(window)) == window


def instant(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("window", "zone", "now", "start", "end"),
    [
        ("1mo", "UTC", "2028-02-29T23:59:59", "2028-02-01", "2028-03-01"),
        ("1mo", "UTC", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("3mo", "UTC", "2026-11-22", "2026-10-01", "2027-01-01"),
        ("1y", "UTC", "2026-11-22", "2026-01-01", "2027-01-01"),
        ("1w", "UTC", "2026-11-22T12:00", "2026-11-16", "2026-11-23"),
        ("1d", "UTC", "2028-02-29T00:00", "2028-02-29", "2028-03-01"),
        ("1d", "Asia/Kolkata", "2026-11-22T00:10", "2026-11-22", "2026-11-23"),
        ("6h", "UTC", "2026-11-22T13:00", "2026-11-22T12:00", "2026-11-22T18:00"),
        ("7h", "UTC", "2026-11-22T23:00", "2026-11-22T21:00", "2026-11-23T00:00"),
        ("15m", "UTC", "2026-11-22T13:29:59", "2026-11-22T13:15", "2026-11-22T13:30"),
        # The clocks of Berlin: the 29th of March has 23 hours, the 25th of October 25.
        ("1d", "Europe/Berlin", "2026-03-29T12:00", "2026-03-29", "2026-03-30"),
        ("1d", "Europe/Berlin", "2026-10-25T12:00", "2026-10-25", "2026-10-26"),
        ("1mo", "Europe/Berlin", "2026-03-31T23:59", "2026-03-01", "2026-04-01"),
        # Beirut skips the midnight of this day, so it begins at one o'clock.
        ("1d", "Asia/Beirut", "2026-03-29T12:00", "2026-03-29T01:00", "2026-03-30"),
    ],
)
def test_calendar_windows(window: str, zone: str, now: str, start: str, end: str) -> None:
    found = bounds(parse_window(window), instant(now, zone), ZoneInfo(zone))
    assert found == (instant(start, zone), instant(end, zone))


def test_days_have_the_hours_their_zone_gives_them() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = bounds(parse_window("1d"), instant("2026-03-29T12:00", "Europe/Berlin"), berlin)
    autumn = bounds(parse_window("1d"), instant("2026-10-25T12:00", "Europe/Berlin"), berlin)
    lengths = [end - start for start, end in (spring, autumn) if end is not None]
    assert lengths == [23 * 3600, 25 * 3600]


@given(
    st.sampled_from(("30s", "7m", "1h", "5h", "1d", "3d", "1w", "1mo", "5mo", "1y", "total")),
    st.sampled_from(ZONES),
    st.floats(0, 4e9),
)
def test_windows_leave_no_gap_and_do_not_overlap(text: str, zone: str, now: float) -> None:
    window, place = parse_window(text), ZoneInfo(zone)
    start, end = bounds(window, now, place)
    assert start <= now
    if end is None:
        assert window is TOTAL
        return
    assert now < end
    assert bounds(window, end, place).start == end
    assert bounds(window, start, place) == (start, end)


@pytest.mark.parametrize("now", [-1e30, -1.0, 0.0, 1e30, float("inf"), float("nan")])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("America/New_York")])
def test_instants_outside_the_calendar(now: float, zone: tzinfo) -> None:
    start, end = bounds(parse_window("1mo"), now, zone)
    assert end is not None
    assert timedelta(days=28) <= timedelta(seconds=end - start) <= timedelta(days=31, hours=1)


@given(st.integers(1, 3 * 10**8))
def test_a_rolling_window_is_covered_by_its_slots(seconds: int) -> None:
    width, back = slotting(BudgetWindow("second", seconds, rolling=True))
    assert seconds * 1000 <= width * back < seconds * 1000 + width
    assert back <= SLOTS


def test_slots_of_the_usual_windows() -> None:
    assert slotting(MINUTE) == (1000, 60)
    assert slotting(DAY) == (24 * 60_000, 60)
    assert slotting(MINUTE).slot(61.5) == 61
