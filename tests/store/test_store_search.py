"""Calls no index leads to: looked for in slices, and every one of them is found once."""

import functools
import itertools
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from faregate.store import searching
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Filter, Page, Store
from faregate.store.searching import by_index, search, whole_page
from faregate.types import Row
from tests.store.ledgers import DAY, NOON, a_row, ids

FILTERS = [
    Filter(),
    Filter(http_status=(429,)),
    Filter(http_status=(429,), key=("key-2",)),
    Filter(http_status=(200,), key=("key-1", "key-2")),
    Filter(http_status=(200,), tag="red"),
    Filter(tag="red"),
    Filter(tag="", stream=True),
    Filter(outcome=("failed",), team=("team-1",)),
    Filter(operation=("embeddings",), since=NOON + 5, until=NOON + 31),
    Filter(min_seconds=1e6),
    Filter(call_id="call_", http_status=(429,)),
    Filter(call_id="call_0"),
    Filter(key=("key-0", "key-2")),
    Filter(key=("key-1", "key-1")),
    Filter(outcome=("failed", "lost")),
    Filter(key=tuple(f"key-{number}" for number in range(20)), since=NOON + 3),
]


def some_calls() -> list[Row]:
    """Forty, four of them at any instant, after a pause of three days forty more."""
    return [
        a_row(
            number,
            NOON + number // 4 + (3 * DAY if number >= 40 else 0),
            key=f"key-{number % 3}",
            team=f"team-{number % 2}",
            stream=number % 2 == 0,
            operation="embeddings" if number % 5 == 0 else "chat",
            outcome="failed" if number % 7 == 0 else "completed",
            status=429 if number % 7 == 0 else 200,
            tags=("red",) if number % 4 == 0 else (),
        )
        for number in range(80)
    ]


async def parts(
    store: Store, only: Filter, *, limit: int, patience: float, slice_of: int
) -> list[Sequence[str]]:
    """The calls of every page, to the end of the log."""
    found: list[Sequence[str]] = []
    cursor = None
    for _ in range(1000):
        part = await search(
            store, only, cursor=cursor, limit=limit, patience=patience, slice_of=slice_of
        )
        found.append([each.row.call_id for each in part.entries])
        assert len(part.entries) <= limit
        if part.searched_to is not None:
            assert part.cursor is not None
            assert all(each.row.started >= part.searched_to for each in part.entries)
        elif part.cursor is not None:
            assert len(part.entries) == limit
        cursor = part.cursor
        if cursor is None:
            return found
    raise AssertionError("the log has no end")


@pytest.mark.parametrize("only", FILTERS)
@pytest.mark.parametrize(
    ("limit", "patience", "slice_of"), [(100, 0, 1), (7, 0, 3), (1, 0, 5), (7, 60, 2), (3, 0, 1000)]
)
async def test_in_parts_as_in_one(
    store: Store, only: Filter, limit: int, patience: float, slice_of: int
) -> None:
    await store.append(some_calls())
    whole = [each.row.call_id for each in (await store.rows(only, limit=1000)).entries]
    found = await parts(store, only, limit=limit, patience=patience, slice_of=slice_of)
    assert list(itertools.chain.from_iterable(found)) == whole


