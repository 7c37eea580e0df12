"""Chunks told by their form: whatever is not nothing but words is left to those who parse."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.sse import SseDecoder
from faregate.wire.chunk_form import ChunkForm, form_of

STYLES = [(",", ":"), (", ", ": ")]
FIND = {style: b'"model"%b"gpt"' % style[1].encode() for style in STYLES}
PUT = {style: b'"model"%b"azure_ai/gpt"' % style[1].encode() for style in STYLES}


def event(words: str, style: tuple[str, str] = STYLES[0], **more: Any) -> bytes:
    """A chunk as Azure writes it."""
    chunk = {
        "choices": [{"delta": {"content": words}, "finish_reason": None, "index": 0}],
        "model": "gpt",
        **more,
    }
    return b"data: " + json.dumps(chunk, separators=style).encode() + b"\n\n"


def form(found: bytes, style: tuple[str, str] = STYLES[0]) -> ChunkForm:
    made = form_of(found, FIND[style], PUT[style])
    assert made is not None
    return made


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("padding", [{}, {"obfuscation": "x1y2"}])
def test_words_pass_with_the_models_name_replaced(
    style: tuple[str, str], padding: dict[str, Any]
) -> None:
    known = form(event("one", style, **padding), style)
    for words in ("", "two", "a longer piece", "back\\slash", "line\nbreak", "Grüße"):
        more = {"obfuscation": "z" * len(words)} if padding else {}
        chunk = event(words, style, **more)
        shown = known.shown(chunk)
        assert json.loads(shown[6:]) == json.loads(chunk[6:]) | {"model": "azure_ai/gpt"}


@pytest.mark.parametrize(
    "other",
    [
        event('a "quoted" word'),
        event("words", usage={"prompt_tokens": 1}),
        event("words", error={"message": "throttled"}),
        event("words").replace(b'"finish_reason":null', b'"finish_reason":"stop"'),
        event("words").replace(b'"gpt"', b'"gpt-5"'),
        event("words") + event("more"),
        event("words")[:-1],
        event("words")[:40],
        event("words").replace(b"words", b"wor\nds"),
        event("words").replace(b"words", b"wor\rds"),
        event("words").replace(b'"words"', b'"'),
        b"data: [DONE]\n\n",
        b": keep-alive\n\n",
        b"",
    ],
)
def test_whatever_else_is_said_is_left_to_a_parser(other: bytes) -> None:
    assert form(event("one")).shown(other) == b""


def test_one_with_padding_needs_the_padding() -> None:
    padded = form(event("one", obfuscation="abc"))
    assert padded.shown(event("two")) == b""
    assert padded.shown(event("two", obfuscation='a"b')) == b""
    assert padded.shown(event("two", obfuscation="ab").replace(b'"ab"', b'"a\nb"')) == b""
    assert form(event("one")).shown(event("two", obfuscation="abc")) == b""


@pytest.mark.parametrize(
    "strange",
    [
        b"data: {}\n\n",
        event('ends with a quote"'),
        event("one").replace(b'"model":"gpt"', b'"model":"other"'),
        event("one", extra={"model": "gpt"}),
        event("one").replace(b'"content"', b'"reasoning_content"'),
    ],
)
def test_a_chunk_of_no_known_form_gives_none(strange: bytes) -> None:
    assert form_of(strange, FIND[STYLES[0]], PUT[STYLES[0]]) is None


PIECES = st.sampled_from(
    ["word", '"', "\\", "\n", "\r", "}", "]", ",", '"usage":{', '"model":"gpt"', "data: ", "é", "{"]
)


@given(
    st.lists(PIECES, max_size=6).map("".join),
    st.lists(PIECES, max_size=6).map("".join),
    st.booleans(),
    st.booleans(),
)
def test_what_passes_is_one_event_and_differs_in_the_name_alone(
    words: str, padding: str, padded: bool, raw: bool
) -> None:
    """``raw``: the pieces as they are, in place of a JSON string that holds them."""
    before: dict[str, Any] = {"obfuscation": "abc"} if padded else {}
    after: dict[str, Any] = {"obfuscation": "PADDING"} if padded else {}
    known = form(event("one", **before))
    chunk = event("WORDS", **after)
    for name, text in (("WORDS", words), ("PADDING", padding)):
        said = text if raw else json.dumps(text)[1:-1]
        chunk = chunk.replace(name.encode(), said.encode())
    shown = known.shown(chunk)
    if not shown:
        assert raw or '"' in words + padding
        return
    decoder = SseDecoder()
    decoder.feed(b": begun\n\n")
    assert decoder.is_one_event(chunk)
    assert chunk.count(FIND[STYLES[0]]) == 1
    assert shown == chunk.replace(FIND[STYLES[0]], PUT[STYLES[0]])
    assert b'"usage":{' not in chunk
