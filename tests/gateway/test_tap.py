"""The captured stream through the gateway's tap, however it is cut."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.gateway.outlet import Outlet
from faregate.gateway.tap import DONE_EVENT, StreamError, Tap
from faregate.wire.openai_chat import WireError
from tests.gateway.settings import snapshot

CAPTURED = (
    Path(__file__).parent.parent / "fixtures" / "azure-model-router-stream.sse"
).read_bytes()
COST = {"cost": 0.00003405, "cost_details": {"total": "0.00003405"}}


def outlet(**entry: Any) -> Outlet:
    found = snapshot(entry)
    return found.outlet(found.settings.models["router"][0])


ROUTER = outlet()


def run(*pieces: bytes, asked: bool = True) -> tuple[bytes, Tap]:
    tap = Tap(ROUTER, usage_asked=asked)
    out = b"".join(tap.feed(piece) for piece in pieces) + tap.finish()
    return out + tap.last(COST, {}), tap


def payloads(out: bytes) -> list[dict[str, Any]]:
    events = out.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    return [msgspec.json.decode(event.removeprefix(b"data: ")) for event in events[:-2]]


def test_chunks_pass_untouched_but_for_the_models_name() -> None:
    out, tap = run(CAPTURED)
    theirs = [
        msgspec.json.decode(event.removeprefix(b"data: "))
        for event in CAPTURED.split(b"\n\n")
        if event and b"[DONE]" not in event
    ]
    ours = payloads(out)
    assert len(ours) == len(theirs)
    for mine, original in zip(ours, theirs, strict=True):
        if original["model"]:
            assert mine["model"] == f"azure_ai/{original['model']}"
        for name in original.keys() - {"model", "usage"}:
            assert mine[name] == original[name]
    assert ours[-1]["usage"] == theirs[-1]["usage"] | COST
    assert (tap.ended, tap.complete, tap.reading.model) == (True, True, "gpt-5-nano-2025-08-07")


def test_the_stream_cut_at_every_byte_gives_the_same() -> None:
    whole, _ = run(CAPTURED)
    for cut in range(1, len(CAPTURED)):
        assert run(CAPTURED[:cut], CAPTURED[cut:])[0] == whole


@given(st.lists(st.integers(0, len(CAPTURED)), max_size=30))
def test_the_stream_cut_anywhere_gives_the_same(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(CAPTURED)]
    pieces = [CAPTURED[a:b] for a, b in itertools.pairwise(at)]
    assert run(*pieces)[0] == run(CAPTURED)[0]


EVENTS = [each + b"\n\n" for each in CAPTURED.split(b"\n\n") if each]


def test_chunks_that_are_alike_are_told_by_their_form() -> None:
    _, tap = run(*EVENTS)
    assert tap.forms == 1  # learnt once from the capture, and then of use to the end


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EVENTS) - 1),
            st.sampled_from(
                [b"", b'"', b"\\", b"\n", b"words", b'","error":{"message":"x"},"a":"']
            ),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_the_short_way_changes_nothing(found: list[tuple[int, bytes]], asked: bool) -> None:
    """Event by event, with what is strange put into words, beside a tap that knows no form."""
    pieces = [EVENTS[at].replace(b'"content":"', b'"content":"' + strange) for at, strange in found]
    taps = [Tap(ROUTER, usage_asked=asked) for _ in range(2)]
    taps[1].forms = 100
    said: list[list[object]] = [[], []]
    for tap, heard in zip(taps, said, strict=True):
        for piece in EVENTS[:3] + pieces:
            try:
                heard.append(tap.feed(piece))
            except (StreamError, WireError) as error:
                heard.append(type(error))
                break
        heard += [tap.ended, tap.complete, tap.telling, tap.reading.model]
        heard.append(tap.read_kept().text)
    assert said[0] == said[1]


def test_usage_that_was_not_asked_for_is_hidden_and_still_read() -> None:
    out, tap = run(CAPTURED, asked=False)
    chunks = payloads(out)
    assert all(not chunk.get("usage") for chunk in chunks)
    assert all(chunk["choices"] or "prompt_filter_results" in chunk for chunk in chunks)
    usage = tap.reading.usage()
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.reasoning) == (15, 78, 64)


def test_a_model_named_inside_another_member_is_left_alone() -> None:
    first = b'{"choices":[{"delta":{}}],"model":"m"}'
    nested = b'{"trace":{"model":"m"},"choices":[{"delta":{}}],"model":"m"}'
    text = b'{"choices":[{"delta":{"content":"\\"model\\":\\"m\\""}}],"model":"m"}'
    tap = Tap(ROUTER, usage_asked=False)
    out = tap.feed(b"".join(b"data: %s\n\n" % each for each in (first, nested, text)))
    chunks = [msgspec.json.decode(event[6:]) for event in out.split(b"\n\n")[:-1]]
    assert [chunk["model"] for chunk in chunks] == ["azure_ai/m"] * 3
    assert chunks[1]["trace"] == {"model": "m"}
    assert chunks[2]["choices"][0]["delta"]["content"] == '"model":"m"'


def test_no_usage_from_the_provider_still_gives_a_usage_chunk() -> None:
    tap = Tap(ROUTER, usage_asked=True)
    out = tap.feed(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"model":"m"}\n\n')
    out += tap.last({"prompt_tokens": 1} | COST, {})
    last = payloads(out)[-1]
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 1)
    assert last["model"] == "azure_ai/m"


def test_usage_on_every_chunk_is_priced_on_the_last_one_only() -> None:
    chunk = b'data: {"choices":[{"delta":{}}],"model":"m","usage":{"prompt_tokens":%d}}\n\n'
    tap = Tap(ROUTER, usage_asked=True)
    out = tap.feed(chunk % 1 + chunk % 2) + tap.feed(b"data: [DONE]\n\n") + tap.last(COST, {})
    chunks = payloads(out)
    assert ["cost" in each["usage"] for each in chunks] == [False, True]
    assert chunks[-1]["usage"]["prompt_tokens"] == 2


def test_the_providers_numbers_stay_as_they_were_written() -> None:
    usage = b'{"prompt_tokens":3,"queue_time":1.50,"rate":1e2,"parts":[ 0.10 ]}'
    tap = Tap(ROUTER, usage_asked=True)
    out = tap.feed(b'data: {"choices":[],"model":"m","usage":%s}\n\n' % usage) + tap.last(COST, {})
    assert usage[:-1] + b',"cost":' in out


@pytest.mark.parametrize("usage", [b"5", b'"much"', b"[1]"])
def test_a_usage_that_is_no_object_gives_way_to_ours(usage: bytes) -> None:
    tap = Tap(ROUTER, usage_asked=True)
    out = tap.feed(b'data: {"choices":[],"model":"m","usage":%s}\n\n' % usage) + tap.last(COST, {})
    assert payloads(out)[-1]["usage"] == COST


@pytest.mark.parametrize("after", [0, 3])
def test_halves_of_a_character_in_two_chunks_pass(after: int) -> None:
    chunk = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"%s"}}],"model":"m"}\n\n'
    words = [b"hi"] * after + [rb"\ud83d", rb"\ude00", b"!"]
    tap = Tap(ROUTER, usage_asked=False)
    out = b"".join(tap.feed(chunk % each) for each in words)
    assert out.count(b'"model":"azure_ai/m"') == len(words)
    assert "".join(tap.read_kept().text) == "hi" * after + "\ufffd\ufffd!"


def test_an_error_event_is_an_error() -> None:
    tap = Tap(ROUTER, usage_asked=False)
    with pytest.raises(StreamError) as caught:
        tap.feed(b'data: {"error":{"code":"429","message":"Too many requests"}}\n\n')
    assert caught.value.facts.status == 429


@pytest.mark.parametrize(
    ("last", "raised"),
    [
        (b'data: {"error":{"code":"429","message":"Too many requests"}}\n\n', StreamError),
        (b"data: <html>\n\n", WireError),
    ],
)
def test_words_before_an_error_in_the_same_read_go_out(
    last: bytes, raised: type[Exception]
) -> None:
    tap = Tap(ROUTER, usage_asked=False)
    out = tap.feed(b"".join(EVENTS[:4]) + last + EVENTS[5])
    assert out.count(b"data: ") == 4
    with pytest.raises(raised):
        tap.check()


@pytest.mark.parametrize("data", [b"data: <html>\n\n", b"data: [1]\n\n", b"data: {\n\n"])
def test_an_event_that_is_no_object_is_an_error(data: bytes) -> None:
    with pytest.raises(WireError):
        Tap(ROUTER, usage_asked=False).feed(data)


def test_text_is_kept_for_counting_when_usage_never_comes() -> None:
    tap = Tap(ROUTER, usage_asked=False)
    cut = CAPTURED.index(b'"content":"."')
    tap.feed(CAPTURED[: CAPTURED.index(b"data: ", cut - 400)])
    assert tap.reading.usage() is None
    assert "Capital of" in "".join(tap.read_kept().text)


@pytest.mark.parametrize("comment", [b": ping\n\n", b":\r\n\r\n"])
def test_a_comment_of_a_silent_upstream_keeps_the_client_waiting(comment: bytes) -> None:
    first, rest = CAPTURED.split(b"\n\n", 1)
    out, tap = run(first + b"\n\n", comment, rest)
    plain, _ = run(CAPTURED)
    assert out.replace(b": keep-alive\n\n", b"", 1) == plain
    assert out != plain
    assert tap.complete


def test_an_event_cut_in_two_is_no_comment() -> None:
    tap = Tap(ROUTER, usage_asked=True)
    assert tap.feed(b": half a com") == b""
    assert tap.feed(b"ment\n") == b""


def test_nothing_after_done_goes_out() -> None:
    out, _ = run(CAPTURED + b'data: {"choices":[],"model":"late"}\n\n')
    assert out.endswith(DONE_EVENT)
    assert b"late" not in out
