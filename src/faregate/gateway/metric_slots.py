"""One set of numbers for several worker processes, through a directory of small files.

Each worker holds a slot: a locked file and beside it a snapshot of its counts, replaced whole. The
kernel drops the lock when a worker dies, however it dies, so a reader knows a living worker from a
dead one, and the worker that replaces it takes over the slot and counts on from the last snapshot.
Nothing here is on the path of a request.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from faregate.gateway.metric_families import Counts, Families, Kind, Labels, Measure

_SLOTS = 1_024

Value = TypeVar("Value")


class Told(msgspec.Struct):
    """A family of one worker alone: its own label says whose it is, so nothing is added up."""

    name: str
    help: str
    labels: tuple[str, ...]
    kind: Kind
    measure: Measure
    at: list[tuple[Labels, int]]


def told(family: Counts) -> Told:
    """A family as its worker's siblings read it."""
    return Told(
        family.name, family.help, family.labels, family.kind, family.measure, _settled(family.at)
    )


def gather(each: Iterable[Told]) -> list[Counts]:
    """What several workers tell, by name, in the order of the first that has it."""
    found: dict[str, Counts] = {}
    for one in each:
        family = found.get(one.name)
        if family is None:
            family = found[one.name] = Counts(
                one.name, one.help, one.labels, kind=one.kind, measure=one.measure
            )
        for labels, value in one.at:
            if len(labels) == len(family.labels):
                family.at[labels] = value
    return list(found.values())


class Snapshot(msgspec.Struct):
    """What a worker tells the others. ``counts`` and ``buckets`` are by metric name."""

    pid: int = 0
    in_flight: int = 0
    states: dict[str, int] = {}
    counts: dict[str, list[tuple[Labels, int]]] = {}
    buckets: dict[str, list[tuple[Labels, list[int]]]] = {}
    told: list[Told] = []
    """What is this worker's alone; gone with it."""


def take(families: Families) -> Snapshot:
    """The numbers of this process as they are now. Safe while another thread counts."""
    return Snapshot(
        pid=os.getpid(),
        in_flight=families.in_flight.at[()],
        states={labels[0]: state for labels, state in _settled(families.state.at)},
        counts={family.name: _settled(family.at) for family in families.counts()},
        buckets={
            family.name: [(labels, cell.copy()) for labels, cell in _settled(family.at)]
            for family in families.histograms()
        },
    )


def add(families: Families, snapshot: Snapshot) -> None:
    """Add a snapshot's counters and histograms to ``families``. Gauges are left alone.

    A histogram whose buckets have changed since, and names that are gone, are passed over.
    """
    for family in families.counts():
        for labels, value in snapshot.counts.get(family.name, ()):
            if len(labels) == len(family.labels):
                family.at[labels] += value
    for histogram in families.histograms():
        width = len(histogram.bounds) + 2
        for labels, cell in snapshot.buckets.get(histogram.name, ()):
            if len(cell) != width or len(labels) != len(histogram.labels):
                continue
            mine = histogram.at.setdefault(labels, [0] * width)
            for index, value in enumerate(cell):
                mine[index] += value


class Slot:
    """This worker's place in the directory. Make it in the worker, after any fork."""

    def __init__(self, directory: Path) -> None:
        """Claim the first slot no living process holds; creates the directory (mode 0700).

        Raises :class:`OSError` when the directory cannot be used.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        for number in range(_SLOTS):
            handle = os.open(_lock(directory, number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(handle):
                self.number, self._handle = number, handle
                return
            os.close(handle)
        raise OSError(f"{directory} has {_SLOTS} living workers; give each server its own")

    def left_behind(self) -> Snapshot | None:
        """What the slot's last holder wrote, or None."""
        return _read(_numbers(self.directory, self.number))

    def write(self, snapshot: Snapshot) -> None:
        """Replace this worker's snapshot, whole. Raises :class:`OSError` (disk full …)."""
        path = _numbers(self.directory, self.number)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(snapshot))
        fresh.replace(path)

    def others(self) -> Iterator[tuple[int, Snapshot, bool]]:
        """(slot number, snapshot, whether its worker lives) of every other slot."""
        for path in sorted(self.directory.glob("worker-*.json")):
            digits = path.stem.removeprefix("worker-")
            if not digits.isdecimal() or int(digits) == self.number:
                continue
            snapshot = _read(path)
            if snapshot is not None:
                yield int(digits), snapshot, _alive(_lock(self.directory, int(digits)))

    def leave(self) -> None:
        """Give the slot back."""
        os.close(self._handle)


def _settled(live: dict[Labels, Value]) -> list[tuple[Labels, Value]]:
    """The items at one moment; tried again when another thread added one meanwhile."""
    while True:
        try:
            return list(live.items())
        except RuntimeError:
            continue


def _lock(directory: Path, number: int) -> Path:
    return directory / f"worker-{number}.lock"


def _numbers(directory: Path, number: int) -> Path:
    return directory / f"worker-{number}.json"


def _read(path: Path) -> Snapshot | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except (OSError, msgspec.DecodeError):
        return None


def _locked(handle: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(lock: Path) -> bool:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two readers do not take each other for the worker.
        return not _locked(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)
