"""A streamed answer on its way to the client: bytes pass, and a tap takes down what they say.

Chunks go out as they came but for the model's name. Only those that say something of their own
(the first, the finish, the usage, the trace, an error) are decoded.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from faregate.core.sse import Event, SseDecoder
from faregate.gateway.outlet import Outlet
from faregate.types import ErrorFacts
from faregate.wire import openai_chat, splice
from faregate.wire.chunk_form import ChunkForm, form_of
from faregate.wire.openai_errors import error_in_chunk

_KEPT = 1024 * 1024
"""Bytes of chunks kept for counting tokens, should the provider never say how many there were."""

_FORMS = 4
"""How often the form of a stream's chunks is looked for: reasoning and words differ, say."""

DONE_EVENT = b"data: [DONE]\n\n"
_SIGN_OF_LIFE = b": keep-alive\n\n"


def _may_say_something(payload: bytes) -> bool:
    """Whether a chunk may hold more than a piece of the text. One look each: a loop costs more."""
    return (
        b'"usage":{' in payload
        or b'"usage": {' in payload
        or b'"finish_reason":"' in payload
        or b'"finish_reason": "' in payload
        or b'"error":' in payload
        or b'"model_selection_details":' in payload
    )


class StreamError(Exception):
    """The provider's error object inside a 200 stream."""

    def __init__(self, facts: ErrorFacts) -> None:
        super().__init__(facts.message)
        self.facts = facts


