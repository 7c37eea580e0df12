"""Projections, averages, shares and quantiles."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from faregate.core.budget import Account
from faregate.core.figures import per_calls, projected, quantile, share
from faregate.core.windows import parse_window

NOON = 1_795_348_800.0  # 2026-11-22 12:00 UTC, a Sunday
DAILY = Account(id="usd/x", measure="usd", limit=100, window=parse_window("1d"))


def test_half_a_day_foretells_the_whole() -> None:
    assert projected(DAILY, 21, NOON) == 42
    assert projected(replace(DAILY, zone=ZoneInfo("America/New_York")), 21, NOON) == 72  # 07:00
    assert projected(replace(DAILY, window=parse_window("7d")), 13, NOON) == 14


def test_nothing_is_foretold_of_what_has_no_end_or_has_just_begun() -> None:
    for window in ("total", "rolling 24h"):
        assert projected(replace(DAILY, window=parse_window(window)), 21, NOON) is None
    midnight = NOON - 43_200
    assert projected(DAILY, 21, midnight) is None
    assert projected(DAILY, 21, midnight + 4_319) is None
    assert projected(DAILY, 21, midnight + 4_320) == 420


@given(st.integers(0, 10**24), st.floats(NOON - 43_000, NOON + 43_000))
def test_a_projection_is_never_less_than_what_is_spent(spent: int, now: float) -> None:
    found = projected(DAILY, spent, now)
    assert found is None or found >= spent


def test_averages_and_shares() -> None:
    assert per_calls(10, 3) == 3_333
    assert per_calls(10, 3, 1) == 3
    assert per_calls(10, 0) is None
    assert share(1, 4) == 0.25
    assert share(1, 0) is None


@pytest.mark.parametrize(
    ("values", "at", "found"),
    [
        ([], 0.5, None),
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([float(each) for each in range(1, 101)], 0.95, 95.0),
        ([float(each) for each in range(1, 101)], 1.0, 100.0),
    ],
)
def test_quantiles(values: list[float], at: float, found: float | None) -> None:
    assert quantile(values, at) == found
