"""The meter is the sum of the answers, streams that were left included; scripts are exact."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from faregate.emulator import Emulator, running_emulator
from faregate.emulator.meter import units
from tests.emulator.emulator_api import CHAT, Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running_emulator() as url:
        yield Api(url)


@pytest.fixture(autouse=True)
def _clean(api: Api) -> None:
    api.control("POST", "reset")


def test_the_meter_is_the_sum_of_the_answers(api: Api) -> None:
    long = "A manual of many words. " * 400
    usages = []
    for model, question in (
        ("model-router", "Hello"),
        ("model-router", "Prove a theorem"),
        ("gpt-5.6-luna", long),
        ("gpt-5.6-luna", f"{long} Again."),
        ("grok-4-1-fast-reasoning", "Say hi"),
    ):
        usages.append(api.chat(question, model=model).json["usage"])
        options = {"include_usage": True}
        chunks = api.chat(question, model=model, stream=True, stream_options=options).chunks
        usages.append(chunks[-1]["usage"])
    read = api.meter()
    sums = {
        name: sum(units(usage)[name] for usage in usages)
        for name in ("input", "cache_read", "cache_write", "output", "reasoning")
    }
    assert read["total"] == {"calls": 10, **sums}
    assert sums["cache_read"] > 0
    assert sums["cache_write"] > 0
    assert sum(row["calls"] for row in read["rows"]) == 10
    assert [call["usage"] for call in read["last"]] == usages
    assert all(call["completed"] for call in read["last"])
    assert sums["input"] + sums["cache_read"] + sums["cache_write"] + sums["output"] == sum(
        usage["total_tokens"] for usage in usages
    )


def test_units_are_disjoint() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert units(usage) == {
        "input": 60,
        "cache_read": 30,
        "cache_write": 10,
        "output": 50,
        "reasoning": 30,
    }


def test_a_stream_the_client_left_is_billed(api: Api) -> None:
    body = json.dumps(
        {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "Say a b"}]}
    )
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: e\r\napi-key: emulator-key\r\n"
        f"x-emulate-fault: stall-in-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(api.address, timeout=10) as connection:
        connection.sendall((head + body).encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    (row,) = api.meter()["rows"]
    assert (row["served"], row["calls"], row["output"]) == ("gpt-4.1-2025-04-14", 1, 2)
    assert api.meter()["last"][0]["completed"] is False


def test_a_script_is_answered_to_the_token(api: Api) -> None:
    usage = {
        "prompt_tokens": 2756,
        "completion_tokens": 295,
        "total_tokens": 3051,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 2753},
    }
    script = {
        "deployment": "model-router",
        "served": "gpt-5.6-luna-2026-07-09",
        "usage": usage,
        "content": "As agreed.",
    }
    api.control("POST", "script", script)
    api.control("POST", "script", script)
    assert api.chat(model="gpt-4o").json["model"] == "gpt-4o-2024-11-20"
    body = api.chat().json
    assert body["model"] == "gpt-5.6-luna-2026-07-09"
    assert body["usage"] == usage
    assert body["choices"][0]["message"]["content"] == "As agreed."
    streamed = api.chat(stream=True, stream_options={"include_usage": True})
    assert streamed.text == "As agreed."
    assert streamed.chunks[-1]["usage"] == usage
    assert api.chat().json["model"] != "gpt-5.6-luna-2026-07-09"
    assert api.meter()["total"]["cache_write"] == 2 * 2753


@pytest.mark.parametrize("wrong", [{}, {"served": "x"}, {"served": 1, "usage": {}}, []])
def test_a_senseless_script_is_refused(api: Api, wrong: Any) -> None:
    assert api.request("POST", "/_emulator/script", wrong, {}).status == 400


def test_an_unknown_control_route(api: Api) -> None:
    assert api.request("GET", "/_emulator/nothing", None, {}).status == 404


def test_embeddings_are_metered(api: Api) -> None:
    body = {"model": "text-embedding-3-small", "input": "one two"}
    answered = api.request("POST", "/openai/v1/embeddings", body)
    (row,) = api.meter()["rows"]
    assert row["served"] == "text-embedding-3-small"
    assert row["input"] == answered.json["usage"]["prompt_tokens"] == 2
    assert row["output"] == 0


async def test_it_runs_beside_an_event_loop() -> None:
    async with Emulator().running() as url:
        answered = await asyncio.to_thread(Api(url).chat)
        assert answered.status == 200


def test_static_answers_are_all_alike() -> None:
    with running_emulator(static=True) as url:
        static = Api(url)
        one, other = static.chat("Hello"), static.chat("Goodbye", headers={})
        assert one.body == other.body
        assert one.json["model"] == "gpt-4.1-nano-2025-04-14"
        streamed = static.chat(stream=True)
        assert streamed.text == one.json["choices"][0]["message"]["content"]
        assert streamed.chunks[-1]["usage"] == one.json["usage"]
        assert static.meter()["total"]["calls"] == 0


def test_a_taken_port_is_an_error_at_once(api: Api) -> None:
    from faregate.emulator.serve import Running

    with pytest.raises(OSError, match="in use"):
        Running(Emulator(), port=api.address[1]).start()


async def test_under_another_server_what_breaks_connections_is_refused() -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "x"}]})
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    def scope(fault: bytes) -> Any:
        headers = [(b"api-key", b"emulator-key"), (b"x-emulate-fault", fault)]
        return {"type": "http", "method": "POST", "path": CHAT, "headers": headers}

    await Emulator()(scope(b""), receive, send)
    assert sent[0]["status"] == 200
    with pytest.raises(RuntimeError, match="own server"):
        await Emulator()(scope(b"reset"), receive, send)
