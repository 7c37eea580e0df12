"""Faults that change what an answer says: pure functions over its bytes and its usage."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from faregate.emulator.answers import Answer, Choice
from faregate.emulator.faults import Fault
from faregate.emulator.frames import DONE, frame

_CONTENT = re.compile(rb'("content":"|"arguments":")(?=[^"])')
_WORD = " word"
MEGABYTE = 1_000_000


def spoiled_usage(usage: dict[str, Any], fault: Fault) -> dict[str, Any] | None:
    """The usage an answer shows: as it is, absent, or contradicting itself."""
    if fault.name == "no-usage":
        return None
    if fault.name != "bad-usage":
        return usage
    details = {**(usage.get("prompt_tokens_details") or {})}
    details["cached_tokens"] = usage.get("prompt_tokens", 0) + 1000
    return {**usage, "prompt_tokens_details": details, "total_tokens": 1}


def spoiled_answer(answer: Answer, fault: Fault) -> Answer:
    """The answer with its content cut by the filter, or grown to many megabytes."""
    if fault.name == "content-filter-completion":
        cut = tuple(_filtered(choice) for choice in answer.choices)
        return structs.replace(answer, choices=cut)
    if fault.name == "huge":
        words = int(fault.number("mb", 100) * MEGABYTE) // len(_WORD)
        usage = {**answer.usage}
        usage["total_tokens"] += words - usage["completion_tokens"]
        usage["completion_tokens"] = words
        usage["completion_tokens_details"] = {"reasoning_tokens": 0}
        block = _WORD * 10_000
        pieces = (block,) * (words // 10_000) + (_WORD * (words % 10_000),)
        choice = Choice(content=_WORD * words, pieces=pieces)
        return structs.replace(answer, choices=(choice,), usage=usage)
    return answer


def _filtered(choice: Choice) -> Choice:
    kept = choice.pieces[: len(choice.pieces) // 2]
    text = "".join(kept)
    return structs.replace(
        choice,
        pieces=kept,
        finish="content_filter",
        content="" if choice.tool else text,
        arguments=text if choice.tool else "",
    )


def spoiled_body(body: bytes, fault: Fault) -> bytes:
    """The body of a whole answer, its JSON broken off or its text made no UTF-8."""
    if fault.name == "bad-json":
        return body[: len(body) // 2]
    if fault.name == "invalid-utf8":
        return _CONTENT.sub(rb"\1" + b"\xff\xfe", body, count=1)
    return body


def spoiled_frames(frames: Iterator[bytes], fault: Fault) -> Iterator[bytes]:
    """The frames of a stream with a fault worked into them."""
    after = int(fault.number("after", 3))
    if fault.name == "throttle-in-stream":
        yield _error_frame("429", "Too many requests. Please retry after 5 seconds.")
        return
    touched = False
    for number, one in enumerate(frames):
        if fault.name == "no-done" and one == DONE:
            return
        if fault.name == "error-in-stream" and number == after:
            code = fault.options.get("code", "500")
            yield _error_frame(code, "The server had an error while processing your request.")
            return
        if fault.name == "bad-json" and number == after:
            yield one[: len(one) // 2] + b"\n\n"
            continue
        if fault.name == "invalid-utf8" and not touched and _CONTENT.search(one):
            touched = True
            yield spoiled_body(one, fault)
            continue
        yield one


def _error_frame(code: str, message: str) -> bytes:
    kind = "rate_limit_error" if code == "429" else "server_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    return frame({"error": error})


def cut(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of ``size``, whatever their own bounds were."""
    held = b""
    for piece in pieces:
        held += piece
        whole = len(held) - len(held) % size
        for start in range(0, whole, size):
            yield held[start : start + size]
        held = held[whole:]
    if held:
        yield held


def broken_off(body: bytes) -> bytes:
    """The first half of a body, at least a byte."""
    return body[: max(1, len(body) // 2)]
