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
from faregate.store.protocol import Entry, Filter, Store
from faregate.types import UNITS, Receipt

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_encode = msgspec.json.Encoder().encode

COLUMNS = (
    "call_id",
    "request_id",
    "operation",
    "started",
    "first_byte",
    "ended",
    "key",
    "team",
    "user",
    "tags",
    "session",
    "end_user",
    "client",
    "traceparent",
    "requested_model",
    "sent_model",
    "served_model",
    "provider",
    "deployment",
    "route",
    "attempts",
    "fallbacks",
    "stream",
    "http_status",
    "error",
    "outcome",
    "status",
    "total",
    "spend",
    "router_fee",
    *UNITS,
    "reasoning",
    "upstream_seconds",
    "overhead_us",
    "adjustments",
)
"""Money is decimal text in USD, exact, and empty while it is unknown; times are UTC."""


async def every_entry(store: Store, only: Filter, *, page: int = 1000) -> AsyncIterator[Entry]:
    """Every row a filter lets through, newest first, a page at a time."""
    cursor: str | None = None
    while True:
        found = await store.rows(only, cursor=cursor, limit=page)
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
    return {
        "call_id": row.call_id,
        "request_id": row.request_id,
        "operation": row.operation,
        "started": _instant(row.started),
        "first_byte": None if row.first_byte is None else _instant(row.first_byte),
        "ended": _instant(row.ended),
        "key": row.key,
        "team": row.team,
        "user": row.user,
        "tags": ",".join(row.tags),
        "session": row.session,
        "end_user": row.end_user,
        "client": row.client,
        "traceparent": row.traceparent,
        "requested_model": row.requested_model,
        "sent_model": last.sent_model if last else "",
        "served_model": last.served_model if last else "",
        "provider": row.provider,
        "deployment": row.deployment,
        "route": last.route if last else "",
        "attempts": len(row.attempts),
        "fallbacks": row.fallbacks,
        "stream": row.stream,
        "http_status": row.status,
        "error": row.error,
        "outcome": row.outcome,
        "status": entry.status,
        "total": None if entry.total is None else format_usd(entry.total),
        "spend": format_usd(entry.spend),
        "router_fee": None if fee is None else format_usd(fee),
        **_tokens(receipt),
        "upstream_seconds": row.upstream_seconds,
        "overhead_us": row.overhead_us,
        "adjustments": len(entry.adjustments),
    }


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
