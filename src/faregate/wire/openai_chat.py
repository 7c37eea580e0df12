"""OpenAI's Chat Completions: encode a request, read answers and stream chunks for their facts."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from faregate.core.usage import convention_of, read_usage, says_anything
from faregate.types import JsonObject, RouterTrace, Usage
from faregate.wire.halves import mended
from faregate.wire.router_controls import parse_trace

DONE = b"[DONE]"

_TIERS = {"default": "standard", "auto": "standard", "standard": "standard", "": "standard"}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class WireError(ValueError):
    """Bytes that are no answer in this format. The message never quotes them."""


def encode(fields: Mapping[str, Any]) -> bytes:
    """A request body. Raises :class:`WireError` for values JSON cannot carry."""
    try:
        return _encode(fields)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise WireError(f"the request cannot be written as JSON: {error}") from None


def decode_answer(body: bytes) -> JsonObject:
    """The JSON object of a whole answer. Raises :class:`WireError` when it is none."""
    found = _json(body)
    if not isinstance(found, dict):
        raise WireError(f"a JSON {type(found).__name__} where an object was expected")
    return found


def decode_chunk(data: bytes) -> JsonObject:
    """The JSON object of one stream event. Raises :class:`WireError` when it is none."""
    return decode_answer(data)


def _json(body: bytes) -> Any:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        whole = mended(body)
        if whole is not None:
            return _json(whole)
        start = body.lstrip()[:1]
        what = "HTML" if start == b"<" else "an empty body" if not start else "broken JSON"
        raise WireError(f"{what} ({len(body):,} bytes) where JSON was expected") from None


_FACTS = ("model", "usage", "service_tier", "model_selection_details")


def facts_of(members: Mapping[str, msgspec.Raw]) -> JsonObject:
    """The members of an opened answer that say what it cost; its text stays unread."""
    try:
        return {name: _decode(members[name]) for name in _FACTS if name in members}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise WireError("broken JSON inside the answer") from None


def tier_of(service_tier: object) -> str:
    """The price tier of an answer's ``service_tier``; unsaid or ``default`` is ``standard``."""
    if not isinstance(service_tier, str):
        return "standard"
    name = service_tier.lower()
    return _TIERS.get(name, name[:40])


class Reading:
    """What an answer says of itself: fed one whole answer, or every chunk of a stream.

    The rules are the same for both, so a receipt cannot depend on how the answer was asked for.
    """

    __slots__ = ("finish_reason", "model", "raw_usage", "text", "tier", "trace")

    def __init__(self) -> None:
        self.model = ""
        """The last non-empty model name; Azure's first chunk has an empty one."""
        self.tier: object = None
        self.trace: RouterTrace | None = None
        self.finish_reason: str | None = None
        self.text: list[str] = []
        """Everything generated, for counting where the provider does not."""
        self.raw_usage: Mapping[str, Any] | None = None
        """The last ``usage`` object, as the provider wrote it."""

    def see(self, found: Mapping[str, Any]) -> None:
        """Take in one answer or chunk. Tolerates any shape."""
        model = found.get("model")
        if isinstance(model, str) and model:
            self.model = model
        tier = found.get("service_tier")
        if tier is not None:
            self.tier = tier
        usage = found.get("usage")
        if isinstance(usage, dict) and says_anything(usage):
            self.raw_usage = usage
        if "model_selection_details" in found:
            self.trace = parse_trace(found) or self.trace
        choices = found.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._see_choice(choice)

    def _see_choice(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self.finish_reason = reason
        said = choice.get("delta") or choice.get("message")
        if not isinstance(said, dict):
            return
        for name in ("content", "reasoning_content", "refusal"):
            piece = said.get(name)
            if isinstance(piece, str) and piece:
                self.text.append(piece)
        calls = said.get("tool_calls")
        if isinstance(calls, list):
            self._see_calls(calls)

    def _see_calls(self, calls: list[Any]) -> None:
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                for name in ("name", "arguments"):
                    piece = function.get(name)
                    if isinstance(piece, str) and piece:
                        self.text.append(piece)

    def usage(self) -> Usage | None:
        """The billable units; None when the provider said nothing."""
        if self.raw_usage is None:
            return None
        found = read_usage(self.raw_usage, convention_of(self.raw_usage))
        if self.text and not found.completion and not found.problem:
            return structs.replace(found, problem="an answer with text and no output tokens")
        return found

    def price_tier(self) -> str:
        """The tier whose prices apply."""
        return tier_of(self.tier)
