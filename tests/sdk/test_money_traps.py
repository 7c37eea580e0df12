"""Answers that look priced and are not, and calls that would be paid for twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import faregate
from faregate.money import format_usd, parse_usd
from tests.sdk.conftest import HELLO, Post

FIXTURES = Path(__file__).parent.parent / "fixtures"
CAPTURED = (FIXTURES / "azure-model-router-stream.sse").read_bytes()
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

Reply = Callable[[asyncio.StreamWriter, int], None]


@asynccontextmanager
async def upstream(reply: Reply) -> AsyncIterator[tuple[dict[str, Any], list[int]]]:
    """A server that answers the n-th request as ``reply`` writes it; (arguments, requests)."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        asked.append(1)
        reply(writer, len(asked))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield (
            {
                "model": "azure_ai/model_router/r",
                "messages": HELLO,
                "api_base": f"http://127.0.0.1:{port}/v1",
                "api_key": "k",
                "num_retries": 2,
            },
            asked,
        )


def whole(usage: dict[str, Any], text: str = "Copenhagen.") -> bytes:
    answer = {
        "id": "1",
        "object": "chat.completion",
        "model": "gpt-5-nano-2025-08-07",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
        "usage": usage,
    }
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


NOTHING: list[dict[str, Any]] = [
    {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
    {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    {},
]


@pytest.mark.parametrize("usage", NOTHING)
async def test_a_usage_that_says_nothing_is_counted_and_never_free(usage: dict[str, Any]) -> None:
    async with upstream(lambda writer, _: writer.write(whole(usage))) as (call, _):
        receipt = (await faregate.acompletion(**call)).receipt
    assert receipt is not None
    assert receipt.status == "estimated"
    assert receipt.total
    assert receipt.router_fee


@pytest.mark.parametrize("usage", [{"total_tokens": 100}, {"prompt_tokens": 100}])
async def test_a_usage_that_says_half_is_inconsistent(usage: dict[str, Any]) -> None:
    async with upstream(lambda writer, _: writer.write(whole(usage))) as (call, _):
        receipt = (await faregate.acompletion(**call)).receipt
    assert receipt is not None
    assert receipt.status == "inconsistent"


async def test_zeros_after_a_real_usage_change_nothing() -> None:
    zeros = b'data: {"choices":[],"model":"","usage":{"prompt_tokens":0,"completion_tokens":0}}\n\n'
    stream = CAPTURED.replace(b"data: [DONE]", zeros + b"data: [DONE]")
    async with upstream(lambda writer, _: writer.write(SSE + stream)) as (call, _):
        chunks = [chunk async for chunk in await faregate.acompletion(**call, stream=True)]
    assert chunks[-1].receipt is not None
    assert format_usd(chunks[-1].receipt.total or 0) == "0.00003405"


async def test_an_answer_that_breaks_off_is_not_paid_for_twice() -> None:
    answer = whole({"prompt_tokens": 1, "completion_tokens": 1})

    def cut(writer: asyncio.StreamWriter, _: int) -> None:
        writer.write(answer[:-20])

    async with upstream(cut) as (call, asked):
        with pytest.raises(faregate.APIConnectionError):
            await faregate.acompletion(**call)
    assert len(asked) == 1


async def test_a_connection_that_breaks_before_a_byte_came_is_tried_again() -> None:
    def second_time(writer: asyncio.StreamWriter, number: int) -> None:
        if number == 2:
            writer.write(whole({"prompt_tokens": 1000, "completion_tokens": 500}))

    async with upstream(second_time) as (call, asked):
        receipt = (await faregate.acompletion(**call)).receipt
    assert receipt is not None
    assert receipt.total == parse_usd("0.00039")
    assert len(asked) == 2


THROTTLE = b'data: {"error":{"code":"429","message":"Too many requests"}}\n\n'


async def test_a_throttle_behind_azures_first_chunk_is_tried_again() -> None:
    prelude = CAPTURED[: CAPTURED.index(b"\n\n") + 2]

    def throttled_once(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(SSE + (prelude + THROTTLE if number == 1 else CAPTURED))

    async with upstream(throttled_once) as (call, asked):
        stream = await faregate.acompletion(**call, stream=True)
        chunks = [chunk async for chunk in stream]
    assert len(asked) == 2
    assert chunks[0]["prompt_filter_results"]
    assert chunks[-1].receipt is not None
    assert format_usd(chunks[-1].receipt.total or 0) == "0.00003405"


async def read(call: dict[str, Any]) -> list[faregate.ModelResponseStream]:
    stream = await faregate.acompletion(**call | {"num_retries": 0}, stream=True)
    return [chunk async for chunk in stream]


FINISH = CAPTURED.index(b"\n\n", CAPTURED.index(b'"finish_reason":"stop"')) + 2


@pytest.mark.parametrize("share", range(1, 20))
async def test_a_stream_cut_before_its_finish_was_cut_off(share: int) -> None:
    cut = FINISH * share // 20
    async with upstream(lambda writer, _: writer.write(SSE + CAPTURED[:cut])) as (call, _):
        with pytest.raises(faregate.APIConnectionError, match="ended before the answer did"):
            await read(call)


@pytest.mark.parametrize("more", [0, 1, 200])
async def test_a_stream_cut_between_finish_and_usage_is_estimated(more: int) -> None:
    cut = FINISH + more
    async with upstream(lambda writer, _: writer.write(SSE + CAPTURED[:cut])) as (call, _):
        receipt = (await read(call))[-1].receipt
    assert receipt is not None
    assert receipt.status == "estimated"


@pytest.mark.parametrize("end", [b"data: [DO", b"data: [DONE]", b"dat", b""])
async def test_an_answer_that_was_all_there_needs_no_done(end: bytes) -> None:
    stream = CAPTURED.replace(b"data: [DONE]\n\n", end)
    async with upstream(lambda writer, _: writer.write(SSE + stream)) as (call, _):
        chunks = [chunk async for chunk in await faregate.acompletion(**call, stream=True)]
    assert chunks[-1].receipt is not None
    assert chunks[-1].receipt.status == "priced"


def test_base_model_is_no_price_for_a_router(own: dict[str, Any], post: Post) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000}
    post("script", served="gpt-5-2025-08-07", usage=usage)
    receipt = faregate.completion(**own, base_model="gpt-4.1-nano").receipt
    assert receipt is not None
    assert receipt.total == parse_usd("0.01139")


def test_a_responses_object_counts_as_openais() -> None:
    found = {
        "object": "response",
        "model": "gpt-5-nano",
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 800},
            "output_tokens": 100,
            "total_tokens": 1100,
        },
    }
    assert faregate.completion_cost(found) == 0.000054


def test_a_cost_that_is_none_is_refused() -> None:
    details = {"status": "priced", "route": "direct", "total": "-5"}
    with pytest.raises(faregate.UnpricedError):
        faregate.completion_cost({"usage": {"cost_details": details}})
