"""Answers as bytes: the JSON of a whole answer, and the frames of a stream as Azure sends them."""

from collections.abc import Iterator
from typing import Any
from zlib import crc32

from msgspec import Struct, json

from faregate.emulator.answers import Answer, Choice

_SAFE = {"filtered": False, "severity": "safe"}
SAFE_TEXT = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
SAFE_PROMPT = {
    "hate": _SAFE,
    "jailbreak": {"filtered": False, "detected": False},
    "self_harm": _SAFE,
    "sexual": _SAFE,
    "violence": _SAFE,
}
PROMPT_RESULTS = [{"prompt_index": 0, "content_filter_results": SAFE_PROMPT}]
DONE = b"data: [DONE]\n\n"
_NOISE = "D3WbtIxo1Q2j1QNNpA6Dj2UetvV32yk5dbxbiDOuV7JzywLH2r1kcaeOOkqZarov0xJhPDjqQ9RbE"


class Envelope(Struct, frozen=True, kw_only=True):
    """What surrounds an answer: its id and time, and what the request asked to see."""

    id: str
    created: int
    model: str
    usage: dict[str, Any] | None
    """None where the answer leaves its usage out."""
    trace: dict[str, Any] | None = None
    tier: str = ""
    stream_usage: bool = False
    obfuscated: bool = True
    async_filter: bool = False
    """Filter verdicts follow in chunks of their own that have no delta."""


def frame(value: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.encode(value) + b"\n\n"


def whole(answer: Answer, around: Envelope) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    body: dict[str, Any] = {
        "choices": [
            {
                "content_filter_results": {} if choice.tool else SAFE_TEXT,
                "finish_reason": choice.finish,
                "index": index,
                "logprobs": None,
                "message": _message(choice, around, index),
            }
            for index, choice in enumerate(answer.choices)
        ],
        "created": around.created,
        "id": around.id,
        "model": around.model,
        "object": "chat.completion",
        "prompt_filter_results": PROMPT_RESULTS,
        "system_fingerprint": None,
    }
    if around.usage is not None:
        body["usage"] = around.usage
    if around.tier:
        body["service_tier"] = around.tier
    if around.trace:
        body["model_selection_details"] = around.trace
    return body


def _message(choice: Choice, around: Envelope, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "annotations": [],
        "content": None if choice.tool else choice.content,
        "refusal": None,
        "role": "assistant",
    }
    if choice.tool:
        called = {"name": choice.tool, "arguments": choice.arguments}
        message["tool_calls"] = [
            {"id": call_id(around, index), "type": "function", "function": called}
        ]
    return message


def call_id(around: Envelope, index: int) -> str:
    """The id of a choice's tool call, the same streamed or not."""
    return f"call_{crc32(around.id.encode()):08x}{index:04x}"


def stream(answer: Answer, around: Envelope) -> Iterator[bytes]:
    """The frames of a streamed answer, in Azure's order: first a chunk with nothing but the
    prompt's filter results, then the role, the deltas, the end, the usage if asked, ``[DONE]``."""
    yield opening()
    yield from body_frames(answer, around)
    if around.stream_usage and around.usage is not None:
        yield _chunk(around, [], usage=around.usage)
    yield DONE


def opening() -> bytes:
    """The first frame of every stream: no choices, and an empty model, id and object."""
    return frame(
        {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": PROMPT_RESULTS,
        }
    )


def body_frames(answer: Answer, around: Envelope) -> Iterator[bytes]:
    """The frames that carry choices."""
    for index, choice in enumerate(answer.choices):
        yield _chunk(around, [_delta(index, _start(choice, around, index), {})], trace=around.trace)
        sent = 0
        for piece in filter(None, choice.pieces):
            filtered = {} if choice.tool or around.async_filter else SAFE_TEXT
            yield _chunk(around, [_delta(index, _continued(choice, piece), filtered)])
            sent += len(piece)
        if around.async_filter:
            yield _verdict(index, sent)
        yield _chunk(around, [{**_delta(index, {}, {}), "finish_reason": choice.finish}])


def _start(choice: Choice, around: Envelope, index: int) -> dict[str, Any]:
    delta: dict[str, Any] = {
        "content": None if choice.tool else "",
        "refusal": None,
        "role": "assistant",
    }
    if choice.tool:
        called = {"arguments": "", "name": choice.tool}
        call = {
            "function": called,
            "id": call_id(around, index),
            "index": 0,
            "type": "function",
        }
        delta["tool_calls"] = [call]
    return delta


def _continued(choice: Choice, piece: str) -> dict[str, Any]:
    if choice.tool:
        return {"tool_calls": [{"function": {"arguments": piece}, "index": 0}]}
    return {"content": piece}


def _delta(index: int, delta: dict[str, Any], filtered: dict[str, Any]) -> dict[str, Any]:
    return {
        "content_filter_results": filtered,
        "delta": delta,
        "finish_reason": None,
        "index": index,
        "logprobs": None,
    }


def _verdict(index: int, end: int) -> bytes:
    """A chunk of the asynchronous filter: a choice without a delta, in an anonymous chunk."""
    choice = {
        "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": end},
        "content_filter_results": SAFE_TEXT,
        "finish_reason": None,
        "index": index,
    }
    empty = {"choices": [choice], "created": 0, "id": "", "model": "", "object": "", "usage": None}
    return frame(empty)


def _chunk(
    around: Envelope,
    choices: list[dict[str, Any]],
    *,
    usage: dict[str, Any] | None = None,
    trace: dict[str, Any] | None = None,
) -> bytes:
    chunk: dict[str, Any] = {
        "choices": choices,
        "created": around.created,
        "id": around.id,
        "model": around.model,
    }
    if around.obfuscated:
        seed = crc32(json.encode(choices))
        chunk["obfuscation"] = _NOISE[seed % 60 :][: 4 + seed % 13]
    chunk["object"] = "chat.completion.chunk"
    if around.tier:
        chunk["service_tier"] = around.tier
    chunk["system_fingerprint"] = None
    if around.stream_usage:
        chunk["usage"] = usage
    if trace:
        chunk["model_selection_details"] = trace
    return frame(chunk)
