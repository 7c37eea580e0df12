"""The database away, the disk full: calls are served or refused as configured, no row is lost."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bench.kills import journals
from tests.e2e import ledgers, lives, wire
from tests.e2e.ledgers import Database
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

UNWRITABLE = 5_000
"""More calls than the journal has reserved room for on a full disk."""

ROOM = 18 << 20
"""Bytes on it for the journal's first two segments and the database."""


def config(emulator: Emulator, **general: object) -> str:
    """One model that answers, and one whose address does not."""
    nowhere = "http://127.0.0.1:9"
    return lives.config(
        entry("nano", "gpt-4.1-nano", emulator.url, max_retries=0),
        entry("nowhere", "gpt-4.1-nano", nowhere, max_retries=0),
        router={"disable_cooldowns": True},
        general={"log": {"level": "error"}, **general},
    )


def served(life: Life, count: int) -> None:
    """So many calls, every one answered."""
    for number in range(count):
        assert life.ask_model("nano", stream=bool(number % 2))[0] == 200


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A database that these tests may cut off."""
    with ledgers.own_database() as found:
        yield found


@contextmanager
def emptied(database: Database) -> Iterator[str]:
    """A schema of a test's own in it."""
    name = f"s{os.urandom(4).hex()}"
    try:
        yield f"{database.url}?schema={name}"
    finally:
        database.come_back()


def test_sqlite_is_locked(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, config(emulator)) as life:
        served(life, 3)
        ledgers.wait_until_stored(life)
        with closing(sqlite3.connect(ledgers.state(tmp_path) / "ledger.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            served(life, 10)
            assert ledgers.ledger(life)["pending_rows"] == 10
            assert len(ledgers.rows(tmp_path).entries) == 3  # reading goes on meanwhile
            other.rollback()
        ledgers.wait_until_stored(life)
        entries = ledgers.adds_up(ledgers.rows(tmp_path), 13)
    ledgers.agrees(entries, emulator)


def test_postgres_goes_and_comes_back(
    emulator: Emulator, tmp_path: Path, database: Database
) -> None:
    with (
        emptied(database) as url,
        lives.started(tmp_path, config(emulator, database_url=url)) as life,
    ):
        served(life, 4)
        ledgers.wait_until_stored(life)
        database.go_away()
        wire.soon(lambda: _said_up(life) is False, seconds=20)  # though nobody calls
        served(life, 10)
        wire.soon(lambda: ledgers.down(life), seconds=20)
        served(life, 4)
        status, found, _ = life.ask("GET", "/health/readiness")
        assert status == 200
        assert found["ledger"]["pending_rows"] == 14
        assert life.ask("GET", "/v1/receipts/call_nobody", headers=life.bearer)[0] == 404
        database.come_back()
        ledgers.wait_until_stored(life)
        entries = ledgers.adds_up(ledgers.rows(tmp_path, url), 18)
        ledgers.agrees(entries, emulator)


def _said_up(life: Life) -> bool:
    """Whether the admin API says that the database is up."""
    status, found, _ = life.ask("GET", "/api/status", headers=life.bearer)
    assert status == 200
    return bool(found["ledger"]["database"] == "up")


def test_calls_are_refused_where_that_is_wanted(
    emulator: Emulator, tmp_path: Path, database: Database
) -> None:
    with emptied(database) as url:
        text = config(emulator, database_url=url, on_ledger_outage="refuse")
        with lives.started(tmp_path, text) as life:
            wire.soon(lambda: ledgers.stored(life), seconds=20)
            served(life, 1)
            ledgers.wait_until_stored(life)
            database.go_away()
            served(life, 1)  # nobody knows yet
            wire.soon(lambda: ledgers.down(life), seconds=20)
            status, said, headers = life.ask_model("nano")
            assert (status, said["error"]["code"]) == (503, "ledger_unavailable")
            assert headers["retry-after"] == "1"
            status, found, _ = life.ask("GET", "/health/readiness")
            assert (status, found["status"]) == (503, "refusing")
            database.come_back()
            ledgers.wait_until_stored(life)
            served(life, 1)
            ledgers.wait_until_stored(life)
            entries = ledgers.adds_up(ledgers.rows(tmp_path, url), 3)
    ledgers.agrees(entries, emulator)


def test_a_database_that_is_away_from_the_start(
    emulator: Emulator, tmp_path: Path, database: Database
) -> None:
    with emptied(database) as url:
        text = config(emulator, database_url=url)
        database.go_away()
        with lives.started(tmp_path, text) as life:
            served(life, 5)
            assert ledgers.ledger(life)["pending_rows"] == 5
        # It was stopped without ever reaching the database; its journal waits for the next one.
        database.come_back()
        with lives.started(tmp_path, text) as life:
            wire.soon(lambda: ledgers.stored(life), seconds=20)
            wire.soon(lambda: len(journals(ledgers.state(tmp_path))) == 1, seconds=20)
            entries = ledgers.adds_up(ledgers.rows(tmp_path, url), 5)
    ledgers.agrees(entries, emulator)
    assert {each.row.outcome for each in entries} == {"completed"}


def test_a_full_disk(emulator: Emulator, tmp_path: Path) -> None:
    with _small_disk(tmp_path / "state") as disk:
        ballast = disk / "ballast"
        _leave(ballast, ROOM)
        with lives.started(tmp_path, config(emulator)) as life:
            served(life, 2)
            ledgers.wait_until_stored(life)
            with (disk / "more").open("wb") as file:
                _fill(file.fileno())
            refusal = _until_refused(life)
            assert refusal["error"]["code"] == "ledger_unavailable"
            assert "No space left" in refusal["error"]["message"]
            status, found, _ = life.ask("GET", "/health/readiness")
            assert (status, found["status"]) == (503, "refusing")
            refused = int(life.total("faregate_refusals_total", code="ledger_unavailable"))
            assert refused >= 1
            ballast.unlink()
            wire.soon(lambda: life.ask_model("nano")[0] == 200)
            admitted = int(life.total("faregate_requests_total"))
            ledgers.wait_until_stored(life)
            entries = ledgers.adds_up(ledgers.rows(tmp_path), admitted)
    ledgers.agrees(entries, emulator)


def _until_refused(life: Life) -> dict[str, dict[str, str]]:
    """Calls until one is refused because of the disk; they reach nobody, so they are quick."""
    long = {"x-request-id": "r" * 128, "traceparent": "t" * 128}
    body = wire.chat("nowhere", lives.PROMPT, user="u" * 128)
    one = wire.request(life, body, *(f"{name}: {value}" for name, value in long.items()))
    refusals: list[dict[str, dict[str, str]]] = []

    def ask(_: int) -> None:
        with wire.Raw(life.port) as client:
            for _ in range(UNWRITABLE):
                if refusals:
                    return
                client.received = b""
                client.send(one)
                client.until(b"}}")
                if b"ledger_unavailable" in client.received:
                    refusals.append(json.loads(wire.parsed(client.received)[2]))

    ledgers.at_once(3, ask)
    return refusals[0]


def _leave(ballast: Path, room: int) -> None:
    """Fill a disk up to so many bytes."""
    free = os.statvfs(ballast.parent)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - room)


def _fill(handle: int) -> None:
    """Take what is left of a disk."""
    try:
        while True:
            os.write(handle, bytes(1 << 16))
    except OSError:
        return


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A file system of a few megabytes in memory. Skips where mounting is not permitted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
