"""The gateway beside the floor, and beside other gateways where their paths are given.

Servers take turns round by round, so that a busy moment of the machine falls on all of them, and
the middle round counts. ``FAREGATE_BENCH_LITELLM`` is the interpreter of an environment that has
``litellm[proxy]``, ``FAREGATE_BENCH_PORTKEY`` a ``node_modules`` that has ``@portkey-ai/gateway``.
"""

import json
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import ledgered, load, servers, upstream
from bench.load import Generator, Order
from bench.servers import Server

CONCURRENCIES = (1, 32, 256)
STREAMS = 64
MANY = 100_000
"""Requests before memory is looked at again."""

_WORDS = "word " * 120
_LARGE = "word " * 20_000
"""100 KB."""


class Line(NamedTuple):
    """One line of the table. ``met`` is None where there is no target."""

    what: str
    floor: str = ""
    gateway: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


class Sample(NamedTuple):
    """One server under one load. Times in seconds."""

    cpu: float
    """Of the server's processes, for one request (a stream: for one chunk)."""
    rate: float
    p50: float
    p99: float
    first: float
    """To the first event of a stream."""
    late: float = 0.0
    """From the last answer to the last row in the database."""


class Bench:
    """The servers of one run."""

    def __init__(self, url: str, generator: Generator, effort: float) -> None:
        """``effort`` is 1 for figures worth keeping; less only shows that all of it works."""
        self.url = url
        self.direct = Server("direct", 0, urlsplit(url).port or 0)
        self._generator = generator
        self._seconds = max(0.1, 0.8 * effort)
        self._rounds = 7 if effort >= 1 else 1
        self.many = int(MANY * min(effort, 1))
        self.lasting = max(0.5, 20 * min(effort, 1))

    def compare(
        self, among: Sequence[Server], body: str, connections: int, rounds: int = 0
    ) -> dict[str, Sample]:
        """The middle round of each server under the same load."""
        found: dict[str, list[Sample]] = {server.name: [] for server in among}
        for server in among:
            self.once(server, body, connections, self._seconds / 4)
        for _ in range(min(rounds or self._rounds, self._rounds)):
            for server in among:
                found[server.name].append(self.once(server, body, connections, self._seconds))
        return {name: _middle(samples) for name, samples in found.items()}

    def once(
        self, server: Server, body: str, connections: int, seconds: float, requests: int = 0
    ) -> Sample:
        """One load on one server."""
        order = Order(
            port=server.port,
            body=body,
            key=server.key,
            path="/openai/v1/chat/completions" if not server.pid else "/v1/chat/completions",
            headers=dict(server.headers),
            connections=connections,
            seconds=seconds,
            requests=requests,
        )
        before = server.cpu() if server.pid else 0.0
        result = self._generator.run(order)
        late = ledgered.caught_up(server) if server.ledger else 0.0
        spent = (server.cpu() if server.pid else 0.0) - before
        return Sample(
            cpu=spent / max(result.chunks or result.requests, 1),
            rate=result.requests / result.seconds,
            p50=result.delays[0],
            p99=result.delays[1],
            first=result.firsts[0],
            late=late,
        )


def lines(effort: float = 1.0) -> Iterator[Line]:
    """Measure, and give the table's lines as they are known."""
    with ExitStack() as stack:
        url = stack.enter_context(upstream.running())
        bench = Bench(url, stack.enter_context(load.generating()), effort)
        floor = stack.enter_context(servers.floor(url))
        gateway = stack.enter_context(servers.faregate(url))
        start = gateway.memory()
        for connections in CONCURRENCIES:
            yield from _calls(bench, (bench.direct, floor, gateway), connections)
        with servers.faregate(url, "info") as logged, servers.faregate(url, ledger=True) as kept:
            yield from _written(bench, (floor, logged, kept))
        with ledgered.gateways(url) as kept_all:
            yield from _ledgered(bench, floor, kept_all)
        yield from _large(bench, (floor, gateway))
        yield from _streams(bench, (bench.direct, floor, gateway))
        yield from _memory(bench, floor, gateway, start)
        yield _line("start to first answer", floor.started, gateway.started, "1 s", 1.0)
        ours = bench.compare((gateway,), _body(), 32, 2)["gateway"]
    for other in _others():
        yield from _other(effort, other, ours)


def table(found: Sequence[Line]) -> list[tuple[str, ...]]:
    """The lines as cells, with a head."""
    verdict = {None: "", True: "met", False: "missed"}
    head = ("", "floor", "gateway", "ratio", "target", "")
    return [head, *((*line[:5], verdict[line.met]) for line in found)]


def _calls(bench: Bench, among: Sequence[Server], connections: int) -> Iterator[Line]:
    found = bench.compare(among, _body(), connections)
    direct, floor, gateway = found["direct"], found["floor"], found["gateway"]
    where = f"{connections} connection{'s' if connections > 1 else ''}"
    yield _ratio(f"CPU a request, {where}", floor.cpu, gateway.cpu, 2.0)
    yield Line(
        f"requests a second, {where}",
        f"{floor.rate:,.0f}",
        f"{gateway.rate:,.0f}",
        f"{gateway.rate / floor.rate:.2f}",
    )
    most = ("0.25 ms", 0.25e-3) if connections == 1 else ("", 0.0)
    added = floor.p50 - direct.p50, gateway.p50 - direct.p50
    yield _line(f"added to the median answer, {where}", *added, *most)
    added = floor.p99 - direct.p99, gateway.p99 - direct.p99
    yield _line(f"added to the 99th percentile, {where}", *added)


