"""The ledger as the data path sees it: a call is let in, and its row is kept, whatever breaks.

Nothing here waits for a database. A call is in the journal before anything is sent for it and again
before its last byte goes to the client; rows reach the database in the background, and what a dead
process left is stored by the next one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from faregate.core.budget import Payer
from faregate.errors import ConfigError, FaregateError, ServiceUnavailableError
from faregate.gateway.asked import Asked
from faregate.gateway.passage import Passage
from faregate.journal.codec import Admission
from faregate.journal.errors import JournalError
from faregate.journal.home import is_replaying
from faregate.journal.journal import Journal, JournalOptions
from faregate.money import Usd
from faregate.store.appender import Appender
from faregate.store.aside import Aside
from faregate.store.errors import LedgerError, LedgerUnavailableError
from faregate.store.journal_replay import replay
from faregate.store.protocol import Entry, SpentBy, Store
from faregate.store.rollup import paid, payers
from faregate.store.writer import Writer
from faregate.types import Row, Usage

_log = logging.getLogger("faregate.ledger")

JOURNAL = "journal"
"""The directory of journals in the data directory."""

_RETRY_OPEN = 1.0
_LONGEST_RETRY = 15.0
_FLUSH_SECONDS = 1.5
_READ_SECONDS = 5.0
_ASKED_AT_ONCE = 4


class LedgerOptions(Struct, frozen=True, kw_only=True):
    """How the ledger is kept."""

    data_dir: Path
    database_url: str = ""
    """Empty: a SQLite file in the data directory."""
    time_zone: str = ""
    """Whose days spend is summed by; empty: those the database has."""
    on_outage: Literal["serve", "refuse"] = "serve"
    """Whether calls are let in while the database does not answer."""
    journal: JournalOptions = JournalOptions()
    drain_seconds: float = 5.0


class Ledger:
    """The ledger of this process. Made and used in its event loop."""

    def __init__(
        self,
        options: LedgerOptions,
        appraise: Callable[[Admission], Admission] = lambda admission: admission,
    ) -> None:
        """``appraise`` adds the worst case to a lost call that has none yet.

        Raises :class:`JournalError` when the journal cannot be written.
        """
        self._options = options
        self._appraise = appraise
        self._root = options.data_dir / JOURNAL
        self._store = _Late(options)
        self._journal = Journal.open(self._root, options.journal)
        self._writer = Writer(self._journal, self._store)
        self._opening: asyncio.Task[None] | None = None
        self._replayed = asyncio.Event()
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)
        self.inherit: Callable[[Sequence[Row]], Awaitable[None]] | None = None
        """Told of the rows of dead processes once the database has them; must not raise."""
        self._fatal = ""
        """Why this database does not do, and will not by waiting."""

    def start(self) -> None:
        """Begin to write, and open the database in the background."""
        self._writer.start()
        self._opening = asyncio.get_running_loop().create_task(self._open(), name="ledger-open")

    async def stop(self) -> None:
        """Store what can be stored in time; the journal keeps the rest for the next start."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.drain_seconds
        try:
            if self._opening is not None:
                # A process may be told to stop in its first second, with calls served already.
                await self._store.wait(self._options.drain_seconds)
                self._opening.cancel()
                await asyncio.wait({self._opening})
            # A database that was never reached will not be in time now.
            patience = max(deadline - loop.time(), 0.1) if self.store_up else 0.0
            left = await self._writer.close(patience)
            if left:
                _log.warning(
                    "ledger: %d rows stay in %s: the database did not take them in %.0f s. The next"
                    " start of a gateway with this data directory stores them",
                    left, self._root, self._options.drain_seconds,
                )  # fmt: skip
        finally:
            self._journal.close()
            await self._store.close()

    @property
    def store_up(self) -> bool:
        """Whether the database took the last rows."""
        return self._store.opened and self._writer.store_up

    @property
    def is_open(self) -> bool:
        """Whether the database was opened."""
        return self._store.opened

    @property
    def pending(self) -> int:
        """Rows that are in the journal and not yet in the database."""
        return self._writer.pending

    @property
    def lag(self) -> float:
        """Seconds since the oldest of them was settled."""
        return self._writer.lag

    @property
    def journal_bytes(self) -> int:
        """The size of this process's journal."""
        return self._journal.size

    @property
    def problem(self) -> str:
        """Why calls are refused now; empty when they are not."""
        if self._fatal or self._journal.problem:
            return self._fatal or self._journal.problem
        if self._options.on_outage == "refuse" and not self.store_up:
            return "the ledger's database does not answer"
        return ""

    def admit(self, passage: Passage) -> None:
        """Put a call into the journal before anything is sent for it.

        Raises :class:`ServiceUnavailableError` rather than serve a call that could not be recorded.
        """
        if self._fatal:
            raise _refused(self._fatal)
        if self._options.on_outage == "refuse" and not self.store_up:
            raise _refused("the ledger's database does not answer")
        try:
            self._journal.admit(_admission(passage))
        except JournalError as error:
            _log.error("ledger: a call is refused: %s", error)
            raise _refused(str(error)) from None

    def admit_again(self, passage: Passage) -> None:
        """A call that is under way may cost more than the journal says. Never raises: what it says
        is enough for a row.
        """
        try:
            self._journal.admit_again(_admission(passage))
        except (JournalError, ValueError) as error:
            _log.error(
                "ledger: should this process die now, call %s is estimated too low: %s",
                passage.call_id, error,
            )  # fmt: skip

    def settle(self, row: Row) -> Awaitable[None] | None:
        """Put a call's end into the journal and on its way to the database. Never raises.

        With ``fsync: group`` the result is to be awaited before the answer's last byte goes out.
        """
        ticket = self._writer.settle(row)
        if ticket and self._options.journal.fsync == "group":
            return self._durable(ticket)
        return None

    async def opened(self) -> Store:
        """The database, once it is open."""
        await self._store.ready()
        return self._store.opened_store()

    def store(self) -> Store:
        """The database. Raises :class:`ServiceUnavailableError` while it is not open."""
        return self._store.opened_store()

    async def spent(self, questions: Sequence[SpentBy]) -> list[list[tuple[float, Usd]]]:
        """What payers' calls have cost, each for itself: every call of this process that has ended
        when this returns, and those that dead processes left; none twice.

        Raises :class:`FaregateError` when it cannot be known.
        """
        await self.replayed()
        if self._writer.behind and not await self._writer.flush(_FLUSH_SECONDS):
            raise ServiceUnavailableError("the ledger's database does not take rows now")
        try:
            async with self._asking, self._writer.appender.paused(_FLUSH_SECONDS):
                async with asyncio.timeout(_READ_SECONDS):
                    found = await self.store().spent(questions)
                if self._writer.behind:
                    raise ServiceUnavailableError("the ledger's database does not follow now")
                # What the database has, and what it has not, at one instant: this one.
                rows = self._writer.unstored()
        except TimeoutError:
            raise ServiceUnavailableError("the ledger's database does not answer now") from None
        _add_late(found, questions, rows)
        return found

    async def replayed(self) -> None:
        """Return once the database has what dead processes left."""
        await self._replayed.wait()

    def replaying(self) -> bool:
        """Whether any process that shares the data directory stores what dead ones left."""
        try:
            return not self._replayed.is_set() or is_replaying(self._root)
        except OSError:
            return True  # as far as anybody can tell

    async def find(self, call_id: str) -> Entry | None:
        """A row of the database; None when there is none, or no database now."""
        if not self._store.opened:
            return None
        try:
            return await self._store.opened_store().row(call_id)
        except FaregateError:
            return None

    async def _durable(self, ticket: int) -> None:
        try:
            await self._journal.durable(ticket)
        except JournalError as error:
            _log.error("ledger: not on disk: %s", error)

    async def _open(self) -> None:
        """Open the database, however long it takes, and store what dead processes left."""
        wait = _RETRY_OPEN
        while True:
            try:
                await self._store.open()
                self._fatal = ""
                break
            except LedgerUnavailableError as error:
                self._fatal = ""
                _log.error("ledger: the database cannot be opened and is tried again: %s", error)
            except (LedgerError, ConfigError) as error:
                # Waiting does not mend it: a newer version, a wrong password, a damaged file.
                self._fatal = str(error)
                _log.critical("ledger: no call is served: %s", error)
            except Exception as error:  # noqa: BLE001 - whatever it is, calls are served meanwhile
                # Its text may be a driver's, with an address and its password.
                _log.error(
                    "ledger: the database cannot be opened and is tried again: %s. Check"
                    " database_url and that the database runs",
                    type(error).__name__,
                )  # fmt: skip
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_RETRY)
        try:
            appender = Appender(self._store, Aside(self._root))
            await replay(self._root, appender, appraise=self._appraise, stored=self.inherit)
        except (JournalError, OSError) as error:
            _log.error(
                "ledger: what ended processes left in %s is not stored before the next start: %s",
                self._root, error,
            )  # fmt: skip
        self._replayed.set()


