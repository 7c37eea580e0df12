"""Random lives of a journal, ended at any byte: every call has exactly one row afterwards."""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from faregate.journal.codec import HEADER_BYTES
from faregate.journal.journal import Journal
from tests.store.journals import SMALL, Ledger, abandon, admission, left, replayed, settled

TINY = msgspec.structs.replace(SMALL, segment_bytes=4_096)
"""A few calls a segment, so that short lives roll and drop many."""


class State(NamedTuple):
    """What the journal must know once it is ``used`` bytes into ``segment``."""

    segment: int
    used: int
    open: frozenset[str]
    settled: frozenset[str]


class Life:
    """A journal and what it was told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal = Journal.open(root, TINY)
        self.open: list[str] = []
        self.tickets: dict[str, int] = {}
        self.stored: set[str] = set()
        self.states: list[State] = []
        self.floor = HEADER_BYTES
        self._names = itertools.count()
        self._order: dict[str, int] = {}
        self._note()

    def step(self, action: str, choice: int) -> None:
        """Do one thing; ``choice`` picks the call."""
        if action == "admit":
            name = f"c{next(self._names)}"
            self.journal.admit(admission(name))
            self.open.append(name)
        elif action == "settle" and self.open:
            name = self.open.pop(choice % len(self.open))
            self.tickets[name] = self.journal.settle(settled(name, error="e" * (choice % 900)))
        elif action == "commit" and self.tickets:
            ticket = sorted(self.tickets.values())[choice % len(self.tickets)]
            self.stored |= {name for name, each in self.tickets.items() if each <= ticket}
            self.journal.committed(ticket)
            # Records may have moved: what was before may be gone from here on.
            self.floor = self.journal.end[1]
            self.states.clear()
        self._note()

    def crash(self, choice: int) -> dict[str, str]:
        """Kill it, the file cut at a byte since the last commit. Returns call id to outcome."""
        segment, used = self.journal.end
        here = self._at()
        floor = self.floor if self.states[0].segment == here else HEADER_BYTES
        cut = floor + choice % (used - floor + 1)
        abandon(self.journal)
        with segment.path.open("r+b") as file:
            file.truncate(cut)
        kept = [each for each in self.states if (each.segment, each.used) <= (here, cut)]
        last = kept[-1]
        expected = dict.fromkeys(last.open, "lost") | dict.fromkeys(last.settled, "completed")
        return expected | dict.fromkeys(self.stored, "completed")

    def _note(self) -> None:
        used = self.journal.end[1]
        state = State(self._at(), used, frozenset(self.open), frozenset(self.tickets))
        self.states.append(state)

    def _at(self) -> int:
        """Which segment is written, counted from the first."""
        return self._order.setdefault(self.journal.end[0].path.name, len(self._order))


@contextmanager
def life() -> Iterator[Life]:
    """A journal in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        alive = Life(Path(directory))
        try:
            yield alive
        finally:
            alive.journal.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "admit", "settle", "settle", "commit"]), st.integers(0, 10_000)
    ),
    min_size=20,
    max_size=80,
)


@settings(max_examples=150)
@given(STEPS, st.integers(0, 1_000_000))
def test_every_call_has_one_row_whatever_byte_was_the_last(
    steps: list[tuple[str, int]], choice: int
) -> None:
    with life() as alive:
        for action, which in steps:
            alive.step(action, which)
        ledger = Ledger()
        for name in alive.stored:
            ledger.rows[name] = settled(name)
        expected = alive.crash(choice)
        asyncio.run(replayed(alive.root, ledger))
        assert ledger.outcomes() == expected
        assert left(alive.root) == []
        again = asyncio.run(replayed(alive.root, ledger))
        assert (again.journals, again.rows, again.lost) == (0, 0, 0)


@settings(max_examples=60)
@given(STEPS, st.integers(0, 1_000_000), st.integers(0, 7))
def test_a_flipped_bit_never_invents_or_hides_more_than_its_record(
    steps: list[tuple[str, int]], choice: int, bit: int
) -> None:
    with life() as alive:
        for action, which in steps:
            if action != "commit":
                alive.step(action, which)
        alive.floor = alive.journal.end[1]
        alive.states = alive.states[-1:]
        expected = alive.crash(0)
        paths = sorted(alive.journal.path.glob("*.journal"))
        path = paths[choice % len(paths)]
        content = bytearray(path.read_bytes())
        at = choice % len(content)
        content[at] ^= 1 << bit
        path.write_bytes(content)
        ledger = Ledger()
        found = asyncio.run(replayed(alive.root, ledger))
        outcomes = ledger.outcomes()
        assert set(outcomes) <= set(expected)
        changed = [name for name in expected if outcomes.get(name) != expected[name]]
        assert len(changed) <= 1
        if changed:
            assert found.problems
        for problem in found.problems:
            kept = Path(problem.kept).read_bytes()
            assert kept == bytes(content[problem.start : problem.end])


def test_a_killed_journal_is_replayed_where_it_is_not_cut() -> None:
    with life() as alive:
        for number in range(60):
            alive.step("admit", 0)
            if number % 3:
                alive.step("settle", number)
        assert len(alive.journal.segments) > 2
        abandon(alive.journal)
        ledger = Ledger()
        found = asyncio.run(replayed(alive.root, ledger))
        assert (found.journals, found.rows, found.lost) == (1, 40, 20)
        assert found.problems == ()
        assert ledger.repeated == []
