"""A recorded answer of a real model-router deployment, replayed byte for byte.

The answer to a question about Denmark's capital, served by gpt-5-nano: 15 tokens in, 78 out.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from msgspec import json

from faregate.emulator.answers import Answer, Choice
from faregate.emulator.pool import find_or_invent


@cache
def recording() -> tuple[bytes, ...]:
    """The frames of the recorded stream, as they came."""
    text = files("faregate.emulator.captured").joinpath("model-router.sse").read_bytes()
    return tuple(part + b"\n\n" for part in text.split(b"\n\n") if part)


@cache
def recorded_answer() -> Answer:
    """The recorded stream put together, for a call that does not stream."""
    pieces: list[str] = []
    usage: dict[str, Any] = {}
    for one in recording()[:-1]:
        chunk = json.decode(one.removeprefix(b"data: "))
        usage = chunk.get("usage") or usage
        pieces += [choice["delta"].get("content", "") for choice in chunk["choices"]]
    choice = Choice(content="".join(pieces), pieces=tuple(pieces))
    return Answer(model=find_or_invent("gpt-5-nano"), choices=(choice,), usage=usage)
