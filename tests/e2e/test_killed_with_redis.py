"""A gateway that is killed with calls in flight: budgets in Redis pay for them at their worst."""

import http.client
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from faregate.store.protocol import Entry
from tests.e2e import ledgers, lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator
from tests.store import redis_servers

CALLS = 3


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[redis_servers.Server]:
    with redis_servers.server(tmp_path) as server:
        yield server


def ask(life: Life, secret: str) -> tuple[int, str]:
    """A call that may cost some $0.00040: its status and the error's code."""
    body = wire.chat("nano", lives.PROMPT, max_tokens=1000)
    status, found, _ = life.ask(
        "POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {secret}"}
    )
    return status, "" if status == 200 else found["error"]["code"]


def spent(life: Life, secret: str) -> int:
    """What the key's budget has spent, in pico-dollars."""
    _, found, _ = life.ask("GET", "/key/info", headers={"Authorization": f"Bearer {secret}"})
    dollars: float = found["info"]["spend"]
    return round(dollars * 10**12)


def written_off(directory: Path) -> list[Entry]:
    """The calls that were lost, once they are in the ledger."""
    return [each for each in ledgers.rows(directory).entries if each.row.outcome == "lost"]


def leave(life: Life, secret: str) -> None:
    with suppress(OSError, http.client.HTTPException):
        ask(life, secret)


def test_lost_calls_count_against_budgets(
    emulator: Emulator, tmp_path: Path, redis: redis_servers.Server
) -> None:
    text = lives.config(
        entry("nano", "gpt-4.1-nano", emulator.url), router={"redis_url": redis.url}
    )
    with lives.started(tmp_path, text) as life:
        made = lives.run(
            "keys", "make", "--name", "k", "--budget", "0.0015/1mo", "--config", str(life.config),
            env=lives.variables(tmp_path),
        )  # fmt: skip
        secret = made.stdout.strip()
        wire.soon(lambda: ask(life, secret)[0] == 200)
        emulator.fault("stall", times=CALLS)
        for _ in range(CALLS):
            threading.Thread(target=leave, args=(life, secret), daemon=True).start()
        wire.soon(lambda: life.total("faregate_in_flight_requests") == CALLS)
        life.signal(signal.SIGKILL)
        life.stopped()
    with lives.started(tmp_path, text) as life:
        lost = wire.soon(lambda: written_off(tmp_path))
        assert len(lost) == CALLS
        # What the counters say, not the ledger: it decides what is let in.
        wire.soon(lambda: spent(life, secret) > sum(each.spend for each in lost))
        assert ask(life, secret) == (429, "budget_exceeded")


def test_calls_served_without_redis_count_after_a_crash(
    emulator: Emulator, tmp_path: Path, redis: redis_servers.Server
) -> None:
    text = lives.config(
        entry("nano", "gpt-4.1-nano", emulator.url),
        router={"redis_url": redis.url},
        general={"on_counters_outage": "serve"},
    )
    with lives.started(tmp_path, text) as life:
        made = lives.run(
            "keys", "make", "--name", "k", "--budget", "1/1mo", "--config", str(life.config),
            env=lives.variables(tmp_path),
        )  # fmt: skip
        secret = made.stdout.strip()
        wire.soon(lambda: ask(life, secret)[0] == 200)
        redis.freeze()  # it keeps what it has, and hears of nothing more
        for _ in range(10):
            assert ask(life, secret)[0] == 200
        life.signal(signal.SIGKILL)
        life.stopped()
    redis.thaw()
    with lives.started(tmp_path, text) as life:
        wire.soon(lambda: len(ledgers.rows(tmp_path).entries) == 11)
        known = sum(each.spend for each in ledgers.rows(tmp_path).entries)
        assert known > 0
        wire.soon(lambda: spent(life, secret) == known, seconds=30.0)
