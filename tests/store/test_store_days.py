"""Days in another zone: the same for every store, and nothing that is asked adds up differently."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faregate.core.budget import Payer
from faregate.errors import ConfigError
from faregate.store import periods, spending
from faregate.store.calendar import Calendar, Piece
from faregate.store.database import DatabaseStore
from faregate.store.day_moves import move_all
from faregate.store.memory import MemoryStore
from faregate.store.periods import Part
from faregate.store.places import store_at
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, Moved, SpendLine, SpentBy, Store
from faregate.store.tables import metadata
from faregate.types import Row
from tests.store.ledgers import DAY, HOUR, NOON, a_charge, a_receipt, a_row

BERLIN, ANGELES, KOLKATA = "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"


def at(text: str) -> float:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def rows_around(first: float, count: int = 60, every: float = 5 * HOUR) -> list[Row]:
    """Calls on and on, by different people, some with two charges, without a price, tagged."""
    return [
        a_row(
            n,
            first + n * every,
            key=f"k{n % 3}",
            team=("red", "")[n % 2],
            tags=((), ("x",), ("x", "y"))[n % 3],
            deployment=f"d{n % 2}",
            outcome=("completed", "completed", "failed", "lost")[n % 4],
            receipt=None
            if n % 7 == 0
            else a_receipt(
                a_charge(None if n % 5 == 0 else 10**15 + n, deployment=f"d{n % 3}"), a_charge(n)
            ),
        )
        for n in range(count)
    ]


async def answers(store: Store) -> dict[Any, list[SpendLine]]:
    """Spend by day and any one or two more names."""
    found: dict[Any, list[SpendLine]] = {}
    names: list[Dimension] = [each for each in DIMENSIONS if each != "day"]
    for by in [(), *((each,) for each in names), *combinations(names[:6], 2)]:
        found[by] = await store.spend(("day", *by))
    found["tagged"] = await store.spend(("day",), only=Filter(tag="x"))
    found["untagged"] = await store.spend(("day", "key"), only=Filter(tag=""))
    for since, until in ((0, 9), (3, 50), (-80, 80)):
        first = date(2026, 10, 20) + timedelta(days=since)
        found[since] = await store.spend((), since=first, until=first + timedelta(days=until))
    return found


async def sums(store: Store) -> dict[Any, list[SpendLine]]:
    """Everything that knows no day."""
    names: list[Dimension] = [each for each in DIMENSIONS if each != "day"]
    return {each: await store.spend((each,)) for each in names} | {"all": await store.spend(())}


async def booked_in(zone: str, rows: Sequence[Row]) -> dict[Any, list[SpendLine]]:
    """What a ledger says that had the zone from the beginning."""
    store = MemoryStore()
    await store.open()
    await store.keep_days_in(zone)
    await store.move_days()
    await store.append(rows)
    assert store._calendar.pieces == (Piece(0, zone),)
    return await answers(store)


async def test_days_are_utc_unless_a_zone_is_chosen(store: Store) -> None:
    assert (await store.calendar()).pieces == Calendar().pieces
    assert not await store.keep_days_in("UTC")
    await store.append([a_row(1, at("2026-11-22T23:30"))])
    assert [line.group for line in await store.spend(("day",))] == [("2026-11-22",)]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2026-03-29", 23),
        (BERLIN, "2026-10-25", 25),
        (ANGELES, "2026-11-01", 25),
        (KOLKATA, "2026-11-01", 24),
    ],
)
async def test_a_row_counts_on_the_day_of_its_zone(
    store: Store, zone: str, day: str, hours: int
) -> None:
    assert await store.keep_days_in(zone)
    assert not await store.keep_days_in(zone)
    assert await move_all(store) == 0
    first = at(day) - 24 * HOUR
    await store.append([a_row(n, first + n * HOUR) for n in range(96)])
    found = {line.group[0]: line.calls for line in await store.spend(("day",))}
    assert found[day] == hours
    assert sum(found.values()) == 96
    begins = (await store.calendar()).begins(date.fromisoformat(day))
    ends = (await store.calendar()).begins(date.fromisoformat(day) + timedelta(days=1))
    assert len((await store.rows(Filter(since=begins, until=ends))).entries) == hours


@pytest.mark.parametrize("zone", [BERLIN, ANGELES, KOLKATA, "Pacific/Kiritimati"])
async def test_rows_that_are_there_are_moved(store: Store, zone: str) -> None:
    rows = rows_around(at("2026-10-20T21:15"))
    await store.append(rows)
    before = await sums(store)
    assert await store.keep_days_in(zone)
    moved = 0
    while True:
        step = await store.move_days(batch=4)
        moved += step.rows
        assert step.rows <= 4
        # Whenever it is asked, and by whatever: the same sum.
        assert await sums(store) == before
        everyday = await store.spend(("day",))
        assert sum(line.spend for line in everyday) == before["all"][0].spend
        if not step.left:
            break
    calendar = await store.calendar()
    assert calendar.pieces == (Piece(0, zone),)
    local = Calendar((Piece(0, zone),))
    utc = Calendar()
    expected = sum(
        local.day(round(each.started * 1e6)) != utc.day(round(each.started * 1e6)) for each in rows
    )
    assert moved == expected > 0
    assert await answers(store) == await booked_in(zone, rows)
    assert not (await store.move_days()).left


async def test_calls_end_and_receipts_change_while_rows_are_moved(store: Store) -> None:
    rows = rows_around(at("2026-10-20T21:15"))
    await store.append(rows[:40])
    await store.keep_days_in(ANGELES)
    late = a_receipt(a_charge(77, deployment="late"))
    for step in range(8):
        await store.move_days(batch=2)
        await store.append(rows[40 + step * 2 : 42 + step * 2])
        for each in (rows[step * 3], rows[40 - step], rows[40 + step * 2]):
            await store.adjust(each.call_id, late, reason="late", at=NOON)
    await store.append(rows)
    await move_all(store, batch=3, rest=lambda _seconds: asyncio.sleep(0))
    now = [entry.row for entry in (await store.rows(Filter(), limit=100)).entries]
    assert len(now) == 60
    assert await answers(store) == await booked_in(ANGELES, now)


async def test_rows_that_are_gone_keep_their_days(store: Store) -> None:
    rows = rows_around(at("2026-10-20T21:15"))
    await store.append(rows)
    before = await sums(store)
    gone = at("2026-10-25T12:00")
    utc = {line.group[0]: line.calls for line in await store.spend(("day",))}
    while await store.purge(gone):
        pass
    await store.keep_days_in(ANGELES)
    await move_all(store)
    assert await sums(store) == before
    calendar = await store.calendar()
    assert [each.zone for each in calendar.pieces] == ["UTC", ANGELES]
    assert calendar.zone_since is not None
    assert gone - DAY < calendar.zone_since <= gone + DAY
    found = {line.group[0]: line.calls for line in await store.spend(("day",))}
    for day in ("2026-10-21", "2026-10-22", "2026-10-23"):
        assert found[day] == utc[day]
    # The zone is known for good: what is booked now is booked right, what was gone is left alone.
    assert not (await store.move_days()).left
    await store.append([a_row(900, at("2026-11-22T03:00"))])
    assert [line.calls for line in await store.spend(("day",), since=date(2026, 11, 21))] == [1]
    assert await store.keep_days_in("UTC")
    await move_all(store)
    assert (await store.calendar()).pieces == Calendar().pieces
    found = {line.group[0]: line.calls for line in await store.spend(("day",))}
    assert found == utc | {"2026-11-22": 1}


async def test_with_every_row_gone_the_next_ones_are_in_the_zone(store: Store) -> None:
    await store.append([a_row(1, at("2026-11-20T12:00")), a_row(2, at("2026-11-21T12:00"))])
    while await store.purge(at("2026-11-22")):
        pass
    await store.keep_days_in(ANGELES)
    await move_all(store)
    await store.append([a_row(3, at("2026-11-25T02:00"))])
    found = {line.group[0]: line.calls for line in await store.spend(("day",))}
    assert found == {"2026-11-20": 1, "2026-11-21": 1, "2026-11-24": 1}
    assert not (await store.move_days()).left


async def test_another_choice_halfway_and_back(store: Store) -> None:
    rows = rows_around(at("2026-10-20T21:15"))
    await store.append(rows)
    for zone in (BERLIN, KOLKATA, "UTC", ANGELES):
        await store.keep_days_in(zone)
        for _ in range(3):
            await store.move_days(batch=2)
    await move_all(store, batch=5, rest=lambda _seconds: asyncio.sleep(0))
    assert await answers(store) == await booked_in(ANGELES, rows)
    await store.keep_days_in("UTC")
    await move_all(store)
    assert await answers(store) == await booked_in("UTC", rows)


async def test_calls_of_one_microsecond_are_moved_together(store: Store) -> None:
    first = at("2026-11-22T23:30")
    await store.append([a_row(n, first) for n in range(7)] + [a_row(8, first + 1e-3)])
    await store.keep_days_in(BERLIN)
    steps = [(await store.move_days(batch=2)).rows for _ in range(3)]
    assert sum(steps) == 8
    assert await move_all(store) == 0
    (line,) = await store.spend(("day",))
    assert (line.group, line.calls) == (("2026-11-23",), 8)


@pytest.mark.parametrize("zone", ["localtime", "Europe/Berln", "", "\u0663"])
async def test_what_is_no_zone_changes_nothing(store: Store, zone: str) -> None:
    with pytest.raises(ConfigError):
        await store.keep_days_in(zone)
    assert (await store.calendar()).pieces == Calendar().pieces


_PAYERS: tuple[tuple[Payer, str], ...] = (
    ("everything", ""), ("key", "k1"), ("tag", "x"), ("tag", ""), ("team", "red"),
)  # fmt: skip


@pytest.mark.parametrize("steps", [0, 2, 5, 99])
async def test_a_budget_pays_the_same_whatever_the_days_are(store: Store, steps: int) -> None:
    rows = rows_around(at("2026-10-20T21:15"))
    rows = [each for each in rows if each.receipt]
    await store.append(rows)
    first = at("2026-10-24T00:00")  # midnight of neither zone below
    asked = [
        SpentBy(payer, name, since, slot)
        for payer, name in _PAYERS
        for since in (first, first + 22 * HOUR, first + 5 * DAY, 0.0)
        for slot in (None, 600.0, HOUR, 8 * HOUR)
    ]
    before = await store.spent(asked)
    await store.keep_days_in(KOLKATA)
    for _ in range(steps):
        if not (await store.move_days(batch=3)).left:
            break
    assert await store.spent(asked) == before


async def test_what_is_gone_counts_at_the_end_of_its_day_there(store: Store) -> None:
    await store.keep_days_in(BERLIN)
    await move_all(store)
    await store.append([a_row(1, at("2026-11-20T12:00")), a_row(2, at("2026-11-20T23:30"))])
    while await store.purge(at("2026-11-22")):
        pass
    (found,) = await store.spent([SpentBy("everything", "", 0.0, HOUR)])
    assert [instant for instant, _amount in found] == [
        at("2026-11-20T22:30"),
        at("2026-11-21T22:30"),
    ]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that several processes may use."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


async def _opened(url: str, *, empty: bool = False) -> DatabaseStore:
    store = store_at(url, Path())
    await store.open()
    if empty:
        async with store._writing() as connection:
            for table in metadata.sorted_tables:
                if table.name != "audit":
                    await connection.execute(table.delete())
    return store


@pytest.mark.usefixtures("few_partitions")
async def test_every_process_follows_the_ledger(url: str) -> None:
    here, there = await _opened(url, empty=True), await _opened(url)
    await here.append([a_row(1, at("2026-11-20T23:30"))])
    await there.keep_days_in(BERLIN)
    await there.move_days()
    # Nobody told the first one: it sees for itself, in the transaction that counts the row.
    await here.append([a_row(2, at("2026-11-22T23:30"))])
    await move_all(there)
    assert [line.group for line in await here.spend(("day",))] == [("2026-11-21",), ("2026-11-23",)]
    assert (await here.calendar()).zone == BERLIN
    await here.close()
    await there.close()


@pytest.mark.usefixtures("few_partitions")
async def test_of_several_that_move_rows_one_goes_on(url: str) -> None:
    here, there = await _opened(url, empty=True), await _opened(url)
    rows = rows_around(at("2026-10-20T21:15"))
    await here.append(rows)
    await here.keep_days_in(ANGELES)
    assert (await here.move_days(batch=2)).left
    assert (await there.move_days(batch=2)).left
    assert await here.move_days(batch=2) == Moved(rows=0, left=False)
    assert (await there.move_days(batch=2)).left
    # The other one is gone, halfway: whoever looks again later finishes it.
    await there.close()
    await move_all(here, rest=lambda _seconds: asyncio.sleep(0))
    assert await answers(here) == await booked_in(ANGELES, rows)
    await here.close()


@pytest.mark.usefixtures("few_partitions")
async def test_rows_are_counted_and_moved_at_the_same_time(url: str) -> None:
    stores = [await _opened(url, empty=True), await _opened(url), await _opened(url)]
    rows = rows_around(at("2026-10-01T21:15"), 300, HOUR)
    await stores[0].append(rows[:150])
    late = a_receipt(a_charge(5))

    async def write(store: DatabaseStore, part: int) -> None:
        for n in range(150 + part, 300, 10):
            await store.append([rows[n], rows[n - 150]])
            await store.adjust(rows[n - 150].call_id, late, reason="late", at=NOON)

    async def move(store: DatabaseStore) -> None:
        await store.keep_days_in(ANGELES)
        await move_all(store, batch=7, rest=lambda _seconds: asyncio.sleep(0))

    await asyncio.gather(
        *(write(stores[part % 2], part) for part in range(10)), move(stores[2]), move(stores[0])
    )
    await move_all(stores[1])
    now: list[Row] = []
    for since in range(0, 300, 100):
        only = Filter(since=rows[since].started, until=rows[since].started + 100 * HOUR)
        now += [entry.row for entry in (await stores[0].rows(only, limit=100)).entries]
    assert len(now) == 300
    assert await answers(stores[1]) == await booked_in(ANGELES, now)
    for each in stores:
        await each.close()


@pytest.mark.usefixtures("few_partitions")
async def test_a_row_that_moves_between_two_queries_is_counted_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = await _opened(url, empty=True), await _opened(url)
    await store.append([a_row(1, at("2026-10-31T23:30"))])
    await store.keep_days_in(BERLIN)
    real = periods.parts

    def slowly(since: date | None, until: date | None) -> Iterator[Part]:
        """November as a month; then the row moves there; then the last days of October."""
        for part in real(since, until):
            yield part
            thread.submit(asyncio.run, _moved(url)).result()

    monkeypatch.setattr(spending, "parts", slowly)
    with ThreadPoolExecutor(1) as thread:
        (total,) = await store.spend((), since=date(2026, 10, 28), until=date(2026, 12, 1))
    assert total.calls == 1
    monkeypatch.undo()
    assert [line.group for line in await other.spend(("day",))] == [("2026-11-01",)]
    await store.close()
    await other.close()


async def _moved(url: str) -> None:
    store = store_at(url, Path())
    await store.open()
    await move_all(store)
    await store.close()


async def _lines(store: DatabaseStore) -> dict[str, list[Any]]:
    """Every line of every roll-up, with names in place of numbers."""
    found: dict[str, list[Any]] = {}
    async with store._reading() as connection:
        series = metadata.tables["series"]
        names = {row.id: tuple(row)[2:] for row in await connection.execute(series.select())}
        for name, table in metadata.tables.items():
            if name.startswith("rollup_"):
                rows = (await connection.execute(table.select())).mappings().all()
                found[name] = sorted(
                    str({**row, "series": names.get(row.get("series"))}) for row in rows
                )
    return found


@pytest.mark.usefixtures("few_partitions")
async def test_no_trace_is_left_of_the_days_before(url: str) -> None:
    rows = rows_around(at("2026-10-20T21:15"), 120)
    store = await _opened(url, empty=True)
    await store.append(rows)
    await store.keep_days_in(ANGELES)
    await move_all(store, batch=11, rest=lambda _seconds: asyncio.sleep(0))
    moved = await _lines(store)
    await store.close()
    store = await _opened(url, empty=True)
    await store.keep_days_in(ANGELES)
    await store.move_days()
    await store.append(rows)
    assert await _lines(store) == moved
    await store.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 11)),
        st.tuples(st.just("zone"), st.sampled_from(["UTC", BERLIN, ANGELES, KOLKATA])),
        st.tuples(st.just("move"), st.integers(1, 3)),
        st.tuples(st.just("adjust"), st.integers(0, 11)),
        st.tuples(st.just("purge"), st.integers(0, 200)),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hours=st.lists(st.integers(0, 120), min_size=12, max_size=12), steps=_STEPS)
def test_days_add_up_to_the_total_whatever_happens(
    hours: list[int], steps: list[tuple[str, Any]]
) -> None:
    asyncio.run(_play(hours, steps))


async def _play(hours: list[int], steps: list[tuple[str, Any]]) -> None:
    first = at("2026-10-23T00:30")
    rows = [
        a_row(n, first + hour * HOUR, key=f"k{n % 2}", tags=("x",) * (n % 2))
        for n, hour in enumerate(hours)
    ]
    with tempfile.TemporaryDirectory() as directory:
        store, twin = store_at("", Path(directory)), MemoryStore()
        await store.open()
        await twin.open()
        try:
            kept: set[int] = set()
            for step, value in [*steps, ("append", 11), ("zone", BERLIN)]:
                for each in (store, twin):
                    await _take(each, step, value, rows)
                if step == "append":
                    kept.add(value)
                await _adds_up(store, twin)
            for each in (store, twin):
                await move_all(each, batch=2, rest=lambda _seconds: asyncio.sleep(0))
            await _adds_up(store, twin)
            if not any(step == "purge" for step, _value in steps):
                now = [entry.row for entry in (await store.rows(Filter())).entries]
                assert await answers(store) == await booked_in(BERLIN, now)
                assert await answers(twin) == await answers(store)
        finally:
            await store.close()


async def _take(store: Store, step: str, value: Any, rows: Sequence[Row]) -> None:
    if step == "append":
        await store.append(rows[value : value + 3])
    elif step == "zone":
        await store.keep_days_in(value)
    elif step == "move":
        await store.move_days(batch=value)
    elif step == "purge":
        await store.purge(rows[0].started + (value - 60) * HOUR)
    elif await store.row(rows[value].call_id) is not None:
        await store.adjust(
            rows[value].call_id, a_receipt(a_charge(9, deployment="z")), reason="r", at=NOON
        )


async def _adds_up(store: Store, twin: Store) -> None:
    assert await sums(store) == await sums(twin)
    for each in (store, twin):
        (total,) = await each.spend(())
        for by in (("day",), ("day", "key"), ("day", "served_model")):
            lines = await each.spend(by)
            assert sum(line.spend for line in lines) == total.spend
            assert sum(line.calls for line in lines) == total.calls
