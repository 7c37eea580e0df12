"""The last calls in memory."""

import asyncio

import pytest

from faregate.gateway.records import Gathered, Records
from tests.gateway.finished import a_row


def test_a_row_is_found_by_its_call_id() -> None:
    records = Records()
    row = a_row(call_id="call_7")
    records.add(row)
    assert records.get("call_7") == row
    assert records.get("call_8") is None


def test_the_oldest_makes_room_and_the_total_goes_on() -> None:
    records = Records(kept=3)
    for number in range(10):
        records.add(a_row(call_id=f"call_{number}"))
    assert len(records) == 3
    assert records.total == 10
    assert records.get("call_6") is None
    assert [row.call_id for row in records.recent(10)] == ["call_9", "call_8", "call_7"]
    assert [row.call_id for row in records.recent(1)] == ["call_9"]
    assert records.recent(0) == records.recent(-1) == []


def test_a_call_recorded_twice_counts_once_and_its_last_row_stays() -> None:
    records = Records(kept=2)
    records.add(a_row(call_id="call_1", outcome="lost"))
    records.add(a_row(call_id="call_2"))
    records.add(a_row(call_id="call_1", outcome="completed"))
    assert records.total == len(records) == 2
    found = records.get("call_1")
    assert found is not None
    assert found.outcome == "completed"
    records.add(a_row(call_id="call_3"))
    assert [row.call_id for row in records.recent(5)] == ["call_3", "call_2"]
    assert records.get("call_1") is None


def test_keeping_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Records(kept=0)


async def test_gathered_rows_reach_every_sink_in_order_without_being_asked_for() -> None:
    seen: list[str] = []
    done = asyncio.Event()
    gathered = Gathered((lambda row: seen.append(row.call_id), lambda _row: done.set()))
    gathered.add(a_row(call_id="one"))
    gathered.add(a_row(call_id="two"))
    assert not seen, "a call does not wait for its counting"
    async with asyncio.timeout(10):
        await done.wait()
    assert seen == ["one", "two"]


async def test_gathered_rows_are_handed_over_once_when_asked_for() -> None:
    seen: list[str] = []
    gathered = Gathered((lambda row: seen.append(row.call_id),))
    gathered.add(a_row(call_id="one"))
    gathered.hand_over()
    gathered.hand_over()
    assert seen == ["one"]


async def test_gathered_rows_are_bounded() -> None:
    seen: list[str] = []
    gathered = Gathered((lambda row: seen.append(row.call_id),))
    for number in range(300):
        gathered.add(a_row(call_id=f"call_{number}"))
    assert len(seen) >= 200, "without the loop having had a turn"