@pytest.mark.parametrize("only", FILTERS)
async def test_a_whole_page_is_the_page_of_a_store(
    store: Store, only: Filter, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_small_parts = functools.partial(search, patience=0, slice_of=3)
    monkeypatch.setattr(searching, "search", in_small_parts)
    await store.append(some_calls())
    cursor = None
    for _ in range(3):
        asked = await store.rows(only, cursor=cursor, limit=7)
        page = await whole_page(store, only, cursor=cursor, limit=7)
        assert page.entries == asked.entries
        cursor = page.cursor
        if cursor is None:
            break


async def test_an_answer_without_patience_says_how_far_it_looked(store: Store) -> None:
    rows = [a_row(number, NOON + number) for number in range(30)]
    rows[4] = replace(rows[4], status=429)
    await store.append(rows)
    first = await search(store, Filter(http_status=(429,)), patience=0, slice_of=10)
    assert (first.entries, first.searched_to) == ((), NOON + 19)
    second = await search(
        store, Filter(http_status=(429,)), cursor=first.cursor, patience=0, slice_of=1000
    )
    assert [each.row.call_id for each in second.entries] == ids(rows[4:5])
    assert (second.cursor, second.searched_to) == (None, None)


async def test_what_comes_meanwhile_hides_nothing(store: Store) -> None:
    await store.append([a_row(number, NOON + number, status=429) for number in range(10)])
    only = Filter(http_status=(429,))
    first = await search(store, only, patience=0, slice_of=4)
    await store.append([a_row(100, NOON + 5.5, status=429), a_row(101, NOON + DAY, status=429)])
    second = await search(store, only, cursor=first.cursor, patience=0, slice_of=1000)
    seen = [each.row.started - NOON for each in (*first.entries, *second.entries)]
    assert seen == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


async def test_a_mark_has_so_many_calls_above_it(store: Store) -> None:
    await store.append(some_calls())
    for only in (Filter(), Filter(key=("key-1",)), Filter(tag="red"), Filter(tag="", stream=True)):
        whole = (await store.rows(only, limit=1000)).entries
        assert await store.mark(only, count=len(whole)) is None
        for count in (1, 5, len(whole) - 1):
            mark = await store.mark(only, count=count)
            below = (await store.rows(only, cursor=mark, limit=1000)).entries
            assert below == tuple(
                each for each in whole if each.row.started < whole[count].row.started
            )
    with pytest.raises(ValueError, match="cursor"):
        await store.mark(Filter(), cursor="x", count=1)


@pytest.mark.parametrize("limit", [0, 10_001])
@pytest.mark.parametrize("only", [Filter(), Filter(http_status=(429,))])
async def test_a_page_of_a_search_has_a_size(store: Store, only: Filter, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 10,000"):
        await search(store, only, limit=limit)
    with pytest.raises(ValueError, match="cursor"):
        await search(store, only, cursor="x")


@pytest.mark.parametrize(
    ("only", "led"),
    [
        (Filter(since=1.0, until=2.0), Filter(since=1.0, until=2.0)),
        (Filter(http_status=(500,), until=2.0), Filter(until=2.0)),
        (Filter(key=("a",), stream=False), Filter(key=("a",))),
        (Filter(key=("a", "b"), model=("m",), min_cost=0), Filter(model=("m",))),
        (Filter(key=("a", "b")), Filter()),
        (Filter(status=("unpriced",), key=("a",)), Filter(status=("unpriced",))),
        (Filter(status=("unpriced", "unsettled")), Filter()),
        (Filter(status=("priced",), route=("direct",)), Filter()),
        (Filter(outcome=("completed",), provider=("azure",)), Filter()),
        (Filter(error=("timeout",), tag="t"), Filter(error=("timeout",))),
        (Filter(error=("",)), Filter()),
        (Filter(tag="t", key=("a",)), Filter(tag="t")),
        (Filter(tag=""), Filter()),
        (Filter(call_id="call_1", stream=True), Filter()),
    ],
)
def test_what_leads(only: Filter, led: Filter) -> None:
    assert by_index(only) == led


class Watching(MemoryStore):
    """Notes which filters are asked for."""

    asked: list[Filter]

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        self.asked.append(only)
        return await super().rows(only, cursor=cursor, limit=limit)


@pytest.mark.parametrize(
    "only",
    [
        Filter(key=("key-1", "key-2")),
        Filter(key=tuple(f"key-{n}" for n in range(50))),
        Filter(outcome=("failed", "lost"), since=NOON),
        Filter(status=("priced", "unpriced")),
        Filter(call_id="call_0"),
    ],
)
async def test_the_log_is_never_sorted_whole(only: Filter) -> None:
    store = Watching()
    store.asked = []
    await store.open()
    await store.append(some_calls())
    await search(store, only, patience=0, slice_of=5)
    assert store.asked
    for each in store.asked:
        assert by_index(each) == each or each.since is not None
