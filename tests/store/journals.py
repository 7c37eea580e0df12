"""What the journal's tests share: small calls, and what a directory of journals holds."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from faregate.journal.codec import Admission
from faregate.journal.journal import Journal, JournalOptions
from faregate.store.appender import Appender, AppenderOptions
from faregate.store.journal_replay import Replayed, replay
from faregate.types import Charge, Receipt, Row, Usage

SMALL = JournalOptions(segment_bytes=8_192, max_bytes=1 << 26, retry_seconds=0.0)
QUICK = AppenderOptions(backoff=0.001, longest_backoff=0.002)


def admission(call_id: str, hold: int | None = 1_000) -> Admission:
    """A call as it is let in."""
    return Admission(
        call_id=call_id,
        at=1_795_000_000.0,
        requested_model="azure_ai/model_router/r",
        stream=True,
        key="key_1",
        team="red",
        user="ada",
        tags=("a", "b"),
        hold=hold,
        usage=Usage(input=10, output=100, estimated=True),
        deployment="d",
        provider="azure_ai",
        route="model_router",
        sent_model="r",
        worst_model="gpt-5",
        request_id=f"request-{call_id}",
        session="s",
        end_user="someone",
        client="127.0.0.1",
        traceparent="00-1-2-00",
    )


def settled(call_id: str, total: int = 7, error: str = "") -> Row:
    """The same call as it ended; ``error`` makes it longer."""
    charge = Charge(
        provider="azure_ai",
        deployment="d",
        route="model_router",
        requested_model="azure_ai/model_router/r",
        sent_model="r",
        served_model="gpt-5-nano",
        scope="global",
        tier="standard",
        usage=Usage(input=1, output=2),
        lines=(),
        total=total,
        status="priced",
    )
    return Row(
        call_id=call_id,
        started=1_795_000_000.0,
        ended=1_795_000_001.0,
        requested_model="azure_ai/model_router/r",
        status=200,
        error=error,
        outcome="completed",
        receipt=Receipt(call_id=call_id, charges=(charge,), total=total, status="priced"),
    )


class Ledger:
    """A store in memory that can be away, and that keeps what comes first for a call."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.up = True
        self.appends: list[int] = []
        self.repeated: list[str] = []
        self.failures = 0
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[["Ledger"], bool]) -> None:
        """Wait until an append has made it true."""
        async with asyncio.timeout(20):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def append(self, rows: Sequence[Row], /) -> None:
        await asyncio.sleep(0)
        self._changed.set()
        if not self.up:
            self.failures += 1
            raise ConnectionRefusedError(111, "postgres://u:secret@host refused")
        self.appends.append(len(rows))
        for row in rows:
            if row.call_id in self.rows:
                self.repeated.append(row.call_id)
            self.rows.setdefault(row.call_id, row)

    def outcomes(self) -> dict[str, str]:
        """Call id to outcome."""
        return {call_id: row.outcome for call_id, row in self.rows.items()}


def nothing_aside(row: Row, reason: str) -> None:
    """For appenders that must not set rows aside."""
    raise AssertionError(f"{row.call_id} was set aside: {reason}")


async def replayed(root: Path, ledger: Ledger) -> Replayed:
    """Replay what is dead under ``root`` into ``ledger``."""
    return await replay(root, Appender(ledger, nothing_aside, QUICK), batch_rows=3)


def abandon(journal: Journal) -> None:
    """What a killed process leaves: its files as they are, its lock gone."""
    journal._keeper.close()
    journal._closed = True
    for segment in [*journal._segments, *journal._spares]:
        segment.close()
    journal._home.release()


def admit_many(journal: Journal, calls: int, start: int = 0) -> Iterator[str]:
    """Admit calls one after another; each one's name once it is let in."""
    for number in range(start, start + calls):
        journal.admit(admission(f"c{number}"))
        yield f"c{number}"


def left(root: Path) -> list[str]:
    """Directories of journals under ``root``."""
    return sorted(path.name for path in root.iterdir() if path.is_dir() and "-" in path.name)
