"""Sending a call: attempts, retries, and what went wrong as exceptions.

A failure is tried again when the provider says so (408, 409, 429, 5xx, or ``x-should-retry``) or
when not a byte of an answer came. A call that timed out after it was sent is not, nor one whose
answer had begun: the provider is generating, and billing, all the same.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from msgspec import structs

from faregate.client.call import Call
from faregate.errors import (
    APIConnectionError,
    APIError,
    BadGatewayError,
    Timeout,
    UnsupportedParamsError,
)
from faregate.types import HttpRequest
from faregate.upstream import transport_errors as upstream
from faregate.upstream.transport import Answer, AnswerStream, Timeouts, Transport
from faregate.wire import openai_chat

_BACKOFF = 0.5
_LONGEST_BACKOFF = 8.0
_ERROR_BODY = 1024 * 1024

Made = TypeVar("Made")
Attempt = Callable[[Call, HttpRequest, Timeouts], Awaitable[Made]]


async def attempt(call: Call, once: "Attempt[Made]") -> Made:
    """The result of the first attempt that succeeds, or the last attempt's exception."""
    total = call.options.total
    deadline = None if total is None else time.monotonic() + total
    tried = 0
    while True:
        try:
            request = await call.request()
            return await once(call, request, _within(call, deadline))
        except UnsupportedParamsError as error:
            if not call.drop_refused(error.param, error.message):
                raise
        except APIError as error:
            tried += 1
            if not _may_retry(error) or tried > call.options.retries:
                raise
            wait = _wait(error, tried)
            if deadline is not None and time.monotonic() + wait >= deadline:
                raise
            await asyncio.sleep(wait)


def _may_retry(error: APIError) -> bool:
    said = error.headers.get("x-should-retry")
    if said in ("true", "false"):
        return said == "true"
    return error.retryable or error.status_code == 409


def _wait(error: APIError, tried: int) -> float:
    if error.retry_after is not None:
        return error.retry_after
    return min(_BACKOFF * 2.0 ** (tried - 1), _LONGEST_BACKOFF) * random.uniform(0.75, 1.0)  # noqa: S311


def _within(call: Call, deadline: float | None) -> Timeouts:
    if deadline is None:
        return call.options.timeouts
    left = max(round(deadline - time.monotonic(), 3), 0.001)
    return structs.replace(call.options.timeouts, total=left)


def failure(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> APIError:
    """The exception of an error answer."""
    from faregate.wire.failures import to_exception  # with the first failure, not with an import
    from faregate.wire.openai_errors import decode_error

    facts = decode_error(status, headers, body, now=time.time())
    return to_exception(facts, call.provider.name, call.model, call.deployment.id, headers)


def broken(call: Call, error: upstream.TransportError) -> APIError:
    """The exception of a call that got no usable answer."""
    where = f"{call.provider.name} deployment {call.deployment.id!r}"
    if isinstance(error, upstream.TransportTimeout):
        late = Timeout(f"{where}: {error}", call.provider.name, call.model)
        late.retryable = not error.sent
        return late
    if isinstance(error, upstream.BodyTooLarge | upstream.ProtocolError | upstream.DecodeError):
        return _unusable(f"{where}: {error}", call, {})
    lost = APIConnectionError(f"{where}: {error}", call.provider.name, call.model)
    lost.retryable = not (isinstance(error, upstream.ConnectionLost) and error.begun)
    return lost


def stream_error(
    call: Call, found: Mapping[str, Any], headers: Mapping[str, str]
) -> APIError | None:
    """The exception of an error object inside a 200 stream; None when it is none."""
    from faregate.wire.failures import to_exception
    from faregate.wire.openai_errors import error_in_chunk

    facts = error_in_chunk(found)
    if facts is None:
        return None
    return to_exception(facts, call.provider.name, call.model, call.deployment.id, headers)


def no_answer(call: Call, what: str, headers: Mapping[str, str]) -> BadGatewayError:
    """A 200 that is no answer (HTML, broken JSON)."""
    return _unusable(
        f"{call.provider.name} deployment {call.deployment.id!r} answered 200 with {what};"
        " is api_base right, and does a proxy or login page stand in between?",
        call,
        headers,
    )


def _unusable(message: str, call: Call, headers: Mapping[str, str]) -> BadGatewayError:
    """An answer that is none. It is not asked for again: the provider may have billed it."""
    error = BadGatewayError(message, call.provider.name, call.model, headers=headers)
    error.retryable = False
    return error


async def send(
    transport: Transport, call: Call, request: HttpRequest, timeouts: Timeouts
) -> Answer:
    """A whole answer with status 200, or the exception it stands for."""
    try:
        answer = await transport.send(request, timeouts)
    except upstream.TransportError as error:
        raise broken(call, error) from error
    if answer.status != 200:
        raise failure(call, answer.status, answer.headers, answer.body)
    return answer


async def open_stream(
    transport: Transport, call: Call, request: HttpRequest, timeouts: Timeouts
) -> AnswerStream:
    """A streamed answer with status 200, or the exception it stands for."""
    try:
        answer = await transport.stream(request, timeouts)
        kind = answer.headers.get("content-type", "")
        if answer.status == 200 and "html" not in kind and "json" not in kind:
            return answer
        async with answer:
            body = await answer.read(_ERROR_BODY)
    except upstream.TransportError as error:
        raise broken(call, error) from error
    if answer.status == 200:
        raise _no_stream(call, body, answer.headers)
    raise failure(call, answer.status, answer.headers, body)


def _no_stream(call: Call, body: bytes, headers: Mapping[str, str]) -> APIError:
    """The exception of a 200 that is no stream: an error, a whole answer, or a page."""
    try:
        found = openai_chat.decode_answer(body)
    except openai_chat.WireError as error:
        return no_answer(call, str(error), headers)
    return stream_error(call, found, headers) or no_answer(
        call, "a whole answer where a stream was asked for", headers
    )
