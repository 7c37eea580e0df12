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


def chunks(*deltas: object) -> bytes:
    return b"".join(
        b"data: %s\n\n" % json.dumps({"choices": [{"index": 0, "delta": each}]}).encode()
        for each in deltas
    )


@pytest.mark.parametrize(
    "strange",
    [
        b'data: {"choices":5}\n\n',
        b'data: {"choices":true}\n\n',
        b'data: {"choices":{"index":0}}\n\n',
        b"data: {no json\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        chunks({"x": "text"}, {"x": [{"index": 0, "b": 1}]}),
        chunks({"x": [1]}, {"x": [{"index": 0, "b": 1}]}),
    ],
    ids=range(7),
)
def test_a_strange_chunk_costs_nothing_but_itself(strange: bytes) -> None:
    found = json.loads(text_of(chunks({"content": "a"}) + strange + chunks({"content": "b"})))
    assert found["choices"][0]["message"]["content"] == "ab"


def test_halves_of_a_character_become_one() -> None:
    stream = chunks({"content": "a\ud83d"}, {"content": "\ude00 b \ud83d"})
    (choice,) = json.loads(text_of(stream))["choices"]
    assert choice["message"]["content"] == "a\U0001f600 b \ud83d"


async def test_what_cannot_be_put_together_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(stream: bytes) -> str:
        raise TypeError(stream)

    monkeypatch.setattr(contents, "text_of", broken)
    store, kept = MemoryStore(), Contents()
    await store.open()
    kept.add(said(0, STREAM, stream=True))
    kept.add(said(1))
    await kept.stop(store)
    first, second = await store.contents("call_0"), await store.contents("call_1")
    assert first is not None
    assert first.answer == contents.NOT_KEPT
    assert second is not None
    assert second.answer == "{}"


async def test_a_database_that_fails_in_an_unknown_way_does_not_stop_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: object) -> None:
        raise TypeError("Hello")

    store, kept = MemoryStore(), Contents()
    monkeypatch.setattr(store, "put_contents", broken)
    kept.add(said(0))
    await kept.stop(store)
    assert "prompts and answers are lost: TypeError" in caplog.text
    assert "Hello" not in caplog.text


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
