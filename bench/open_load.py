"""Open-loop load: so many requests a second whatever the answers do, some of them left half-way.

Raw protocols, as in bench/load.py. A client that leaves closes its socket; every other reads its
answer to the end and uses its connection again.
"""

import asyncio
import random
import time
from typing import NamedTuple

_END = b"0\r\n\r\n"
_TICK = 0.005
_PATIENCE = 150.0


class Mix(NamedTuple):
    """What is sent: requests a second, and the shares (0 to 1) of streams and of leavers."""

    rate: float
    streams: float = 0.5
    leaving: float = 0.02
    most_at_once: int = 1500


class Seen:
    """What the clients saw."""

    def __init__(self) -> None:
        self.sent = 0
        self.admitted = 0
        """Answers with a call id: the gateway took these calls, however they ended."""
        self.unsure = 0
        """Left before the head of an answer: taken or not, the client cannot know."""
        self.turned_away = 0
        """Answers without a call id."""
        self.lost = 0
        """Connections that broke without a whole answer though nobody had left."""
        self.crossed = 0
        """Sent on an idle connection just as the gateway closed it: nobody read the request, and a
        client sends it again."""
        self.left = 0
        self.held_back = 0
        """Requests not sent because too many were under way."""
        self.statuses: dict[str, int] = {}
        self.stream_errors = 0
        """Streams that ended with an error event."""
        self.delays: list[float] = []


class Load:
    """Sends a mix to one address. ``requests``: (whole, streamed) bodies, one drawn each time."""

    def __init__(
        self, port: int, key: str, mix: Mix, bodies: list[tuple[str, str]], seed: int = 1
    ) -> None:
        self.mix = mix
        self.seen = Seen()
        self.under_way = 0
        self._port = port
        self._idle: list[_Client] = []
        self._dice = random.Random(seed)
        self._requests = [
            (_request(port, key, whole), _request(port, key, streamed))
            for whole, streamed in bodies
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._calm = asyncio.Event()

    def ended(self) -> None:
        """One request less is under way."""
        self.under_way -= 1
        if not self.under_way:
            self._calm.set()

    async def run(self, seconds: float) -> None:
        """Send for so long, then wait for what is under way."""
        began = time.perf_counter()
        due_before = 0
        while (now := time.perf_counter() - began) < seconds:
            due = int(now * self.mix.rate)
            for _ in range(due - due_before):
                if self.under_way >= self.mix.most_at_once:
                    self.seen.held_back += 1
                else:
                    self._send()
            due_before = due
            await asyncio.sleep(_TICK)
        self._calm.clear()
        if self.under_way:
            async with asyncio.timeout(_PATIENCE):
                await self._calm.wait()
        for client in list(self._idle):
            client.leave()

    def _send(self) -> None:
        dice = self._dice
        streamed = dice.random() < self.mix.streams
        request = dice.choice(self._requests)[streamed]
        # A stream is left some bytes into it, a whole answer while it is waited for.
        leaves = dice.random() < self.mix.leaving
        self.under_way += 1
        self.seen.sent += 1
        while self._idle:
            client = self._idle.pop()
            if not client.transport.is_closing():
                client.ask(request, streamed=streamed, leaves=leaves)
                return
        task = asyncio.create_task(self._connect(request, streamed=streamed, leaves=leaves))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, request: bytes, *, streamed: bool, leaves: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, client = await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
        except OSError:
            self.seen.lost += 1
            self.ended()
            return
        client.ask(request, streamed=streamed, leaves=leaves)

    def free(self, client: "_Client") -> None:
        """A client has its answer; its connection may carry another request."""
        self._idle.append(client)
        self.ended()

    def gone(self, client: "_Client", *, busy: bool) -> None:
        """A client's connection has ended."""
        if busy:
            self.ended()
        elif client in self._idle:
            self._idle.remove(client)


class _Client(asyncio.Protocol):
    """One connection and the request on it."""

    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self.load = load
        self.busy = False
        self.leaves = False
        self.streamed = False
        self.began = 0.0
        self.used = False
        """Whether an answer has come on this connection."""
        self.missing = -1
        """Bytes still to come; -1 in a head, -2 in a chunked body."""
        self.head = b""
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no asyncio.Transport

    def ask(self, request: bytes, *, streamed: bool, leaves: bool) -> None:
        """Send a request; ``leaves``: do not stay for the whole answer."""
        self.busy, self.leaves, self.streamed = True, leaves, streamed
        self.began = time.perf_counter()
        self.missing, self.head, self.tail = -1, b"", b""
        self.transport.write(request)
        if leaves and not streamed:
            asyncio.get_running_loop().call_later(0.02, self.leave_unanswered)

    def leave_unanswered(self) -> None:
        """Go, unless the answer came first."""
        if self.busy and self.leaves and self.missing == -1:
            self.load.seen.unsure += 1
            self.leave()

    def leave(self) -> None:
        """Close the socket."""
        self.load.seen.left += self.busy
        self.load.gone(self, busy=self.busy)
        self.busy = False
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            return
        if self.missing == -1:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = self.head[end + 4 :]
            self._read_head(self.head[:end].lower())
            if self.leaves and self.streamed:
                self.leave()
                return
        if self.missing == -2:
            if self.streamed and b'data: {"error"' in data:
                self.load.seen.stream_errors += 1
            self.tail = (self.tail + data)[-len(_END) :]
            ended = self.tail == _END
        else:
            self.missing -= len(data)
            ended = self.missing <= 0
        if ended:
            self.busy, self.used = False, True
            self.load.seen.delays.append(time.perf_counter() - self.began)
            self.load.free(self)

    def _read_head(self, head: bytes) -> None:
        seen = self.load.seen
        status = head[9:12].decode()
        seen.statuses[status] = seen.statuses.get(status, 0) + 1
        if b"x-faregate-call-id:" in head:
            seen.admitted += 1
        else:
            seen.turned_away += 1
        at = head.find(b"\r\ncontent-length:")
        self.missing = -2 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.busy:
            self.busy = False
            if self.used and self.missing == -1 and not self.head:
                self.load.seen.crossed += 1
            else:
                self.load.seen.lost += 1
            self.load.gone(self, busy=True)
        else:
            self.load.gone(self, busy=False)


def _request(port: int, key: str, body: str) -> bytes:
    data = body.encode()
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"authorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(data)}\r\n\r\n"
    ).encode() + data
