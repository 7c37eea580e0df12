"""A soak: emulator with faults, gateway, open-loop load; then everything must add up.

``python -m bench.soak --seconds 600 --rate 1000`` prints a report and exits with 1 when a call left
no record or a hold, a token was counted that the emulator did not bill (or the other way round),
ledger and budget differ, memory grew or a connection was left behind.
"""

import argparse
import asyncio
import http.client
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from bench import ledgered, machine, servers
from bench.open_load import Load, Mix, Seen
from bench.servers import KEY, Server

# Faults after which the emulator bills nothing, or all of a whole answer: what is counted here
# must equal its meter to the token.
SOUND = (
    ("429;after=1;retry-after-ms=50", 0.01),
    ("500", 0.002),
    ("throttle-in-stream;after=1", 0.002),
    ("reset", 0.002),
    ("stall-in-stream;seconds=0.3", 0.002),
    ("split;bytes=700", 0.002),
)
# Faults after which part of an answer is lost, and its usage with it: counted as estimates.
ROUGH = (
    ("truncate", 0.02),
    ("reset-in-body", 0.02),
    ("error-in-stream", 0.02),
    ("bad-json", 0.005),
    ("no-done", 0.01),
    ("503", 0.005),
    ("stall;seconds=0.5", 0.004),
)
_SHARE_ROUGH = 4
"""One request of so many goes to the deployment with the rough faults."""
_IDLE_UPSTREAM = 256
"""Connections the gateway may keep to an upstream for the next request."""
_CONFIG = """
model_list:
  - model_name: sound
    params: {{model: azure_ai/model_router/sound, api_base: {url}, api_key: emulator-key}}
  - model_name: rough
    params: {{model: azure_ai/model_router/rough, api_base: {url}, api_key: emulator-key}}
general_settings:
  log: {{level: error}}
"""
_UNITS = ("input", "cache_read", "cache_write", "output")


class Sample(NamedTuple):
    """The gateway at one moment."""

    at: float
    memory: int
    files: int
    cpu: float


class Report(NamedTuple):
    """What came of a soak: lines to read, and what is wrong (nothing, it is hoped)."""

    lines: list[str]
    wrong: list[str]


def soak(seconds: float, rate: float, *, static: bool = False) -> Report:
    """Run one. ``static``: the emulator gives one fixed answer, for rates it could not carry."""
    with ExitStack() as stack:
        emulator = stack.enter_context(_emulator(static=static))
        base = f"http://127.0.0.1:{emulator.port}/openai/v1"
        gateway = stack.enter_context(servers.faregate_with(_CONFIG.format(url=base)))
        if not static:
            _queue_faults(emulator.port, int(seconds * rate) + 1)
        key = gateway._replace(key=_make_key(gateway))
        before = _sample(gateway)
        load, samples = uvloop.run(_drive(key, seconds, rate))
        cpu = gateway.cpu() - before.cpu, emulator.cpu()
        metrics = _settled(gateway.port, load.seen.admitted)
        meter = {} if static else _get(emulator.port, "/_emulator/meter")
        return _judge(_Facts(load.seen, before, samples, cpu, metrics, meter, seconds, gateway))


class _Facts(NamedTuple):
    seen: Seen
    before: Sample
    samples: list[Sample]
    cpu: tuple[float, float]
    metrics: str
    meter: dict[str, Any]
    seconds: float
    gateway: Server


async def _drive(gateway: Server, seconds: float, rate: float) -> tuple[Load, list[Sample]]:
    bodies = [_bodies("rough")] + [_bodies("sound")] * (_SHARE_ROUGH - 1)
    load = Load(gateway.port, gateway.key, Mix(rate), bodies)
    samples: list[Sample] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(max(0.25, seconds / 120))
            samples.append(_sample(gateway))

    watching = asyncio.create_task(watch())
    await load.run(seconds)
    watching.cancel()
    return load, samples