class _Late:
    """The store, imported and opened after the first answer: its libraries take their time."""

    def __init__(self, options: LedgerOptions) -> None:
        self._options = options
        self._store: Store | None = None
        self._ready = asyncio.Event()
        self._tried = asyncio.Event()

    @property
    def opened(self) -> bool:
        return self._ready.is_set()

    async def open(self) -> None:
        try:
            if self._store is None:
                self._store = await asyncio.to_thread(_make, self._options)
            await self._store.open()
            zone = self._options.time_zone
            if zone and await self._store.keep_days_in(zone):
                _log.info("ledger: days are those of %s from now on", zone)
            self._ready.set()
        finally:
            self._tried.set()

    async def wait(self, seconds: float) -> None:
        """Return when it is open, or could not be opened at the first try, or time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tried.wait()

    async def ready(self) -> None:
        """Return once it is open."""
        await self._ready.wait()

    def opened_store(self) -> Store:
        if self._store is None or not self.opened:
            raise ServiceUnavailableError("the ledger's database is not open yet")
        return self._store

    async def append(self, rows: Sequence[Row], /) -> object:
        await self._ready.wait()  # rows of the first moments; the appender bounds the wait
        return await self.opened_store().append(rows)

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


def _add_late(
    found: list[list[tuple[float, Usd]]], questions: Sequence[SpentBy], rows: Sequence[Row]
) -> None:
    """Add to the answers what rows have cost that the database does not have yet."""
    asked: dict[tuple[Payer, str], list[int]] = {}
    for index, each in enumerate(questions):
        asked.setdefault((each.payer, each.payer_id), []).append(index)
    for row in rows:
        for payer in payers(row) & asked.keys():
            amount = paid(row, *payer)
            for index in asked[payer] if amount else ():
                if row.started >= questions[index].since:
                    found[index].append((row.started, amount))


def _make(options: LedgerOptions) -> Store:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # each plugin of it says hello
    from faregate.store.places import store_at

    # A journal that survives a power cut may only let go of what the database cannot lose either.
    durable = options.journal.fsync == "group"
    return store_at(options.database_url, options.data_dir, durable=durable)


def _admission(passage: Passage) -> Admission:
    """What a row can be made of should the process die now."""
    asked, holder = passage.asked, passage.holder
    worth = passage.worth
    if worth is None:
        # Nobody asked what it may cost: whoever finds it works that out from these bounds.
        usage, hold, model = Usage(input=asked.size, output=_longest_answer(asked)), None, ""
    else:
        worst = worth.worst
        usage = Usage(input=worst.prompt, output=worst.output)
        hold, model = (None if worst.unknown and not worst.amount else worst.amount), worst.model
    return Admission(
        passage.call_id,
        passage.at,
        asked.model,
        passage.operation,
        asked.stream,
        passage.key,
        holder.team_id,
        holder.user_id,
        passage.tags,
        hold,
        usage,
        worst_model=model,
        request_id=passage.request_id,
        session=passage.session,
        end_user=asked.end_user,
        client=passage.address(),
        traceparent=passage.traceparent,
    )


def _longest_answer(asked: Asked) -> int:
    """The tokens an answer was limited to; 0 where it was not."""
    for name in ("max_completion_tokens", "max_tokens"):
        if name in asked.members:
            said = bytes(asked.members[name])
            return int(said) if said.isdigit() and len(said) < 10 else 0
    return 0


def _refused(reason: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"no call is served that cannot be recorded: {reason}",
        code="ledger_unavailable",
        retry_after=1.0,
    )
