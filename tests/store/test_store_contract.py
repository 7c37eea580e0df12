"""What every store promises of rows: appended once, read back whole, found by every column."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from faregate.store.errors import LedgerError, UnknownCallError
from faregate.store.protocol import Duration, Filter, Store
from faregate.types import Row, Usage
from tests.store.ledgers import (
    DAY,
    HOUR,
    NOON,
    a_charge,
    a_receipt,
    a_row,
    call_id,
    everything,
    ids,
)


async def test_a_row_comes_back_as_it_was(store: Store) -> None:
    row = a_row(tags=("blue", "a,b\"'\\"), error="rate_limit")
    assert await store.append([row]) == 1
    entry = await store.row(row.call_id)
    assert entry is not None
    assert entry.row == row
    assert (entry.status, entry.total, entry.spend) == ("priced", 543, 543)
    assert entry.adjustments == ()


async def test_a_tag_counts_once(store: Store) -> None:
    await store.append([a_row(tags=("b", "a", "b", ""))])
    entry = await store.row(call_id(1))
    assert entry is not None
    assert entry.row.tags == ("b", "a")
    assert [(line.group, line.calls) for line in await store.spend(("tag",))] == [
        (("a",), 1),
        (("b",), 1),
    ]


def test_the_row_of_these_tests_leaves_no_field_at_its_default() -> None:
    row = a_row(tags=("blue",), error="x", operation="embeddings", request_id="r")
    bare = {
        field.name
        for field in msgspec.structs.fields(Row)
        if getattr(row, field.name) == field.default
    }
    assert bare == set(), "a field the store's tests do not see may not be stored at all"


async def test_a_bare_row_comes_back_as_it_was(store: Store) -> None:
    row = Row(
        call_id="not-dated",
        started=NOON,
        ended=NOON,
        requested_model="m",
        status=503,
        outcome="refused",
    )
    await store.append([row])
    entry = await store.row("not-dated")
    assert entry is not None
    assert entry.row == row
    assert (entry.status, entry.total, entry.spend) == ("unbilled", 0, 0)


async def test_a_lost_call_without_receipt_is_unsettled(store: Store) -> None:
    await store.append([a_row(outcome="lost", receipt=None)])
    entry = await store.row(call_id(1))
    assert entry is not None
    assert (entry.status, entry.total) == ("unsettled", None)
    (total,) = await store.spend(())
    assert (total.calls, total.failed, total.unsettled, total.spend) == (1, 1, 1, 0)


async def test_what_is_there_is_not_there_twice(store: Store) -> None:
    first, second = a_row(1), a_row(2)
    assert await store.append([first, first]) == 1
    assert await store.append([replace(first, key="another"), second]) == 1
    assert await store.append([second, first]) == 0
    assert await store.append([]) == 0
    entry = await store.row(first.call_id)
    assert entry is not None
    assert entry.row.key == "key-1"
    (total,) = await store.spend(())
    assert (total.calls, total.spend) == (2, 1086)


async def test_the_same_id_is_one_call_whatever_its_times(store: Store) -> None:
    dated, undated = a_row(1), a_row(2, call_id="undated")
    await store.append([dated, undated])
    late = [replace(each, started=each.started + 3 * DAY) for each in (dated, undated)]
    assert await store.append(late) == 0
    assert len(await everything(store)) == 2


async def test_appends_at_the_same_time_count_once(store: Store) -> None:
    rows = [a_row(n) for n in range(40)]
    news = await asyncio.gather(*(store.append(rows[at : at + 20]) for at in (0, 10, 20, 0, 10)))
    assert sum(news) == 40
    (total,) = await store.spend(())
    assert (total.calls, total.spend) == (40, 40 * 543)


async def test_pages_are_newest_first_and_stable_under_inserts(store: Store) -> None:
    # Three start in the same microsecond: the call id decides.
    rows = [a_row(n, NOON + n // 3) for n in range(20)]
    await store.append(rows)
    page = await store.rows(Filter(), limit=7)
    seen = [each.row.call_id for each in page.entries]
    while page.cursor:
        await store.append([a_row(100 + len(seen), NOON + DAY)])
        page = await store.rows(Filter(), cursor=page.cursor, limit=7)
        seen += [each.row.call_id for each in page.entries]
    order = sorted(rows, key=lambda row: (row.started, row.call_id), reverse=True)
    assert seen == ids(order)


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.", "-1.call", "1e3.call_1", "9" * 30 + ".c"])
async def test_a_cursor_of_somebody_elses_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await store.rows(Filter(), cursor=cursor)


async def test_how_long_the_newest_calls_took(store: Store) -> None:
    quick = a_row(1, NOON, first_byte=None, ended=NOON + 0.5)
    slow = a_row(2, NOON + 1, first_byte=NOON + 3, ended=NOON + 9.25)
    failed = a_row(3, NOON + 2, outcome="failed")
    await store.append([quick, slow, failed])
    completed = Filter(outcome=("completed",))
    assert await store.durations(completed) == [
        Duration(NOON + 1, NOON + 3, NOON + 9.25),
        Duration(NOON, None, NOON + 0.5),
    ]
    assert len(await store.durations(completed, limit=1)) == 1
    assert await store.durations(Filter(key=("nobody",))) == []
    with pytest.raises(ValueError, match="rows"):
        await store.durations(completed, limit=0)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_a_page_has_a_size(store: Store, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 10,000"):
        await store.rows(Filter(), limit=limit)


_OTHER: dict[str, Any] = {
    "key": "key-2",
    "team": "blue",
    "user": "bob",
    "tags": ("x", "y"),
    "requested_model": "direct",
    "deployment": "spare",
    "provider": "openai",
    "operation": "embeddings",
    "request_id": "their-own",
    "session": "session-2",
    "end_user": "someone-else",
    "client": "::1",
    "traceparent": "00-9-9-01",
    "outcome": "failed",
    "status": 502,
    "error": "bad_gateway",
    "stream": False,
}
_OTHER_CHARGE = a_charge(
    None,
    deployment="spare",
    provider="openai",
    served_model="gpt-4o",
    sent_model="gpt-4o-deployed",
    route="direct",
)


@pytest.mark.parametrize(
    "only",
    [
        Filter(key=("key-2",)),
        Filter(key=("key-2", "key-3")),
        Filter(team=("blue",)),
        Filter(user=("bob",)),
        Filter(tag="x"),
        Filter(model=("direct",)),
        Filter(sent_model=("gpt-4o-deployed",)),
        Filter(served_model=("gpt-4o",)),
        Filter(deployment=("spare",)),
        Filter(provider=("openai",)),
        Filter(route=("direct",)),
        Filter(outcome=("failed", "lost")),
        Filter(status=("unpriced",)),
        Filter(status=("unpriced", "unsettled")),
        Filter(http_status=(502,)),
        Filter(error=("bad_gateway",)),
        Filter(operation=("embeddings",)),
        Filter(request_id=("their-own",)),
        Filter(session=("session-2",)),
        Filter(end_user=("someone-else",)),
        Filter(client=("::1",)),
        Filter(traceparent=("00-9-9-01",)),
        Filter(stream=False),
        Filter(max_cost=43),
        Filter(since=NOON + 1),
        Filter(since=NOON + HOUR, until=NOON + HOUR + 1, key=("key-2",), tag="y"),
        Filter(call_id=call_id(2, NOON + HOUR)),
        Filter(call_id=call_id(2, NOON + HOUR)[:16]),
    ],
    ids=lambda only: ",".join(
        name for name in only.__struct_fields__ if getattr(only, name) not in ((), None, "")
    ),
)
async def test_every_column_narrows(store: Store, only: Filter) -> None:
    other = a_row(2, NOON + HOUR, receipt=a_receipt(_OTHER_CHARGE), **_OTHER)
    await store.append([a_row(1), other])
    page = await store.rows(only)
    assert [each.row.call_id for each in page.entries] == [other.call_id]


@pytest.mark.parametrize(
    "only",
    [
        Filter(status=("priced",)),
        Filter(outcome=("completed",)),
        Filter(status=("priced", "estimated")),
        Filter(min_cost=44),
        Filter(max_cost=543, min_cost=543),
        Filter(until=NOON + 1),
        Filter(stream=True),
        Filter(adjusted=False, key=("key-1",)),
        Filter(tag=""),
        Filter(error=("",)),
        Filter(request_id=(call_id(1),)),
    ],
)
async def test_what_is_common_is_found_too(store: Store, only: Filter) -> None:
    other = a_row(2, NOON + HOUR, receipt=a_receipt(_OTHER_CHARGE), **_OTHER)
    await store.append([a_row(1), other])
    page = await store.rows(only)
    assert [each.row.call_id for each in page.entries] == [call_id(1)]


@pytest.mark.parametrize(
    ("only", "numbers"),
    [
        (Filter(min_seconds=0.5), [3, 2, 1]),
        (Filter(min_seconds=0.500001), [2]),
        (Filter(min_first_byte=0.0), [2, 1]),
        (Filter(min_first_byte=0.25, min_seconds=0.25), [2, 1]),
        (Filter(min_first_byte=0.250001), [2]),
        (Filter(min_tokens_in=1207), [2, 1]),
        (Filter(min_tokens_in=1208), [2]),
        (Filter(min_tokens_out=300), [2, 1]),
        (Filter(min_tokens_out=301), [2]),
        (Filter(min_tokens_out=0), [3, 2, 1]),
    ],
)
async def test_slow_and_long_calls_are_found(
    store: Store, only: Filter, numbers: list[int]
) -> None:
    more = a_receipt(a_charge(usage=Usage(input=1201, cache_read=7, output=301)))
    slow = {"first_byte": NOON + 2.0, "ended": NOON + 3.0}
    none = a_row(3, NOON + 2, first_byte=None, ended=NOON + 2.5, receipt=None)
    await store.append([a_row(1), a_row(2, NOON + 1, receipt=more, **slow), none])
    page = await store.rows(only)
    found = [each.row.call_id for each in page.entries]
    assert found == [call_id(each, NOON + each - 1) for each in numbers]


async def test_a_late_price_keeps_what_was_known(store: Store) -> None:
    unknown = a_receipt(a_charge(None))
    await store.append([a_row(1, receipt=unknown, tags=("t",)), a_row(2)])
    known, better = a_receipt(a_charge(543)), a_receipt(a_charge(600))
    assert await store.adjust(call_id(1), known, reason="price added", at=NOON + DAY)
    assert not await store.adjust(call_id(1), known, reason="again", at=NOON + DAY)
    assert await store.adjust(call_id(1), better, reason="price corrected", at=NOON + 2 * DAY)
    entry = await store.row(call_id(1))
    assert entry is not None
    assert (entry.status, entry.total, entry.spend) == ("priced", 600, 600)
    assert entry.row.receipt == better
    first, second = entry.adjustments
    assert (first.before, first.after, first.reason, first.at) == (
        unknown,
        known,
        "price added",
        NOON + DAY,
    )
    assert (second.before, second.after) == (known, better)
    page = await store.rows(Filter(adjusted=True))
    assert page.entries == (entry,)
    assert (await store.rows(Filter(status=("unpriced",)))).entries == ()
    # The day of the call has it, not the day of the price.
    (line,) = await store.spend(("day",))
    assert (line.group, line.calls, line.spend) == (("2026-11-22",), 2, 1143)
    assert (line.priced, line.unpriced) == (2, 0)
    (tagged,) = await store.spend(("tag",), only=Filter(tag="t"))
    assert (tagged.calls, tagged.spend, tagged.router_fee) == (1, 600, 43)


async def test_a_late_price_may_name_another_model(store: Store) -> None:
    await store.append([a_row(1, receipt=a_receipt(a_charge(None, served_model="")))])
    known = a_receipt(a_charge(543, served_model="gpt-5"))
    await store.adjust(call_id(1), known, reason="named", at=NOON)
    (line,) = await store.spend(("served_model",))
    assert (line.group, line.calls, line.spend) == (("gpt-5",), 1, 543)
    assert (await store.rows(Filter(served_model=("gpt-5",)))).entries


async def test_only_a_row_can_be_adjusted(store: Store) -> None:
    with pytest.raises(UnknownCallError, match="call_none"):
        await store.adjust("call_none", a_receipt(), reason="", at=NOON)


async def test_old_rows_go_in_batches_and_roll_ups_stay(store: Store) -> None:
    old = [a_row(n, NOON - 50 * DAY + n, tags=("t",)) for n in range(12)]
    new = [a_row(100 + n, NOON + n, tags=("t",)) for n in range(3)]
    await store.append(old + new)
    await store.adjust(old[0].call_id, a_receipt(a_charge(1)), reason="", at=NOON)
    before = await store.spend(("day", "tag"))
    gone = [await store.purge(NOON - DAY, batch=5) for _ in range(4)]
    assert gone == [5, 5, 2, 0]
    assert ids(await everything(store)) == ids(new[::-1])
    assert await store.row(old[0].call_id) is None
    assert len((await store.rows(Filter(tag="t"))).entries) == 3
    assert await store.spend(("day", "tag")) == before


async def test_the_call_that_starts_at_the_instant_stays(store: Store) -> None:
    await store.append([a_row(1, NOON - 1), a_row(2, NOON)])
    assert await store.purge(NOON) == 1
    assert ids(await everything(store)) == [call_id(2)]


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.ping()
    await store.close()
    await store.close()
    with pytest.raises(LedgerError, match="not open"):
        await store.append([a_row()])
    with pytest.raises(LedgerError, match="not open"):
        await store.ping()
    await store.open()
    await store.open()
    await store.ping()


@pytest.mark.parametrize("identity", ["", "x" * 129, "a\x00b"])
async def test_a_call_id_is_a_key(store: Store, identity: str) -> None:
    with pytest.raises(ValueError, match="call id"):
        await store.append([a_row(call_id=identity)])


async def test_nothing_from_outside_holds_up_the_rows_behind_it(store: Store) -> None:
    wild = a_row(
        1,
        requested_model="m" * 5000,
        session="nul\x00and\ud800",
        tags=("\x00", "t" * 5000, ""),
        error="é" * 300,
        ended=float("inf"),
        first_byte=float("nan"),
        overhead_us=2**70,
        upstream_seconds=-1.0,
        receipt=a_receipt(a_charge(served_model="bad\ud800\x00")),
    )
    assert await store.append([wild, a_row(2)]) == 2
    entry = await store.row(call_id(1))
    assert entry is not None
    assert entry.row.requested_model == "m" * 256
    assert entry.row.session == "nul\ufffdand\ufffd"
    assert await store.adjust(call_id(1), a_receipt(), reason="nul\x00", at=NOON)
    (line,) = await store.spend(("served_model",))
    assert (line.group, line.calls) == (("gpt-5-mini",), 2)


async def test_clocks_that_jump_lose_nothing(store: Store) -> None:
    times = [0.0, -5.0, 1e18, NOON - 4000 * DAY, NOON + 4000 * DAY]
    rows = [
        a_row(n, call_id=call_id(n, max(0.0, min(at, 1e11))), started=at)
        for n, at in enumerate(times)
    ]
    assert await store.append(rows) == 5
    assert len(await everything(store)) == 5
    days = await store.spend(("day",))
    assert sum(line.calls for line in days) == 5
    assert {"1970-01-01", "9999-12-31"} <= {line.group[0] for line in days}
