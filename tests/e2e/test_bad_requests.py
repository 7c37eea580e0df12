"""Requests that are odd as HTTP: old versions, absolute URLs, doubled headers, half-closes."""

import json

import pytest

from tests.e2e import wire
from tests.e2e.processes import Gateway
from tests.e2e.test_bad_bodies import is_error

CHAT = "/v1/chat/completions"


def answer_to(gateway: Gateway, data: bytes, *, half_close: bool = True) -> bytes:
    """Everything the server says to these bytes."""
    with wire.Raw(gateway.port) as client:
        client.send(data)
        if half_close:
            client.half_close()
        return client.rest()


def error_in(answer: bytes) -> tuple[int, object]:
    """(status, JSON) of an answer."""
    status, _, body = wire.parsed(answer)
    return status, json.loads(body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_http_1_0(gateway: Gateway, stream: bool) -> None:
    data = wire.request(gateway, wire.chat("nano", stream=stream), line=f"POST {CHAT} HTTP/1.0")
    status, headers, body = wire.parsed(answer_to(gateway, data, half_close=False))
    assert status == 200
    assert "transfer-encoding" not in headers
    assert headers["connection"] == "close"
    assert b"hello" in body
    assert body.endswith(b"data: [DONE]\n\n") is stream


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_client_that_half_closes_is_answered(gateway: Gateway, stream: bool) -> None:
    for model in ("nano", "slow"):
        data = wire.request(gateway, wire.chat(model, stream=stream))
        status, _, body = wire.parsed(answer_to(gateway, data))
        assert status == 200
        assert b"hello" in body
        assert body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") is stream


def test_a_half_close_within_the_body(gateway: Gateway) -> None:
    data = wire.request(gateway, wire.chat("nano"))
    is_error(*error_in(answer_to(gateway, data[:-10])), 400)
    assert gateway.healthy()


@pytest.mark.parametrize(
    "target", ["http://{host}{path}", "HTTP://elsewhere.example{path}", "https://{host}{path}"]
)
def test_an_absolute_url_counts_by_its_path(gateway: Gateway, target: str) -> None:
    url = target.format(host=f"127.0.0.1:{gateway.port}", path=CHAT)
    data = wire.request(gateway, wire.chat("nano"), line=f"POST {url} HTTP/1.1")
    status, _, body = wire.parsed(answer_to(gateway, data))
    assert status == 200
    assert b"hello" in body


@pytest.mark.parametrize(
    "line",
    [
        "POST ftp://elsewhere.example/v1/chat/completions HTTP/1.1",
        "POST http:// HTTP/1.1",
        "POST v1/chat/completions HTTP/1.1",
        "POST /v1/chat\xff HTTP/1.1",
        "POST  HTTP/1.1",
        "POST /v1/chat/completions",
        "POST /v1/chat/completions HTTP/3.7",
        "FETCH /v1/chat/completions HTTP/1.1",
        "\x16\x03\x01\x02\x00",
    ],
)
def test_a_request_line_that_is_none(gateway: Gateway, line: str) -> None:
    answer = answer_to(gateway, wire.request(gateway, wire.chat("nano"), line=line))
    status, said = error_in(answer)
    assert status in (400, 404, 405, 505)
    is_error(status, said, status)
    assert gateway.healthy()


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_nobody_serves(gateway: Gateway, method: str) -> None:
    answer = answer_to(gateway, wire.request(gateway, b"", line=f"{method} {CHAT} HTTP/1.1"))
    assert wire.parsed(answer)[0] in (400, 405)
    assert gateway.healthy()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_the_wrong_method(gateway: Gateway, method: str) -> None:
    status, said, _ = gateway.ask(method, CHAT, headers=gateway.bearer)
    is_error(status, said, 405, "method_not_allowed")
    status, said, _ = gateway.ask("POST", "/v1/models", {}, gateway.bearer)
    is_error(status, said, 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/"),
        ("GET", "/v1"),
        ("POST", "/v1/chat/completions/more"),
        ("POST", "/openai/deployments//chat/completions"),
        ("POST", "/openai/deployments/nano/completions"),
        ("GET", "/v1/receipts/"),
        ("GET", "/.env"),
        ("GET", "/v1/../../etc/passwd"),
        ("POST", "/v1/%00"),
        ("DELETE", "/v1/models/nano"),
    ],
)
def test_a_route_there_is_not(gateway: Gateway, method: str, path: str) -> None:
    status, said, _ = gateway.ask(method, path, None, gateway.bearer)
    is_error(status, said, 404)


