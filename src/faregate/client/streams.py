"""A streamed answer, chunk by chunk, with the receipt on the last one."""

import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self

from faregate.client.attempts import broken, no_answer, stream_error
from faregate.client.call import Call
from faregate.client.objects import ModelResponseStream, Receipt
from faregate.core.receipt_text import cost_fields
from faregate.core.sse import Event, SseDecoder, SseError
from faregate.errors import APIConnectionError, APIError
from faregate.tokenizer.estimate import estimate_usage, usage_fields
from faregate.types import JsonObject, Usage
from faregate.upstream.transport import AnswerStream
from faregate.upstream.transport_errors import TransportError
from faregate.wire import openai_chat


class CompletionStream:
    """Iterate it for the chunks (:class:`ModelResponseStream`).

    The last chunk has ``usage`` and ``receipt``, whether or not usage was asked for. Leaving the
    stream early closes the connection to the provider; ``receipt`` is then estimated from what
    arrived, and so is the ``receipt`` of the exception raised when the stream breaks off.
    """

    def __init__(self, call: Call, answer: AnswerStream, *, usage_asked: bool) -> None:
        self.receipt: Receipt | None = None
        self.response_headers: dict[str, str] = dict(answer.headers)
        self._hidden_params: dict[str, Any] = call.hidden_params(answer.headers)
        self._call = call
        self._answer = answer
        self._usage_asked = usage_asked
        self._reading = openai_chat.Reading()
        self._ended = False
        self._held: JsonObject | None = None
        self._chunks = self._iterate()
        self._first: deque[ModelResponseStream] = deque()

    def __aiter__(self) -> AsyncIterator[ModelResponseStream]:
        return self

    async def __anext__(self) -> ModelResponseStream:
        if self._first:
            return self._first.popleft()
        return await anext(self._chunks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def open(self) -> Self:
        """Wait for the first chunk that says something: Azure throttles inside HTTP 200.

        Its usual first chunk has only the prompt's filter results; an error may come after it.

        Raises what the provider's error stands for, before the stream has begun for the caller.
        """
        try:
            async for chunk in self._chunks:
                self._first.append(chunk)
                if _commits(chunk):
                    break
        except BaseException:
            await self._answer.aclose()
            raise
        return self

    async def aclose(self) -> None:
        """End the stream here. Closes the connection unless the answer was complete."""
        self._first.clear()
        await self._chunks.aclose()

    async def _iterate(self) -> AsyncGenerator[ModelResponseStream, None]:
        decoder = SseDecoder()
        try:
            async for data in self._answer:
                for chunk in self._take(decoder.feed(data)):
                    yield chunk
                if self._ended:
                    break
            if not self._ended:
                for chunk in self._take_rest(decoder.finish()):
                    yield chunk
            if not self._ended and not self._complete():
                raise self._cut_off()
            last = self._last()
        except TransportError as error:
            raise self._failed(broken(self._call, error)) from error
        except SseError as error:
            raise self._failed(no_answer(self._call, str(error), self.response_headers)) from error
        except openai_chat.WireError as error:
            raise self._failed(no_answer(self._call, str(error), self.response_headers)) from error
        finally:
            # Runs for a caller who leaves early, too: the receipt is then an estimate.
            await self._answer.aclose()
            if self.receipt is None:
                self._settle()
        yield last

    def _take(self, events: Iterable[Event]) -> Iterable[ModelResponseStream]:
        """The chunks that can be given out now. One that may be the last is held back."""
        for event in events:
            if event.data == openai_chat.DONE:
                self._ended = True
                return
            found = openai_chat.decode_chunk(event.data)
            if "error" in found or "choices" not in found:
                error = stream_error(self._call, found, self.response_headers)
                if error is not None:
                    raise self._failed(error)
            self._reading.see(found)
            usage = found.get("usage")
            if not found.get("choices"):
                if usage and not self._usage_asked:
                    continue  # its counts go onto the held chunk
                if not usage:
                    # Azure's first chunk has no choices; most code reads choices[0] unasked.
                    found["choices"] = [{"index": 0, "delta": {}, "finish_reason": None}]
            if self._held is not None:
                yield self._chunk(self._held)
                self._held = None
            if usage or any(_finishes(choice) for choice in found["choices"]):
                self._held = found
            else:
                yield self._chunk(found)

    def _take_rest(self, events: Iterable[Event]) -> Iterable[ModelResponseStream]:
        """What an ended stream left without its last blank line; half an event is nothing."""
        with contextlib.suppress(openai_chat.WireError):
            yield from self._take(events)

    def _chunk(self, found: JsonObject) -> ModelResponseStream:
        model = found.get("model")
        if model:
            found["model"] = self._call.shown_model(model)
        chunk = ModelResponseStream(found)
        chunk._hidden_params = self._hidden_params
        return chunk

    def _last(self) -> ModelResponseStream:
        """The held chunk (or, without one, an empty one) with the usage and the receipt."""
        receipt = self._settle()
        found = self._held or {
            "id": self._call.call_id,
            "object": "chat.completion.chunk",
            "created": int(self._call.at),
            "model": self._reading.model,
            "choices": [{"index": 0, "delta": {}, "finish_reason": self._reading.finish_reason}],
        }
        self._held = None
        usage = dict(self._reading.raw_usage or usage_fields(receipt.charge.usage))
        found["usage"] = usage | cost_fields(receipt)
        chunk = self._chunk(found)
        chunk.receipt = receipt
        return chunk

    def _complete(self) -> bool:
        """Whether an answer without [DONE] was all there: some servers just close."""
        return self._reading.finish_reason is not None or self._reading.raw_usage is not None

    def _cut_off(self) -> APIError:
        call = self._call
        return self._failed(
            APIConnectionError(
                f"{call.provider.name} deployment {call.deployment.id!r}: the stream ended before"
                " the answer did",
                call.provider.name,
                call.model,
            )
        )

    def _failed(self, error: APIError) -> APIError:
        """``error`` with a receipt of what was generated until then, if anything was."""
        if self._reading.model or self._reading.text:
            error.receipt = self._settle()
        return error

    def _settle(self) -> Receipt:
        usage = self._reading.usage()
        if usage is None:
            usage = self._estimate()
        receipt = self._call.receipt(self._reading, usage)
        self.receipt = receipt
        total = receipt.total
        self._hidden_params["receipt"] = receipt
        self._hidden_params["response_cost"] = None if total is None else total / 10**12
        return receipt

    def _estimate(self) -> Usage:
        return estimate_usage(self._call.body, self._reading)


def _commits(chunk: ModelResponseStream) -> bool:
    """Whether a chunk is part of an answer, and not only what comes before one."""
    return bool(chunk.usage) or any(
        each.delta or each.finish_reason is not None for each in chunk.choices
    )


def _finishes(choice: Any) -> bool:
    return isinstance(choice, dict) and choice.get("finish_reason") is not None
