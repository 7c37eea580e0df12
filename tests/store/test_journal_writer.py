"""The writer: rows reach the store whatever happens to it, and the journal lets go of them."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from faregate.journal.journal import Journal
from faregate.store.appender import Appender, AppenderOptions, about_the_rows
from faregate.store.errors import LedgerUnavailableError, RefusedValueError
from faregate.store.writer import Writer, WriterOptions
from faregate.types import Row
from tests.store.journals import (
    QUICK,
    SMALL,
    Ledger,
    abandon,
    admission,
    left,
    nothing_aside,
    replayed,
    settled,
)

OPTIONS = WriterOptions(memory_rows=20, batch_rows=8, linger=0.001, append=QUICK)


class Setting:
    """A journal, a store and the writer between them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger()
        self.journal = Journal.open(root, SMALL)
        self.writer = Writer(self.journal, self.ledger, OPTIONS)

    def calls(self, start: int, end: int) -> None:
        """Admit and settle calls."""
        for number in range(start, end):
            self.journal.admit(admission(f"c{number}"))
            self.writer.settle(settled(f"c{number}"))


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    found = Setting(tmp_path)
    found.writer.start()
    yield found
    await found.writer.close(10)
    found.journal.close()


def names(start: int, end: int) -> list[str]:
    return [f"c{number}" for number in range(start, end)]


async def test_rows_are_stored_in_batches_and_in_order(setting: Setting) -> None:
    setting.calls(0, 19)
    assert (setting.writer.pending, setting.writer.oldest) == (19, settled("c0"))
    assert setting.writer.lag >= 0
    assert await setting.writer.drain(20) == 0
    assert list(setting.ledger.rows) == names(0, 19)
    assert setting.ledger.appends == [8, 8, 3]
    assert (setting.writer.lag, setting.writer.oldest) == (0.0, None)
    setting.journal.close()
    assert left(setting.root) == []


async def test_a_single_row_does_not_wait_for_others(setting: Setting) -> None:
    for number in range(3):
        setting.calls(number, number + 1)
        await setting.ledger.until(lambda each, n=number: len(each.rows) == n + 1)  # type: ignore[misc]
    assert setting.ledger.appends == [1, 1, 1]


async def test_rows_beyond_memory_come_from_the_journal(setting: Setting) -> None:
    setting.ledger.up = False
    setting.calls(0, 200)
    assert setting.writer.pending == 200
    await setting.ledger.until(lambda each: each.failures > 3)
    assert (setting.writer.store_up, setting.writer.behind) == (False, True)
    assert setting.writer.appender.last_error == "ConnectionRefusedError"
    assert setting.writer.lag > 0
    assert len(setting.journal.segments) > 10
    setting.calls(200, 230)
    setting.ledger.up = True
    await setting.ledger.until(lambda each: len(each.rows) > 100)
    setting.calls(230, 300)
    assert await setting.writer.drain(20) == 0
    assert (setting.writer.store_up, setting.writer.behind) == (True, False)
    assert list(setting.ledger.rows) == names(0, 300)
    assert setting.ledger.repeated == []
    assert len(setting.journal.segments) <= 1


