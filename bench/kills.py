"""``kill -9`` under load, again and again: afterwards the ledger and the emulator must agree."""

import asyncio
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import servers
from bench.servers import KEY
from faregate.store.places import store_at
from faregate.store.protocol import Entry, Filter

CLIENTS = 6
_UNITS = ("input", "cache_read", "cache_write", "output")
CONFIG = """
model_list:
  - model_name: bench
    params: {{model: azure_ai/gpt-4.1-nano, api_base: {url}, api_key: emulator-key, max_retries: 0}}
router_settings: {{disable_cooldowns: true}}
general_settings:
  log: {{level: error}}
  data_dir: {data_dir}
  {database}
"""
_PATIENCE = 60.0


class Found(NamedTuple):
    """A ledger, read to its end."""

    entries: list[Entry]
    calls: int
    """What the roll-ups count."""
    spend: int
    """What they add up, in pico-dollars."""


class Killed(NamedTuple):
    """Figures of a proof, and what is wrong (nothing, it is hoped)."""

    kills: int
    answered: int
    rows: int
    lost: int
    metered: int
    settled: int
    """Charges of calls that were settled."""
    spend: int
    slowest_start: float
    """Seconds from the start of a process to the last row of its predecessor in the database."""
    wrong: list[str]


class Load:
    """Clients that ask until they are told to stop, and remember every call they saw let in."""

    def __init__(self, port: int) -> None:
        self.ids: list[str] = []
        self._port = port
        self._stop = threading.Event()
        self._enough = threading.Condition()
        self._threads = [
            threading.Thread(target=self._ask, args=(bool(n % 2),)) for n in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answers: int) -> None:
        """Return once so many calls are known."""
        with self._enough:
            if not self._enough.wait_for(lambda: len(self.ids) >= answers, _PATIENCE):
                raise RuntimeError(f"only {len(self.ids)} of {answers} calls were answered")

    def end(self) -> None:
        """No further call."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, stream: bool) -> None:
        fields = {
            "model": "bench",
            "stream": stream,
            "messages": [{"role": "user", "content": "Say one two three"}],
        }
        body = json.dumps(fields)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/v1/chat/completions", body, headers)
                answer = connection.getresponse()
                call_id = answer.getheader("x-faregate-call-id")
                if call_id:
                    with self._enough:
                        self.ids.append(call_id)
                        self._enough.notify_all()
                answer.read()
            except (OSError, http.client.HTTPException):
                break
        connection.close()


def prove(kills: int, *, database_url: str = "", least: int = 20, most: int = 200) -> Killed:
    """Kill a gateway so many times, each after a random number of calls, and add everything up."""
    with tempfile.TemporaryDirectory(prefix="faregate-proof-") as directory:
        data_dir = Path(directory)
        with servers.emulator() as emulator:
            database = f"database_url: {json.dumps(database_url)}" if database_url else ""
            config = data_dir / "config.yaml"
            url = f"http://127.0.0.1:{emulator.port}/openai/v1"
            config.write_text(
                CONFIG.format(url=url, data_dir=directory, database=database), "utf-8"
            )
            ids: list[str] = []
            slowest = 0.0
            for _ in range(kills):
                with gateway(config) as (process, port, started):
                    slowest = max(slowest, caught_up(port, started, data_dir))
                    load = Load(port)
                    load.wait_for(random.randint(least, most))
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    load.end()
                    ids += load.ids
            with gateway(config) as (process, port, started):
                slowest = max(slowest, caught_up(port, started, data_dir))
            if process.returncode:
                raise RuntimeError(f"the gateway ended with {process.returncode}")
            found = read(database_url, data_dir)
            meter = json.loads(ask(emulator.port, "GET", "/_emulator/meter"))
            left = journals(data_dir)
        return judge(kills, ids, found, meter, left, slowest)


def judge(
    kills: int,
    ids: Sequence[str],
    found: Found,
    meter: dict[str, Any],
    left: Sequence[str],
    slowest: float,
) -> Killed:
    """Compare what clients saw, what the ledger has and what the emulator served."""
    entries, total = found.entries, meter["total"]
    rows = Counter(each.row.call_id for each in entries)
    settled = [each for each in entries if each.row.outcome != "lost"]
    lost = len(entries) - len(settled)
    charges = [c for each in settled if each.row.receipt for c in each.row.receipt.charges]
    wrong = []
    missing = [each for each in ids if not rows[each]]
    if missing:
        wrong.append(f"{len(missing)} calls that clients saw have no row, such as {missing[0]}")
    if max(rows.values(), default=0) > 1:
        wrong.append("a call has two rows")
    if found.calls != len(entries):
        wrong.append(f"the sums count {found.calls} calls, and there are {len(entries)} rows")
    if found.spend != sum(each.spend for each in entries):
        wrong.append("the sums and the rows disagree on what was spent")
    if any(each.status != "unsettled" for each in entries if each.row.outcome == "lost"):
        wrong.append("a lost call is not unsettled")
    if lost > kills * CLIENTS:
        wrong.append(f"{lost} calls lost, more than there were clients")
    unsettled = total["calls"] - len(charges)
    if not 0 <= unsettled <= lost:
        wrong.append(f"{total['calls']} served, {len(charges)} charged, {lost} lost")
    if left:
        wrong.append(f"{len(left)} journals were left behind")
    if total["calls"]:
        # Every call is the same, so what the lost ones used is known, too.
        for unit in _UNITS:
            each = total[unit] // total["calls"]
            used = sum(getattr(charge.usage, unit) for charge in charges)
            if used + unsettled * each != total[unit]:
                wrong.append(
                    f"{unit}: {used} charged, {unsettled} calls lost, {total[unit]} served"
                )
    return Killed(
        kills, len(ids), len(entries), lost, total["calls"], len(charges), found.spend, slowest,
        wrong,
    )  # fmt: skip


@contextmanager
def gateway(config: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """A gateway that answers: (process, port, when it was started). Stopped by SIGTERM."""
    port = _free_port()
    command = [sys.executable, "-m", "faregate", "--config", str(config), "--port", str(port)]
    command += more
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, "FAREGATE_MASTER_KEY": KEY},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process, port, began
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=40)


def caught_up(port: int, began: float, data_dir: Path) -> float:
    """Seconds since ``began`` until what dead processes left is in the database."""
    while time.monotonic() < began + _PATIENCE:
        try:
            state = json.loads(ask(port, "GET", "/health/readiness"))["ledger"]
        except (OSError, http.client.HTTPException):
            state = {}
        up = state.get("database") == "up" and not state["pending_rows"]
        if up and len(journals(data_dir)) == 1:
            return time.monotonic() - began
        time.sleep(0.02)
    raise RuntimeError("the ledger did not catch up")


def journals(data_dir: Path) -> list[str]:
    """The journals there are: of processes that live, and of those whose rows wait."""
    found = (data_dir / "journal").glob("*-*")
    return [path.name for path in found if path.is_dir()]


def read(database_url: str, data_dir: Path) -> Found:
    """Every row of a ledger, and its sums. Nothing is changed."""

    async def run() -> Found:
        store = store_at(database_url, data_dir)
        await store.attach()
        try:
            entries: list[Entry] = []
            cursor: str | None = None
            while True:
                page = await store.rows(Filter(), cursor=cursor, limit=1000)
                entries += page.entries
                cursor = page.cursor
                if cursor is None:
                    break
            (total,) = await store.spend(())
            return Found(entries, total.calls, total.spend)
        finally:
            await store.close()

    return asyncio.run(run())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def ask(port: int, method: str, path: str) -> bytes:
    """One request without a body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()
