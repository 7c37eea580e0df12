"""One attempt at a whole answer."""

import asyncio
import time
from typing import Any

from faregate.gateway import failures
from faregate.gateway.asgi import JSON
from faregate.gateway.counting import count
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Passage
from faregate.tokenizer.estimate import usage_fields
from faregate.types import ErrorFacts
from faregate.upstream.transport import Answer
from faregate.upstream.transport_errors import TransportError
from faregate.wire import openai_chat, splice


async def send_whole(passage: Passage, outlet: Outlet) -> ErrorFacts | None:
    """Send and wait for the whole answer: None when the client has it, else why it failed."""
    answer = await _exchange(passage, outlet)
    if isinstance(answer, ErrorFacts):
        return answer
    try:
        members = splice.open_object(answer.body)
        refusal = failures.in_body(members)
    except openai_chat.WireError as problem:
        refusal = failures.no_answer(str(problem))
        if answer.body.lstrip().startswith(b"{"):  # an answer, if a broken one
            await _estimate(passage, outlet)
    if refusal is not None:
        passage.spoilt(refusal)
        return refusal
    passage.answered()
    await _reply(passage, outlet, answer, members)
    return None


async def _exchange(passage: Passage, outlet: Outlet) -> Answer | ErrorFacts:
    request = await outlet.request(
        passage.operation, passage.asked.members, passage.exchange.headers
    )
    timeouts = outlet.timeouts(passage.snapshot.settings, stream=False, left=passage.left())
    began = time.perf_counter()
    try:
        answer = await outlet.transport().send(request, timeouts, passage.sent)
    except asyncio.CancelledError:
        passage.left_undone(outlet, began)
        raise
    except TransportError as problem:
        error = failures.of_transport(problem)
        passage.tried(outlet, began, error, 0)
        if failures.was_answering(problem):
            await _estimate(passage, outlet)
        return error
    if answer.status == 200:
        passage.tried(outlet, began, None, 200)
        return answer
    error = failures.of_answer(answer.status, answer.headers, answer.body)
    passage.tried(outlet, began, error, answer.status)
    return error


async def _estimate(passage: Passage, outlet: Outlet) -> None:
    """Charge an attempt whose answer could not be read: a model was at work, and is paid."""
    reading = openai_chat.Reading()
    passage.charge(outlet, reading, await count(passage.asked.members, reading))


async def _reply(passage: Passage, outlet: Outlet, answer: Answer, members: splice.Members) -> None:
    """The answer with the served model's full name and its cost; all else as it came."""
    reading = openai_chat.Reading()
    reading.see(openai_chat.facts_of(members))
    usage = reading.usage()
    if usage is None or (not usage.completion and "choices" in members):
        # Its text decides what a usage without output tokens is worth.
        reading.see(openai_chat.decode_answer(answer.body))
        usage = reading.usage() or await count(passage.asked.members, reading)
    passage.charge(outlet, reading, usage)
    if reading.raw_usage is None:
        said = {**usage_fields(usage), **passage.cost}
    else:
        said = splice.laid_over(members["usage"], passage.cost)
    changed: dict[str, Any] = {"usage": said}
    if reading.model:
        changed["model"] = outlet.shown_model(reading.model)
    passage.status = 200
    passage.outcome = "completed"
    headers = [JSON, *passage.headers(reading.model, answer.headers)]
    passage.first_byte = time.perf_counter()
    if passage.exchange.client.gone:
        passage.cancelled()  # read to its end for the true usage, and nobody there to have it
    await passage.finish()
    await passage.exchange.reply(200, headers, splice.close_object({**members, **changed}))
