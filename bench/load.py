"""The load generator: a process of its own that keeps N connections busy and notes every delay.

Raw protocols on uvloop, one request a connection at a time, no client library: it must cost less
than what it measures. It reads one JSON object a line (:class:`Order`) and writes one
(:class:`Result`).
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

_END = b"0\r\n\r\n"


class Order(msgspec.Struct, kw_only=True):
    """What to send, where, and for how long."""

    port: int
    body: str
    key: str = "bench"
    headers: dict[str, str] = {}
    path: str = "/v1/chat/completions"
    connections: int = 1
    seconds: float = 1.0
    requests: int = 0
    """Stop after so many instead; 0: only the time counts."""


class Result(msgspec.Struct, kw_only=True):
    """What came of it. Times in seconds."""

    requests: int
    failed: int
    """Answers that were no 200, and connections that broke."""
    seconds: float
    chunks: int
    delays: list[float]
    """From the request to the end of its answer: [p50, p99]."""
    firsts: list[float]
    """From the request to the first event of a stream: [p50, p99]."""
    cpu: float
    """The generator's own CPU time for one request."""


class Run:
    """The connections of one order, and what they saw."""

    def __init__(self, order: Order) -> None:
        self.order = order
        body = order.body.encode()
        head = (
            f"POST {order.path} HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\n"
            f"authorization: Bearer {order.key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in order.headers.items())
        self.request = f"{head}{more}\r\n".encode() + body
        self.delays: list[float] = []
        self.firsts: list[float] = []
        self.chunks = 0
        self.failed = 0
        self.open = 0
        self.sent = 0
        self.until = 0.0
        self.done = asyncio.Event()

    def more(self, now: float) -> bool:
        """Whether another request is to be sent; counts it when it is."""
        if now >= self.until or (self.order.requests and self.sent >= self.order.requests):
            return False
        self.sent += 1
        return True

    def closed(self) -> None:
        """A connection has done its part."""
        self.open -= 1
        if not self.open:
            self.done.set()

    async def go(self) -> Result:
        """Run it."""
        loop = asyncio.get_running_loop()
        began, cpu = time.perf_counter(), time.process_time()
        self.until = began + self.order.seconds
        self.open = self.order.connections
        for _ in range(self.order.connections):
            await loop.create_connection(lambda: _Client(self), "127.0.0.1", self.order.port)
        await self.done.wait()
        seconds = time.perf_counter() - began
        count = len(self.delays)
        return Result(
            requests=count,
            failed=self.failed,
            seconds=seconds,
            chunks=self.chunks,
            delays=_percentiles(self.delays),
            firsts=_percentiles(self.firsts),
            cpu=(time.process_time() - cpu) / max(count, 1),
        )


class _Client(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is in."""

    transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self.run = run
        self.began = 0.0
        self.missing = -1
        """Bytes still to come; -1 in a head, -2 in a chunked body."""
        self.head = b""
        self.tail = b""
        self.first = False
        self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no asyncio.Transport
        self._next(time.perf_counter())

    def _next(self, now: float) -> None:
        if not self.run.more(now):
            self.finished = True
            self.transport.close()
            return
        self.began = now
        self.missing = -1
        self.tail = b""
        self.first = True
        self.transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        if self.missing == -1:
            data = self._head(data)
            if self.missing == -1:
                return
        if self.missing == -2:
            events = data.count(b"data: ")
            if events:
                self.run.chunks += events
                if self.first:
                    self.first = False
                    self.run.firsts.append(time.perf_counter() - self.began)
            self.tail = (self.tail + data)[-len(_END) :]
            ended = self.tail == _END
        else:
            self.missing -= len(data)
            ended = self.missing <= 0
        if ended:
            now = time.perf_counter()
            self.run.delays.append(now - self.began)
            self._next(now)

    def _head(self, data: bytes) -> bytes:
        """Bytes of the body that came with the head; ``missing`` says what is to come."""
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return b""
        head, rest = self.head[:end].lower(), self.head[end + 4 :]
        self.head = b""
        if head[9:12] != b"200":
            self.run.failed += 1
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            self.missing = -2
        else:
            self.missing = int(head[at + 17 :].split(b"\r\n", 1)[0])
        return rest

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.finished:
            self.run.failed += 1
        self.run.closed()


def _percentiles(seconds: list[float]) -> list[float]:
    if not seconds:
        return [0.0, 0.0]
    ordered = sorted(seconds)
    return [ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]]


class Generator:
    """The generator's process, given orders."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, order: Order) -> Result:
        """Run an order and wait for its end. Raises AssertionError when answers were no 200."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(msgspec.structs.asdict(order)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the load generator has ended"
        found = msgspec.json.decode(line, type=Result)
        assert not found.failed, f"{found.failed} of {found.requests} requests failed"
        return found


@contextmanager
def generating() -> Iterator[Generator]:
    """A generator, for as long as the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    with process:
        try:
            yield Generator(process)
        finally:
            process.terminate()


def main() -> None:
    """Carry out orders until there are no more."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for line in sys.stdin:
            order = msgspec.json.decode(line, type=Order)
            print(msgspec.json.encode(runner.run(Run(order).go())).decode(), flush=True)


if __name__ == "__main__":
    main()
