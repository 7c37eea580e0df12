"""One attempt at a stream."""

import asyncio
import time
from collections.abc import AsyncIterator

from faregate.core.receipt_text import as_json
from faregate.gateway import failures
from faregate.gateway.asgi import EVENTS, error_event
from faregate.gateway.counting import count
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Passage
from faregate.gateway.tap import Tap
from faregate.tokenizer.estimate import usage_fields
from faregate.types import ErrorFacts, JsonObject
from faregate.upstream.transport import AnswerStream
from faregate.upstream.transport_errors import TransportError

_ERROR_BODY = 1024 * 1024


async def send_stream(passage: Passage, outlet: Outlet) -> ErrorFacts | None:
    """Send and relay. Why it failed before the client got a byte, or None from then on."""
    began = time.perf_counter()
    opened = await _open(passage, outlet, began)
    if isinstance(opened, ErrorFacts):
        return opened
    tap = Tap(outlet, usage_asked=passage.asked.usage or passage.asked.receipt)
    async with opened as upstream:
        chunks = aiter(upstream)
        try:
            first = await _first(chunks, tap)
        except failures.BREAKS as problem:
            error = failures.of_stream(problem)
            passage.tried(outlet, began, error, 200)
            if tap.telling:  # something was generated, and is billed, before it failed
                await asyncio.shield(_charge(passage, outlet, tap))
            return error
        passage.tried(outlet, began, None, 200)
        passage.answered()
        try:
            await _relay(passage, tap, first, chunks, upstream)
        finally:
            # A client that left, a cancelled task: what was generated is still to be paid for.
            if passage.at_work:
                await asyncio.shield(_charge(passage, outlet, tap))
    return None


async def _open(passage: Passage, outlet: Outlet, began: float) -> AnswerStream | ErrorFacts:
    """The stream once its head is here, or the error that came instead."""
    request = await outlet.request(
        passage.operation, passage.asked.members, passage.exchange.headers
    )
    timeouts = outlet.timeouts(passage.snapshot.settings, stream=True, left=passage.left())
    passage.at_work = True
    try:
        answer = await outlet.transport().stream(request, timeouts)
        kind = answer.headers.get("content-type", "")
        if answer.status == 200 and "html" not in kind and "json" not in kind:
            return answer
        async with answer:
            body = await answer.read(_ERROR_BODY)
    except TransportError as problem:
        error = failures.of_transport(problem)
        passage.tried(outlet, began, error, 0)
        return error
    if answer.status == 200:
        error = failures.not_streamed(body)
    else:
        error = failures.of_answer(answer.status, answer.headers, body)
    passage.tried(outlet, began, error, answer.status)
    return error


async def _first(chunks: AsyncIterator[bytes], tap: Tap) -> bytes:
    """The first bytes for the client: held just long enough to know that they are no error.

    Azure throttles inside HTTP 200, in the first event. Its usual first event has no choices and
    no model yet, so that one waits for the one behind it. Raises one of ``failures.BREAKS``.
    """
    held = b""
    async for data in chunks:
        held += tap.feed(data)
        if tap.telling or tap.ended:
            return held
    held += tap.finish()
    if not tap.complete:
        raise failures.CutOffError
    return held


async def _relay(
    passage: Passage,
    tap: Tap,
    first: bytes,
    chunks: AsyncIterator[bytes],
    upstream: AnswerStream,
) -> None:
    """The stream as it comes, then its usage with the cost, or an error event."""
    exchange, outlet = passage.exchange, passage.outlet
    assert outlet is not None
    passage.status = 200
    passage.first_byte = time.perf_counter()
    await exchange.begin([*EVENTS, *passage.headers(tap.reading.model, upstream.headers)])
    try:
        await _pump(passage, outlet, tap, first, chunks)
    except failures.BREAKS as problem:
        error = failures.of_stream(problem)
        await _charge(passage, outlet, tap)
        passage.broke(error)
        await passage.finish()
        if not exchange.client.gone:
            await exchange.write(
                error_event(failures.exception(error, outlet, passage.asked.model))
            )
            await exchange.end()
        return
    await _charge(passage, outlet, tap)
    passage.outcome = "cancelled" if exchange.client.gone else "completed"
    await passage.finish()
    if not exchange.client.gone:
        await exchange.write(tap.last(_usage(passage, tap), _more(passage)))
        await exchange.end()


async def _pump(
    passage: Passage, outlet: Outlet, tap: Tap, first: bytes, chunks: AsyncIterator[bytes]
) -> None:
    """Bytes to the client until the answer ends. For a client that left they are only read."""
    exchange = passage.exchange
    if first:
        await exchange.write(first)
    drained = 0
    begun_and_ended = tap.ended
    if not begun_and_ended:
        async for data in chunks:
            out = tap.feed(data)
            if exchange.client.gone:
                drained += len(data)
                if drained > outlet.entry.drain_bytes:
                    return
            elif out:
                await exchange.write(out)
            if tap.ended:
                return
        rest = tap.finish()
        if rest and not exchange.client.gone:
            await exchange.write(rest)
    if not tap.complete:
        raise failures.CutOffError


async def _charge(passage: Passage, outlet: Outlet, tap: Tap) -> None:
    """The charge by the provider's usage, or by our count where the stream never gave it."""
    usage = tap.reading.usage()
    if usage is None or not usage.completion:
        reading = tap.read_kept()
        usage = reading.usage() or await count(passage.asked.members, reading)
    passage.charge(outlet, tap.reading, usage)


def _usage(passage: Passage, tap: Tap) -> JsonObject:
    """What the usage chunk says beside the provider's own words."""
    counted: JsonObject = {}
    if tap.reading.raw_usage is None and passage.charges:
        counted = usage_fields(passage.charges[-1].usage)
    return counted | passage.cost


def _more(passage: Passage) -> JsonObject:
    """The whole receipt, for a client that asked for it."""
    if not passage.asked.receipt or passage.receipt is None:
        return {}
    return {"receipt": as_json(passage.receipt)}
