"""Rows as CSV, JSON lines and Parquet."""

import csv
import io
import json
from collections.abc import AsyncIterator

import pytest
from pyarrow import parquet

from faregate.errors import ConfigError
from faregate.store.export import COLUMNS, csv_lines, every_entry, flat, json_lines, write_parquet
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Entry, Filter, Page
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row, call_id


@pytest.fixture
async def store() -> MemoryStore:
    """Four calls: routed, unpriced, without receipt, adjusted."""
    store = MemoryStore()
    await store.open()
    await store.append(
        [
            a_row(1, tags=("a", "b"), key='=HYPERLINK("x")', user="-1"),
            a_row(2, NOON + 1, receipt=a_receipt(a_charge(None))),
            a_row(3, NOON + 2, receipt=None, outcome="refused", first_byte=None),
            a_row(4, NOON + 3, user="a,\n\"b'"),
        ]
    )
    await store.adjust(call_id(4, NOON + 3), a_receipt(a_charge(600)), reason="late", at=NOON)
    return store


def entries(store: MemoryStore, only: Filter | None = None) -> AsyncIterator[Entry]:
    """Everything, two rows a page."""
    return every_entry(store, only or Filter(), page=2)


async def test_every_entry_crosses_pages(store: MemoryStore) -> None:
    found = [each.row.call_id async for each in entries(store)]
    assert found == [call_id(n, NOON + n - 1) for n in (4, 3, 2, 1)]
    only = Filter(outcome=("refused",))
    assert [each.status async for each in entries(store, only)] == ["unbilled"]


async def test_flat_has_every_column(store: MemoryStore) -> None:
    async for entry in entries(store):
        assert tuple(flat(entry)) == COLUMNS


async def test_columns_are_those_of_the_table(store: MemoryStore) -> None:
    """In its order; what they hold is in the row, though some names differ."""
    first = (await store.rows(Filter(), limit=1)).entries[0]
    assert COLUMNS[:9] == (
        "call_id", "started", "first_byte", "ended", "request_id", "operation", "key", "team",
        "user",
    )  # fmt: skip
    assert COLUMNS[-3:] == ("upstream_seconds", "overhead_us", "adjustments")
    assert len(set(COLUMNS)) == len(COLUMNS) == 45
    cells = flat(first)
    assert (cells["upstream_seconds"], cells["overhead_us"]) == (0.375, 80)
    assert (cells["key"], cells["http_status"], cells["status"]) == ("key-1", 200, "priced")


async def test_csv(store: MemoryStore) -> None:
    text = "".join([line async for line in csv_lines(entries(store))])
    four, three, two, one = csv.DictReader(io.StringIO(text))
    assert one["total"] == "0.000000000543"
    assert one["router_fee"] == "0.000000000043"
    assert one["started"] == "2026-11-22T12:00:00.000000Z"
    assert (one["tags"], one["input"], one["stream"]) == ("a,b", "1200", "true")
    assert (two["total"], two["spend"], two["status"]) == ("", "0.000000000043", "unpriced")
    assert (three["served_model"], three["first_byte"], three["total"]) == ("", "", "0")
    assert (four["user"], four["adjustments"]) == ("a,\n\"b'", "1")


async def test_csv_runs_nothing_in_a_spreadsheet(store: MemoryStore) -> None:
    text = "".join([line async for line in csv_lines(entries(store))])
    *_, one = csv.DictReader(io.StringIO(text))
    assert one["key"] == '\'=HYPERLINK("x")'
    assert one["user"] == "'-1"


async def test_json_lines(store: MemoryStore) -> None:
    four, three, _two, one = [json.loads(line) async for line in json_lines(entries(store))]
    assert one["tags"] == ["a", "b"]
    assert one["receipt"]["total"] == "0.000000000543"
    assert one["attempts"][0]["deployment"] == "main"
    assert three["receipt"] is None
    (late,) = four["adjustments"]
    assert (late["reason"], late["before"]["total"], late["after"]["total"]) == (
        "late",
        "0.000000000543",
        "0.0000000006",
    )


async def test_parquet(store: MemoryStore) -> None:
    out = io.BytesIO()
    assert await write_parquet(entries(store), out, group=3) == 4
    rows = parquet.read_table(io.BytesIO(out.getvalue())).to_pylist()
    assert [row["total"] for row in rows] == ["0.0000000006", "0", None, "0.000000000543"]
    assert rows[3] == flat([each async for each in entries(store)][3])


async def test_parquet_without_its_extra(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'faregate\[parquet\]'"):
        await write_parquet(entries(store), io.BytesIO())


async def test_several_keys_are_never_sorted_whole(store: MemoryStore) -> None:
    asked: list[Filter] = []
    rows = store.rows

    async def watched(only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        asked.append(only)
        return await rows(only, cursor=cursor, limit=limit)

    store.rows = watched  # type: ignore[method-assign]
    keys = Filter(key=("key-1", "key-2"))
    found = [each.row.key async for each in every_entry(store, keys, page=2)]
    assert set(found) <= {"key-1", "key-2"}
    assert found
    assert all(len(each.key) == 1 for each in asked)
