"""Provider totals → disjoint billable units. The one place that knows who counts what inside what.

OpenAI's ``prompt_tokens`` includes cache reads and writes, Anthropic's ``input_tokens`` excludes
them. Reasoning is a part of the completion. Some models (xAI's) leave reasoning outside
``completion_tokens``: what ``total - prompt - completion`` leaves over is billed as output.
Totals that contradict each other in any other way are reported, never turned into a negative line.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import structs

from faregate.types import Usage

Convention = Literal["openai", "anthropic"]

_ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation")
_TOTALS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)

_LARGEST = 10**12  # tokens; a count above it is a broken number, not a call


class _BadCountError(Exception):
    """A count that is no count. Carries the field's name."""


def convention_of(raw: Mapping[str, Any]) -> Convention:
    """Which convention a ``usage`` object of unknown origin follows, by the names it uses.

    ``input_tokens`` alone is no sign: OpenAI's Responses use it, too, and say a total with it.
    """
    if "prompt_tokens" in raw or "input_tokens_details" in raw:
        return "openai"
    if any(name in raw for name in _ANTHROPIC):
        return "anthropic"
    return "anthropic" if "input_tokens" in raw and "total_tokens" not in raw else "openai"


def says_anything(raw: Mapping[str, Any]) -> bool:
    """Whether a ``usage`` object has a count at all: some are there with zeros or nulls only."""
    for name in _TOTALS:  # a generator costs more than the loop
        count = raw.get(name)
        if count is not None and count != 0:
            return True
    return False


def read_usage(raw: Mapping[str, Any], convention: Convention) -> Usage:
    """The billable units of a provider's ``usage`` object.

    Never raises: what contradicts itself comes back with ``problem`` set and, where the two totals
    themselves can be read, with those totals as plain input and output.
    """
    try:
        return _openai(raw) if convention == "openai" else _anthropic(raw)
    except _BadCountError as error:
        return Usage(problem=str(error))


def _count(holder: Mapping[str, Any], *names: str) -> int:
    """The first of ``names`` that is there, as a whole number of tokens; 0 when none is."""
    for name in names:
        value = holder.get(name)
        if value is None:
            continue
        if type(value) is int and 0 <= value <= _LARGEST:
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
            raise _BadCountError(f"{name} is {str(value)[:40]!r}, no count of tokens")
        return value
    return 0


def _part(raw: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = raw.get(name)
        if isinstance(found, dict):  # decoded JSON; asking for a Mapping takes ten times as long
            return found
    return {}


def _is_nothing(part: Mapping[str, Any]) -> bool:
    """Whether all its counts are 0: most calls cache nothing and hear nothing."""
    for value in part.values():  # noqa: SIM110 - a generator costs more than the loop
        if value.__class__ is not int or value:
            return False
    return True


def _openai(raw: Mapping[str, Any]) -> Usage:
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    if raw.get("prompt_tokens") is None and raw.get("input_tokens") is None:
        raise _BadCountError("the prompt's tokens are missing")
    completion = _count(raw, "completion_tokens", "output_tokens")
    inside = _part(raw, "prompt_tokens_details", "input_tokens_details")
    outside = _part(raw, "completion_tokens_details", "output_tokens_details")
    if _is_nothing(inside) and _is_nothing(outside):
        output, problem = _completion(raw, prompt, completion, 0)
        return Usage(input=prompt, output=output, problem=problem)
    reasoning = _count(outside, "reasoning_tokens")
    output, problem = _completion(raw, prompt, completion, reasoning)
    units, over = _prompt_units(prompt, inside)
    audio = _count(outside, "audio_tokens")
    image = _count(outside, "image_tokens")
    if audio + image > output:
        over = over or f"{audio + image} audio and image tokens in a completion of {output}"
        audio = image = 0
    problem = problem or over
    return structs.replace(
        Usage(input=prompt) if over else units,
        output=output - audio - image,
        audio_output=audio,
        image_output=image,
        reasoning=reasoning,
        problem=problem,
    )


def _completion(
    raw: Mapping[str, Any], prompt: int, completion: int, reasoning: int
) -> tuple[int, str]:
    """Billed output tokens, and what is wrong with the totals (or nothing)."""
    if raw.get("total_tokens") is None:
        # Reasoning cannot be a part of something smaller, so here it was left outside.
        return (completion if reasoning <= completion else completion + reasoning), ""
    left_over = _count(raw, "total_tokens") - prompt - completion
    if left_over < 0:
        total = prompt + completion + left_over
        return completion, f"total_tokens is {total}, less than {prompt} + {completion}"
    if reasoning > completion + left_over:
        return completion + left_over, f"{reasoning} reasoning tokens do not fit the total"
    return completion + left_over, ""


def _prompt_units(prompt: int, inside: Mapping[str, Any]) -> tuple[Usage, str]:
    """The prompt as disjoint units, and what is wrong with its parts (or nothing)."""
    if not inside:
        return Usage(input=prompt), ""
    cached = _count(inside, "cached_tokens")
    written = _count(inside, "cache_write_tokens", "cache_creation_tokens")
    audio = _count(inside, "audio_tokens")
    image = _count(inside, "image_tokens")
    kinds = _part(inside, "cached_tokens_details")
    audio_cached = _count(kinds, "audio_tokens")
    image_cached = _count(kinds, "image_tokens")
    text_cached = cached - audio_cached - image_cached
    text = prompt - cached - written - (audio - audio_cached) - (image - image_cached)
    if min(text, text_cached, audio - audio_cached, image - image_cached) < 0:
        parts = f"cached {cached}, written {written}, audio {audio}, image {image}"
        return Usage(), f"the prompt's parts ({parts}) do not fit into {prompt} tokens"
    found = Usage(
        input=text,
        cache_read=text_cached,
        cache_write=written,
        audio_input=audio - audio_cached,
        audio_cache_read=audio_cached,
        image_input=image - image_cached,
        image_cache_read=image_cached,
    )
    return found, ""


def _anthropic(raw: Mapping[str, Any]) -> Usage:
    written = _count(raw, "cache_creation_input_tokens")
    lifetimes = _part(raw, "cache_creation")
    hour = _count(lifetimes, "ephemeral_1h_input_tokens")
    minutes = _count(lifetimes, "ephemeral_5m_input_tokens")
    problem = ""
    if not lifetimes:
        minutes = written
    elif written and minutes + hour != written:
        problem = f"cache writes of {minutes} and {hour} tokens do not make {written}"
        minutes, hour = written, 0
    return Usage(
        input=_count(raw, "input_tokens"),
        cache_read=_count(raw, "cache_read_input_tokens"),
        cache_write=minutes,
        cache_write_1h=hour,
        output=_count(raw, "output_tokens"),
        problem=problem,
    )
