"""Embeddings: vectors of unit length that depend on nothing but the text. Pure."""

import math
import struct
from base64 import b64encode
from collections.abc import Mapping
from hashlib import shake_256
from typing import Any

from msgspec import json

from faregate.emulator.pool import EMBEDDINGS
from faregate.emulator.refusals import Refused, invalid
from faregate.tokenizer import count_text


def embed(body: Mapping[str, Any], model: str) -> tuple[bytes, dict[str, int]]:
    """The answer to an embeddings request, and its usage. Raises :class:`Refused` (400)."""
    inputs = _inputs(body.get("input"))
    size = body.get("dimensions", EMBEDDINGS[model])
    if not isinstance(size, int) or not 0 < size <= EMBEDDINGS[model]:
        raise Refused(invalid(f"{size!r} is no number of dimensions.", "dimensions"))
    packed = body.get("encoding_format") == "base64"
    rows = [
        {"embedding": _vector(one, size, packed=packed), "index": index, "object": "embedding"}
        for index, one in enumerate(inputs)
    ]
    tokens = sum(len(one) if isinstance(one, list) else count_text(one, model) for one in inputs)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"data": rows, "model": model, "object": "list", "usage": usage}
    return json.encode(answer), usage


def _inputs(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given:
        if all(isinstance(one, int) for one in given):
            return [given]
        if all(isinstance(one, str | list) for one in given):
            return given
    raise Refused(invalid("'input' must be a text, tokens, or a list of either.", "input"))


def _vector(text: Any, size: int, *, packed: bool) -> Any:
    seed = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else json.encode(text)
    raw = struct.unpack(f"<{size}h", shake_256(seed).digest(2 * size))
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    vector = [value / length for value in raw]
    return b64encode(struct.pack(f"<{size}f", *vector)).decode("ascii") if packed else vector
