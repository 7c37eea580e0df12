"""A row as the columns of the table of calls, and back."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from faregate.store.errors import RefusedValueError
from faregate.store.protocol import Adjustment, Entry, RowStatus
from faregate.store.rollup import DAY, Judged, Share, judged, shares
from faregate.store.tables import calls
from faregate.store.text import as_json, clean, integer, microseconds, name, seconds
from faregate.types import Attempt, Receipt, Row

MOST_CALL_ID = 128

COLUMNS = tuple(each.name for each in calls.columns if each.name != "adjusted")
"""What is written at once, in the order of the table; ``adjusted`` follows with the first
adjustment."""

PRICED_COLUMNS = (
    "sent_model",
    "served_model",
    "route",
    "status",
    "total_pico",
    "spend_pico",
    "input_tokens",
    "output_tokens",
    "receipt",
)
"""What another receipt changes."""

_DATED = re.compile(r"call_([0-9a-f]{12})[0-9a-f]{16}\Z")
_LAST_DAY = 2_932_896  # 9999-12-31
_read_attempts = msgspec.json.Decoder(tuple[Attempt, ...]).decode
_read_receipt = msgspec.json.Decoder(Receipt).decode
_read_tags = msgspec.json.Decoder(tuple[str, ...]).decode


class Record(NamedTuple):
    """A row, ready to be written."""

    call_id: str
    day: int
    """Where the row is kept: of the call id, in UTC. Which day it counts on, the calendar says."""
    started: int
    values: tuple[Any, ...]
    """In the order of :data:`COLUMNS`."""
    tags: tuple[str, ...]
    shares: list[Share]
    tag_shares: list[Share]


def day_of(call_id: str) -> int:
    """Days since 1970 that a call id begins with; 0 for an id that tells no time.

    It depends on the id alone: the same id always means the same place, which is what makes
    appending idempotent where a table is partitioned.
    """
    found = _DATED.match(call_id)
    return min(int(found[1], 16) // (DAY * 1000), _LAST_DAY) if found else 0


def checked(call_id: str) -> str:
    """The call id. Raises :class:`RefusedValueError` for one that cannot be a key."""
    if not call_id or len(call_id) > MOST_CALL_ID or clean(call_id) != call_id:
        raise RefusedValueError(f"a call id has 1 to {MOST_CALL_ID} printable characters")
    return call_id


def record(row: Row) -> Record:
    """The columns of a row and its share of the roll-ups.

    Raises :class:`RefusedValueError` for a row that cannot be written down.
    """
    try:
        return _record(row)
    except Exception as error:  # noqa: BLE001 - whatever it is: nothing but the row was asked
        reason = str(error) if isinstance(error, RefusedValueError) else type(error).__name__
        raise RefusedValueError(f"call {row.call_id!r:.80} cannot be kept: {reason}") from None


def _record(row: Row) -> Record:
    call_id = checked(row.call_id)
    started = microseconds(row.started)
    day = day_of(call_id)
    judgement = judged(row)
    own, by_tag = shares(row, judgement)
    tags = tuple(dict.fromkeys(name(tag) for tag in row.tags if tag))
    sent, served, route, status, total, spend, prompt, completion, receipt = priced_values(
        row, judgement
    )
    values = (
        call_id,
        day,
        started,
        None if row.first_byte is None else microseconds(row.first_byte),
        microseconds(row.ended),
        clean(row.request_id),
        name(row.operation),
        name(row.key),
        name(row.team),
        name(row.user),
        as_json(tags) if tags else "",
        clean(row.session),
        clean(row.end_user),
        clean(row.client),
        clean(row.traceparent),
        name(row.requested_model),
        sent,
        served,
        name(row.provider),
        name(row.deployment),
        route,
        as_json(row.attempts) if row.attempts else "",
        integer(row.fallbacks),
        row.stream,
        integer(row.status),
        name(row.error),
        row.outcome,
        status,
        total,
        spend,
        prompt,
        completion,
        receipt,
        microseconds(row.upstream_seconds),
        integer(row.overhead_us),
    )
    return Record(call_id, day, started, values, tags, own, by_tag)


def priced_values(row: Row, judgement: Judged | None = None) -> tuple[Any, ...]:
    """The columns of :data:`PRICED_COLUMNS`."""
    status, counted, spend = judgement or judged(row)
    receipt = row.receipt
    if receipt is None:
        return "", "", "", status, None if row.outcome == "lost" else 0, 0, 0, 0, None
    last = receipt.charges[-1] if receipt.charges else None
    return (
        name(last.sent_model) if last else "",
        name(last.served_model) if last else "",
        last.route if last else "",
        status,
        counted.total if counted else None,
        spend,
        sum(each.usage.prompt for each in counted.charges) if counted else 0,
        sum(each.usage.completion for each in counted.charges) if counted else 0,
        as_json(receipt),
    )


def receipt_of(text: str | None) -> Receipt | None:
    """The receipt of a column."""
    return None if text is None else _read_receipt(text)


def row_of(found: Mapping[str, Any]) -> Row:
    """The row of a record of the table of calls."""
    first_byte = found["first_byte"]
    return Row(
        call_id=found["call_id"],
        request_id=found["request_id"],
        operation=found["operation"],
        started=seconds(found["started"]),
        first_byte=None if first_byte is None else seconds(first_byte),
        ended=seconds(found["ended"]),
        key=found["key_id"],
        team=found["team_id"],
        user=found["user_id"],
        tags=_read_tags(found["tags"]) if found["tags"] else (),
        session=found["session"],
        requested_model=found["requested_model"],
        deployment=found["deployment"],
        provider=found["provider"],
        attempts=_read_attempts(found["attempts"]) if found["attempts"] else (),
        stream=bool(found["stream"]),
        status=found["http_status"],
        error=found["error"],
        outcome=found["outcome"],
        receipt=receipt_of(found["receipt"]),
        upstream_seconds=seconds(found["upstream_us"]),
        overhead_us=found["overhead_us"],
        client=found["client"],
        end_user=found["end_user"],
        traceparent=found["traceparent"],
        fallbacks=found["fallbacks"],
    )


def entry_of(found: Mapping[str, Any], adjustments: tuple[Adjustment, ...] = ()) -> Entry:
    """The entry of a record of the table of calls."""
    return Entry(
        row=row_of(found),
        status=cast("RowStatus", found["status"]),
        total=found["total_pico"],
        spend=found["spend_pico"],
        adjustments=adjustments,
    )
