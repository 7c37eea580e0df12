"""What dead processes left behind: settled rows to store, open calls to write off as lost."""

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from faregate.journal.codec import (
    ADMISSION,
    HEADER_BYTES,
    SETTLEMENT,
    STORED,
    VERSION,
    Admission,
    Damage,
    Frame,
    decode_admission,
    decode_row,
    lost_row,
    marked,
    read_header,
    scan,
)
from faregate.journal.errors import JournalError
from faregate.journal.home import Home, dead_homes, replaying
from faregate.journal.segment import SUFFIX, named_header, refused
from faregate.store.appender import Appender
from faregate.types import Row

Appraise: TypeAlias = Callable[[Admission], Admission]
Stored: TypeAlias = Callable[[Sequence[Row]], Awaitable[None]]

Kind: TypeAlias = Literal["damaged", "newer", "malformed", "failing"]

_Decoded = TypeVar("_Decoded", Row, Admission)

_GIVEN = "given.json"

_log = logging.getLogger("faregate.journal")


class Problem(Struct, frozen=True, kw_only=True):
    """Bytes of a dead process's journal that could not be read, and what was done with them."""

    file: str
    start: int
    """Offset of the first byte."""
    end: int
    """Offset behind the last byte."""
    kind: Kind
    """``damaged``: cut, flipped or overwritten bytes; ``newer``: a record of a newer version;
    ``malformed``: an intact record that makes no sense; ``failing``: the disk would not read."""
    kept: str = ""
    """The file the bytes were copied to; empty when they are still only where they were."""

    def __str__(self) -> str:
        what = f"{self.file}: bytes {self.start} to {self.end} are {self.kind}"
        return f"{what}; kept in {self.kept}" if self.kept else f"{what}; left there"


class Replayed(Struct, frozen=True, kw_only=True):
    """What a replay did."""

    journals: int = 0
    """Directories of dead processes."""
    rows: int = 0
    """Settled rows given to the store; some of them it may have had already."""
    lost: int = 0
    """Calls that were open: rows with the outcome ``lost``."""
    problems: tuple[Problem, ...] = ()


class _Given(Struct, frozen=True):
    """What a journal that stays has given already. Given again, a row that was purged in between
    would count twice."""

    until: int = 0
    """The last sequence number that was read."""
    unread: tuple[int, ...] = ()
    """Before it, what no version up to then could read."""

    def has(self, sequence: int) -> bool:
        """Whether a record was given."""
        return sequence <= self.until and sequence not in self.unread


class _Part(NamedTuple):
    """A segment, as the first look found it."""

    path: Path
    salt: int
    first: int


