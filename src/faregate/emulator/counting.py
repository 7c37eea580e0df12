"""What an answer is billed for: real token counts, reasoning, and a prefix cache that remembers."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from msgspec import Struct, json

from faregate.emulator.pool import Model
from faregate.tokenizer import count_messages, tokens_of

CACHE_FROM = 1024
CACHE_STEP = 128
_REMEMBERED = 100_000
"""Blocks of 128 tokens that are remembered, over all models; the oldest are forgotten."""
_NEVER_WRITTEN = 3
"""The tokens that prime an answer are in no cache."""

_EFFORT = {"none": 0, "minimal": 0, "low": 1, "medium": 2, "high": 4, "xhigh": 8}


class Counts(Struct, frozen=True, kw_only=True):
    """Tokens of one answer. ``completion`` is visible text and reasoning together."""

    prompt: int
    cached: int = 0
    cache_write: int = 0
    completion: int = 0
    reasoning: int = 0

    def body(self, model: Model) -> dict[str, Any]:
        """The ``usage`` object the model's provider reports."""
        outside = self.reasoning if model.reasoning_outside else 0
        prompt: dict[str, int] = {"audio_tokens": 0, "cached_tokens": self.cached}
        if model.reports_cache_write:
            prompt["cache_write_tokens"] = self.cache_write
        return {
            "completion_tokens": self.completion - outside,
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": self.reasoning,
                "rejected_prediction_tokens": 0,
            },
            "prompt_tokens": self.prompt,
            "prompt_tokens_details": prompt,
            "total_tokens": self.prompt + self.completion,
        }


def prompt_tokens(body: Mapping[str, Any], model: str = "") -> int:
    """Prompt tokens of a chat request, its tool definitions included."""
    tools = body.get("tools")
    return count_messages(body["messages"], model, tools if isinstance(tools, list) else None)


def reasoning_tokens(model: Model, text: str, effort: str) -> int:
    """How much a model reasons about a prompt: 64 to 512 tokens, always alike; none if told so."""
    if not model.reasoning:
        return 0
    factor = _EFFORT.get(effort, 2)
    return 32 * factor * (1 + crc32(text.encode("utf-8", "surrogatepass")) % 4)


class PrefixCache:
    """Remembers prompts in blocks of 128 tokens per served model, as prompt caching does."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._blocks: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._remembered = remembered

    def clear(self) -> None:
        """Forget every prompt."""
        self._blocks.clear()

    def look(self, model: Model, body: Mapping[str, Any], prompt: int) -> tuple[int, int]:
        """(cached tokens, written tokens) of a prompt, which is remembered from now on."""
        if prompt < CACHE_FROM or not model.reports_cache:
            return 0, 0
        parts = (body.get("tools"), body["messages"])
        tokens = tokens_of(json.encode(parts).decode("utf-8"), model.name)
        known, matched, chain = True, 0, 0
        for start in range(0, len(tokens) - CACHE_STEP + 1, CACHE_STEP):
            chain = hash((chain, *tokens[start : start + CACHE_STEP]))
            key = (model.name, chain)
            known = known and key in self._blocks
            matched += CACHE_STEP if known else 0
            self._blocks[key] = None
            self._blocks.move_to_end(key)
        while len(self._blocks) > self._remembered:
            self._blocks.popitem(last=False)
        cacheable = (prompt - _NEVER_WRITTEN) // CACHE_STEP * CACHE_STEP
        cached = min(matched, cacheable) if matched >= CACHE_FROM else 0
        fresh = prompt - _NEVER_WRITTEN - cached
        written = fresh if model.reports_cache_write and fresh >= CACHE_STEP else 0
        return cached, written
