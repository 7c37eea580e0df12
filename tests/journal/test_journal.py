"""The journal while its process lives: rolling, dropping, bounds, full and failing disks."""

import asyncio
import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faregate.journal.codec import Admission
from faregate.journal.errors import JournalError, JournalFull
from faregate.journal.journal import Journal, JournalOptions
from tests.store.journals import (
    SMALL,
    Ledger,
    abandon,
    admission,
    admit_many,
    left,
    replayed,
    settled,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal.open(tmp_path, SMALL)
    yield found
    found.close()


def fill(journal: Journal, calls: int, start: int = 0) -> int:
    """Admit and settle calls; the ticket of the last."""
    ticket = 0
    for number in range(start, start + calls):
        journal.admit(admission(f"c{number}"))
        ticket = journal.settle(settled(f"c{number}"))
    return ticket


def files(journal: Journal) -> list[str]:
    """The segments on the disk, spares included, once the thread has done its jobs."""
    journal._keeper.wait()
    return sorted(path.name for path in journal.path.glob("*.journal"))


def test_a_record_is_in_the_file_when_the_call_returns(journal: Journal) -> None:
    journal.admit(admission("call-one"))
    assert b"call-one" in journal.segments[0].path.read_bytes()
    journal.settle(settled("call-one", error="marker"))
    assert b"marker" in journal.segments[0].path.read_bytes()


def test_files_are_private(journal: Journal) -> None:
    assert journal.path.stat().st_mode & 0o777 == 0o700
    assert journal.segments[0].path.stat().st_mode & 0o777 == 0o600


def test_segments_roll_and_are_dropped_once_stored(journal: Journal) -> None:
    ticket = fill(journal, 100)
    assert len(journal.segments) > 5
    assert journal.size > 5 * 7_000
    journal.committed(ticket - 50)
    some = len(journal.segments)
    assert 1 < some < 8
    journal.committed(ticket)
    assert len(journal.segments) == 1
    assert len(files(journal)) <= 1 + 3


def test_nothing_is_dropped_before_it_is_stored(journal: Journal) -> None:
    fill(journal, 100)
    before = files(journal)
    journal.committed(0)
    assert files(journal) == before


def test_a_call_open_for_long_does_not_keep_segments(journal: Journal) -> None:
    journal.admit(admission("slow"))
    ticket = fill(journal, 200)
    journal.committed(ticket)
    assert len(journal.segments) <= 2
    assert journal.open_calls == 1
    abandon(journal)
    ledger = Ledger()
    found = asyncio.run(replayed(journal.path.parent, ledger))
    assert ledger.outcomes() == {"slow": "lost"}
    assert found.rows == 0


def test_what_a_call_may_cost_can_grow(journal: Journal) -> None:
    for name in ("grows", "other"):
        journal.admit(admission(name, hold=1_000))
    journal.admit_again(admission("grows", hold=5_000))
    ticket = fill(journal, 200)  # carries both into a later segment
    journal.committed(ticket)
    assert len(journal.segments) <= 2
    with pytest.raises(ValueError, match="not open"):
        journal.admit_again(admission("nobody"))
    journal.admit_again(admission("other", hold=2_000))
    journal.settle(settled("other"))
    abandon(journal)
    ledger = Ledger()
    asyncio.run(replayed(journal.path.parent, ledger))
    assert ledger.outcomes() == {"grows": "lost", "other": "completed"}
    receipt = ledger.rows["grows"].receipt
    assert receipt is not None
    assert receipt.total == 5_000


def test_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, SMALL)
    journal.committed(fill(journal, 3))
    journal.close()
    journal.close()
    assert left(tmp_path) == []
    with pytest.raises(JournalError, match="closed"):
        journal.admit(admission("late"))


def test_an_end_with_rows_pending_leaves_them(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, SMALL)
    fill(journal, 3)
    journal.admit(admission("open"))
    journal.close()
    assert len(left(tmp_path)) == 1
    ledger = Ledger()
    asyncio.run(replayed(tmp_path, ledger))
    assert ledger.outcomes() == {f"c{n}": "completed" for n in range(3)} | {"open": "lost"}


def test_a_call_is_admitted_once(journal: Journal) -> None:
    journal.admit(admission("c"))
    with pytest.raises(ValueError, match="admitted already"):
        journal.admit(admission("c"))


def test_a_settlement_alone_is_enough(journal: Journal) -> None:
    journal.settle(settled("never admitted"))
    assert journal.last_settled == 1


def test_the_bound_refuses_admissions_and_lets_open_calls_settle(tmp_path: Path) -> None:
    options = JournalOptions(segment_bytes=8_192, max_bytes=65_536)
    journal = Journal.open(tmp_path, options)
    journal.admit(admission("open"))
    with pytest.raises(JournalFull, match="bound of 65536 bytes"):
        fill(journal, 1_000)
    assert 30_000 < journal.size <= 65_536
    with pytest.raises(JournalFull):
        journal.admit(admission("another"))
    ticket = journal.settle(settled("open"))
    journal.committed(ticket)
    journal.admit(admission("another"))
    journal.settle(settled("another"))
    journal.committed(journal.last_settled)
    journal.close()
    assert left(tmp_path) == []


