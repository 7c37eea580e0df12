"""Calls and spend of deployments in the last 24 hours: to the microsecond and the pico-dollar."""

from datetime import date

import pytest

from faregate.store.day_moves import move_all
from faregate.store.protocol import Dimension, Filter, Store, Traffic
from faregate.store.traffic import recent
from faregate.types import Row
from tests.store.ledgers import DAY, HOUR, NOON, a_charge, a_receipt, a_row

DEPLOYMENTS = ("a", "b", "none")


def a_call(number: int, at: float, deployment: str, total: int | None = 543) -> Row:
    """A call that a deployment answered and charged for."""
    receipt = a_receipt(a_charge(total, deployment=deployment))
    return a_row(number, at, deployment=deployment, receipt=receipt)


def every_hour() -> list[Row]:
    """A call in each of the 96 hours up to noon, two of three to ``a``."""
    return [
        a_call(hour, NOON - hour * HOUR, "b" if hour % 3 == 0 else "a", 10**12 + hour)
        for hour in range(96)
    ]


async def behind(store: Store, deployment: str, since: float) -> Traffic:
    """What the log's rows add up to."""
    page = await store.rows(Filter(deployment=(deployment,), since=since), limit=1000)
    assert page.cursor is None
    return Traffic(deployment, len(page.entries), sum(each.spend for each in page.entries))


async def test_the_instant_itself_counts(store: Store) -> None:
    await store.append(
        [
            a_call(1, NOON - 0.000001, "a", 1_000),
            a_call(2, NOON, "a", 2_000),
            a_call(3, NOON + 0.000001, "a", 4_000),
            a_call(4, NOON, "b", 8_000),
            a_call(5, NOON, "another", 16_000),
        ]
    )
    assert await store.traffic(("b", "none", "a"), NOON) == [
        Traffic("b", 1, 8_000),
        Traffic("none", 0, 0),
        Traffic("a", 2, 6_000),
    ]
    assert await store.traffic(["a"], NOON + 0.000001) == [Traffic("a", 1, 4_000)]
    assert await store.traffic(["a"], NOON + 1) == [Traffic("a")]
    assert await store.traffic([], 0.0) == []


async def test_sums_are_exact_beyond_64_bits(store: Store) -> None:
    most = 9_199_999_999_999_999_999
    totals = [most, most - 1, most - 999_999, 1, 999_999]
    await store.append([a_call(n, NOON + n, "a", each) for n, each in enumerate(totals)])
    assert await store.traffic(["a"], NOON) == [Traffic("a", 5, sum(totals))]


async def test_as_many_deployments_as_there_are(store: Store) -> None:
    names = [f"deployment-{number}" for number in range(900)]
    await store.append([a_call(n, NOON, names[n], 500 + n) for n in (0, 399, 400, 899)])
    found = await store.traffic(names, NOON)
    assert [each.deployment for each in found] == names
    assert {n: each.spend for n, each in enumerate(found) if each.calls} == {
        0: 500, 399: 899, 400: 900, 899: 1399,
    }  # fmt: skip


async def test_names_a_column_cannot_hold_are_found_again(store: Store) -> None:
    names = ["d\x00", "x" * 300]
    await store.append([a_call(n, NOON, each) for n, each in enumerate(names)])
    assert await store.traffic(names, NOON) == [Traffic(each, 1, 543) for each in names]
    last = await recent(store, names, now=NOON)
    assert [(each.deployment, each.calls) for each in last.data] == [(n, 1) for n in names]


@pytest.mark.parametrize("now", [NOON, NOON + 0.123457, NOON - 12.5 * HOUR])
async def test_the_last_24_hours_are_what_the_log_has_of_them(store: Store, now: float) -> None:
    await store.append([each for each in every_hour() if each.started <= now])
    found = await recent(store, DEPLOYMENTS, now=now)
    assert found.day is None
    assert found.since == pytest.approx(now - DAY, abs=0.000001)
    assert sum(each.calls for each in found.data) in (24, 25)
    assert list(found.data) == [await behind(store, each, found.since) for each in DEPLOYMENTS]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
async def test_too_many_calls_are_counted_by_whole_days(store: Store, zone: str) -> None:
    await store.keep_days_in(zone)
    await move_all(store)
    await store.append(every_hour())
    found = await recent(store, DEPLOYMENTS, now=NOON, most=10)
    assert found.day == date(2026, 11, 21)
    assert found.since == (await store.calendar()).begins(found.day)
    assert NOON - 2 * DAY < found.since < NOON - DAY
    assert list(found.data) == [await behind(store, each, found.since) for each in DEPLOYMENTS]


async def test_calls_of_other_deployments_are_not_too_many(store: Store) -> None:
    await store.append(every_hour())
    found = await recent(store, ["b"], now=NOON, most=13)
    assert found.data == (await behind(store, "b", NOON - DAY),)


async def test_a_day_of_23_hours_leaves_out_none(store: Store) -> None:
    # Half past midnight of the day after Berlin lost an hour; 24 hours ago it was Saturday.
    now = 1_774_823_400.0
    await store.keep_days_in("Europe/Berlin")
    await move_all(store)
    await store.append([a_call(1, now - DAY + 60, "a"), a_call(2, now - DAY - 60, "a")])
    assert (await store.calendar()).today(now) == date(2026, 3, 30)
    (found,) = (await recent(store, ["a"], now=now)).data
    assert found.calls == 1
    by_days = await recent(store, ["a"], now=now, most=0)
    assert (by_days.day, by_days.data) == (date(2026, 3, 28), (Traffic("a", 2, 2 * 543),))


@pytest.mark.parametrize("most", [10, 1000])
async def test_days_that_are_moved_change_nothing(store: Store, most: int) -> None:
    await store.append(every_hour())
    await store.keep_days_in("Pacific/Auckland")
    await store.move_days(batch=20)
    meanwhile = await recent(store, DEPLOYMENTS, now=NOON, most=most)
    await move_all(store)
    after = await recent(store, DEPLOYMENTS, now=NOON, most=most)
    for found in (meanwhile, after):
        rows = [await behind(store, each, found.since) for each in DEPLOYMENTS]
        assert list(found.data) == rows


async def test_a_cost_that_is_not_known_is_said(store: Store) -> None:
    await store.append(
        [a_call(1, NOON, "a"), a_call(2, NOON, "b", None), a_call(3, NOON - 2 * DAY, "a", None)]
    )
    for most in (0, 1000):
        found = await recent(store, DEPLOYMENTS, now=NOON, most=most)
        assert found.minimum == {"b"}
        assert [each.spend for each in found.data] == [543, 43, 0]


async def test_a_failed_attempts_charge(store: Store) -> None:
    """A call that ``b`` answered after ``a`` had charged for it and failed."""
    charges = (a_charge(100, deployment="a"), a_charge(200, deployment="b"))
    await store.append([a_row(1, NOON, deployment="b", receipt=a_receipt(*charges))])
    by_calls = await recent(store, ("a", "b"), now=NOON)
    assert by_calls.data == (Traffic("a", 0, 0), Traffic("b", 1, 300))
    by_days = await recent(store, ("a", "b"), now=NOON, most=0)
    assert by_days.data == (Traffic("a", 0, 100), Traffic("b", 1, 200))
    by: tuple[Dimension, ...] = ("deployment",)
    assert {each.group[0]: each.spend for each in await store.spend(by)} == {"a": 100, "b": 200}