class DeadJournal:
    """The journal of a process that is gone. Its directory is locked until it is finished."""

    def __init__(self, home: Home, appraise: Appraise = lambda admission: admission) -> None:
        """Reads nothing yet."""
        self._appraise = appraise
        self.path = home.path
        self._home = home
        self._corrupt = home.path.parent / "corrupt"
        self._parts: list[_Part] = []
        self._stored = 0
        self._complete = True
        self._given = _Given()
        self._last = 0
        self._unread: list[int] = []
        self.problems: list[Problem] = []
        self.settled = 0
        """Rows yielded that were settled."""
        self.lost = 0
        """Rows yielded for calls that were not."""

    def batches(self, most: int) -> Iterator[list[Row]]:
        """Every row the database may not have, ``most`` at a time; lost calls come last.

        Damage is stepped over, kept aside and noted in ``problems``. Raises
        :class:`JournalError` when a file cannot be read at all.
        """
        self._look()
        rows = self._rows()
        while batch := list(itertools.islice(rows, most)):
            yield batch

    def finish(self) -> None:
        """The store has every row: delete the directory, or leave it when not all was read."""
        if self._complete:
            self._home.remove()
        else:
            self._remember()
        self._home.release()

    def release(self) -> None:
        """Let go of the directory and leave it for the next start."""
        self._home.release()

    def _look(self) -> None:
        """First look: which segments there are, in order; what is damaged; what was stored."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self._given = msgspec.json.decode((self.path / _GIVEN).read_bytes(), type=_Given)
        for path in sorted(self._home.path.glob(f"*{SUFFIX}")):
            content = _read(path)
            if not content.strip(b"\0"):
                continue  # reserved and never used
            header, start = read_header(content), HEADER_BYTES
            if header is None:
                header, start = named_header(path), 0
            if header is None:
                self._keep(path, content, Damage(0, len(content)))
                continue
            first = 0
            for found in scan(content, header.salt, start):
                if isinstance(found, Damage):
                    self._keep(path, content, found)
                    continue
                first = first or found.sequence
                if found.kind == STORED:
                    self._stored = max(self._stored, marked(found.payload))
            self._parts.append(_Part(path, header.salt, first))
        self._parts.sort(key=lambda part: part.first)

    def _rows(self) -> Iterator[Row]:
        """Second look: the rows. An admission always stands before its settlement."""
        waiting: dict[str, tuple[int, Admission]] = {}
        for part in self._parts:
            for found in scan(_read(part.path), part.salt, HEADER_BYTES):
                if isinstance(found, Damage):
                    continue
                self._last = max(self._last, found.sequence)
                if found.kind == ADMISSION:
                    admission = self._decoded(part.path, found, decode_admission)
                    if admission is not None:
                        waiting[found.call_id] = (found.sequence, admission)
                elif found.kind == SETTLEMENT:
                    waiting.pop(found.call_id, None)
                    if found.sequence <= self._stored or self._given.has(found.sequence):
                        continue
                    row = self._decoded(part.path, found, decode_row)
                    if row is not None:
                        self.settled += 1
                        yield row
        for sequence, admission in waiting.values():
            if self._given.has(sequence):
                continue
            self.lost += 1
            yield lost_row(self._appraise(admission))

    def _decoded(
        self, path: Path, found: Frame, decode: Callable[[bytes], _Decoded]
    ) -> _Decoded | None:
        """The value of a record; None, and noted, when this version cannot read it.

        Such a journal is left for a version that can: a row made up now would stay for good.
        """
        kind: Kind = "newer" if found.version > VERSION else "malformed"
        if kind == "malformed":
            try:
                return decode(found.payload)
            except msgspec.MsgspecError:
                pass
        self._complete = False
        self._unread.append(found.sequence)
        self._note(path, found.start, found.end, kind, "")
        return None

    def _remember(self) -> None:
        """Write down what the store has of a journal that stays."""
        given = _Given(max(self._last, self._given.until), tuple(self._unread))
        path = self.path / _GIVEN
        try:
            fresh = path.with_suffix(".new")
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(given))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            _log.error(
                "journal: %s is given again at the next start, since it cannot be written there"
                " that it was stored: %s",
                self.path, error.strerror,
            )  # fmt: skip

    def _keep(self, path: Path, content: bytes, damage: Damage) -> None:
        """Copy damaged bytes to where nothing is deleted, and note them."""
        name = f"{path.parent.name}-{path.stem}-{damage.start}-{damage.end}.corrupt"
        kept = self._corrupt / name
        try:
            self._corrupt.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content[damage.start : damage.end])
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._complete = False  # the bytes are nowhere else
            self._note(path, damage.start, damage.end, "damaged", "")
        else:
            self._note(path, damage.start, damage.end, "damaged", str(kept))

    def _note(self, path: Path, start: int, end: int, kind: Kind, kept: str) -> None:
        problem = Problem(file=str(path), start=start, end=end, kind=kind, kept=kept)
        self.problems.append(problem)
        _log.error("journal: %s", problem)


async def replay(
    root: Path,
    appender: Appender,
    *,
    batch_rows: int = 500,
    appraise: Appraise = lambda admission: admission,
    stored: Stored | None = None,
) -> Replayed:
    """Store what dead processes left under ``root`` and delete it then. Waits for the store.

    ``appraise`` may add the worst case to a lost call that was let in without one; must not raise.
    ``stored`` is told of rows the store has now, before they are forgotten here; must not raise.

    Cancelled, it leaves the rest for the next start. Journals of living processes are not touched.
    Raises :class:`JournalError` when ``root`` cannot be read; a single journal that cannot be read
    is left where it is and noted.
    """
    with replaying(root):
        return await _replay(root, appender, batch_rows, appraise, stored)


async def _replay(
    root: Path, appender: Appender, batch_rows: int, appraise: Appraise, stored: Stored | None
) -> Replayed:
    homes = await asyncio.to_thread(dead_homes, root)
    done = [DeadJournal(home, appraise) for home in homes]
    problems: list[Problem] = []
    try:
        for dead in done:
            try:
                await _replay_one(dead, appender, batch_rows, stored)
            except JournalError as error:
                _log.error("journal: %s", error)
                problems.append(Problem(file=str(dead.path), start=0, end=0, kind="failing"))
            problems += dead.problems
    finally:
        for dead in done:
            dead.release()
    found = Replayed(
        journals=len(done),
        rows=sum(dead.settled for dead in done),
        lost=sum(dead.lost for dead in done),
        problems=tuple(problems),
    )
    if done:
        _log.warning(
            "journal: %d journals of ended processes: %d rows stored, %d calls lost, %d problems",
            found.journals, found.rows, found.lost, len(found.problems),
        )  # fmt: skip
    return found


async def _replay_one(
    dead: DeadJournal, appender: Appender, batch_rows: int, stored: Stored | None
) -> None:
    batches = dead.batches(batch_rows)
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        await appender.append(batch)
        if stored is not None:
            await stored(batch)
    await asyncio.to_thread(dead.finish)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(path, error) from error
