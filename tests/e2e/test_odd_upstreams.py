"""Upstreams that do what none should, and what becomes of the bill."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e import processes, wire
from tests.e2e.processes import Gateway

SECRET = "upstream-credential-0123456789"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
ODD_USAGE = b'{"prompt_tokens": 1000, "completion_tokens": 500, "queue_time": 1.50, "rate": 1e2}'
MESSAGE = {"role": "assistant", "content": "Copenhagen."}
WHOLE: dict[str, Any] = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-nano-2025-08-07",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
}
CHUNK: dict[str, Any] = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-5-nano-2025-08-07",
    "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}],
}


class Odd(BaseHTTPRequestHandler):
    """Behaves as the deployment's name says."""

    protocol_version = "HTTP/1.1"
    asked: dict[str, int] = {}  # noqa: RUF012 - one server a run
    go = threading.Event()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = body["model"]
        Odd.asked[name] = Odd.asked.get(name, 0) + 1
        getattr(self, name.replace("-", "_"))(body)

    def answer(self, status: int, found: Any, **headers: str) -> None:
        data = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        for key, value in {"content-type": "application/json", **headers}.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def events(self, *payloads: Any, done: bool = True) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for payload in payloads:
            self.wfile.write(b"data: %s\n\n" % json.dumps(payload).encode())
        if done:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def never_streams(self, _body: Any) -> None:
        self.answer(200, {**WHOLE, "usage": USAGE})

    def writes_its_own_way(self, _body: Any) -> None:
        head = json.dumps(WHOLE).encode().removesuffix(b"}")
        self.answer(200, head + b', "usage": ' + ODD_USAGE + b"}")

    def no_usage(self, body: Any) -> None:
        if body.get("stream"):
            self.events(CHUNK, CHUNK, done=False)
        else:
            self.answer(200, WHOLE)

    def refuses_options(self, body: Any) -> None:
        if "stream_options" in body:
            error = {
                "message": "Unknown parameter: 'stream_options'.",
                "code": "unknown_parameter",
                "param": "stream_options",
                "type": "invalid_request_error",
            }
            self.answer(400, {"error": error})
        else:
            finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
            self.events(CHUNK, {**CHUNK, "choices": [finish]})

    def tells_all(self, _body: Any) -> None:
        key = self.headers["api-key"] or self.headers["authorization"]
        self.answer(401, {"error": {"message": f"bad key {key}", "code": "401"}})

    def throttles(self, _body: Any) -> None:
        self.answer(429, {"error": {"message": "slow down", "code": "429"}}, retry_after_ms="400")

    def floods(self, _body: Any) -> None:
        nothing = {**CHUNK, "choices": [], "padding": "x" * 1000}
        finish = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self.events(*[nothing] * 5000, {**CHUNK, "choices": [finish], "usage": USAGE})

    def long_death(self, _body: Any) -> None:
        self.events(*[{**CHUNK, "padding": "x" * 400}] * 5000, done=False)

    def spoils(self, _body: Any) -> None:
        self.events(CHUNK, done=False)
        self.wfile.flush()
        assert Odd.go.wait(20)
        error = {"error": {"message": "overloaded", "code": "500"}}
        events = [b"data: %s\n\n" % json.dumps(each).encode() for each in (CHUNK, CHUNK, error)]
        self.wfile.write(b"".join(events))

    def hangs(self, _body: Any) -> None:
        self.rfile.read(1)  # until the other side gives up

    def log_message(self, *_args: Any) -> None:
        pass


NAMES = [name for name in vars(Odd) if not name.startswith(("_", "do_", "log", "answer", "events"))]
MODELS = [name for name in NAMES if name not in ("asked", "go", "protocol_version")]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_address[1]}/v1"
    shared = {"api_base": base, "api_key": SECRET, "timeout": 1.5}
    config = "model_list:\n"
    for name in (name.replace("_", "-") for name in MODELS):
        entry = {"model_name": name, "params": {"model": f"azure_ai/model_router/{name}", **shared}}
        config += f"  - {json.dumps(entry)}\n"
    config += "router_settings: {disable_cooldowns: true, num_retries: 2}\n"
    try:
        with processes.gateway(tmp_path_factory.mktemp("odd"), config) as running:
            yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    Odd.asked.clear()


def charges(gateway: Gateway, headers: dict[str, str]) -> list[dict[str, Any]]:
    found = gateway.receipt(headers["x-faregate-call-id"]).get("charges", [])
    assert isinstance(found, list)
    return found


def test_a_whole_answer_to_a_stream_is_streamed_and_paid_for_once(odd: Gateway) -> None:
    streamed = odd.stream("never-streams", stream_options={"include_usage": True})
    assert streamed.done
    assert streamed.chunks[0]["choices"][0]["delta"]["content"] == "Copenhagen."
    assert streamed.chunks[-1]["usage"]["cost_details"]["total"] == "0.00039"
    assert Odd.asked == {"never-streams": 1}


