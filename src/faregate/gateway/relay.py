"""THE DATA PATH: one request, top to bottom.

1 identify the key → 2 accept the body, with a cap → 3 peek at it → 4 plan the deployments →
5 admit → 6 prepare → 7 send; on failure the next attempt, never after the first byte went to the
client → 8 relay → 9 settle in the one ``finally`` → 10 record, off the path.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping

from faregate.config.settings import ModelDeployment
from faregate.core.routing import Attempts, Stop
from faregate.errors import APIError, ConfigError
from faregate.gateway import failures
from faregate.gateway.asgi import Exchange, error_fields
from faregate.gateway.asked import Asked, labels_of
from faregate.gateway.counting import count
from faregate.gateway.hangup import Watch
from faregate.gateway.outlet import Outlet
from faregate.gateway.passage import Desk, Passage
from faregate.gateway.snapshot import Snapshot
from faregate.gateway.streaming import send_stream
from faregate.gateway.whole import send_whole
from faregate.types import ErrorFacts
from faregate.wire import openai_chat, splice

_BYTES_A_TOKEN = 4  # what a request counts against tpm limits until its usage is known

MOST_DROPPED = 8
"""Parameters one attempt may leave out, one after the other, because a provider refuses them."""


async def relay(
    exchange: Exchange,
    snapshot: Snapshot,
    operation: str,
    desk: Desk,
    model: str = "",
) -> None:
    """Serve one call of ``operation``; ``model`` is the path's, where the path names one.

    Raises :class:`APIError` for a call that was not admitted; from then on every way out of here
    leaves exactly one row with ``desk``.
    """
    holder = desk.identify(exchange, snapshot)
    body = await exchange.read(snapshot.settings.general.limits.max_body_bytes)
    asked = peek(snapshot, body, model, operation)
    if not snapshot.every_model_known and not snapshot.settings.find(asked.model):
        snapshot = await desk.know_models()
    snapshot.check_allowed(holder, asked.model)
    labels = labels_of(exchange.headers, asked.members)
    attempts = plan(snapshot, exchange, asked, labels.tags)
    passage = Passage(exchange, snapshot, operation, asked, attempts, desk)
    passage.hold_for(holder, labels)
    if snapshot.settings.general.store_prompts_in_spend_logs:
        exchange.copy = bytearray()
    holding = desk.admit(passage)
    if holding is not None:
        await holding
    with Watch(passage) as watch:
        try:
            await send(passage)
        except APIError as error:
            await fail(passage, error)
        except asyncio.CancelledError:
            passage.cancelled()
            await asyncio.shield(estimate(passage))
            if not watch.ended_it:
                raise
        except BaseException as fault:
            passage.crashed()
            if isinstance(fault, Exception):
                with contextlib.suppress(Exception):  # the fault is what is to be told of
                    await asyncio.shield(estimate(passage))
            raise
        finally:
            await passage.finish()
            if exchange.copy is not None:
                desk.keep(passage, bytes(exchange.copy))


def client_key(exchange: Exchange) -> str:
    """The client's key, by any of the three headers."""
    bearer = exchange.header(b"authorization")
    if bearer:
        scheme, _, key = bearer.partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""
    return exchange.header(b"x-api-key") or exchange.header(b"api-key")