def _written(bench: Bench, among: Sequence[Server]) -> Iterator[Line]:
    """What is written for each call, beside the answer."""
    found = bench.compare(among, _body(), 32, 3)
    floor, where = found["floor"].cpu, "32 connections"
    logged, kept = found["gateway, info log"].cpu, found["gateway, ledger"].cpu
    yield _ratio(f"CPU a request, {where}, a log line each", floor, logged, 0.0)
    yield _ratio(f"CPU a request, {where}, the ledger on", floor, kept, 0.0)


def _ledgered(bench: Bench, floor: Server, among: Sequence[Server]) -> Iterator[Line]:
    """A key, its budget and rate limit, the journal and a database; writing included."""
    quiet = bench.compare((bench.direct, *among), _body(), 1, 3)
    busy = bench.compare((floor, *among), _body(), 32, 3)
    for server in among:
        what = f"all accounts kept, {server.name.removeprefix('gateway, ')}"
        cpu = busy[server.name].cpu
        yield _ratio(f"CPU a request, 32 connections, {what}", busy["floor"].cpu, cpu, 3.0)
        added = quiet[server.name].p50 - quiet["direct"].p50
        limit = 0.4e-3
        yield Line(
            f"added to the median answer, 1 connection, {what}", "", _time(added), "", "0.4 ms",
            added <= limit,
        )  # fmt: skip
        lasting = bench.once(server, _body(), 64, bench.lasting)
        yield Line(
            f"requests a second for {bench.lasting:g} s, {what}", "", f"{lasting.rate:,.0f}", "",
            "3,000", lasting.rate >= 3000,
        )  # fmt: skip
        yield Line(
            f"until the last row is in the database, {what}", "", _time(lasting.late), "", "5 s",
            lasting.late <= ledgered.SECONDS,
        )  # fmt: skip


def _large(bench: Bench, among: Sequence[Server]) -> Iterator[Line]:
    found = bench.compare(among, _body(_LARGE), 8, 3)
    yield _ratio("CPU a request of 100 KB", found["floor"].cpu, found["gateway"].cpu, 0.0)


def _streams(bench: Bench, among: Sequence[Server]) -> Iterator[Line]:
    body = _body(f"{upstream.PACED} {_WORDS}", stream=True)
    found = bench.compare(among, body, STREAMS, 3)
    direct, floor, gateway = found["direct"], found["floor"], found["gateway"]
    yield _ratio(f"CPU a streamed chunk, {STREAMS} streams", floor.cpu, gateway.cpu, 1.5)
    added = floor.first - direct.first, gateway.first - direct.first
    yield _line("added to the first chunk, all streams begun at once", *added)


def _memory(bench: Bench, floor: Server, gateway: Server, start: int) -> Iterator[Line]:
    yield Line("memory after start", "", _megabytes(start))
    before = gateway.memory()
    bench.once(gateway, _body(), 32, 60.0, bench.many)
    after = gateway.memory()
    count = f"after {bench.many:,} requests more" if bench.many >= 1000 else "after some more"
    yield Line("memory after the runs above", _megabytes(floor.memory()), _megabytes(before))
    grown = after - before
    yield Line(f"memory {count}", "", _megabytes(after), "", "flat", grown < 0.05 * before)


def _others() -> Iterator[tuple[str, str]]:
    for name in ("litellm", "portkey"):
        path = os.environ.get(f"FAREGATE_BENCH_{name.upper()}", "")
        if path:
            yield name, path


def _other(effort: float, other: tuple[str, str], ours: Sample) -> Iterator[Line]:
    name, path = other
    with ExitStack() as stack:
        url = stack.enter_context(upstream.running())
        generator = stack.enter_context(load.generating())
        bench = Bench(url, generator, 2 * effort)
        starting: AbstractContextManager[Server] = (
            servers.litellm(url, path) if name == "litellm" else servers.portkey(url, path)
        )
        server = stack.enter_context(starting)
        quiet = bench.compare((bench.direct, server), _body(), 1, 2)
        busy = bench.compare((server,), _body(), 32, 2)[name]
        memory, started = server.memory(), server.started
    target, met = ("100 ×", busy.cpu >= 100 * ours.cpu) if name == "litellm" else ("", None)
    ratio = f"{busy.cpu / ours.cpu:.1f}"
    yield Line(f"{name}: CPU a request, 32 connections", "", _time(busy.cpu), ratio, target, met)
    yield Line(f"{name}: requests a second, 32 connections", "", f"{busy.rate:,.0f}")
    added = quiet[name].p50 - quiet["direct"].p50
    yield Line(f"{name}: added to the median answer, 1 connection", "", _time(added))
    yield Line(f"{name}: memory", "", _megabytes(memory))
    yield Line(f"{name}: start to first answer", "", _time(started))


def _body(words: str = _WORDS, *, stream: bool = False) -> str:
    fields = {"model": servers.MODEL, "messages": [{"role": "user", "content": words}]}
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return json.dumps({**fields, **more}, separators=(",", ":"))


def _middle(samples: Sequence[Sample]) -> Sample:
    """Each figure's median, by itself."""
    return Sample(*map(statistics.median, zip(*samples, strict=True)))


def _ratio(what: str, floor: float, gateway: float, most: float) -> Line:
    times = gateway / floor if floor else 0.0
    target, met = (f"{most:g} × floor", times <= most) if most else ("", None)
    return Line(what, _time(floor), _time(gateway), f"{times:.2f}", target, met)


def _line(what: str, floor: float, gateway: float, target: str = "", most: float = 0.0) -> Line:
    return Line(what, _time(floor), _time(gateway), "", target, gateway <= most if target else None)


def _time(seconds: float) -> str:
    micros = seconds * 1e6
    if abs(micros) < 1000:
        return f"{micros:.0f} µs" if abs(micros) >= 10 else f"{micros:.1f} µs"
    return f"{micros / 1e3:.1f} ms" if micros < 1e6 else f"{micros / 1e6:.1f} s"


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB"
