"""A budget is never exceeded, from however many sides it is spent; Redis may come and go."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import budgets
from bench.budgets import Setup
from faregate.core.keys import make_key
from tests.e2e import ledgers, lives
from tests.e2e.lives import entry
from tests.e2e.processes import Emulator
from tests.store import redis_servers

CALLS, FITS = 300, 40


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[redis_servers.Server]:
    """A Redis that a test may stop."""
    with redis_servers.server(tmp_path) as server:
        yield server


@contextmanager
def a_database() -> Iterator[str]:
    """A PostgreSQL database of a test's own; skips where no server answers."""
    with ledgers.own_database() as found:
        yield found.url


def test_one_process() -> None:
    spent = budgets.prove(Setup(), calls=CALLS, fits=FITS)
    assert spent.wrong == []
    assert spent.answers["200"] > FITS // 2


@pytest.mark.parametrize(("gateways", "workers"), [(1, 3), (3, 1)])
def test_three_processes(redis: redis_servers.Server, gateways: int, workers: int) -> None:
    with a_database() as url:
        setup = Setup(gateways, workers, database_url=url, redis_url=redis.url)
        spent = budgets.prove(setup, calls=CALLS, fits=FITS)
    assert spent.wrong == []
    assert spent.answers["200"] > FITS // 2


def test_redis_stops_and_comes_back_empty(redis: redis_servers.Server) -> None:
    with a_database() as url:
        setup = Setup(gateways=2, database_url=url, redis_url=redis.url)
        with budgets.running(setup, FITS) as (house, ledger):
            asyncio.run(house.until(lambda status: status == "200"))
            asyncio.run(house.calls(FITS // 2, 4))
            redis.kill()
            found = asyncio.run(house.calls(20, 4))
            assert {status for status, _ in found} == {"503 counters_unavailable"}
            redis.start()
            for number in range(setup.gateways):
                asyncio.run(house.until(lambda status: status[:3] != "503", number))
            asyncio.run(house.calls(CALLS, 50))
            asyncio.run(house.until(lambda status: status == "429 budget_exceeded"))
            spent = budgets.judged(setup, house, ledger, 0.0)
    assert spent.wrong == []
    assert spent.answers["200"] > FITS // 2


def test_calls_are_served_without_redis_where_that_is_wanted(
    redis: redis_servers.Server,
) -> None:
    setup = Setup(redis_url=redis.url, on_outage="serve")
    with budgets.running(setup, FITS) as (house, ledger):
        asyncio.run(house.until(lambda status: status == "200"))
        redis.kill()
        found = asyncio.run(house.calls(FITS, 4))
        assert {status for status, _ in found} == {"200"}
        redis.start()
        # They are charged once it is back.
        asyncio.run(house.until(lambda status: status == "429 budget_exceeded"))
        spent = budgets.judged(setup, house, ledger, 0.0)
    assert [each for each in spent.wrong if "spent of" not in each] == []


@pytest.mark.parametrize("listens", [False, True])
def test_a_redis_that_never_answers_does_not_hold_up_the_start(listens: bool) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        setup = Setup(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        with budgets.running(setup, FITS) as (house, _):
            asyncio.run(house.until(lambda status: status == "503 counters_unavailable"))


def refused(directory: Path, emulator: Emulator, **sections: object) -> str:
    """What two workers say that do not start."""
    text = lives.config(entry("nano", "gpt-4.1-nano", emulator.url), **sections)
    path = directory / "config.yaml"
    path.write_text(text, "utf-8")
    done = lives.run(
        "--config", str(path), "--port", "0", "--num_workers", "2",
        env=lives.variables(directory),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_workers_that_cannot_count_together_do_not_start(
    emulator: Emulator, tmp_path: Path
) -> None:
    said = refused(tmp_path, emulator, litellm_settings={"max_budget": 10})
    assert "2 workers would each count" in said
    assert "max_budget of the configuration" in said
    assert "router_settings.redis_url" in said
    text = lives.config(entry("nano", "gpt-4.1-nano", emulator.url))
    with lives.started(tmp_path, text, "--num_workers", "2") as life:
        assert life.ask_model("nano")[0] == 200  # nothing is limited
    asyncio.run(budgets.let_in("", ledgers.state(tmp_path), make_key(bytes(32)), 10**12))
    assert "key spender" in refused(tmp_path, emulator)
