"""Bytes to a server and back, for clients that do what no library would."""

import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

import msgspec

from tests.e2e.processes import Gateway

T = TypeVar("T")


class Raw:
    """A connection that sends what it is told, and reads as far as it is told."""

    def __init__(self, port: int, *, timeout: float = 20.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """All of it, now."""
        self.socket.sendall(data)

    def send_while_taken(self, pieces: Iterable[bytes]) -> int:
        """Send until the server has enough; how many bytes went out."""
        sent = 0
        try:
            for piece in pieces:
                self.socket.sendall(piece)
                sent += len(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return sent

    def half_close(self) -> None:
        """Nothing more will be sent; answers are still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def until(self, mark: bytes, *, times: int = 1) -> bytes:
        """Everything up to the mark, which must come (so many times)."""
        while self.received.count(mark) < times:
            piece = self.socket.recv(65536)
            assert piece, f"closed before {mark!r}: {self.received[-500:]!r}"
            self.received += piece
        return self.received

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return self.received
            if not piece:
                return self.received
            self.received += piece


def request(
    gateway: Gateway,
    body: bytes,
    *extra: str,
    line: str = "POST /v1/chat/completions HTTP/1.1",
) -> bytes:
    """A request as bytes, with the master key and an honest length."""
    head = [
        line,
        f"Host: 127.0.0.1:{gateway.port}",
        f"Authorization: Bearer {gateway.key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *extra,
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chat(model: str, content: str = "Say hello", **more: Any) -> bytes:
    """The body of a chat completion."""
    messages = [{"role": "user", "content": content}]
    return msgspec.json.encode({"model": model, "messages": messages, **more})


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body as it came) of the first answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), {k.lower(): v for k, v in headers.items()}, body


def soon(look: Callable[[], T | None], *, seconds: float = 10.0) -> T:
    """What ``look`` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
