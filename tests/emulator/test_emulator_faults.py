"""Every fault does what its name says, whether asked for by header, queue or configuration."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faregate.emulator import running_emulator
from faregate.emulator.faults import FAULTS, FaultQueue, Queued, parse_fault
from faregate.errors import ConfigError
from tests.emulator.emulator_api import CHAT, KEY, Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running_emulator() as url:
        yield Api(url)


@pytest.fixture(autouse=True)
def _clean(api: Api) -> None:
    api.control("POST", "reset")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("404", 404, "DeploymentNotFound"),
        ("403", 403, "AuthenticationTypeDisabled"),
        ("429", 429, "429"),
        ("408", 408, "Timeout"),
        ("500", 500, "InternalServerError"),
        ("502", 502, "BadGateway"),
        ("503", 503, "ServiceUnavailable"),
        ("504", 504, "GatewayTimeout"),
        ("529", 529, "Overloaded"),
        ("content-filter", 400, "content_filter"),
        ("context-length", 400, "context_length_exceeded"),
        ("unsupported-parameter", 400, "unsupported_parameter"),
        ("UNSUPPORTED_PARAMETER;param=logprobs", 400, "unsupported_parameter"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals(api: Api, fault: str, status: int, code: str, stream: bool) -> None:
    answered = api.fault(fault, stream=stream)
    assert answered.status == status
    assert answered.json["error"]["code"] == code
    assert answered.json["error"]["message"]
    assert api.meter()["total"]["calls"] == 0


def test_the_401(api: Api) -> None:
    answered = api.fault("401")
    assert answered.status == answered.json["statusCode"] == 401
    assert "error" not in answered.json


@pytest.mark.parametrize(
    ("fault", "header", "value"),
    [
        ("429;retry-after=2", "retry-after", "2"),
        ("429;retry-after-ms=150", "retry-after-ms", "150"),
        ("429;x-ratelimit-reset-requests=3", "x-ratelimit-reset-requests", "3"),
        ("429;x-rate-limit-reset-tokens=55", "x-rate-limit-reset-tokens", "55"),
        ("503;retry-after=1", "retry-after", "1"),
    ],
)
def test_the_headers_of_a_throttle(api: Api, fault: str, header: str, value: str) -> None:
    assert api.fault(fault).headers[header] == value


def test_a_throttle_may_say_its_delay_in_its_text_alone(api: Api) -> None:
    answered = api.fault("429;after=86400")
    assert "retry after 86400 seconds" in answered.json["error"]["message"]
    assert not any("retry" in name or "reset" in name for name in answered.headers)


def test_both_spellings_of_the_content_filter(api: Api) -> None:
    one = api.fault("content-filter").json["error"]
    assert one["innererror"]["content_filter_result"]["jailbreak"]["filtered"] is True
    other = api.fault("content-filter;spelling=inner_error").json["error"]
    assert other["inner_error"]["content_filter_results"]["jailbreak"]["detected"] is True


def test_the_filter_cuts_an_answer(api: Api) -> None:
    choice = api.fault("content-filter-completion").json["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"] == "hi to"
    streamed = api.fault("content-filter-completion", stream=True)
    assert streamed.text == "hi to"
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "content_filter"


def test_answers_that_are_none(api: Api) -> None:
    page = api.fault("html-200")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.body.startswith(b"<!DOCTYPE html>")
    empty = api.fault("empty-200")
    assert (empty.status, empty.body) == (200, b"")
    assert api.meter()["total"]["calls"] == 0


def test_broken_json(api: Api) -> None:
    with pytest.raises(json.JSONDecodeError):
        _ = api.fault("bad-json").json
    with pytest.raises(json.JSONDecodeError):
        _ = api.fault("bad-json", stream=True).chunks


@pytest.mark.parametrize("stream", [False, True])
def test_bytes_that_are_no_text(api: Api, stream: bool) -> None:
    body = api.fault("invalid-utf8", stream=stream).body
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert b"\xff\xfe" in body


def test_a_throttle_inside_a_200_is_the_first_event(api: Api) -> None:
    answered = api.fault("throttle-in-stream", stream=True)
    assert answered.status == 200
    assert answered.chunks[0]["error"]["code"] == "429"
    assert b"[DONE]" not in answered.body
    assert api.meter()["total"]["calls"] == 0


def test_an_error_in_the_middle(api: Api) -> None:
    answered = api.fault("error-in-stream;after=4", stream=True)
    assert len(answered.chunks) == 5
    assert answered.chunks[-1]["error"]["code"] == "500"
    assert api.meter()["total"]["calls"] == 1


def test_no_done(api: Api) -> None:
    answered = api.fault("no-done", stream=True)
    assert b"[DONE]" not in answered.body
    assert answered.chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_no_usage(api: Api) -> None:
    assert "usage" not in api.fault("no-usage").json
    options = {"include_usage": True}
    chunks = api.fault("no-usage", stream=True, stream_options=options).chunks
    assert not any(chunk.get("usage") for chunk in chunks)
    assert api.meter()["total"]["output"] > 0


def test_contradicting_usage(api: Api) -> None:
    usage = api.fault("bad-usage").json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"]
    assert usage["total_tokens"] < usage["prompt_tokens"]


@pytest.mark.parametrize("fault", ["drip", "split", "split;bytes=1", "drip;bytes=3;ms=0.01"])
def test_odd_pieces_make_the_same_answer(api: Api, fault: str) -> None:
    question = "Say 😀 is the question"
    assert api.fault(fault, question, stream=True).text == "😀 is the question"
    said = api.fault(fault, question).json["choices"][0]["message"]["content"]
    assert said == "😀 is the question"


def test_pieces_are_as_small_as_asked(api: Api) -> None:
    raw = exchange(api, "split;bytes=5")
    _, _, body = raw.partition(b"\r\n\r\n")
    sizes = [int(line, 16) for line in body.split(b"\r\n")[::2] if line]
    assert set(sizes[:-2]) == {5}


def test_a_huge_answer(api: Api) -> None:
    body = api.fault("huge;mb=3").json
    content = body["choices"][0]["message"]["content"]
    assert len(content) == 3_000_000
    assert body["usage"]["completion_tokens"] == 600_000
    assert len(api.fault("huge;mb=3", stream=True).text) == 3_000_000


def exchange(api: Api, fault: str, *, stream: bool = True) -> bytes:
    """Everything the server sends for one call, up to the end of the connection."""
    body = json.dumps(
        {"model": "model-router", "messages": [{"role": "user", "content": "Say a b c d"}]}
        | ({"stream": True} if stream else {})
    )
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: emulator\r\napi-key: emulator-key\r\n"
        f"x-emulate-fault: {fault}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    received = b""
    with socket.create_connection(api.address, timeout=30) as connection:
        connection.sendall((head + body).encode())
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionResetError:
                return received + b"<RESET>"
            if not piece:
                return received
            received += piece


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_before_any_byte(api: Api, stream: bool) -> None:
    assert exchange(api, "reset", stream=stream) == b"<RESET>"
    assert api.meter()["total"]["calls"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_in_the_body(api: Api, stream: bool) -> None:
    received = exchange(api, "reset-in-body", stream=stream)
    assert received.endswith(b"<RESET>")
    assert b"[DONE]" not in received
    last = api.meter()["last"][-1]
    assert (last["completed"], last["fault"]) == (False, "reset-in-body")


def test_a_stream_cut_off_cleanly(api: Api) -> None:
    received = exchange(api, "truncate;after=4")
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"data: ") == 5
    assert not received.endswith(b"0\r\n\r\n")
    with pytest.raises(http.client.IncompleteRead):
        api.fault("truncate", stream=True)


def test_a_whole_answer_cut_off_cleanly(api: Api) -> None:
    with pytest.raises(http.client.IncompleteRead):
        api.fault("truncate")


def test_a_stall_ends_after_its_seconds(api: Api) -> None:
    assert api.fault("stall;seconds=0.01").status == 200
    assert api.fault("stall-in-stream;seconds=0.01", stream=True).text == "hi to them all"


def test_a_stall_does_not_hold_up_the_end() -> None:
    with running_emulator() as url:
        stalled = Api(url)
        host, port = stalled.address
        connection = http.client.HTTPConnection(host, port, timeout=10)
        body = json.dumps({"model": "model-router", "messages": [{"role": "user", "content": "x"}]})
        connection.request("POST", CHAT, body, {**KEY, "x-emulate-fault": "stall"})
        assert stalled.chat().status == 200
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()


def test_an_unknown_fault_is_a_400_that_lists_them(api: Api) -> None:
    answered = api.fault("gremlins")
    assert answered.status == 400
    assert "throttle-in-stream" in answered.json["error"]["message"]
    assert api.fault("drip;bytes=many").status == 400


def test_queued_faults_come_in_turn_and_run_out(api: Api) -> None:
    api.control("POST", "faults", {"fault": "429;retry-after=1", "times": 2})
    api.control("POST", "faults", {"fault": "500"})
    assert [api.chat().status for _ in range(5)] == [429, 429, 500, 200, 200]


def test_queued_faults_may_be_for_one_deployment(api: Api) -> None:
    api.control("POST", "faults", {"fault": "503", "deployment": "Model-Router"})
    assert len(api.control("GET", "faults")) == 1
    assert api.chat(model="gpt-4o").status == 200
    assert api.chat(model="model-router").status == 503
    assert api.control("GET", "faults") == []


def test_a_rate_meets_every_so_many_calls() -> None:
    queue = FaultQueue()
    queue.add(Queued(fault="500", times=100, rate=0.25))
    met = [queue.take("any").name for _ in range(8)]
    assert met == ["", "", "", "500", "", "", "", "500"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "gremlins"},
        {"fault": "500", "times": 0},
        {"fault": "500", "rate": 0},
        {"fault": "500", "rate": 2},
        {"times": 1},
        [],
        "500",
    ],
)
def test_a_senseless_fault_is_not_queued(api: Api, wrong: Any) -> None:
    answered = api.request("POST", "/_emulator/faults", wrong, {})
    assert answered.status == 400
    assert answered.json["error"]
    assert api.control("GET", "faults") == []


def test_queued_faults_can_be_forgotten(api: Api) -> None:
    api.control("POST", "faults", {"fault": "500"})
    api.control("DELETE", "faults")
    assert api.chat().status == 200


def test_a_standing_fault_meets_every_call() -> None:
    with running_emulator(fault="429;retry-after=1") as url:
        throttled = Api(url)
        assert [throttled.chat().status for _ in range(2)] == [429, 429]
        headers = {**KEY, "x-emulate-fault": ""}
        assert throttled.chat(headers=headers).status == 200


def test_a_standing_fault_must_exist() -> None:
    with pytest.raises(ConfigError, match="gremlins"), running_emulator(fault="gremlins"):
        pass


def test_every_fault_can_be_spelled_and_is_documented() -> None:
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "emulate-azure-in-ci.md"
    text = guide.read_text("utf-8")
    for name, meaning in FAULTS.items():
        assert parse_fault(name).name == name
        assert f"| `{name}` | {meaning} |" in text, name


def test_embeddings_meet_faults_too(api: Api) -> None:
    body = {"model": "text-embedding-3-small", "input": "one"}
    headers = {**KEY, "x-emulate-fault": "429"}
    assert api.request("POST", "/openai/v1/embeddings", body, headers).status == 429