def key_of(headers: Mapping[str, str]) -> str:
    """The same of headers as text, with names in lower case."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme:
        return key.strip() if scheme.lower() == "bearer" else ""
    return headers.get("x-api-key", "") or headers.get("api-key", "")


def peek(snapshot: Snapshot, body: bytes, model: str, operation: str) -> Asked:
    """The few facts that steer a request; the rest of its body stays bytes.

    Raises :class:`APIError` (400) naming what is wrong with it.
    """
    try:
        if not body.isascii():
            body.decode()
        members = splice.open_object(body)
        splice.check_depth(body, snapshot.settings.general.limits.max_json_depth)
        asked = Asked(members, model, chat=operation == "chat/completions")
    except UnicodeDecodeError as error:
        message = f"the body is not valid UTF-8 (byte {error.start})"
        raise failures.bad_request(message) from None
    except openai_chat.WireError as error:
        raise failures.bad_request(str(error)) from None
    asked.size = len(body)
    asked.tokens = asked.size // _BYTES_A_TOKEN
    return asked


def plan(
    snapshot: Snapshot, exchange: Exchange, asked: Asked, tags: tuple[str, ...]
) -> Attempts[ModelDeployment]:
    """The deployments of the model, in order. ``tags`` are those the request states."""
    routing = snapshot.settings.routing
    asked.patience = patience(exchange, asked, routing.timeout)
    return snapshot.router.attempts(
        asked.model,
        deadline=time.monotonic() + asked.patience,
        tokens=asked.tokens,
        tags=tags,
    )


def patience(exchange: Exchange, asked: Asked, most: float) -> float:
    """Seconds this call may take: ours at most, less where the client says it waits less."""
    said = exchange.header(b"x-faregate-timeout")
    if not said and not asked.stream:
        said = exchange.header(b"x-stainless-read-timeout")  # OpenAI's clients send their own
    try:
        stated = float(said) if said else most
    except ValueError:
        return most
    return min(stated, most) if stated > 0 else most


async def send(passage: Passage) -> None:
    """Steps 6 to 8, until a deployment answers or there is none left to ask."""
    error: ErrorFacts | None = None
    once = send_stream if passage.asked.stream else send_whole
    while True:
        step = passage.attempts.next(error, time.monotonic(), random.random)
        if isinstance(step, Stop):
            if passage.refusal is not None and (step.error is None or step.error.kind == "held"):
                raise passage.refusal
            raise failures.stopped(step, passage.outlet, passage.asked.model)
        if step.wait > 0 and not passage.left_alone:
            await asyncio.sleep(step.wait)
            passage.upstream_seconds += step.wait  # waited for them, not spent by us
        if error is not None and passage.left_alone and passage.outlet is not None:
            # Nobody waits for a further attempt, and it would be billed.
            raise failures.exception(error, passage.outlet, passage.asked.model)
        if step.why in ("other", "fallback"):
            passage.fallbacks += 1
        outlet = passage.snapshot.outlet(step.deployment)
        error = await enter(passage, outlet)
        if error is not None:
            continue
        passage.outlet = outlet
        try:
            error = await once(passage, outlet)
            for _ in range(MOST_DROPPED):
                if error is None or not passage.drop(error, outlet):
                    break
                # What was left out may have been what bounded the answer.
                error = await enter(passage, outlet) or await once(passage, outlet)
        except ConfigError as wrong:
            raise failures.bad_request(str(wrong)) from None
        if error is None:
            return


async def enter(passage: Passage, outlet: Outlet) -> ErrorFacts | None:
    """Hold what the attempt may take; why it may not begin, where a budget or limit says so."""
    try:
        entering = passage.desk.enter(passage, outlet)
        if entering is not None:
            await entering
    except APIError as refused:
        passage.refusal = refused
        return ErrorFacts(
            status=refused.status_code, code=refused.code, message=refused.message, kind="held"
        )
    return None


async def estimate(passage: Passage) -> None:
    """The charge of a call that was cut off while a deployment was at work on it."""
    if passage.outlet is not None and passage.at_work:
        reading = openai_chat.Reading()
        usage = await count(passage.asked.members, reading)
        passage.charge(passage.outlet, reading, usage)


async def fail(passage: Passage, error: APIError) -> None:
    """The last real error, in OpenAI's shape."""
    passage.failed(error)
    await passage.finish()
    if passage.exchange.started or passage.exchange.client.gone:
        return
    await passage.exchange.reply_json(
        error.status_code, error_fields(error), passage.error_headers(error)
    )
