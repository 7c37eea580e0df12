"""One attempt at a stream."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from msgspec import structs

from faregate.core.receipt_text import as_json
from faregate.gateway import failures
from faregate.gateway.asgi import EVENTS, error_event
from faregate.gateway.counting import count
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Passage
from faregate.gateway.tap import Tap
from faregate.gateway.whole_as_stream import WholeAsStream, whole_as_stream
from faregate.tokenizer.estimate import usage_fields
from faregate.types import ErrorFacts, JsonObject
from faregate.upstream.transport import AnswerStream

_ERROR_BODY = 1024 * 1024
_WHOLE_BODY = 64 * 1024 * 1024
_HELD = 256 * 1024
"""Bytes held before the first byte to the client; an error says so sooner than that."""


async def send_stream(passage: Passage, outlet: Outlet) -> ErrorFacts | None:
    """Send and relay. Why it failed before the client got a byte, or None from then on."""
    began = time.perf_counter()
    tap = Tap(outlet, usage_asked=passage.asked.usage or passage.asked.receipt)
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(passage.left()):
                opened = await _open(passage, outlet)
                if isinstance(opened, ErrorFacts):
                    passage.tried(outlet, began, opened, opened.status)
                    return opened
                stack.push_async_exit(opened)
                chunks: AsyncIterator[bytes] = aiter(opened)
                first = await _first(chunks, tap)
        except (*failures.BREAKS, TimeoutError) as problem:
            return await _not_begun(passage, outlet, tap, began, problem)
        except asyncio.CancelledError:
            passage.left_undone(outlet, began)
            raise
        passage.tried(outlet, began, None, 200)
        passage.answered()
        try:
            await _relay(passage, tap, first, chunks, opened.headers)
        finally:
            # A client that left, a cancelled task: what was generated is still to be paid for.
            if passage.at_work:
                await asyncio.shield(_charge(passage, outlet, tap))
    return None


async def _not_begun(
    passage: Passage, outlet: Outlet, tap: Tap, began: float, problem: Exception
) -> ErrorFacts:
    """A stream that failed before its first byte went out. What a model did on it is charged."""
    error = failures.of_stream(problem)
    worked = (
        tap.telling
        or failures.was_answering(problem)
        or (isinstance(problem, TimeoutError) and passage.at_work)
    )
    passage.tried(outlet, began, error, 200 if tap.telling else 0)
    if worked:
        await asyncio.shield(_charge(passage, outlet, tap))
    return error


async def _open(passage: Passage, outlet: Outlet) -> AnswerStream | WholeAsStream | ErrorFacts:
    """The stream once its head is here, or the error that came instead.

    Raises :class:`TransportError` when nothing usable came.
    """
    request = await outlet.request(
        passage.operation, passage.asked.members, passage.exchange.headers
    )
    timeouts = outlet.timeouts(passage.snapshot.settings, stream=True, left=passage.left())
    answer = await outlet.transport().stream(request, timeouts, passage.sent)
    kind = answer.headers.get("content-type", "")
    if answer.status == 200 and "html" not in kind and "json" not in kind:
        return answer
    async with answer:
        body = await answer.read(_ERROR_BODY if answer.status != 200 else _WHOLE_BODY)
    if answer.status != 200:
        return failures.of_answer(answer.status, answer.headers, body)
    # A provider that does not stream, or one that hides an error in a 200.
    return whole_as_stream(answer.headers, body) or failures.not_streamed(body)


async def _first(chunks: AsyncIterator[bytes], tap: Tap) -> bytes:
    """The first bytes for the client: held just long enough to know that they are no error.

    Azure throttles inside HTTP 200, in the first event. Its usual first event has no choices and
    no model yet, so that one waits for the one behind it. Raises one of ``failures.BREAKS``.
    """
    held: list[bytes] = []
    size = 0
    async for data in chunks:
        held.append(tap.feed(data))
        tap.check()  # while nothing has gone out, an error is an answer of its own
        size += len(data)
        if tap.telling or tap.ended or size > _HELD:
            return b"".join(held)
    held.append(tap.finish())
    tap.check()
    if not tap.complete:
        raise failures.CutOffError
    return b"".join(held)


async def _relay(
    passage: Passage,
    tap: Tap,
    first: bytes,
    chunks: AsyncIterator[bytes],
    headers: Mapping[str, str],
) -> None:
    """The stream as it comes, then its usage with the cost, or an error event."""
    exchange, outlet = passage.exchange, passage.outlet
    assert outlet is not None
    passage.status = 200
    passage.first_byte = time.perf_counter()
    await exchange.begin([*EVENTS, *passage.headers(tap.reading.model, headers)])
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
            elif out and not exchange.pass_on(out):
                await exchange.write(out)
            tap.check()
            if tap.ended:
                return
        rest = tap.finish()
        if rest and not exchange.client.gone:
            await exchange.write(rest)
        tap.check()
    if not tap.complete:
        raise failures.CutOffError


async def _charge(passage: Passage, outlet: Outlet, tap: Tap) -> None:
    """The charge by the provider's usage, or by our count where the stream never gave it."""
    usage = tap.reading.usage()
    if usage is None or not usage.completion:
        reading = tap.read_kept()
        usage = reading.usage()
        if usage is None:
            counted = await count(passage.asked.members, reading)
            usage = structs.replace(counted, output=tap.scaled(counted.output))
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
