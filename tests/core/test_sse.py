import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.sse import Event, SseDecoder, SseError

CAPTURED = (
    Path(__file__).parent.parent / "fixtures" / "azure-model-router-stream.sse"
).read_bytes()


def decode(*chunks: bytes) -> list[Event]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.finish()


def test_the_captured_stream_has_nine_events() -> None:
    events = decode(CAPTURED)
    assert len(events) == 9
    assert events[-1].data == b"[DONE]"


def test_the_captured_stream_cut_at_every_byte() -> None:
    whole = decode(CAPTURED)
    for cut in range(len(CAPTURED)):
        assert decode(CAPTURED[:cut], CAPTURED[cut:]) == whole


MIXED = (
    "\ufeff: a comment\r\ndata: one\r\n\r\nevent: ping\rdata: two\rdata: more\r\rid: 7\n\n"
    'data:{"tight":1}\n\ndata: ünïcödé\r\n\r\ndata\n\n'
).encode()
MIXED_EVENTS = [
    Event(b"one"),
    Event(b"two\nmore", b"ping"),
    Event(b'{"tight":1}'),
    Event("ünïcödé".encode()),
    Event(b""),
]


def test_all_line_endings_comments_names_and_a_byte_order_mark() -> None:
    assert decode(MIXED) == MIXED_EVENTS


def test_every_split_in_three_gives_the_same_events() -> None:
    for first in range(len(MIXED)):
        for second in range(first, len(MIXED)):
            assert decode(MIXED[:first], MIXED[first:second], MIXED[second:]) == MIXED_EVENTS


@given(st.lists(st.integers(0, len(CAPTURED))))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(CAPTURED)]
    chunks = [CAPTURED[a:b] for a, b in itertools.pairwise(at)]
    assert decode(*chunks) == decode(CAPTURED)


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    one_by_one = decode(*[data[i : i + 1] for i in range(len(data))])
    assert one_by_one == decode(data)


def test_an_event_is_given_out_with_its_last_byte() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: x\n") == []
    assert decoder.feed(b"\n") == [Event(b"x")]
    assert decoder.feed(b"data: y\r\n\r") == [Event(b"y")]
    assert decoder.feed(b"\ndata: z\n\n") == [Event(b"z")]


def test_an_unterminated_last_event_is_kept() -> None:
    assert decode(b"data: [DONE]") == [Event(b"[DONE]")]
    assert decode(b"data: [DONE]\n") == [Event(b"[DONE]")]
    assert decode(b": only a comment\n") == []


def test_an_endless_event_is_refused() -> None:
    decoder = SseDecoder(limit=100)
    decoder.feed(b"data: " + b"x" * 90)
    with pytest.raises(SseError, match="larger than 100 bytes"):
        decoder.feed(b"x" * 10)
