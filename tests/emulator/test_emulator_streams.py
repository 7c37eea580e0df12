"""Streams have Azure's quirks: compared with a stream recorded from a real router deployment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faregate.emulator import running_emulator
from tests.emulator.emulator_api import Api

RECORDED = Path(__file__).parent.parent / "fixtures" / "azure-model-router-stream.sse"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running_emulator() as url:
        yield Api(url)


def shape(value: Any) -> Any:
    """The structure of a value: its keys and the types of its leaves."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__


def test_the_recording_is_replayed_byte_for_byte(api: Api) -> None:
    answered = api.chat(model="captured-stream", stream=True)
    assert answered.body == RECORDED.read_bytes()
    assert answered.headers["content-type"].startswith("text/event-stream")


def test_the_recording_as_a_whole_answer(api: Api) -> None:
    body = api.chat(model="captured-stream").json
    assert body["choices"][0]["message"]["content"] == "Capital of Denmark."
    assert body["model"] == "gpt-5-nano-2025-08-07"
    assert body["usage"]["completion_tokens"] == 78


def test_a_stream_has_the_structure_of_the_recorded_one(api: Api) -> None:
    recorded = [
        json.loads(line.removeprefix("data: "))
        for line in RECORDED.read_text("utf-8").splitlines()
        if line.startswith("data: {")
    ]
    made = api.chat(
        "Say Capital of Denmark.",
        model="gpt-5-nano",
        stream=True,
        stream_options={"include_usage": True},
    ).chunks
    assert [shape(chunk) for chunk in made] == [shape(chunk) for chunk in recorded]
    assert [list(chunk) for chunk in made] == [list(chunk) for chunk in recorded]
    assert made[0] == recorded[0]
    assert {chunk["model"] for chunk in made[1:]} == {"gpt-5-nano-2025-08-07"}
    assert len({chunk["id"] for chunk in made[1:]}) == 1


def test_usage_comes_only_when_asked_for(api: Api) -> None:
    quiet = api.chat(stream=True)
    assert quiet.body.endswith(b"data: [DONE]\n\n")
    assert not any("usage" in chunk for chunk in quiet.chunks)
    chunks = api.chat(stream=True, stream_options={"include_usage": True}).chunks
    assert [chunk["usage"] for chunk in chunks[1:-1]] == [None] * len(chunks[1:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] > 0


def test_streamed_and_whole_answers_are_billed_alike(api: Api) -> None:
    plain = api.chat("Tell me of Rome").json
    streamed = api.chat("Tell me of Rome", stream=True, stream_options={"include_usage": True})
    assert streamed.chunks[-1]["usage"] == plain["usage"]
    assert streamed.text == plain["choices"][0]["message"]["content"]


def test_obfuscation_can_be_turned_off(api: Api) -> None:
    options = {"include_obfuscation": False}
    chunks = api.chat(stream=True, stream_options=options).chunks
    assert not any("obfuscation" in chunk for chunk in chunks)


def test_the_asynchronous_filter_sends_choices_without_a_delta(api: Api) -> None:
    chunks = api.fault("async-filter", stream=True).chunks
    bare = [c for chunk in chunks for c in chunk["choices"] if "delta" not in c]
    assert len(bare) == 1
    assert bare[0]["content_filter_offsets"]["end_offset"] > 0
    (anonymous,) = [chunk for chunk in chunks if bare[0] in chunk["choices"]]
    assert (anonymous["id"], anonymous["model"], anonymous["object"]) == ("", "", "")
