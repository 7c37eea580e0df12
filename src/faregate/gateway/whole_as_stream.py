"""A whole answer where a stream was asked for, as the stream it would have been.

Some servers ignore ``stream``. The answer is there and billed: asking again would pay twice.
"""

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

from faregate.wire import openai_chat, splice


class WholeAsStream:
    """Stands in for an upstream's stream."""

    status = 200

    def __init__(self, headers: Mapping[str, str], data: bytes) -> None:
        self.headers = headers
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


def whole_as_stream(headers: Mapping[str, str], body: bytes) -> WholeAsStream | None:
    """The answer as one chunk, its usage and the end; None when the body is no answer."""
    try:
        found = openai_chat.decode_answer(body)
    except openai_chat.WireError:
        return None
    choices = found.pop("choices", None)
    if not isinstance(choices, list) or not choices:
        return None
    usage = found.pop("usage", None)
    found["object"] = "chat.completion.chunk"
    events = [{**found, "choices": [_delta(each) for each in choices]}]
    if usage:
        events.append({**found, "choices": [], "usage": usage})
    data = b"".join(b"data: " + bytes(splice.raw(event)) + b"\n\n" for event in events)
    return WholeAsStream(headers, data + b"data: [DONE]\n\n")


def _delta(choice: Any) -> Any:
    """A choice as the only chunk of its stream."""
    if not isinstance(choice, dict):
        return choice
    moved = dict(choice)
    message = moved.pop("message", None)
    delta = dict(message) if isinstance(message, dict) else {}
    if isinstance(delta.get("tool_calls"), list):
        delta["tool_calls"] = [
            {"index": index, **call} if isinstance(call, dict) else call
            for index, call in enumerate(delta["tool_calls"])
        ]
    return {**moved, "delta": delta}
