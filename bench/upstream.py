"""The cheapest upstream there is: fixed bytes from a raw asyncio protocol, in its own process."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVED = "gpt-4.1-nano-2025-04-14"
CHUNKS = 100
PACED = "paced"
"""A request with this word in it gets its stream one chunk at a time."""
PAUSE = 0.01
"""Seconds between two chunks of a paced stream."""

_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": CHUNKS,
    "total_tokens": 120 + CHUNKS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_FILTER = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}


def _answer() -> bytes:
    found = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": SERVED,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "word " * CHUNKS, "refusal": None},
                "finish_reason": "stop",
                "content_filter_results": _FILTER,
            }
        ],
        "usage": _USAGE,
    }
    body = json.dumps(found).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"x-request-id: bench\r\n\r\n" + body


def _chunk(**fields: Any) -> bytes:
    found = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1}
    payload = b"data: " + json.dumps({**found, "model": SERVED, **fields}).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _stream() -> list[bytes]:
    """The head, then one piece an event."""
    word = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    parts = [_chunk(choices=[{**word, "content_filter_results": _FILTER}], usage=None)] * CHUNKS
    parts += [_chunk(choices=[last], usage=None), _chunk(choices=[], usage=_USAGE)]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    parts[-1] += b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    return [head + b"transfer-encoding: chunked\r\n\r\n", *parts]


class _Server(asyncio.Protocol):
    answer = _answer()
    pieces = _stream()
    stream = b"".join(pieces)

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no asyncio.Transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self.buffer = b""
        streamed = b'"stream":true' in rest or b'"stream": true' in rest
        if streamed and PACED.encode() in rest:
            self.transport.write(self.pieces[0])
            self.pace(1)
        else:
            self.transport.write(self.stream if streamed else self.answer)

    def pace(self, at: int) -> None:
        """Write piece ``at``, and the next one after a pause."""
        if self.transport.is_closing():
            return
        self.transport.write(self.pieces[at])
        if at + 1 < len(self.pieces):
            asyncio.get_running_loop().call_later(PAUSE, self.pace, at + 1)


def _serve(listener: socket.socket) -> None:
    import uvloop

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, sock=listener)
        await server.serve_forever()

    uvloop.run(forever())


@contextmanager
def running() -> Iterator[str]:
    """The base URL of the upstream, served by a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.upstream", str(number)],
            pass_fds=(number,),
            cwd=Path(__file__).parent.parent,
        )
        port = listener.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/openai/v1"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
