"""What dead processes left: damage is kept aside, the living are left alone."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faregate.journal import codec
from faregate.journal.codec import SETTLEMENT, frame
from faregate.journal.errors import JournalError
from faregate.journal.home import is_replaying
from faregate.journal.journal import Journal
from faregate.store import journal_replay
from faregate.store.appender import Appender
from faregate.store.journal_replay import Problem, replay
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


def dead(root: Path, calls: int = 40, opened: int = 2) -> Path:
    """The directory of a process that was killed."""
    journal = Journal.open(root, SMALL)
    for number in range(calls):
        journal.admit(admission(f"c{number}"))
        journal.settle(settled(f"c{number}"))
    for number in range(opened):
        journal.admit(admission(f"open{number}"))
    abandon(journal)
    return journal.path


def segments(path: Path) -> list[Path]:
    """The segments that were used."""
    return [each for each in sorted(path.glob("*.journal")) if each.read_bytes()[100:].strip(b"\0")]


def kept_bytes(problem: Problem) -> bytes:
    """What was copied aside."""
    return Path(problem.kept).read_bytes()


async def test_everything_is_replayed_once(tmp_path: Path) -> None:
    dead(tmp_path)
    dead(tmp_path / "other", 1)
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    assert (found.journals, found.rows, found.lost, found.problems) == (1, 40, 2, ())
    assert len(ledger.rows) == 42
    assert max(ledger.appends) == 3
    assert list(ledger.rows)[:3] == ["c0", "c1", "c2"]
    assert ledger.repeated == []
    assert left(tmp_path) == []


async def test_nothing_to_replay(tmp_path: Path) -> None:
    assert (await replayed(tmp_path / "missing", Ledger())).journals == 0
    assert (await replayed(tmp_path, Ledger())).journals == 0


async def test_a_living_journal_is_left_alone(tmp_path: Path) -> None:
    alive = Journal.open(tmp_path, SMALL)
    alive.admit(admission("mine"))
    ledger = Ledger()
    assert (await replayed(tmp_path, ledger)).journals == 0
    assert ledger.rows == {}
    alive.close()


_CHILD = """
import sys
from pathlib import Path
from faregate.journal.journal import Journal
from tests.store.journals import SMALL, admission
journal = Journal.open(Path(sys.argv[1]), SMALL)
journal.admit(admission("theirs"))
print(journal.path.name, flush=True)
sys.stdin.read()
"""


def test_a_sibling_process_is_left_alone_until_it_dies(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        # A directory that bears its process number, from before that number was used again.
        older = tmp_path / f"{child.pid}-00000000"
        dead(tmp_path, 1, 0).rename(older)
        mine = Journal.open(tmp_path, SMALL)
        mine.admit(admission("mine"))
        ledger = Ledger()
        assert asyncio.run(replayed(tmp_path, ledger)).journals == 1
        assert ledger.outcomes() == {"c0": "completed"}
        assert left(tmp_path) == sorted([name, mine.path.name])
        child.kill()
    assert asyncio.run(replayed(tmp_path, ledger)).lost == 1
    assert ledger.outcomes() == {"c0": "completed", "theirs": "lost"}
    mine.close()


async def test_two_replays_at_once_share_the_work(tmp_path: Path) -> None:
    for _ in range(3):
        dead(tmp_path, 5, 0)
    ledger = Ledger()
    both = await asyncio.gather(replayed(tmp_path, ledger), replayed(tmp_path, ledger))
    assert sum(each.journals for each in both) == 3
    assert sum(each.rows for each in both) == 15
    assert left(tmp_path) == []


async def test_a_destroyed_segment_is_kept_and_the_later_ones_are_read(tmp_path: Path) -> None:
    path = dead(tmp_path)
    first, second, *_ = segments(path)
    content = os.urandom(first.stat().st_size - 1) + b"\1"
    first.write_bytes(content)
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    (problem,) = found.problems
    assert (problem.file, problem.start, problem.end) == (str(first), 0, len(content))
    assert problem.kind == "damaged"
    assert kept_bytes(problem) == content
    assert problem.kept.endswith(".corrupt")
    assert f"bytes 0 to {len(content)} are damaged" in str(problem)
    assert "c39" in ledger.rows
    assert "open1" in ledger.rows
    assert "c0" not in ledger.rows
    assert second.name not in problem.kept
    assert left(tmp_path) == []


async def test_a_hole_of_zeros_is_kept_with_its_offsets(tmp_path: Path) -> None:
    path = dead(tmp_path)
    segment = segments(path)[1]
    content = bytearray(segment.read_bytes())
    content[2_000:3_000] = bytes(1_000)
    segment.write_bytes(content)
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    (problem,) = found.problems
    assert problem.start <= 2_000
    assert problem.end >= 3_000
    assert kept_bytes(problem) == bytes(content[problem.start : problem.end])
    assert len(ledger.rows) >= 42 - 3


async def test_a_call_whose_settlement_is_damaged_is_lost_not_gone(tmp_path: Path) -> None:
    path = dead(tmp_path, 1, 0)
    (segment,) = segments(path)
    content = segment.read_bytes().rstrip(b"\0")
    segment.write_bytes(content[:-20])
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    assert ledger.outcomes() == {"c0": "lost"}
    assert len(found.problems) == 1


async def test_damage_that_cannot_be_kept_aside_stays_where_it_is(tmp_path: Path) -> None:
    path = dead(tmp_path, 2, 0)
    (segment,) = segments(path)
    segment.write_bytes(segment.read_bytes().rstrip(b"\0")[:-20])
    (tmp_path / "corrupt").write_text("in the way")
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    assert ledger.outcomes() == {"c0": "completed", "c1": "lost"}
    assert found.problems[0].kept == ""
    assert "left there" in str(found.problems[0])
    assert left(tmp_path) == [path.name]


def append(segment: Path, sequence: int, version: int, payload: bytes) -> None:
    """Add a record to a dead segment, as another version would have."""
    content = segment.read_bytes()
    header = codec.read_header(content)
    assert header is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "VERSION", version)
        record = frame(SETTLEMENT, sequence, b"open0", payload, header.salt)
    segment.write_bytes(content.rstrip(b"\0") + record)


@pytest.mark.parametrize(("version", "kind"), [(2, "newer"), (1, "malformed")])
async def test_a_record_of_a_newer_version_waits_for_it(
    tmp_path: Path, version: int, kind: str
) -> None:
    path = dead(tmp_path, 2, 1)
    (segment,) = segments(path)
    append(segment, 1_000, version, b"\xc1 from the future")
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    # No made-up row: it would stay when the real one is read one day.
    assert ledger.outcomes() == {"c0": "completed", "c1": "completed"}
    assert [problem.kind for problem in found.problems] == [kind]
    assert left(tmp_path) == [path.name]
    again = await replayed(tmp_path, ledger)
    assert (again.journals, again.rows, again.lost) == (1, 0, 0)
    assert ledger.repeated == [], "a row that was purged meanwhile would count twice"
    assert [problem.kind for problem in again.problems] == [kind]
    assert left(tmp_path) == [path.name]


async def test_a_later_version_reads_what_waited_and_nothing_twice(tmp_path: Path) -> None:
    path = dead(tmp_path, 2, 1)
    (segment,) = segments(path)
    append(segment, 1_000, 2, codec.encode_payload(settled("open0")))
    ledger = Ledger()
    await replayed(tmp_path, ledger)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_replay, "VERSION", 2)
        found = await replayed(tmp_path, ledger)
    assert (found.rows, found.lost, found.problems) == (1, 0, ())
    assert ledger.outcomes() == dict.fromkeys(("c0", "c1", "open0"), "completed")
    assert ledger.repeated == []
    assert left(tmp_path) == []


async def test_lost_calls_of_a_journal_that_stays_are_given_once(tmp_path: Path) -> None:
    path = dead(tmp_path, 2, 2)
    (segment,) = segments(path)
    append(segment, 1_000, 2, b"\xc1 from the future")
    ledger = Ledger()
    assert (await replayed(tmp_path, ledger)).lost == 1
    (path / "given.json").write_text("nonsense")
    assert (await replayed(tmp_path, ledger)).lost == 1, "rather twice than never"
    assert (await replayed(tmp_path, ledger)).lost == 0


async def test_everybody_can_tell_that_a_replay_is_under_way(tmp_path: Path) -> None:
    dead(tmp_path, 5)
    ledger = Ledger()
    ledger.up = False
    assert not is_replaying(tmp_path)
    task = asyncio.create_task(replayed(tmp_path, ledger))
    await ledger.until(lambda each: each.failures > 0)
    assert is_replaying(tmp_path)
    assert is_replaying(tmp_path)
    ledger.up = True
    await task
    assert not is_replaying(tmp_path)


async def test_what_was_stored_is_not_given_again(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, SMALL)
    for name in ("a", "b"):
        journal.admit(admission(name))
        ticket = journal.settle(settled(name))
    journal.committed(ticket)
    journal.settle(settled("c"))
    abandon(journal)
    ledger = Ledger()
    await replayed(tmp_path, ledger)
    assert ledger.outcomes() == {"c": "completed"}


async def test_a_store_that_is_away_is_waited_for(tmp_path: Path) -> None:
    dead(tmp_path, 5)
    ledger = Ledger()
    ledger.up = False
    task = asyncio.create_task(replayed(tmp_path, ledger))
    await ledger.until(lambda each: each.failures > 3)
    ledger.up = True
    found = await task
    assert (found.rows, found.lost) == (5, 2)


async def test_a_replay_given_up_is_done_again(tmp_path: Path) -> None:
    path = dead(tmp_path, 5)
    ledger = Ledger()
    ledger.up = False
    task = asyncio.create_task(replayed(tmp_path, ledger))
    await ledger.until(lambda each: each.failures > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(tmp_path) == [path.name]
    ledger.up = True
    assert (await replayed(tmp_path, ledger)).rows == 5


async def test_a_journal_the_disk_will_not_read_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(dead(tmp_path, 2, 0) for _ in range(2))
    read = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.parent == paths[0]:
            raise OSError(5, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    assert [problem.kind for problem in found.problems] == ["failing"]
    assert len(ledger.rows) == 2
    assert left(tmp_path) == [paths[0].name]


async def test_a_root_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    with pytest.raises(JournalError, match="journal"):
        await replay(tmp_path / "journal", Appender(Ledger(), nothing_aside, QUICK))


async def test_segments_reserved_and_never_used_are_nothing(tmp_path: Path) -> None:
    path = dead(tmp_path, 1, 0)
    (path / "000000009999.journal").write_bytes(bytes(8_192))
    (path / "000000009998.journal").write_bytes(b"")
    found = await replayed(tmp_path, Ledger())
    assert found.problems == ()
    assert left(tmp_path) == []


async def test_segments_whose_first_bytes_are_gone_are_read(tmp_path: Path) -> None:
    """A disk loses whole sectors, and both copies of a header are in the first one."""
    for path in segments(dead(tmp_path)):
        content = path.read_bytes()
        path.write_bytes(bytes(codec.HEADER_BYTES) + content[codec.HEADER_BYTES :])
    ledger = Ledger()
    found = await replayed(tmp_path, ledger)
    assert (found.rows, found.lost) == (40, 2)
    assert {(each.start, each.end) for each in found.problems} == {(0, codec.HEADER_BYTES)}
    assert left(tmp_path) == []


async def test_what_cannot_be_locked_does_not_hold_up_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead(tmp_path)
    (tmp_path / "1-00000000").write_text("no directory")
    (tmp_path / "2-00000000").symlink_to(tmp_path.parent)
    (tmp_path / "3-00000000" / "lock").mkdir(parents=True)  # as little to be opened as another's
    assert (await replayed(tmp_path, Ledger())).rows == 40
    assert "3-00000000 is left as it is: Is a directory" in caplog.text
    assert not (tmp_path.parent / "lock").exists()
