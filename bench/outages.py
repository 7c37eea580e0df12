"""What a gateway needs goes away under load and comes back: afterwards everything adds up."""

import asyncio
import json
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from bench import budgets, databases, servers
from bench.budgets import House, Setup, Spent
from bench.kills import (
    CONFIG,
    Killed,
    Load,
    ask,
    caught_up,
    gateway,
    journals,
    judge,
    read,
)

_BEFORE = 300
"""Calls before and after an outage."""


class Outage(NamedTuple):
    """Figures of an outage of Redis."""

    spent: Spent
    refused: int
    """Calls that were asked meanwhile."""
    longest: float
    """Seconds the slowest of them waited for its refusal."""


def postgres_stopped(seconds: float) -> Killed:
    """PostgreSQL is killed for so long while calls go on."""
    with (
        databases.postgres() as database,
        tempfile.TemporaryDirectory(prefix="faregate-proof-") as directory,
        servers.emulator() as emulator,
    ):
        data_dir = Path(directory)
        config = data_dir / "config.yaml"
        url = f"http://127.0.0.1:{emulator.port}/openai/v1"
        place = f"database_url: {json.dumps(database.url)}"
        config.write_text(CONFIG.format(url=url, data_dir=directory, database=place), "utf-8")
        with gateway(config) as (process, port, began):
            caught_up(port, began, data_dir)
            load = Load(port)
            load.wait_for(_BEFORE)
            database.kill(signal.SIGQUIT)
            time.sleep(seconds)
            database.start()
            back = time.monotonic()
            load.wait_for(len(load.ids) + _BEFORE)
            load.end()
            late = caught_up(port, back, data_dir)
        if process.returncode:
            raise RuntimeError(f"the gateway ended with {process.returncode}")
        meter = json.loads(ask(emulator.port, "GET", "/_emulator/meter"))
        found = read(database.url, data_dir)
        return judge(0, load.ids, found, meter, journals(data_dir), late)


def redis_stopped(setup: Setup, redis: databases.Process, seconds: float) -> Outage:
    """Redis is killed for so long, and comes back empty, while a budget is being spent."""
    with budgets.running(setup, 2_000) as (house, ledger):
        asyncio.run(house.until(lambda status: status == "200"))
        began = time.monotonic()
        asyncio.run(house.calls(_BEFORE, 16))
        under_way = threading.Thread(target=asyncio.run, args=(house.calls(_BEFORE, 16),))
        under_way.start()
        redis.kill()
        under_way.join()
        refusals = asyncio.run(_refusals(house, seconds))
        redis.start()
        for number in range(setup.gateways * setup.workers):
            asyncio.run(house.until(lambda status: status == "200", number))
        asyncio.run(house.calls(_BEFORE, 16))
        spent = budgets.judged(setup, house, ledger, time.monotonic() - began)
        return Outage(spent, len(refusals), max(refusals))


async def _refusals(house: House, seconds: float) -> list[float]:
    """How long calls wait to be refused, one after the other."""
    until = time.monotonic() + seconds
    found: list[float] = []
    while time.monotonic() < until:
        status, took = await house.call(len(found))
        if status != "503 counters_unavailable":
            raise RuntimeError(f"{status} without Redis")
        found.append(took)
        await asyncio.sleep(0.01)
    return found
