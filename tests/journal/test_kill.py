"""Real processes, killed at random moments; a real disk, full."""

import asyncio
import errno
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from faregate.journal.errors import JournalError
from faregate.journal.journal import Journal, JournalOptions
from tests.store.journals import Ledger, admission, admit_many, left, replayed, settled

KILLS = 20

_CHILD = """
import os, random, sys
from pathlib import Path
from faregate.journal.journal import Journal, JournalOptions
from tests.store.journals import admission, settled

root, run, fsync = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
options = JournalOptions(segment_bytes=16_384, max_bytes=1 << 24, fsync=fsync)
journal, pick = Journal.open(root, options), random.Random(run)
open_, number, unstored = [], 0, []

def tell(what, name):
    os.write(1, f"{what} {name}\\n".encode())

while True:
    if not open_ or (len(open_) < 20 and pick.random() < 0.5):
        name = f"{run}-{number}"
        number += 1
        tell("admitting", name)
        journal.admit(admission(name))
        tell("sent", name)
        open_.append(name)
    else:
        name = open_.pop(pick.randrange(len(open_)))
        ticket = journal.settle(settled(name, total=number))
        tell("answered", name)
        unstored.append(name)
    if len(unstored) == 40:
        for name in unstored:
            tell("stored", name)
        unstored.clear()
        journal.committed(ticket)
"""


class Told(NamedTuple):
    """What a child said it did, before it was killed."""

    admitting: list[str]
    sent: list[str]
    answered: list[str]
    stored: list[str]


def run_and_kill(root: Path, run: str, fsync: str, lines: int) -> Told:
    """Start a child and kill it once it has said so much; it goes on until the signal arrives."""
    told = Told([], [], [], [])
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(root), run, fsync],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    ) as child:
        assert child.stdout is not None
        for at, line in enumerate(child.stdout):
            if at == lines:
                child.kill()
            what, _, name = line.decode().strip().partition(" ")
            getattr(told, what).append(name)
        child.wait()
    assert child.returncode == -9
    return told


@pytest.mark.parametrize("fsync", ["none", "group"])
def test_killed_at_random_moments_every_call_has_one_row(tmp_path: Path, fsync: str) -> None:
    pick = random.Random(4)
    ledger = Ledger()
    for number in range(KILLS // 2):
        told = run_and_kill(tmp_path, f"r{number}", fsync, pick.randrange(1, 1_500))
        before = set(ledger.rows)
        for name in told.stored:
            asyncio.run(ledger.append([settled(name)]))
        found = asyncio.run(replayed(tmp_path, ledger))
        rows = set(ledger.rows) - before
        # What was sent has a row; what has a row was at least being admitted.
        assert set(told.sent) <= rows <= set(told.admitting)
        assert len(rows) - len(told.sent) <= 1
        lost = {name for name in rows if ledger.rows[name].outcome == "lost"}
        assert lost.isdisjoint(told.answered)
        # One settlement may have been written and not yet told of.
        assert len(set(told.sent) - set(told.answered) - lost) <= 1
        assert found.problems == () or len(found.problems) == 1
        assert left(tmp_path) == []
    assert len(ledger.rows) > 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def half_settled(journal: Journal) -> Iterator[str]:
    """Calls until the disk is full, every second one settled at once."""
    for number, name in enumerate(admit_many(journal, 100_000)):
        if number % 2 == 0:
            journal.settle(settled(name, error="e" * 500))
        yield name


def test_a_full_disk_for_real(small_disk: Path) -> None:
    journal = Journal.open(small_disk / "journal", JournalOptions(
        segment_bytes=65_536, max_bytes=1 << 24, retry_seconds=0.0
    ))  # fmt: skip
    opened: list[str] = []
    with pytest.raises(JournalError, match=os.strerror(errno.ENOSPC)):
        opened.extend(half_settled(journal))
    assert len(opened) > 500
    for name in opened[1::2]:
        journal.settle(settled(name))  # whoever was let in can still be settled
    journal.committed(journal.last_settled)
    journal._keeper.wait()
    journal.admit(admission("again"))
    journal.settle(settled("again"))
    journal.close()
    ledger = Ledger()
    asyncio.run(replayed(small_disk / "journal", ledger))
    assert ledger.outcomes() == {"again": "completed"}


def test_another_program_fills_the_disk(small_disk: Path) -> None:
    root = small_disk / "journal"
    options = JournalOptions(segment_bytes=65_536, max_bytes=1 << 24, retry_seconds=0.0)
    journal = Journal.open(root, options)
    journal.admit(admission("open"))
    journal._keeper.wait()
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(4 << 20))
    with pytest.raises(JournalError):
        list(half_settled(journal))
    journal.settle(settled("open"))
    ballast.unlink()
    journal.admit(admission("after"))
    journal.close()
    ledger = Ledger()
    found = asyncio.run(replayed(root, ledger))
    assert found.problems == ()
    assert ledger.rows["open"].outcome == "completed"
    assert ledger.rows["after"].outcome == "lost"
