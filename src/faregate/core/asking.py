"""How much a request may make a model read and say: the facts a hold is computed from.

Every token is at least one byte of text, and what a provider writes around a message is shorter
than the JSON around it here. So a body's size bounds its tokens; only what is not in the body (a
picture behind an address, a file, a stored conversation) needs a bound of another kind.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

_AROUND = 64
"""Tokens a provider may add to any prompt."""

_AROUND_TOOLS = 1_000
"""Tokens a provider may add where there are tools."""

_MARKS = (
    b'"image', b'"input_', b'"file', b'"document', b'"video', b'"audio', b"\\u", b'"1h"',
)  # fmt: skip
"""What a body without any of these cannot hold: anything but text. Names may be escaped."""
_SOUND = ("input_audio", "audio")
_PICTURES = ("image_url", "input_image", "image")
_FILES = ("file", "input_file", "document", "video_url", "video", "input_video")
_ELSEWHERE = (
    "previous_response_id", "conversation", "prompt_id", "data_sources", "web_search_options",
)  # fmt: skip
"""Fields that add to a prompt what is not in the body."""

_RARE = frozenset(
    {*_ELSEWHERE, "n", "best_of", "modalities", "audio", "service_tier", "routing_config"}
)
"""What makes a request more than plain text in and plain text out, beside its content."""

_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_MOST_MODELS = 64
_CONTENT = ("messages", "input", "system", "instructions", "tools")


class _Plain(Struct, forbid_unknown_fields=True, gc=False):
    """A message that is text: with any other field, or content in parts, it does not decode."""

    content: str | None = None
    role: Raw = Raw()
    name: Raw = Raw()
    refusal: Raw = Raw()
    tool_call_id: Raw = Raw()
    tool_calls: Raw = Raw()


_PLAIN: dict[str, Callable[[Raw], object]] = {
    "messages": msgspec.json.Decoder(list[_Plain]).decode,
    "input": msgspec.json.Decoder(str | list[str | int | list[int]]).decode,
    "system": msgspec.json.Decoder(str).decode,
    "instructions": msgspec.json.Decoder(str).decode,
}


class Ask(Struct, frozen=True, kw_only=True):
    """What a request asks for, bounded."""

    size: int
    """Bytes of its text: the most tokens its text can be."""
    counted: int | None = None
    """Its prompt as a tokenizer counts it, where somebody did; estimates use it."""
    output: int | None = None
    """The most tokens of one answer; None where the request does not say."""
    choices: int = 1
    """How many answers it wants (``n``)."""
    images: int = 0
    elsewhere: bool = False
    """Part of the prompt is not in the body, so that only the context bounds it."""
    audio_in: bool = False
    audio_out: bool = False
    hour_cache: bool = False
    """It may write to a cache that lasts an hour, which is dearer."""
    tier: str = ""
    """The service tier it names."""
    subset: tuple[str, ...] = ()
    """The models a router may pick, where request or deployment limit them."""
    own_models: bool = False
    """The request names the models itself, be they too many or no names at all: what the
    deployment says of them does not count."""


class _Content(Struct):
    """What was found among the parts of messages."""

    images: int = 0
    embedded: int = 0
    """Bytes of pictures within the body: they are counted as pictures, not as text."""
    elsewhere: bool = False
    audio: bool = False

    def walk(self, node: Any, depth: int = 0) -> None:
        """Look into messages, their content and tool results."""
        if depth > 8:
            self.elsewhere = True
        elif isinstance(node, list):
            for each in node:
                self.walk(each, depth + 1)
        elif isinstance(node, dict):
            self._part(node, depth)

    def _part(self, part: dict[str, Any], depth: int) -> None:
        kind = part.get("type")
        if kind in _FILES or any(name in part for name in _FILES):
            self.elsewhere = True
        elif kind in _SOUND or "input_audio" in part:
            self.audio = True
        elif kind in _PICTURES or any(name in part for name in _PICTURES):
            self.images += 1
            self.embedded += _embedded(part)
        else:
            for name in ("content", "output"):
                self.walk(part.get(name), depth + 1)


def ask_of(
    members: Mapping[str, Raw], size: int, *, answers: bool = True, controls: bool = False
) -> Ask:
    """The bounds of a request from its top-level members (as JSON) and its size in bytes.

    ``answers`` is False for operations that only read (embeddings). ``controls`` is True where the
    router will heed the request's ``routing_config``, and so its subset of models. Values of the
    wrong kind are left to the provider to refuse: here they count as not said. Never raises for
    odd JSON.
    """
    marked = [
        members[name] for name in _CONTENT if name in members and not _is_plain(name, members[name])
    ]
    tools = "tools" in members or "functions" in members
    size += _AROUND + (_AROUND_TOOLS if tools else 0)
    caps = [cap for name in _CAPS if name in members and (cap := _whole(members, name)) is not None]
    output = 0 if not answers else max(caps) if caps else None
    if not marked and members.keys().isdisjoint(_RARE):
        return Ask(size=size, output=output)
    found = _Content()
    for raw in marked:
        found.walk(_decoded(raw))
    modalities = _value(members, "modalities")
    stated = _stated_models(members) if controls else None
    return Ask(
        size=max(0, size - found.embedded),
        output=output,
        choices=max(1, _whole(members, "n") or 1, _whole(members, "best_of") or 1),
        images=found.images,
        elsewhere=found.elsewhere or any(name in members for name in _ELSEWHERE),
        audio_in=found.audio,
        audio_out="audio" in members or (isinstance(modalities, list) and "audio" in modalities),
        hour_cache=any(b'"1h"' in bytes(raw) for raw in marked),
        tier=tier if isinstance(tier := _value(members, "service_tier"), str) else "",
        subset=_subset(stated) if stated is not None else (),
        own_models=stated is not None,
    )


def _is_plain(name: str, raw: Raw) -> bool:
    """Whether a member is text and nothing else; by its shape where that is the usual one, because
    looking for the marks takes ten times as long."""
    decode = _PLAIN.get(name)
    if decode is not None:
        try:
            decode(raw)
        except (msgspec.DecodeError, RecursionError):
            pass
        else:
            return True
    text = bytes(raw)
    return not any(mark in text for mark in _MARKS)


def _stated_models(members: Mapping[str, Raw]) -> Any:
    """The ``models`` of the request's ``routing_config``; None where it has none."""
    controls = _value(members, "routing_config")
    return controls.get("models") if isinstance(controls, dict) else None


def _subset(models: Any) -> tuple[str, ...]:
    if not isinstance(models, list) or len(models) > _MOST_MODELS:
        return ()
    names = [each.get("name") if isinstance(each, dict) else each for each in models]
    return tuple(each for each in names if isinstance(each, str))


def _embedded(part: dict[str, Any]) -> int:
    for name in ("image_url", "source", "data"):
        inner = part.get(name)
        if isinstance(inner, dict):
            inner = inner.get("url") or inner.get("data")
        if isinstance(inner, str) and len(inner) > 256:
            return len(inner)
    return 0


def _value(members: Mapping[str, Raw], name: str) -> Any:
    raw = members.get(name)
    return None if raw is None else _decoded(raw)


def _decoded(raw: Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _whole(members: Mapping[str, Raw], name: str) -> int | None:
    value = _value(members, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return int(value) if value < 10**12 else 10**12