class Tap:
    """Fed the upstream's bytes, gives the client's; remembers the facts in ``reading``."""

    __slots__ = (
        "_decoder",
        "_error",
        "_find",
        "_form",
        "_held",
        "_kept",
        "_kept_size",
        "_outlet",
        "_put",
        "_seen_size",
        "_usage_asked",
        "complete",
        "ended",
        "forms",
        "reading",
        "telling",
    )

    def __init__(self, outlet: Outlet, *, usage_asked: bool) -> None:
        self.reading = openai_chat.Reading()
        self.ended = False
        """Whether [DONE] came."""
        self.complete = False
        """Whether the answer was all there, [DONE] or not."""
        self.telling = False
        """Whether a chunk came that commits: with choices, or with usage."""
        self._outlet = outlet
        self._usage_asked = usage_asked
        self._decoder = SseDecoder()
        self._error: Exception | None = None
        self._find = b""
        self._put = b""
        self._form: ChunkForm | None = None
        self.forms = 0
        """How often the form of chunks was looked for."""
        self._held: bytes | None = None
        self._kept: list[bytes] = []
        self._kept_size = 0
        self._seen_size = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes that can go to the client now; then :meth:`check` has to be asked.

        Raises :class:`StreamError` for an error event, ``WireError`` for one that is no JSON,
        ``SseError`` for an endless one.
        """
        form = self._form
        if form is not None and self._decoder.at_boundary:
            passed = form.shown(data)
            if passed:
                self._keep(data[6:-2])
                return self._released(passed)
        find = self._find
        if find and self._decoder.is_one_event(data) and not _may_say_something(data):
            passed = self._replaced(data, find)
            if passed:
                if self.forms < _FORMS:
                    self.forms += 1
                    self._form = form_of(data, find, self._put) or form
                self._keep(data[6:-2])
                return self._released(passed)
        events = self._decoder.feed(data)
        if events:
            return self._forward(events)
        # A comment keeps proxies on the way from giving up on a silent stream; its words are not
        # passed on. One that is cut in two, or comes with an event, is not needed for that.
        silent = data.startswith(b":") and not self._decoder.pending
        return _SIGN_OF_LIFE if silent and not self.ended else b""

    def finish(self) -> bytes:
        """What an upstream that closed without a last blank line left behind."""
        # Half an event is nothing; whether the answer is whole, ``complete`` says.
        with contextlib.suppress(openai_chat.WireError):
            return self._forward(self._decoder.finish())
        return b""

    def last(self, usage: Mapping[str, Any], more: Mapping[str, Any]) -> bytes:
        """The end of the stream: the usage with its cost, where it was asked for, and [DONE].

        ``usage`` is laid over what the provider said; ``more`` are further members of the chunk.
        """
        held, self._held = self._held, None
        if not self._usage_asked:
            return DONE_EVENT
        members: dict[str, Any] = dict(splice.open_object(held)) if held else self._empty()
        members["usage"] = splice.laid_over(members.get("usage"), usage)
        members |= more
        members["model"] = self._outlet.shown_model(self.reading.model)
        return b"data: " + bytes(splice.raw(members)) + b"\n\n" + DONE_EVENT

    def _empty(self) -> dict[str, Any]:
        """A usage chunk where the provider sent none."""
        return {"id": "", "object": "chat.completion.chunk", "created": 0, "choices": []}

    def read_kept(self) -> openai_chat.Reading:
        """The reading with the generated text filled in, for counting its tokens."""
        for payload in self._kept:
            try:
                found = openai_chat.decode_chunk(payload)
            except openai_chat.WireError:
                continue
            self.reading.see({"choices": found.get("choices")})
        self._kept.clear()
        return self.reading

    def _forward(self, events: list[Event]) -> bytes:
        if len(events) == 1 and not events[0].name:  # nearly always
            return self._pass(events[0].data)
        passed: list[bytes] = []
        for event in events:
            if self.ended:
                break
            try:
                passed.append(self._named(event))
            except (StreamError, openai_chat.WireError) as error:
                self._error = error
                break
        return b"".join(passed)

    def check(self) -> None:
        """Raise what came behind the bytes that :meth:`feed` or :meth:`finish` gave last."""
        if self._error is not None:
            raise self._error

    def _named(self, event: Event) -> bytes:
        passed = self._pass(event.data)
        if event.name and passed:
            return b"event: " + event.name + b"\n" + passed
        return passed

    def _pass(self, payload: bytes) -> bytes:
        """What becomes of one event's data."""
        if payload == openai_chat.DONE:
            self.ended = self.complete = True
            return b""
        find = self._find
        if find and not _may_say_something(payload):
            passed = self._replaced(payload, find)
            if passed:
                self._keep(payload)
                return self._released(b"data: " + passed + b"\n\n")
        return self._look(payload)

    def _replaced(self, data: bytes, find: bytes) -> bytes:
        """``data`` with the model's name as it is shown; empty unless it is there exactly once."""
        head, found, tail = data.partition(find)
        return head + self._put + tail if found and find not in tail else b""

    def _look(self, payload: bytes) -> bytes:
        """A chunk that says something: decoded, and its facts kept."""
        found = openai_chat.decode_chunk(payload)
        if "error" in found or "choices" not in found:
            facts = error_in_chunk(found)
            if facts is not None:
                raise StreamError(facts)
        text, self.reading.text = self.reading.text, []
        self.reading.see(found)
        self.reading.text = text
        self._keep(payload)
        if not self._find and self.reading.model:
            self._learn(payload)
        choices, usage = found.get("choices"), found.get("usage")
        if choices or usage:
            self.telling = True
        if self.reading.finish_reason is not None or usage:
            self.complete = True
        if not usage:
            return self._released(b"data: " + self._renamed(payload) + b"\n\n")
        if not choices and not self._usage_asked:
            return b""  # asked for by us alone
        released = self._released(b"")
        self._held = payload
        if choices and not self._usage_asked:
            self._held = None
            return released + b"data: " + self._renamed(payload, usage=False) + b"\n\n"
        return released

    def _released(self, after: bytes) -> bytes:
        """A usage chunk that turned out not to be the last one goes out first."""
        if self._held is None:
            return after
        held, self._held = self._held, None
        return b"data: " + self._renamed(held) + b"\n\n" + after

    def _learn(self, payload: bytes) -> None:
        """How this provider writes the model's name, so that it can be replaced unread."""
        shown = self._outlet.shown_model(self.reading.model)
        name = bytes(splice.raw(self.reading.model))
        for form in (b'"model":%s', b'"model": %s'):
            if form % name in payload:
                self._find = form % name
                self._put = form % bytes(splice.raw(shown))
                return

    def _renamed(self, payload: bytes, *, usage: bool = True) -> bytes:
        """The chunk with the served model's full name. Only the top-level member is meant."""
        members: dict[str, Raw] = splice.open_object(payload)
        served = splice.text_of(members, "model")
        shown = self._outlet.shown_model(served)
        if not usage:
            members.pop("usage", None)
        elif shown == served:
            return payload
        members["model"] = splice.raw(shown)
        return splice.close_object(members)

    def _keep(self, payload: bytes) -> None:
        self._seen_size += len(payload)
        if self._kept_size < _KEPT:
            self._kept_size += len(payload)
            self._kept.append(payload)

    def scaled(self, output: int) -> int:
        """Tokens counted in what was kept, for all that passed: chunks are much of a size."""
        return output if not self._kept_size else output * self._seen_size // self._kept_size
