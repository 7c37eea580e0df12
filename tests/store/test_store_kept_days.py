"""Days that a process keeps: what others change in them is seen at the next question."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faregate.store import kept_days
from faregate.store.database import DatabaseStore
from faregate.store.day_moves import move_all
from faregate.store.memory import MemoryStore
from faregate.store.places import store_at
from faregate.store.protocol import Dimension, Filter, Store
from faregate.store.text import as_json
from tests.store.ledgers import DAY, HOUR, NOON, a_charge, a_place, a_receipt, a_row

pytestmark = pytest.mark.usefixtures("few_partitions")
BY: tuple[tuple[tuple[Dimension, ...], Filter], ...] = (
    (("day", "key", "served_model"), Filter()),
    (("day", "deployment"), Filter(key=("k1",))),
    (("tag", "day", "key"), Filter()),
    (("day", "team"), Filter(tag="x")),
)


@pytest.fixture(params=["sqlite", "postgres"])
async def two(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[DatabaseStore, DatabaseStore]]:
    """Two processes' stores of one database."""
    async with a_place(request.param, tmp_path) as url:
        stores = store_at(url, Path()), store_at(url, Path())
        for each in stores:
            await each.open()
        yield stores
        for each in stores:
            await each.close()


async def agree(*stores: Store) -> None:
    """All answer alike, a second time as well. The first question of a process keeps nothing."""
    for by, only in (*BY, *BY):
        first, *others = [await each.spend(by, only=only) for each in stores]
        for other in others:
            assert other == first, (by, only)


async def test_what_another_process_changes_is_seen(
    two: tuple[DatabaseStore, DatabaseStore],
) -> None:
    reader, writer = two
    twin = MemoryStore()
    await twin.open()
    rows = [
        a_row(n, NOON + n % 5 * DAY, key=f"k{n % 3}", tags=(("x",), (), ("x", "y"))[n % 3])
        for n in range(30)
    ]
    await agree(reader, twin)
    for each in (writer, twin):
        await each.append(rows[:20])
    await agree(reader, twin)
    for each in (writer, twin):  # of days that are over
        await each.append(rows[20:])
    await agree(reader, twin)
    for each in (writer, twin):
        await each.adjust(rows[0].call_id, a_receipt(a_charge(7)), reason="late", at=NOON)
    await agree(reader, twin)


async def test_a_change_that_leaves_the_sum_of_the_day_as_it_was_is_seen(
    two: tuple[DatabaseStore, DatabaseStore],
) -> None:
    reader, writer = two
    row = a_row(1)
    await writer.append([row, a_row(2)])
    by: tuple[Dimension, ...] = ("day", "key", "served_model")
    await reader.spend(by)
    assert [line.group[2] for line in await reader.spend(by)] == ["gpt-5-mini"]
    other = a_receipt(a_charge(served_model="gpt-5"), of=row.call_id)
    await writer.adjust(row.call_id, other, reason="another name", at=NOON)
    assert {line.group[2]: line.spend for line in await reader.spend(by)} == {
        "gpt-5": 543,
        "gpt-5-mini": 543,
    }


async def test_days_that_move_are_seen(two: tuple[DatabaseStore, DatabaseStore]) -> None:
    reader, writer = two
    midnight = NOON + 12 * HOUR
    # As many leave a day as come to it, and they cost the same.
    rows = [a_row(n, midnight - HOUR / 2 + n % 4 * DAY, key=f"k{n // 4}") for n in range(12)]
    rows += [a_row(100 + n, midnight + HOUR * 5 + n * DAY, key="k9") for n in range(4)]
    await writer.append(rows)
    by: tuple[Dimension, ...] = ("day", "key", "team")
    before = await reader.spend(by)
    assert await reader.spend(by) == before
    await writer.keep_days_in("Europe/Berlin")
    await move_all(writer)
    fresh = store_at_same(reader)
    await fresh.attach()
    after = await reader.spend(by)
    assert after == await fresh.spend(by)
    assert as_json(after) != as_json(before)
    await fresh.close()


def store_at_same(store: DatabaseStore) -> DatabaseStore:
    """One that has read nothing yet."""
    return DatabaseStore(store._backend)


@pytest.mark.parametrize("most", [0, 3, 12, 40])
async def test_days_that_do_not_fit_are_added_up_by_the_database(
    two: tuple[DatabaseStore, DatabaseStore], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_days, "MOST_LINES", most)
    reader, writer = two
    twin = MemoryStore()
    await twin.open()
    rows = [
        a_row(n, NOON + n % 30 * DAY, key=f"k{n % 4}", tags=(("x",), ("y", "x"), ())[n % 3])
        for n in range(90)
    ]
    for each in (writer, twin):
        await each.append(rows)
    await agree(reader, twin)
    kept = reader._kept_days
    lines = sum(len(day.series) for day in kept._days.values())
    assert kept._lines == lines
    assert lines <= max(most, 8)


async def test_the_first_question_of_a_process_reads_no_day_whole(
    two: tuple[DatabaseStore, DatabaseStore],
) -> None:
    reader, writer = two
    await writer.append([a_row(n, NOON + n * DAY, key=f"k{n % 2}") for n in range(10)])
    only = Filter(key=("k1",))
    first = await reader.spend(("day", "team"), only=only)
    assert not reader._kept_days._days
    assert await reader.spend(("day", "team"), only=only) == first
    assert len(reader._kept_days._days) == 10
    assert len(first) == 5


async def test_a_unit_that_occurs_later_is_counted(
    two: tuple[DatabaseStore, DatabaseStore],
) -> None:
    reader, writer = two
    by: tuple[Dimension, ...] = ("day", "key", "team")
    await writer.append([a_row(1)])
    await reader.spend(by)
    (line,) = await reader.spend(by)
    assert "image_output" not in line.tokens
    charge = a_charge()
    usage = type(charge.usage)(input=1, image_output=5)
    await writer.append([a_row(2, receipt=a_receipt(a_charge(usage=usage)))])
    (line,) = await reader.spend(by)
    assert (line.calls, line.tokens["image_output"], line.tokens["input"]) == (2, 5, 1201)
