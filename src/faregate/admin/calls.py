"""``/api/calls``: the log, one call of it, and all of it out."""

import time
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi.responses import StreamingResponse

from faregate.admin.exports import FORMATS, stream
from faregate.admin.narrowing import CallQueryIn, ExportQueryIn, call_filter
from faregate.admin.receipts import Receipt, Tokens, add_up, show_receipt, tokens_of
from faregate.admin.table import Table
from faregate.admin.wire import (
    Asked,
    Instant,
    Money,
    Shown,
    Who,
    instant,
    maybe_instant,
    maybe_money,
    money,
    question,
)
from faregate.errors import NotFoundError
from faregate.store.export import every_entry
from faregate.store.protocol import Entry, RowStatus
from faregate.store.searching import search
from faregate.types import Outcome

table = Table("calls")


class Call(Shown):
    """One admitted call."""

    call_id: str
    request_id: str
    operation: str
    started: Instant
    first_byte: Instant | None
    ended: Instant
    seconds: float
    """From start to end."""
    first_byte_seconds: float | None
    key: str
    team: str
    user: str
    tags: list[str]
    session: str
    end_user: str
    client: str
    traceparent: str
    requested_model: str
    sent_model: str
    served_model: str
    provider: str
    deployment: str
    route: Literal["", "direct", "model_router"]
    """Empty where nothing that bills was reached."""
    attempts: int
    fallbacks: int
    stream: bool
    http_status: int
    error: str
    outcome: Outcome
    status: RowStatus
    total: Money | None
    """Null while it cannot be known."""
    spend: Money
    """What is known to be spent: the total, or the sum of the lines that are known."""
    router_fee: Money | None
    tokens: Tokens
    upstream_seconds: float
    overhead_us: int
    adjustments: int


class CallPage(Shown):
    """Calls, newest first."""

    data: list[Call]
    """Up to `limit`. Fewer, or none, do not mean the end of the log: `next` does."""
    next: str | None
    searched_to: Instant | None
    """How far back was looked, where the page ended for want of time and not of calls: a filter
    that no index answers is looked for in parts. Null: the page is full, or the log at its end."""


class Attempt(Shown):
    """One call to one deployment."""

    deployment: str
    provider: str
    status: int
    """The HTTP status that came back; 0 when none did."""
    error: str
    started: Instant
    seconds: float


class Adjustment(Shown):
    """A receipt replaced after the fact."""

    at: Instant
    reason: str
    before: Receipt | None
    after: Receipt


class CallDetail(Shown):
    """All that is known of one call."""

    call: Call
    attempts: list[Attempt]
    receipt: Receipt | None
    """Null where nothing that bills was reached."""
    adjustments: list[Adjustment]
    """Oldest first."""
    content_kept: bool
    """Whether there is a prompt or an answer to ask for."""


@table.route("GET", "/api/calls", "own", "listCalls")
async def list_calls(who: Who, asked: CallQueryIn) -> CallPage:
    """The log, newest first. A key without a role sees its own calls."""
    only = call_filter(who, asked, time.time(), await who.office.store().calendar())
    with question():
        found = await search(who.office.store(), only, cursor=asked.cursor, limit=asked.limit)
    return CallPage(
        data=[show_call(each) for each in found.entries],
        next=found.cursor,
        searched_to=maybe_instant(found.searched_to),
    )


@table.route(
    "GET",
    "/api/calls/export",
    "own",
    "exportCalls",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A file",
            "content": {media: {"schema": {"type": "string"}} for media in FORMATS.values()},
        }
    },
)
async def export_calls(who: Who, asked: ExportQueryIn) -> StreamingResponse:
    """Every call the filter lets through, as `format`: csv, json (a line each) or parquet."""
    only = call_filter(who, asked, time.time(), await who.office.store().calendar())
    store = who.office.store()
    entries: AsyncIterator[Entry] = every_entry(store, only, page=100)
    return await stream(entries, asked.format)