def _bodies(model: str) -> tuple[str, str]:
    fields = {
        "model": model,
        "messages": [{"role": "user", "content": "Say one two three four five six seven eight"}],
    }
    streamed = {**fields, "stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(fields), json.dumps(streamed)


def _make_key(gateway: Server) -> str:
    """A client key with a budget and a limit that are never reached, but counted all the while."""
    budget = {"limit": "1000000", "window": "1mo"}
    limit = {"measure": "requests", "limit": 10**9}
    while _get(gateway.port, "/health/readiness")["ledger"]["database"] != "up":
        time.sleep(0.02)
    fields = {"name": "soak", "budgets": [budget], "limits": [limit]}
    made = json.loads(_ask(gateway.port, "POST", "/api/keys", json.dumps(fields), 201))
    secret: str = made["secret"]
    return secret


def _queue_faults(port: int, times: int) -> None:
    for deployment, faults in (("sound", SOUND), ("rough", ROUGH)):
        for fault, rate in faults:
            entry = {"fault": fault, "deployment": deployment, "times": times, "rate": rate}
            _ask(port, "POST", "/_emulator/faults", json.dumps(entry))


def _settled(port: int, admitted: int) -> str:
    """The metrics once nothing is in flight any more, and whoever left has been drained."""
    deadline = time.monotonic() + 30
    while True:
        text = _ask(port, "GET", "/metrics").decode()
        quiet = _sum(text, "faregate_in_flight_requests") == 0
        if (quiet and _sum(text, "faregate_requests_total") >= admitted) or (
            time.monotonic() > deadline
        ):
            return text
        time.sleep(0.1)


def _judge(facts: _Facts) -> Report:
    seen, wrong = facts.seen, []
    rows = int(_sum(facts.metrics, "faregate_requests_total"))
    flying = int(_sum(facts.metrics, "faregate_in_flight_requests"))
    if not seen.admitted <= rows <= seen.admitted + seen.unsure:
        wrong.append(f"{rows} records for {seen.admitted} to {seen.admitted + seen.unsure} calls")
    if flying:
        wrong.append(f"{flying} calls never ended")
    if seen.lost or seen.turned_away:
        wrong.append(f"{seen.lost} calls lost, {seen.turned_away} turned away")
    lines = [*_calls(facts, rows, flying)]
    if facts.meter:
        lines += _compare(facts, wrong)
    lines += _accounts(facts, rows, wrong)
    lines += _memory(facts, wrong)
    lines += _connections(facts, wrong)
    return Report(lines, wrong)


def _calls(facts: _Facts, rows: int, flying: int) -> Iterator[str]:
    seen = facts.seen
    yield (
        f"sent {seen.sent:,} in {facts.seconds:.0f} s ({seen.sent / facts.seconds:,.0f}/s),"
        f" held back {seen.held_back:,}, left half-way {seen.left:,},"
        f" crossed with the close of an idle connection {seen.crossed:,}"
    )
    yield (
        f"answers {json.dumps(dict(sorted(seen.statuses.items())))},"
        f" streams ended by an error event {seen.stream_errors:,}"
    )
    yield (
        f"calls known to be admitted {seen.admitted:,}, left before a head {seen.unsure:,},"
        f" records {rows:,}, in flight {flying}"
    )
    yield f"answer in {_percentiles(seen.delays)}"
    gateway, emulator = (each / max(rows, 1) * 1e6 for each in facts.cpu)
    yield f"CPU a call: gateway {gateway:.0f} µs, emulator {emulator:.0f} µs"


def _compare(facts: _Facts, wrong: list[str]) -> Iterator[str]:
    """Tokens by unit: the emulator's meter beside the gateway's, for the sound deployment."""
    billed = dict.fromkeys(_UNITS, 0)
    calls = 0
    for row in facts.meter["rows"]:
        if row["deployment"] == "sound":
            calls += row["calls"]
            for unit in _UNITS:
                billed[unit] += row[unit]
    counted = {
        unit: int(_sum(facts.metrics, "faregate_tokens_total", model="sound", unit=unit))
        for unit in _UNITS
    }
    if counted != billed:
        wrong.append(f"tokens of priced calls: counted {counted}, billed by the emulator {billed}")
    yield f"tokens of {calls:,} priced answers: counted {counted}, billed by the emulator {billed}"
    charges = {
        status: int(_sum(facts.metrics, "faregate_charges_total", status=status))
        for status in ("priced", "estimated", "inconsistent", "unpriced")
    }
    yield f"charges {charges}, attempts {int(_sum(facts.metrics, 'faregate_attempts_total')):,}"


def _accounts(facts: _Facts, rows: int, wrong: list[str]) -> Iterator[str]:
    """The ledger has every call, the key's budget has spent what it says, and no hold is left."""
    waited = ledgered.caught_up(facts.gateway)
    total = _get(facts.gateway.port, "/api/spend?by=key")["total"]
    (budget,) = _get(facts.gateway.port, "/api/budgets")["data"]
    standing = budget["standing"]
    if total["calls"] != rows:
        wrong.append(f"{total['calls']} rows in the ledger for {rows} records")
    if standing["spent"] != total["spend"] or standing["held"] != "0":
        wrong.append(
            f"the key's budget has spent {standing['spent']} and holds {standing['held']},"
            f" where the ledger says {total['spend']}"
        )
    yield (
        f"ledger: {total['calls']:,} rows, the last {waited:.1f} s after the end;"
        f" ${total['spend']}, and the key's budget: ${standing['spent']} spent,"
        f" {standing['held']} held"
    )


def _memory(facts: _Facts, wrong: list[str]) -> Iterator[str]:
    """Flat: the last third of the run no larger than the middle one, but for noise."""
    third = max(1, len(facts.samples) // 3)
    middle = statistics.median(s.memory for s in facts.samples[third : 2 * third] or facts.samples)
    late = statistics.median(s.memory for s in facts.samples[-third:])
    if late - middle > max(0.05 * middle, 4e6):
        wrong.append(f"memory grew from {middle / 1e6:.1f} to {late / 1e6:.1f} MB")
    peak = max(s.memory for s in facts.samples)
    yield (
        f"memory: {facts.before.memory / 1e6:.1f} MB at start, {middle / 1e6:.1f} in the middle"
        f" third, {late / 1e6:.1f} in the last, {peak / 1e6:.1f} at most"
    )


def _connections(facts: _Facts, wrong: list[str]) -> Iterator[str]:
    """No client's socket is left, and no more to the upstream than are kept for later."""
    deadline = time.monotonic() + 10
    while True:
        now = _sample(facts.gateway)
        clients = _sockets_of(facts.gateway)
        if not clients or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if clients:
        wrong.append(f"{clients} connections of clients are left")
    spare = now.files - facts.before.files
    if spare > _IDLE_UPSTREAM + 8:
        wrong.append(f"{spare} descriptors more than at the start")
    peak = max(s.files for s in facts.samples)
    yield (
        f"descriptors: {facts.before.files} at start, {peak} at most, {now.files} at the end"
        f" (idle connections to the upstream); connections of clients left: {clients}"
    )


def _sockets_of(gateway: Server) -> int:
    """Connections accepted on the gateway's port that its side still holds."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        held = fields[3] in ("01", "08")  # established, or closed by the other side alone
        found += held and int(fields[1].rpartition(":")[2], 16) == gateway.port
    return found


def _sample(gateway: Server) -> Sample:
    files = len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))
    return Sample(time.monotonic(), gateway.memory(), files, gateway.cpu())


_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? ([0-9.e+-]+)$", re.MULTILINE)


def _sum(metrics: str, name: str, **labels: str) -> float:
    """A family's value, added up over its series that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(value)
        for family, said, value in _SERIES.findall(metrics)
        if family == name and all(label in said.split(",") for label in wanted)
    )


def _percentiles(delays: list[float]) -> str:
    ordered = sorted(delays) or [0.0]
    shown = (("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999))
    return ", ".join(
        f"{name} {ordered[int(len(ordered) * share)] * 1e3:.1f} ms" for name, share in shown
    )


@contextmanager
def _emulator(*, static: bool) -> Iterator[Server]:
    more = ["--static"] if static else []
    for name in ("sound", "rough"):
        more += ["--deployment", f"{name}=model-router"]
    with servers.emulator(*more) as server:
        yield server


def _get(port: int, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_ask(port, "GET", path))
    return found


def _ask(port: int, method: str, path: str, body: str | None = None, expected: int = 200) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != expected:
        raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:500]!r}")
    return content


def main() -> int:
    """Run, print, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.soak")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--static", action="store_true", help="one fixed answer, no faults")
    asked = parser.parse_args()
    print(machine.describe())
    report = soak(asked.seconds, asked.rate, static=asked.static)
    for line in report.lines:
        print(line)
    for line in report.wrong:
        print(f"WRONG: {line}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