class Broken:
    """A database that fails as it is told to."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)

    async def append(self, _rows: Sequence[Row], /) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


async def test_an_outage_is_told_once_with_what_and_where_and_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = LedgerUnavailableError("postgresql at db:5432/faregate: nothing answers there")
    full = LedgerUnavailableError("postgresql at db:5432/faregate: no space left")
    driver = RuntimeError("postgres://u:hunter2@db/x: INSERT ... VALUES ('a prompt')")
    sink = Broken(refused, refused, full, driver, TimeoutError(), OSError(28, "no room"))
    await Appender(sink, nothing_aside, QUICK).append([settled("c0")])
    told = [each.getMessage() for each in caplog.records]
    assert len(told) == 6, "a reason that stays is told once"
    for line, part in zip(
        told,
        (
            "1 rows: postgresql at db:5432/faregate: nothing answers there",
            "no space left",
            "RuntimeError",
            "no answer within 30 s",
            "OSError, no room",
            "takes rows again, after 0 s",
        ),
        strict=True,
    ):
        assert part in line
    assert all("stay in the journal" in each and "check that it runs" in each for each in told[:5])
    assert "hunter2" not in caplog.text
    assert "a prompt" not in caplog.text


async def test_a_row_that_is_set_aside_is_told_with_where_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = RefusedValueError("SQLite at /data/l.sqlite3 cannot hold a value: OverflowError")
    aside: list[str] = []
    sink = Broken(error, error, error)
    await Appender(sink, lambda row, kind: aside.append(row.call_id), QUICK).append([settled("c0")])
    assert aside == ["c0"]
    assert "call c0 can never be stored (SQLite at /data/l.sqlite3" in caplog.text
    assert "set aside in refused/rows.jsonl" in caplog.text


async def test_rows_keep_coming_while_behind(setting: Setting) -> None:
    """The reader and the gateway take turns in every way; no row is missed at the hand-over."""
    done = 0
    for round_ in range(20):
        setting.ledger.up = False
        setting.calls(done, done + 30)
        done += 30
        setting.ledger.up = True
        for _ in range(round_):
            await asyncio.sleep(0)
            setting.calls(done, done + 1)
            done += 1
    assert await setting.writer.drain(20) == 0
    assert list(setting.ledger.rows) == names(0, done)
    assert setting.ledger.repeated == []


async def test_what_is_not_stored_at_the_end_is_left_for_the_next_start(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.writer.start()
    setting.ledger.up = False
    setting.calls(0, 50)
    assert await setting.writer.close(0.01) == 50
    setting.journal.close()
    setting.ledger.up = True
    await replayed(tmp_path, setting.ledger)
    assert list(setting.ledger.rows) == names(0, 50)


async def test_a_crash_while_behind_loses_nothing(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.writer.start()
    setting.calls(0, 10)
    await setting.ledger.until(lambda each: len(each.rows) == 10)
    setting.ledger.up = False
    setting.calls(10, 100)
    await setting.ledger.until(lambda each: each.failures > 0)
    abandon(setting.journal)
    setting.ledger.up = True
    await replayed(tmp_path, setting.ledger)
    assert sorted(setting.ledger.rows) == sorted(names(0, 100))
    await setting.writer.close(0)


async def test_a_hanging_store_is_given_up_on_and_asked_again(tmp_path: Path) -> None:
    class Hanging(Ledger):
        async def append(self, rows: Sequence[Row], /) -> None:
            if not self.failures:
                self.failures = 1
                await asyncio.Event().wait()
            await super().append(rows)

    setting = Setting(tmp_path)
    options = WriterOptions(linger=0.0, append=AppenderOptions(timeout=0.01, backoff=0.001))
    ledger = Hanging()
    writer = Writer(setting.journal, ledger, options)
    writer.start()
    writer.settle(settled("c0"))
    assert await writer.close(20) == 0
    assert writer.appender.failures == 1
    assert list(ledger.rows) == ["c0"]
    setting.journal.close()


class DataError(Exception):
    """As drivers call it."""


class Picky(Ledger):
    """A store that can never hold rows whose error is ``bad``."""

    async def append(self, rows: Sequence[Row], /) -> None:
        if self.up and any(row.error == "bad" for row in rows):
            raise RuntimeError("wrapped") from DataError("value out of range")
        await super().append(rows)


async def test_a_row_the_store_cannot_hold_does_not_hold_up_the_others(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    ledger = Picky()
    writer = Writer(setting.journal, ledger, OPTIONS)
    for number in range(30):
        writer.settle(settled(f"c{number}", error="bad" if number in (3, 29) else ""))
    writer.start()
    assert await writer.close(20) == 0
    assert sorted(ledger.rows) == sorted(set(names(0, 30)) - {"c3", "c29"})
    assert writer.appender.refused == 2
    assert writer.store_up
    lines = (tmp_path / "refused" / "rows.jsonl").read_bytes().splitlines()
    kept = [msgspec.json.decode(line) for line in lines]
    assert [(each["reason"], each["row"]["call_id"]) for each in kept] == [
        ("DataError", "c3"),
        ("DataError", "c29"),
    ]
    assert msgspec.convert(kept[0]["row"], Row) == settled("c3", error="bad")
    setting.journal.close()
    assert left(tmp_path) == []


async def test_a_row_is_not_set_aside_while_the_store_is_away(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    ledger = Ledger()
    ledger.up = False
    writer = Writer(setting.journal, ledger, OPTIONS)
    writer.start()
    writer.settle(settled("c0"))
    await ledger.until(lambda each: each.failures > 10)
    assert writer.appender.refused == 0
    ledger.up = True
    assert await writer.close(20) == 0
    setting.journal.close()


async def test_a_row_that_cannot_be_set_aside_is_kept(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    (tmp_path / "refused").write_text("in the way")
    ledger = Picky()
    writer = Writer(setting.journal, ledger, OPTIONS)
    writer.start()
    writer.settle(settled("c0", error="bad"))
    assert await writer.drain(0.1) == 1
    (tmp_path / "refused").unlink()
    assert await writer.close(20) == 0
    assert writer.appender.refused == 1
    setting.journal.close()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError(), True),
        (OverflowError(), True),
        (RefusedValueError("too long"), True),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), True),
        (ConnectionError(), False),
        (TimeoutError(), False),
        (RuntimeError(), False),
        (ValueError(), False),
    ],
)
def test_whose_fault_an_error_is(error: Exception, expected: bool) -> None:
    assert about_the_rows(error) is expected
    wrapped = RuntimeError()
    wrapped.__cause__ = error
    assert about_the_rows(wrapped) is expected
    hidden = RuntimeError()
    hidden.__context__, hidden.__suppress_context__ = error, True
    assert about_the_rows(hidden) is expected


def test_a_broken_connection_is_never_the_rows_fault() -> None:
    error = DataError()
    error.__cause__ = ConnectionResetError()
    assert not about_the_rows(error)


async def test_a_row_the_disk_refuses_goes_to_the_store_all_the_same(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.ledger.up = False
    setting.calls(0, 30)
    for name in ("x", "y"):
        setting.journal.admit(admission(name))
    write = os.pwrite

    def failing(fd: int, content: bytes, at: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", failing)
    assert setting.writer.settle(settled("x")) == 0
    monkeypatch.setattr(os, "pwrite", write)
    setting.writer.settle(settled("y"))
    setting.ledger.up = True
    assert await setting.writer.drain(20) == 0
    assert sorted(setting.ledger.rows) == sorted([*names(0, 30), "x", "y"])
    setting.journal.close()
    assert left(setting.root) == []


async def test_clocks_that_jump_change_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: -5.0)
    setting.calls(0, 5)
    row = msgspec.structs.replace(settled("past"), started=9e9, ended=-9e9)
    setting.writer.settle(row)
    monkeypatch.setattr(time, "time", lambda: 9e12)
    setting.calls(5, 9)
    assert setting.writer.lag < 60
    assert await setting.writer.drain(20) == 0
    assert list(setting.ledger.rows) == [*names(0, 5), "past", *names(5, 9)]


async def test_settling_waits_for_nothing(setting: Setting) -> None:
    """Five thousand calls are settled before the store has been asked once."""
    setting.calls(0, 5_000)
    assert setting.ledger.appends == []
    assert await setting.writer.drain(60) == 0
    assert len(setting.ledger.rows) == 5_000


async def test_a_flush_returns_when_what_was_settled_is_stored(tmp_path: Path) -> None:
    """It does not linger, and does not wait for what comes after it."""
    setting = Setting(tmp_path)
    setting.writer = Writer(
        setting.journal, setting.ledger, WriterOptions(batch_rows=8, linger=3_600.0, append=QUICK)
    )
    assert await setting.writer.flush(0.0), "there is nothing to wait for"
    setting.calls(0, 3)
    assert not await setting.writer.flush(20), "nobody moves rows before the start"
    setting.writer.start()
    first = asyncio.create_task(setting.writer.flush(20))
    await asyncio.sleep(0)
    setting.ledger.up = False
    second = asyncio.create_task(setting.writer.flush(20))
    await setting.ledger.until(lambda each: each.failures > 0)
    setting.calls(3, 5)  # while a batch is under way
    third = asyncio.create_task(setting.writer.flush(20))
    await asyncio.sleep(0)
    setting.ledger.up = True
    assert all(await asyncio.gather(first, second, third))
    assert list(setting.ledger.rows) == names(0, 5)
    setting.calls(5, 6)
    assert await setting.writer.flush(20)
    assert list(setting.ledger.rows) == names(0, 6)
    await setting.writer.close(20)
    setting.journal.close()


async def test_a_flush_gives_up_in_time_and_says_so(setting: Setting) -> None:
    setting.ledger.up = False
    setting.calls(0, 3)
    assert not await setting.writer.flush(0.01)
    setting.ledger.up = True
    assert await setting.writer.flush(20)
    assert list(setting.ledger.rows) == names(0, 3)


async def test_a_flush_waits_for_rows_beyond_memory(setting: Setting) -> None:
    setting.ledger.up = False
    setting.calls(0, 200)
    waiting = [asyncio.create_task(setting.writer.flush(20)) for _ in range(3)]
    await setting.ledger.until(lambda each: each.failures > 3)
    setting.ledger.up = True
    assert await asyncio.gather(*waiting) == [True] * 3
    assert list(setting.ledger.rows) == names(0, 200)


async def test_a_flush_waits_for_a_row_the_disk_refused(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.ledger.up = False
    setting.journal.admit(admission("x"))

    def failing(fd: int, content: bytes, at: int) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", failing)
        assert setting.writer.settle(settled("x")) == 0
        assert not await setting.writer.flush(0.01)
        setting.ledger.up = True
        assert await setting.writer.flush(20)
    assert list(setting.ledger.rows) == ["x"]


async def test_a_flush_ends_with_the_writer(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.writer.start()
    setting.ledger.up = False
    setting.calls(0, 3)
    waiting = asyncio.create_task(setting.writer.flush(3_600))
    await setting.ledger.until(lambda each: each.failures > 0)
    assert await setting.writer.close(0.0) == 3
    assert not await waiting
    setting.journal.close()
