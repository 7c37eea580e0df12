"""Bodies nobody should send: a clear error in OpenAI's shape, and a server that goes on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e import wire
from tests.e2e.processes import Emulator, Gateway

MIB = 1024 * 1024
HELLO = '"messages": [{"role": "user", "content": "Say hello"}]'


def is_error(status: int, said: Any, expected: int, code: str = "") -> None:
    """Check the shape every error has."""
    assert status == expected, str(said)[:300]
    assert set(said) == {"error"}
    error = said["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert "Traceback" not in error["message"]
    if code:
        assert error["code"] == code, error


def post(gateway: Gateway, body: bytes, path: str = "/v1/chat/completions") -> tuple[int, Any]:
    """What the gateway says to a body."""
    return gateway.ask("POST", path, body, gateway.bearer)[:2]


MALFORMED = {
    "empty": b"",
    "blank": b" \n ",
    "open": b'{"model": "nano"',
    "open text": b'{"model": "nano',
    "no object": b"[]",
    "text": b'"nano"',
    "null": b"null",
    "number": b"1",
    "single quotes": b"{'model': 'nano'}",
    "trailing comma": b'{"model": "nano",}',
    "trailing rubbish": b'{"model": "nano", ' + HELLO.encode() + b"} x",
    "two objects": b'{"model": "nano"}{"model": "nano"}',
    "not a number": b'{"model": "nano", "temperature": NaN, ' + HELLO.encode() + b"}",
    "control characters": b'{"model": "na\x00no", ' + HELLO.encode() + b"}",
    "a form": b"model=nano&messages=hello",
    "utf-16": json.dumps({"model": "nano"}).encode("utf-16"),
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "no utf-8 in a name": b'{"mod\xffel": "nano", ' + HELLO.encode() + b"}",
    "no utf-8 in the model": b'{"model": "na\xffno", ' + HELLO.encode() + b"}",
    "no utf-8 in a message": b'{"model": "nano", "messages": [{"role":"user","content":"\xc3("}]}',
    "half a character": b'{"model": "nano", "messages": [{"role":"user","content":"\xf0\x9f"}]}',
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_json(gateway: Gateway, emulator: Emulator, name: str) -> None:
    status, said = post(gateway, MALFORMED[name])
    is_error(status, said, 400)
    assert emulator.meter()["total"]["calls"] == 0
    assert gateway.healthy()


WRONG: dict[str, tuple[str, str | None]] = {
    '{"MESSAGES"}': ("model", "missing_required_parameter"),
    '{"model": null, "MESSAGES"}': ("model", "invalid_type"),
    '{"model": 5, "MESSAGES"}': ("model", "invalid_type"),
    '{"model": "", "MESSAGES"}': ("model", "invalid_type"),
    '{"model": ["nano"], "MESSAGES"}': ("model", "invalid_type"),
    '{"model": "nano"}': ("messages", "missing_required_parameter"),
    '{"model": "nano", "messages": []}': ("messages", "empty_array"),
    '{"model": "nano", "messages": [ \\n ]}': ("messages", "empty_array"),
    '{"model": "nano", "messages": null}': ("messages", "invalid_type"),
    '{"model": "nano", "messages": "Say hello"}': ("messages", "invalid_type"),
    '{"model": "nano", "messages": {"role": "user"}}': ("messages", "invalid_type"),
    '{"model": "nano", "stream": "yes", "MESSAGES"}': ("stream", "invalid_type"),
    '{"model": "nano", "stream": 1, "MESSAGES"}': ("stream", "invalid_type"),
    '{"model": "nano", "stream": true, "stream_options": 1, "MESSAGES"}': (
        "stream_options",
        "invalid_type",
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_types(gateway: Gateway, emulator: Emulator, text: str) -> None:
    param, code = WRONG[text]
    body = text.replace('"MESSAGES"', HELLO).replace("\\n", "\n")
    status, said = post(gateway, body.encode())
    is_error(status, said, 400, code or "")
    assert said["error"]["param"] == param
    assert f"'{param}'" in said["error"]["message"]
    assert emulator.meter()["total"]["calls"] == 0


@pytest.mark.parametrize("messages", ["[1]", '["hello"]', "[null]"])
@pytest.mark.parametrize("stream", ["true", "false"])
def test_messages_are_the_providers_business(gateway: Gateway, messages: str, stream: str) -> None:
    body = f'{{"model": "nano", "stream": {stream}, "messages": {messages}}}'
    status, said = post(gateway, body.encode())
    is_error(status, said, 400)
    assert "messages" in said["error"]["message"]


def test_an_unknown_model_lists_the_known_ones(gateway: Gateway) -> None:
    for path in ("/v1/chat/completions", "/chat/completions", "/openai/v1/chat/completions"):
        status, said = post(gateway, f'{{"model": "gpt-17", {HELLO}}}'.encode(), path)
        is_error(status, said, 404, "model_not_found")
        assert said["error"]["param"] == "model"
        for name in ("gpt-17", "azure-model-router", "nano", "text-embedding-3-small"):
            assert name in said["error"]["message"]


def test_an_unknown_model_tells_a_stranger_nothing(gateway: Gateway) -> None:
    body = f'{{"model": "gpt-17", {HELLO}}}'.encode()
    for headers in ({}, {"authorization": "Bearer sk-nobody"}, {"authorization": "Basic eDp5"}):
        status, said, answered = gateway.ask("POST", "/v1/chat/completions", body, headers)
        assert status == 401
        assert answered["www-authenticate"] == "Bearer"
        assert "azure-model-router" not in said["error"]["message"]


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_endless_nesting(gateway: Gateway, opening: bytes) -> None:
    deep = b'{"model": "nano", ' + HELLO.encode() + b', "metadata": ' + opening * 200_000
    is_error(*post(gateway, deep), 400)
    closing = {b"[": b"]", b'{"a":': b"1}", b'[{"a":': b"1}]"}[opening]
    if opening == b"[":
        is_error(*post(gateway, deep + closing * 200_000 + b"}"), 400)
    assert gateway.healthy()


def test_embeddings_without_input(gateway: Gateway) -> None:
    for body, code in (
        (b'{"model": "text-embedding-3-small"}', "missing_required_parameter"),
        (b'{"model": "text-embedding-3-small", "input": []}', "empty_array"),
        (b'{"model": "text-embedding-3-small", "input": 5}', "invalid_type"),
    ):
        status, said = post(gateway, body, "/v1/embeddings")
        is_error(status, said, 400, code)
        assert said["error"]["param"] == "input"


def piece(size: int = MIB) -> bytes:
    """A chunk of the chunked transfer coding."""
    return b"%x\r\n" % size + b" " * size + b"\r\n"


def body_of_200_megabytes() -> Iterator[bytes]:
    """As it streams; nobody holds all of it."""
    block = b" " * MIB
    for _ in range(200):
        yield block


def test_200_megabytes_announced(gateway: Gateway) -> None:
    with wire.Raw(gateway.port) as client:
        head = wire.request(gateway, b"").replace(
            b"Content-Length: 0", b"Content-Length: %d" % (200 * MIB)
        )
        client.send(head)
        # The answer is there before any of the body is sent.
        status, _, _ = wire.parsed(client.until(b'"code":"request_too_large"'))
        assert status == 413
        client.send_while_taken(body_of_200_megabytes())
    assert gateway.healthy()


def test_200_megabytes_unannounced(gateway: Gateway) -> None:
    with wire.Raw(gateway.port) as client:
        head = wire.request(gateway, b"", "Transfer-Encoding: chunked")
        client.send(head.replace(b"Content-Length: 0\r\n", b""))
        sent = client.send_while_taken(piece() for _ in range(200))
        status, _, body = wire.parsed(client.until(b'"code":"request_too_large"'))
    assert status == 413
    assert b'"type":"invalid_request_error"' in body
    assert sent > 0
    assert gateway.healthy()


def test_the_limit_is_the_configurations(start_gateway: Any) -> None:
    limited = "\ngeneral_settings:\n  limits:\n    max_body_bytes: 100000\n"
    with start_gateway(limited) as gateway:
        long = "x" * 90_000
        assert gateway.chat("nano", long)[0] == 200
        status, said, _ = gateway.chat("nano", long + "x" * 20_000)
        is_error(status, said, 413, "request_too_large")
        assert "100" in said["error"]["message"]
        assert gateway.healthy()
