"""What went wrong with an attempt, as the facts routing decides by and the client is told."""

import time
from collections.abc import Mapping

from msgspec import structs

from faregate.core.routing import Stop
from faregate.core.sse import SseError
from faregate.errors import (
    APIError,
    BadRequestError,
    RateLimitError,
    ServiceUnavailableError,
    class_for,
)
from faregate.gateway.outlet import Outlet
from faregate.gateway.tap import StreamError
from faregate.types import ErrorFacts
from faregate.upstream.transport_errors import (
    BodyTooLarge,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    ProtocolError,
    TransportError,
    TransportTimeout,
)
from faregate.wire import splice
from faregate.wire.failures import to_exception
from faregate.wire.openai_chat import WireError
from faregate.wire.openai_errors import decode_error, error_in_chunk

_OURS = ("timeout", "connect_failed", "connection_lost", "bad_gateway", "stream_cut_off")
"""Codes of failures that no provider wrote."""


class CutOffError(Exception):
    """The stream ended before the answer did."""


BREAKS = (StreamError, TransportError, WireError, SseError, CutOffError)
"""What can end a stream that had begun."""


def of_transport(problem: TransportError) -> ErrorFacts:
    """The facts of a call that got no usable answer."""
    said = str(problem).partition(": ")[2] or str(problem)  # clients need not know the host
    if isinstance(problem, TransportTimeout):
        return ErrorFacts(status=408, code="timeout", type="timeout_error", message=said)
    if isinstance(problem, BodyTooLarge | ProtocolError | DecodeError):
        return no_answer(said)
    code = "connect_failed" if isinstance(problem, ConnectFailed) else "connection_lost"
    return ErrorFacts(status=502, code=code, type="server_error", message=said)


def was_answering(problem: Exception) -> bool:
    """Whether a model was at work, or may have been: that is billed however it ended.

    An answer had begun, or the request was sent and no answer came in time.
    """
    lost = isinstance(problem, ConnectionLost) and problem.begun
    late = isinstance(problem, TransportTimeout) and problem.sent
    return lost or late or isinstance(problem, BodyTooLarge | DecodeError)


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """The facts of an error answer."""
    return decode_error(status, headers, body, now=time.time())


def of_stream(problem: Exception) -> ErrorFacts:
    """The facts of a stream that failed or broke off."""
    if isinstance(problem, StreamError):
        return problem.facts
    if isinstance(problem, TransportError):
        return of_transport(problem)
    if isinstance(problem, TimeoutError):
        message = "no answer within the time the call may take"
        return ErrorFacts(status=408, code="timeout", type="timeout_error", message=message)
    return cut_off() if isinstance(problem, CutOffError) else no_answer(str(problem))


def not_streamed(body: bytes) -> ErrorFacts:
    """The facts of a 200 that is no event stream: an error, a whole answer, a page."""
    try:
        found = in_body(splice.open_object(body))
    except WireError as problem:
        return no_answer(str(problem))
    return found or no_answer("no event stream")


def in_body(members: splice.Members) -> ErrorFacts | None:
    """The error object inside a 200; None for an answer."""
    if "choices" in members or "data" in members or "error" not in members:
        return None
    return error_in_chunk({name: splice.value_of(members, name) for name in members})


def no_answer(what: str) -> ErrorFacts:
    """A 200 that is no answer: HTML, broken JSON, a stream cut short."""
    return ErrorFacts(
        status=502, code="bad_gateway", type="server_error", message=f"no usable answer: {what}"
    )


def cut_off() -> ErrorFacts:
    """A stream that ended before the answer did."""
    return ErrorFacts(
        status=502,
        code="stream_cut_off",
        type="server_error",
        message="the stream ended before the answer did",
    )


def bad_request(message: str, param: str | None = None) -> BadRequestError:
    """A request we refuse ourselves."""
    return BadRequestError(message, code="invalid_request", param=param)


def exception(facts: ErrorFacts, outlet: Outlet, model: str) -> APIError:
    """The last real error, as the client is told it; never with a credential of ours."""
    provider, deployment = outlet.deployment.provider, outlet.deployment.id
    facts = structs.replace(facts, message=outlet.conceal(facts.message))
    if facts.code in _OURS:
        # Nobody answered that: it is what became of the way there.
        kind = class_for(facts.status)
        message = f"{provider} deployment {deployment!r}: {facts.message}"
        return kind(message, provider, model, code=facts.code, type=facts.type)
    error = to_exception(facts, provider, model, deployment)
    if error.status_code in (401, 403):
        error.code = "upstream_credential_refused"  # the client's own key is good
    return error


def stopped(step: Stop, outlet: Outlet | None, model: str) -> APIError:
    """Why no further attempt is made."""
    if step.error is not None and outlet is not None:
        return exception(step.error, outlet, model)
    if step.limited is not None:
        return RateLimitError(
            f"{model!r}: {step.limited.reason}; try again in {step.limited.wait:.0f} s",
            model=model,
            code="deployment_limit",
            retry_after=max(step.limited.wait, 1.0),
        )
    return ServiceUnavailableError(f"no deployment of {model!r} could be asked", model=model)
