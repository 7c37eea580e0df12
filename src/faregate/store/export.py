"""Rows out of the ledger: as CSV, as JSON lines, as Parquet."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec

from faregate.core.receipt_text import as_json as receipt_json
from faregate.errors import ConfigError
from faregate.money import format_usd
from faregate.store import calls
from faregate.store.protocol import Entry, Filter, Store
from faregate.store.searching import search
from faregate.types import UNITS, Receipt

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_encode = msgspec.json.Encoder().encode

_SHOWN_AS: Mapping[str, tuple[str, ...]] = {
    "day": (),
    "key_id": ("key",),
    "team_id": ("team",),
    "user_id": ("user",),
    "total_pico": ("total",),
    "spend_pico": ("spend", "router_fee"),
    "input_tokens": (*UNITS, "reasoning"),
    "output_tokens": (),
    "receipt": (),
    "upstream_us": ("upstream_seconds",),
}
"""Columns of the table of calls that go out under other names, as several, or not at all."""

COLUMNS = (
    *(shown for name in calls.COLUMNS for shown in _SHOWN_AS.get(name, (name,))),
    "adjustments",
)
"""Money is decimal text in USD, exact, and empty while it is unknown; times are UTC."""


async def every_entry(store: Store, only: Filter, *, page: int = 1000) -> AsyncIterator[Entry]:
    """Every row a filter lets through, newest first, a page at a time, or a part of one where no
    index leads to them."""
    cursor: str | None = None
    while True:
        found = await search(store, only, cursor=cursor, limit=page)
        for entry in found.entries:
            yield entry
        cursor = found.cursor
        if cursor is None:
            return


def flat(entry: Entry) -> dict[str, Any]:
    """A row as :data:`COLUMNS`: text, numbers and booleans, None for what is unknown."""
    row = entry.row
    receipt = row.receipt
    last = receipt.charges[-1] if receipt and receipt.charges else None
    fee = receipt.router_fee if receipt else None
    # What is not here has the name and the value it has in the row.
    cells = {
        "started": _instant(row.started),
        "first_byte": None if row.first_byte is None else _instant(row.first_byte),
        "ended": _instant(row.ended),
        "tags": ",".join(row.tags),
        "sent_model": last.sent_model if last else "",
        "served_model": last.served_model if last else "",
        "route": last.route if last else "",
        "attempts": len(row.attempts),
        "http_status": row.status,
        "status": entry.status,
        "total": None if entry.total is None else format_usd(entry.total),
        "spend": format_usd(entry.spend),
        "router_fee": None if fee is None else format_usd(fee),
        **_tokens(receipt),
        "adjustments": len(entry.adjustments),
    }
    return {name: cells[name] if name in cells else getattr(row, name) for name in COLUMNS}


async def csv_lines(entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    """CSV with a head, a line at a time.

    Names come from clients, so a text that a spreadsheet would run as a formula gets an apostrophe
    in front.
    """
    yield _csv(COLUMNS)
    async for entry in entries:
        yield _csv([_cell(value) for value in flat(entry).values()])


async def json_lines(entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    """One JSON object a line: the columns, and receipt, attempts, tags and adjustments in full."""
    async for entry in entries:
        row = entry.row
        whole = flat(entry) | {
            "tags": row.tags,
            "attempts": row.attempts,
            "receipt": _receipt(row.receipt),
            "adjustments": [
                {
                    "at": _instant(each.at),
                    "reason": each.reason,
                    "before": _receipt(each.before),
                    "after": _receipt(each.after),
                }
                for each in entry.adjustments
            ],
        }
        yield _encode(whole).decode() + "\n"


async def write_parquet(
    entries: AsyncIterator[Entry], out: BinaryIO, *, group: int = 10_000
) -> int:
    """Write a Parquet file, ``group`` rows in memory at a time; how many rows.

    Raises :class:`ConfigError` without the extra ``parquet``.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigError("Parquet needs pyarrow: pip install 'faregate[parquet]'") from None
    schema = pa.schema([(name, _arrow_type(pa, name)) for name in COLUMNS])
    count = 0
    kept: list[dict[str, Any]] = []
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        async for entry in entries:
            kept.append(flat(entry))
            count += 1
            if len(kept) == group:
                writer.write_table(pa.Table.from_pylist(kept, schema))
                kept.clear()
        writer.write_table(pa.Table.from_pylist(kept, schema))
    return count


def _arrow_type(arrow: Any, name: str) -> Any:
    whole = {*UNITS, "reasoning", "attempts", "fallbacks", "http_status", "overhead_us"}
    if name in whole or name == "adjustments":
        return arrow.int64()
    if name == "stream":
        return arrow.bool_()
    return arrow.float64() if name == "upstream_seconds" else arrow.string()


def _tokens(receipt: Receipt | None) -> Mapping[str, int]:
    charges = receipt.charges if receipt else ()
    return {
        unit: sum(getattr(charge.usage, unit) for charge in charges)
        for unit in (*UNITS, "reasoning")
    }


def _receipt(receipt: Receipt | None) -> Any:
    return None if receipt is None else receipt_json(receipt)


def _instant(seconds: float) -> str:
    """UTC, to the microsecond."""
    instant = datetime.fromtimestamp(seconds, UTC)
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _csv(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(list(cells))
    return out.getvalue()
