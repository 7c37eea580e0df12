"""Kept prompts and answers: masked, put together, bounded, and written when there is a database."""

import json

import pytest

from faregate.gateway import contents
from faregate.gateway.contents import Contents, Said, text_of
from faregate.store.memory import MemoryStore

CHUNKS = [
    {"id": "c1", "model": "gpt-5", "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
    {"choices": [{"index": 0, "delta": {"content": "Hello "}}]},
    {"choices": [{"index": 0, "delta": {"content": "there"}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
]
STREAM = b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in CHUNKS)


def said(number: int, answer: bytes = b"{}", *, stream: bool = False) -> Said:
    return Said(f"call_{number}", 1_000.0 + number, b'{"messages":[]}', answer, stream, ())


def test_a_stream_is_kept_as_one_answer() -> None:
    found = json.loads(text_of(STREAM + b"data: [DONE]\n\n"))
    assert found == {
        "id": "c1",
        "model": "gpt-5",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there"},
                "finish_reason": "stop",
            },
        ],
    }


def test_a_stream_cut_anywhere_is_kept_as_far_as_it_goes() -> None:
    for end in range(len(STREAM)):
        kept = text_of(STREAM[:end])
        assert kept == STREAM[:end].decode() or json.loads(kept)


def test_pieces_of_a_tool_call_are_put_together() -> None:
    pieces = [
        {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a"'}},
        {"index": 0, "function": {"arguments": ": 1}"}},
    ]
    stream = b"".join(
        b"data: %s\n\n"
        % json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [each]}}]}).encode()
        for each in pieces
    )
    (choice,) = json.loads(text_of(stream))["choices"]
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    ]


async def test_what_waits_is_written_when_it_stops() -> None:
    store, kept = MemoryStore(), Contents()
    await store.open()
    for number in range(250):
        kept.add(said(number))
    kept.add(said(250, STREAM, stream=True))
    await kept.stop(store)
    first, last = await store.contents("call_0"), await store.contents("call_250")
    assert first is not None
    assert first.prompt == '{"messages":[]}'
    assert last is not None
    assert last.answer is not None
    assert json.loads(last.answer)["choices"][0]["message"]["content"] == "Hello there"


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_BYTES", 1_000)
    kept = Contents()
    for number in range(10):
        kept.add(said(number, b"x" * 300))
    assert kept.dropped == 7