@table.route("GET", "/api/calls/{call_id}", "own", "getCall")
async def get_call(who: Who, call_id: str) -> CallDetail:
    """One call: its attempts, its receipt with the price rows, what was changed later."""
    entry = await find(who, call_id)
    kept = await who.office.store().contents(call_id)
    book = who.office.book()
    return CallDetail(
        call=show_call(entry),
        attempts=[
            Attempt(
                deployment=each.deployment,
                provider=each.provider,
                status=each.status,
                error=each.error,
                started=instant(each.started),
                seconds=each.seconds,
            )
            for each in entry.row.attempts
        ],
        receipt=None if entry.row.receipt is None else show_receipt(entry.row.receipt, book),
        adjustments=[
            Adjustment(
                at=instant(each.at),
                reason=each.reason,
                before=None if each.before is None else show_receipt(each.before, book),
                after=show_receipt(each.after, book),
            )
            for each in entry.adjustments
        ],
        content_kept=kept is not None,
    )


class CallContent(Shown):
    """What was asked and answered, where that is kept."""

    call_id: str
    prompt: str | None
    """The request, as JSON text; null where it is not kept."""
    answer: str | None
    """Text, or JSON text."""


@table.route("GET", "/api/calls/{call_id}/content", "own", "getCallContent")
async def get_content(who: Who, call_id: str) -> CallContent:
    """The prompt and the answer of a call, where the configuration has them kept."""
    await find(who, call_id)
    found = await who.office.store().contents(call_id)
    if found is None:
        raise NotFoundError(
            f"prompt and answer of {call_id[:64]!r} are not kept; "
            "general_settings.store_prompts_in_spend_logs keeps those of later calls",
            code="content_not_kept",
        )
    return CallContent(call_id=call_id, prompt=found.prompt, answer=found.answer)


async def find(who: Asked, call_id: str) -> Entry:
    """A row the holder may see. Raises :class:`NotFoundError`, whoever's a hidden one is."""
    entry = await who.office.store().row(call_id) if len(call_id) <= 128 else None
    if entry is None or not (who.sees_all or entry.row.key == who.holder.id):
        raise NotFoundError(
            f"there is no call {call_id[:64]!r} in the ledger; a row is there a moment after its "
            "call has ended",
            code="call_not_found",
        )
    return entry


def show_call(entry: Entry) -> Call:
    """A row as it is shown."""
    row, receipt = entry.row, entry.row.receipt
    charges = receipt.charges if receipt else ()
    last: Any = charges[-1] if charges else None
    first = row.first_byte
    return Call(
        call_id=row.call_id,
        request_id=row.request_id,
        operation=row.operation,
        started=instant(row.started),
        first_byte=maybe_instant(first),
        ended=instant(row.ended),
        seconds=round(max(row.ended - row.started, 0.0), 6),
        first_byte_seconds=None if first is None else round(max(first - row.started, 0.0), 6),
        key=row.key,
        team=row.team,
        user=row.user,
        tags=list(row.tags),
        session=row.session,
        end_user=row.end_user,
        client=row.client,
        traceparent=row.traceparent,
        requested_model=row.requested_model,
        sent_model=last.sent_model if last else "",
        served_model=last.served_model if last else "",
        provider=row.provider,
        deployment=row.deployment,
        route=last.route if last else "",
        attempts=len(row.attempts),
        fallbacks=row.fallbacks,
        stream=row.stream,
        http_status=row.status,
        error=row.error,
        outcome=row.outcome,
        status=entry.status,
        total=maybe_money(entry.total),
        spend=money(entry.spend),
        router_fee=maybe_money(receipt.router_fee if receipt else None),
        tokens=add_up([tokens_of(each.usage) for each in charges]),
        upstream_seconds=row.upstream_seconds,
        overhead_us=row.overhead_us,
        adjustments=len(entry.adjustments),
    )