def test_a_bound_held_by_one_open_call_is_left(tmp_path: Path) -> None:
    """All segments are stored but for an open call in the first: it is carried along."""
    journal = Journal.open(tmp_path, JournalOptions(segment_bytes=8_192, max_bytes=65_536))
    journal.admit(admission("open"))
    with pytest.raises(JournalFull):
        fill(journal, 1_000)
    journal.committed(journal.last_settled)
    fill(journal, 10, start=2_000)
    journal.close()


class Disk:
    """A disk that can be full or broken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reserve_error = 0
        self.write_error = 0
        self.sync_error = 0
        self.torn = 0
        self.after_sync: Callable[[], object] = lambda: None
        self._reserve, self._write, self._sync = os.posix_fallocate, os.pwrite, os.fdatasync
        monkeypatch.setattr(os, "posix_fallocate", self.reserve)
        monkeypatch.setattr(os, "pwrite", self.write)
        monkeypatch.setattr(os, "fdatasync", self.sync)

    def reserve(self, fd: int, offset: int, length: int) -> None:
        if self.reserve_error:
            raise OSError(self.reserve_error, os.strerror(self.reserve_error))
        self._reserve(fd, offset, length)

    def write(self, fd: int, content: bytes, offset: int) -> int:
        if self.torn and len(content) > self.torn:
            cut, self.torn = self.torn, 0
            return self._write(fd, content[:cut], offset)
        if self.write_error:
            raise OSError(self.write_error, os.strerror(self.write_error))
        return self._write(fd, content, offset)

    def sync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        self._sync(fd)
        self.after_sync()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_full_disk_refuses_admissions_and_lets_open_calls_settle(
    tmp_path: Path, disk: Disk
) -> None:
    journal = Journal.open(tmp_path, SMALL)
    opened = [f"open{n}" for n in range(20)]
    for name in opened:
        journal.admit(admission(name))
    journal._keeper.wait()
    disk.reserve_error = errno.ENOSPC
    with pytest.raises(JournalError, match="No space left on device"):
        opened.extend(admit_many(journal, 1_000))
    assert "No space" in journal.problem
    room = journal.end[0].size - journal.end[1] + len(journal._spares) * SMALL.segment_bytes
    assert room >= (journal.open_calls - 1) * 4_096
    before = len(list(journal.path.iterdir()))
    with pytest.raises(JournalError):
        journal.admit(admission("refused"))
    assert len(list(journal.path.iterdir())) == before  # nothing half made is left
    for name in opened:
        journal.settle(settled(name))
    disk.reserve_error = 0
    journal.admit(admission("c-again"))
    assert journal.problem == ""
    abandon(journal)
    ledger = Ledger()
    asyncio.run(replayed(tmp_path, ledger))
    expected = dict.fromkeys(opened, "completed") | {"c-again": "lost"}
    assert ledger.outcomes() == expected


def test_a_disk_full_at_the_start_says_so(tmp_path: Path, disk: Disk) -> None:
    disk.reserve_error = errno.ENOSPC
    with pytest.raises(JournalError, match="free space"):
        Journal.open(tmp_path, SMALL)
    assert left(tmp_path) == []


def test_a_full_disk_is_not_asked_each_time(tmp_path: Path, disk: Disk) -> None:
    now = 0.0
    options = JournalOptions(segment_bytes=8_192, max_bytes=1 << 20, retry_seconds=0.25)
    journal = Journal.open(tmp_path, options)
    journal._clock = lambda: now
    journal._keeper.wait()
    disk.reserve_error = errno.ENOSPC
    with pytest.raises(JournalError):
        list(admit_many(journal, 1_000))
    disk.reserve_error = 0
    with pytest.raises(JournalError, match="No space"):
        journal.admit(admission("soon"))
    now = 0.3
    journal.admit(admission("later"))
    now = -1e9  # a clock that jumps
    journal.settle(settled("later"))
    journal.admit(admission("then"))
    journal.close()


def test_a_failing_disk_owes_the_settlement(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path, SMALL)
    for name in ("a", "b"):
        journal.admit(admission(name))
    disk.write_error = errno.EIO
    with pytest.raises(JournalError, match="Input/output error"):
        journal.settle(settled("a"))
    assert journal.problem
    with pytest.raises(JournalError):
        journal.admit(admission("c"))
    assert journal.open_calls == 2
    disk.write_error = 0
    failed = journal.end[0]
    journal.settle(settled("b"))
    assert journal.end[0] is not failed  # what failed once is not trusted again
    assert journal.open_calls == 0
    assert journal.problem == ""
    journal.admit(admission("c"))
    abandon(journal)
    ledger = Ledger()
    found = asyncio.run(replayed(tmp_path, ledger))
    assert ledger.outcomes() == {"a": "completed", "b": "completed", "c": "lost"}
    assert found.problems == ()


def test_a_settlement_owed_is_written_at_the_end(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path, SMALL)
    journal.admit(admission("a"))
    disk.write_error = errno.EIO
    with pytest.raises(JournalError):
        journal.settle(settled("a"))
    disk.write_error = 0
    journal.close()
    ledger = Ledger()
    asyncio.run(replayed(tmp_path, ledger))
    assert ledger.outcomes() == {"a": "completed"}


def test_an_admission_the_disk_refused_leaves_no_row(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path, SMALL)
    disk.torn, disk.write_error = 50, errno.ENOSPC
    with pytest.raises(JournalError):
        journal.admit(admission("refused"))
    disk.write_error = 0
    journal.admit(admission("taken"))
    abandon(journal)
    ledger = Ledger()
    asyncio.run(replayed(tmp_path, ledger))
    assert ledger.outcomes() == {"taken": "lost"}


def test_a_write_in_two_parts_is_one_record(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path, SMALL)
    disk.torn = 33
    journal.admit(admission("a"))
    assert disk.torn == 0
    abandon(journal)
    ledger = Ledger()
    assert asyncio.run(replayed(tmp_path, ledger)).problems == ()
    assert ledger.outcomes() == {"a": "lost"}


def test_a_file_may_not_grow(tmp_path: Path) -> None:
    """The system's own limit, for real: nothing is admitted that could not be settled."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        with pytest.raises(JournalError, match="File too large"):
            Journal.open(tmp_path, SMALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    Journal.open(tmp_path, SMALL).close()


@pytest.mark.parametrize("fsync", ["none", "group"])
async def test_durable_returns(tmp_path: Path, fsync: str) -> None:
    options = JournalOptions(
        segment_bytes=8_192, max_bytes=1 << 24, fsync="group" if fsync == "group" else "none"
    )
    journal = Journal.open(tmp_path, options)
    async with asyncio.timeout(20):
        for number in range(30):
            await journal.durable(journal.admit(admission(f"c{number}")))
            ticket = journal.settle(settled(f"c{number}"))
            await asyncio.gather(*(journal.durable(ticket) for _ in range(3)))
        journal.committed(ticket)
        await journal.durable(ticket)
    journal.close()
    assert left(tmp_path) == []


async def test_group_fsync_syncs_what_nobody_waits_for(tmp_path: Path, disk: Disk) -> None:
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    disk.after_sync = lambda: loop.call_soon_threadsafe(synced.set)
    journal = Journal.open(tmp_path, JournalOptions(fsync="group"))
    journal.admit(admission("c"))
    async with asyncio.timeout(20):
        await synced.wait()
    journal.close()


async def test_a_disk_that_does_not_sync_says_so(tmp_path: Path, disk: Disk) -> None:
    options = JournalOptions(segment_bytes=8_192, max_bytes=1 << 24, fsync="group")
    journal = Journal.open(tmp_path, options)
    disk.sync_error = errno.EIO
    async with asyncio.timeout(20):
        with pytest.raises(JournalError, match="did not sync"):
            await journal.durable(journal.admit(admission("c")))
        disk.sync_error = 0
        before = journal.end[0]
        await journal.durable(journal.settle(settled("c")))
    assert journal.end[0] is not before  # what the failed sync left behind cannot be told
    journal.close()


@pytest.mark.parametrize(
    "bad",
    [
        Admission("c" * 300, 1.0, "m"),
        Admission("c", 1.0, "\ud800"),
        Admission("c", 1.0, "m" * 2**20),
    ],
)
def test_what_cannot_be_written_down_is_refused(journal: Journal, bad: Admission) -> None:
    with pytest.raises(JournalError, match="written down"):
        journal.admit(bad)
    journal.admit(admission("fine"))


def test_a_hold_beyond_64_bits_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError, match="OverflowError"):
        journal.admit(admission("c", 2**64))


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, SMALL)
    journal.admit(admission("a"))
    journal.settle(settled("a", error="e" * 20_000))
    journal.admit(admission("b"))
    journal.settle(settled("b"))
    abandon(journal)
    ledger = Ledger()
    asyncio.run(replayed(tmp_path, ledger))
    assert ledger.outcomes() == {"a": "completed", "b": "completed"}


@pytest.mark.parametrize(
    "options",
    [
        JournalOptions(segment_bytes=100),
        JournalOptions(segment_bytes=1 << 20, max_bytes=1 << 20),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, options: JournalOptions) -> None:
    with pytest.raises(ValueError, match="segment"):
        Journal.open(tmp_path, options)
    assert left(tmp_path) == []


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file/journal"):
        Journal.open(tmp_path / "file" / "journal", SMALL)
