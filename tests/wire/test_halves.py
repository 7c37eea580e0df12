"""Halves of characters, which JavaScript cuts text into."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.wire import openai_chat, splice
from faregate.wire.halves import mended


@pytest.mark.parametrize(
    ("found", "made"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\ude00 there"', rb'"\ufffd there"'),
        (rb'"\uD83D\uD83D\uDE00"', rb'"\ufffd\uD83D\uDE00"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
    ],
)
def test_a_half_is_replaced(found: bytes, made: bytes) -> None:
    assert mended(found) == made


@pytest.mark.parametrize(
    "text", [rb'"\ud83d\ude00"', rb'"\\ud83d"', rb'"\\\\ude00"', b'"plain"', rb'"\u00e9"', b""]
)
def test_what_is_whole_stays(text: bytes) -> None:
    assert mended(text) is None


@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_whatever_python_writes_can_be_read(text: str) -> None:
    written = json.dumps({"model": "m", "text": text}).encode()
    expected = json.loads(written)["text"]
    whole = expected.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert openai_chat.decode_answer(written)["text"] == whole
    assert splice.text_of(splice.open_object(written), "text") == whole
