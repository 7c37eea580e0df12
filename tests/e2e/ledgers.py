"""What the proofs of the ledger share: its rows, its sums, and a database of a test's own."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.kills import Found, journals, read
from faregate.store.protocol import Entry
from tests.e2e import wire
from tests.e2e.lives import Life
from tests.e2e.processes import Emulator
from tests.store.ledgers import SERVER, on_server, server_answers

UNITS = ("input", "cache_read", "cache_write", "output")


def state(directory: Path) -> Path:
    """The data directory of a gateway that :func:`tests.e2e.lives.started` runs."""
    return directory / "state"


def stored(life: Life) -> dict[str, Any] | None:
    """What readiness says of the ledger, once every settled row is in the database."""
    found = ledger(life)
    return found if found["database"] == "up" and not found["pending_rows"] else None


def ledger(life: Life) -> dict[str, Any]:
    """What readiness says of the ledger."""
    _, found, _ = life.ask("GET", "/health/readiness")
    said: dict[str, Any] = found["ledger"]
    return said


def adds_up(found: Found, calls: int) -> Sequence[Entry]:
    """The rows: exactly so many calls, none twice, and the sums say the same.

    Σ lines = charge, Σ charges = total, Σ totals = what the roll-ups add up to.
    """
    entries = found.entries
    assert len(entries) == len({each.row.call_id for each in entries}) == calls
    assert found.calls == calls
    assert found.spend == sum(each.spend for each in entries)
    for each in entries:
        receipt = each.row.receipt
        if receipt is None or receipt.total is None:
            continue
        for charge in receipt.charges:
            assert charge.total == sum(line.amount for line in charge.lines)
        assert each.total == sum(charge.total or 0 for charge in receipt.charges)
    return entries


def agrees(entries: Sequence[Entry], *emulators: Emulator) -> None:
    """Every token the resources billed is in the ledger, and no other; a charge for each answer."""
    meters = [each.meter()["total"] for each in emulators]
    charges = [c for each in entries if each.row.receipt for c in each.row.receipt.charges]
    assert len(charges) == sum(meter["calls"] for meter in meters)
    for unit in UNITS:
        used = sum(getattr(charge.usage, unit) for charge in charges)
        assert used == sum(meter[unit] for meter in meters), unit


def rows(directory: Path, url: str = "") -> Found:
    """Everything in the ledger."""
    return read(url, state(directory))


def no_journal_is_left(directory: Path) -> None:
    """Raises AssertionError when a journal waits for the next start."""
    assert journals(state(directory)) == []


def at_once(count: int, work: Callable[[int], object]) -> None:
    """Do it so many times at the same time, and raise what one of them raised."""
    failures: list[Exception] = []

    def one(number: int) -> None:
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Database:
    """A PostgreSQL database of a test's own, which can be made to refuse everybody."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.url = f"{SERVER.rpartition('/')[0]}/{name}"

    def go_away(self) -> None:
        """Cut every connection and let none in."""
        asyncio.run(
            on_server(
                f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{self._name}'",
            )
        )

    def come_back(self) -> None:
        """Let everybody in again."""
        asyncio.run(on_server(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true"))


@contextmanager
def own_database() -> Iterator[Database]:
    """A new, empty database, dropped afterwards. Skips where no server answers."""
    if not asyncio.run(server_answers()):
        pytest.skip("no PostgreSQL answers at FAREGATE_TEST_POSTGRES or 127.0.0.1:5432")
    name = f"faregate_{uuid.uuid4().hex[:12]}"
    asyncio.run(on_server(f"CREATE DATABASE {name}"))
    try:
        yield Database(name)
    finally:
        asyncio.run(on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def down(life: Life) -> bool:
    """Whether it has noticed that the database is away."""
    return bool(ledger(life)["database"] == "down")


def wait_until_stored(life: Life) -> None:
    """Return once every settled row is in the database."""
    wire.soon(lambda: stored(life), seconds=20)