MOVING = ("/health/readiness", "/metrics")
"""What these say changes from one moment to the next: bytes in the journal, calls counted."""


def test_head(gateway: Gateway) -> None:
    for path in ("/health/liveliness", "/health/readiness", "/v1/models", "/metrics"):
        line = f"HEAD {path} HTTP/1.1"
        head = wire.parsed(answer_to(gateway, wire.request(gateway, b"", line=line)))
        line = f"GET {path} HTTP/1.1"
        whole = wire.parsed(answer_to(gateway, wire.request(gateway, b"", line=line)))
        assert head[0] == whole[0] == 200
        assert head[2] == b""
        assert whole[2]
        assert head[1]["content-type"] == whole[1]["content-type"]
        assert whole[1]["content-length"] == str(len(whole[2]))
        if path not in MOVING:
            assert head[1]["content-length"] == whole[1]["content-length"]
    line = f"HEAD {CHAT} HTTP/1.1"
    status, _, body = wire.parsed(answer_to(gateway, wire.request(gateway, b"", line=line)))
    assert (status, body) == (405, b"")


def test_options(gateway: Gateway) -> None:
    for path in (CHAT, "/nowhere"):
        status, said, headers = gateway.ask("OPTIONS", path)
        assert status in (200, 204)
        assert said == ""
        assert "POST" in headers["allow"]
    data = b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
    assert wire.parsed(answer_to(gateway, data))[0] in (200, 204)


@pytest.mark.parametrize(
    "doubled",
    [
        "Content-Length: 5",
        "Host: elsewhere.example",
        "Transfer-Encoding: chunked",
        "Authorization: Bearer sk-nobody",
        "Authorization: Basic eDp5",
    ],
)
def test_a_header_that_says_two_things(gateway: Gateway, doubled: str) -> None:
    answer = answer_to(gateway, wire.request(gateway, wire.chat("nano"), doubled))
    is_error(*error_in(answer), 400)
    assert gateway.healthy()


def test_two_keys_in_one_header_name(gateway: Gateway) -> None:
    body = wire.chat("nano")
    for name in ("x-api-key", "api-key"):
        extra = (f"{name}: {gateway.key}", f"{name}: sk-nobody")
        data = wire.request(gateway, body, *extra)
        data = data.replace(b"Authorization: ", b"X-Was: ")
        is_error(*error_in(answer_to(gateway, data)), 400)


def test_headers_that_may_be_doubled(gateway: Gateway) -> None:
    extra = ("Accept: */*", "Accept: application/json", "X-Forwarded-For: a", "X-Forwarded-For: b")
    answer = answer_to(gateway, wire.request(gateway, wire.chat("nano"), *extra))
    assert wire.parsed(answer)[0] == 200


def test_no_host(gateway: Gateway) -> None:
    data = wire.request(gateway, wire.chat("nano"))
    host = b"Host: 127.0.0.1:%d\r\n" % gateway.port
    is_error(*error_in(answer_to(gateway, data.replace(host, b""))), 400)


def test_an_http_2_preface(gateway: Gateway) -> None:
    answer = answer_to(gateway, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert wire.parsed(answer)[0] in (400, 505)
    assert gateway.healthy()


def test_rubbish_and_silence(gateway: Gateway) -> None:
    for data in (b"", b"\r\n\r\n", b"\0" * 1000, b"GET", bytes(range(256)) * 40):
        answer = answer_to(gateway, data)
        assert answer == b"" or wire.parsed(answer)[0] == 400
    assert gateway.healthy()


def test_a_request_id_that_would_break_a_header(gateway: Gateway) -> None:
    for given in ("x" * 4000, "caf\xe9", "a\tb"):
        data = wire.request(gateway, wire.chat("nano"), f"X-Request-Id: {given}")
        status, headers, _ = wire.parsed(answer_to(gateway, data))
        assert status == 200
        assert headers["x-request-id"]
        assert len(headers["x-request-id"]) <= 128
