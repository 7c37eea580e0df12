import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.wire import splice
from faregate.wire.openai_chat import WireError


def test_what_is_not_touched_passes_byte_for_byte() -> None:
    inner = b'{"a": 1.0, "big": 123456789012345678901234567890, "u": "\\u00e9\\/", "x":1e400}'
    members = splice.open_object(b'{"model": "x", "other": ' + inner + b"}")
    members["model"] = splice.raw("azure_ai/x")
    assert splice.close_object(members) == b'{"model":"azure_ai/x","other":' + inner + b"}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b"{", "not valid JSON"),
        (b'{"a":\xff}', "not valid JSON"),
        (b"<html>", "not valid JSON"),
        # A Python that can go as deep as this finds that it does not end.
        (b'{"a":' + b"[" * 200_000, "nested too deeply|not valid JSON"),
    ],
)
def test_what_is_no_object_is_said(body: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        splice.open_object(body)


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_depth_is_counted_outside_of_texts() -> None:
    splice.check_depth(nested(64), 64)
    with pytest.raises(WireError, match="deeper than 64"):
        splice.check_depth(nested(65), 64)
    splice.check_depth(b'{"a":"' + b"[{" * 500 + b'\\"[["}', 64)
    splice.check_depth(b"{" + b'"a":[{}],' * 500 + b'"b":1}', 64)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=6))
def test_opening_and_closing_keeps_every_member(value: dict[str, int | str]) -> None:
    members = splice.open_object(bytes(splice.raw(value)))
    assert {name: splice.value_of(members, name) for name in members} == value


def test_text_of_is_empty_for_anything_else() -> None:
    members = splice.open_object(b'{"a":"x","b":1,"c":null}')
    assert [splice.text_of(members, name) for name in "abcd"] == ["x", "", "", ""]