def test_the_providers_own_numbers_stay_as_it_wrote_them(odd: Gateway) -> None:
    with wire.Raw(odd.port) as raw:
        raw.send(wire.request(odd, wire.chat("writes-its-own-way"), "Connection: close"))
        status, _, answer = wire.parsed(raw.rest())
    assert status == 200
    kept = ODD_USAGE.removesuffix(b"}").replace(b", ", b",").replace(b": ", b":")
    assert b'"usage":' + kept + b',"cost":0.00039' in answer


@pytest.mark.parametrize(
    "odds", [{"messages": ["hi"]}, {"messages": [1]}, {"tools": 5}, {"tools": True}]
)
def test_what_cannot_be_counted_is_guessed_and_charged(odd: Gateway, odds: dict[str, Any]) -> None:
    status, _, headers = odd.chat("no-usage", **odds)
    assert status == 200
    assert [charge["status"] for charge in charges(odd, headers)] == ["estimated"]
    streamed = odd.stream("no-usage", **odds)
    assert "error" in streamed.chunks[-1]
    assert [charge["status"] for charge in charges(odd, streamed.headers)] == ["estimated"]


def test_a_provider_that_refuses_our_own_parameter_fails_nobody(odd: Gateway) -> None:
    for _ in range(2):
        streamed = odd.stream("refuses-options")
        assert streamed.done
        assert [each["status"] for each in charges(odd, streamed.headers)] == ["estimated"]
    assert Odd.asked == {"refuses-options": 3}  # once refused, not sent again


def test_our_credential_is_masked_wherever_it_is_repeated(odd: Gateway) -> None:
    status, found, _ = odd.chat("tells-all")
    assert status == 401
    assert SECRET not in json.dumps(found)
    assert found["error"]["code"] == "upstream_credential_refused"


def test_a_client_that_left_is_not_retried_for(odd: Gateway) -> None:
    connection = http.client.HTTPConnection(odd.url.removeprefix("http://"), timeout=5)
    body = json.dumps({"model": "throttles", "messages": [{"role": "user", "content": "x"}]})
    connection.request("POST", "/v1/chat/completions", body, odd.bearer)
    deadline = time.monotonic() + 5
    while not Odd.asked and time.monotonic() < deadline:
        time.sleep(0.005)
    connection.close()
    while "faregate_in_flight_requests 0" not in metrics(odd) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Odd.asked == {"throttles": 1}


def metrics(gateway: Gateway) -> str:
    status, text, _ = gateway.ask("GET", "/metrics", headers=gateway.bearer)
    assert status == 200
    return str(text)


def test_a_flood_of_nothing_is_relayed_and_not_piled_up(odd: Gateway) -> None:
    streamed = odd.stream("floods")
    assert streamed.done
    assert len(streamed.chunks) > 5000
    assert [each["total"] for each in charges(odd, streamed.headers)] == ["0.00039"]


def test_words_that_came_with_an_error_reach_the_client_before_it(odd: Gateway) -> None:
    Odd.go.clear()
    connection = http.client.HTTPConnection("127.0.0.1", odd.port, timeout=20)
    body = wire.chat("spoils", stream=True)
    connection.request("POST", "/v1/chat/completions", body, odd.bearer)
    answer = connection.getresponse()
    said = answer.readline()  # the first words are there, so the others come in a read of their own
    Odd.go.set()
    said += answer.read()
    connection.close()
    events = [json.loads(each[6:]) for each in said.split(b"\n\n") if each]
    assert ["choices" in each for each in events] == [True, True, True, False]
    assert events[-1]["error"]["message"].endswith("overloaded")


def test_a_long_stream_that_dies_is_counted_whole(odd: Gateway) -> None:
    streamed = odd.stream("long-death")
    assert "error" in streamed.chunks[-1]
    (charge,) = charges(odd, streamed.headers)
    assert charge["status"] == "estimated"
    assert 4500 < charge["usage"]["output"] < 5500


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_timed_out_may_be_billed_and_is_estimated(odd: Gateway, stream: bool) -> None:
    status, found, headers = odd.chat("hangs", stream=stream)
    assert status == 408
    assert "127.0.0.1" not in json.dumps(found)
    (charge,) = charges(odd, headers)
    assert charge["status"] == "unpriced"  # the router never said whom it asked
    assert [line["kind"] for line in charge["lines"]] == ["router_fee"]


def test_invalid_utf8_is_refused_before_anyone_is_asked(odd: Gateway) -> None:
    body = b'{"model":"never-streams","messages":[{"role":"user","content":"\xff\xfe"}]}'
    connection = http.client.HTTPConnection(odd.url.removeprefix("http://"), timeout=5)
    connection.request("POST", "/v1/chat/completions", body, odd.bearer)
    answer = connection.getresponse()
    assert answer.status == 400
    assert "UTF-8" in json.loads(answer.read())["error"]["message"]
    connection.close()
    assert Odd.asked == {}


def test_a_trailing_slash_is_the_same_route(odd: Gateway) -> None:
    body = {"model": "never-streams", "messages": [{"role": "user", "content": "x"}]}
    status, _, _ = odd.ask("POST", "/v1/chat/completions/", body, odd.bearer)
    assert status == 200
