"""What differs between the databases. Everything else of the SQL is written once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from faregate.store.calls import Record
from faregate.store.errors import LedgerError, LedgerUnavailableError, RefusedValueError
from faregate.store.tables import MEASURE_COLUMNS

Delta = tuple[int | str, ...]
"""A line's place in its roll-up (:func:`line_columns`), then the numbers of its measures."""


Made = TypeVar("Made")
Work: TypeAlias = Callable[[AsyncConnection], Coroutine[Any, Any, Made]]

Verdict = Literal["passes", "values", "stays"]
"""Of a failure: the same may succeed later; the values in it are none the database can hold; or
neither, so that somebody must put the database right."""


class Backend(ABC):
    """One database: its connections and the statements it wants in its own way."""

    place: str
    """Named in errors; holds no password."""

    whole: Mapping[str, Any] = {}
    """Options of a connection whose statements all see the database at one instant."""

    @abstractmethod
    def make_engine(self, *, patient: bool = False) -> AsyncEngine:
        """A new engine. Nothing is connected yet.

        ``patient`` is for the schema: a statement may then take as long as it does.
        """

    @abstractmethod
    async def prepare(self, connection: AsyncConnection) -> None:
        """Wait for the lock under which the schema is changed; it ends with the transaction."""

    @abstractmethod
    async def insert_calls(
        self, connection: AsyncConnection, records: Sequence[Record]
    ) -> set[str]:
        """Insert those that are not there, and return their call ids."""

    @abstractmethod
    async def insert_tags(
        self, connection: AsyncConnection, tags: Sequence[tuple[str, int, str, int]]
    ) -> None:
        """Insert (tag, started, call id, day)."""

    @abstractmethod
    async def add_up(
        self, connection: AsyncConnection, table: Table, deltas: Sequence[Delta]
    ) -> None:
        """Add deltas, sorted by their places, to the lines of a roll-up."""

    @abstractmethod
    async def lock_changes(self, connection: AsyncConnection) -> None:
        """Let no other process write entities until the transaction ends."""

    @abstractmethod
    async def lock_days(self, connection: AsyncConnection, *, alone: bool = False) -> None:
        """Let nobody change the calendar until the transaction ends; ``alone``: nor count a row."""

    @abstractmethod
    async def before_append(self, engine: AsyncEngine, days: set[int]) -> None:
        """Make room for rows of these days, where that takes a transaction of its own."""

    @abstractmethod
    async def drop_days(self, engine: AsyncEngine, before: int) -> int:
        """Delete a whole day at once, where that can be done; how many rows.

        Only one whose calls all started before the instant, in microseconds.
        """

    @abstractmethod
    def writing(self, engine: AsyncEngine) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes, committed at the end of the block."""

    async def at_once(self, engine: AsyncEngine, work: Work[Made]) -> Made:
        """What ``work`` makes of a transaction that writes, committed at its end.

        It may run in another thread, and so awaits nothing but the connection.
        """
        async with self.writing(engine) as connection:
            return await work(connection)

    async def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of what is held beside the engine."""

    @abstractmethod
    def explain(self, error: BaseException) -> tuple[str, Verdict]:
        """Why a statement failed, quoting nothing secret, and what is to be thought of it."""


@contextmanager
def naming(backend: Backend, *, opening: bool = False) -> Iterator[None]:
    """Turn the drivers' errors into the ledger's.

    The drivers' own texts may quote statements, values or the connection's address, so only what a
    backend picks from them goes on, and the chain ends here.
    """
    try:
        yield
    except PoolTimeoutError:
        raise LedgerUnavailableError(
            f"{backend.place}: every connection has been busy for too long"
        ) from None
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig and error.orig.__cause__ else error.orig
        broken = error.connection_invalidated
        raise _named(backend, cause or error, broken=broken, opening=opening) from None
    except (OSError, SQLAlchemyError) as error:
        broken = isinstance(error, OSError)
        raise _named(backend, error, broken=broken, opening=opening) from None


def _named(backend: Backend, error: BaseException, *, broken: bool, opening: bool) -> LedgerError:
    reason, verdict = backend.explain(error)
    passes = verdict == "passes" or broken
    if opening:
        return (LedgerUnavailableError if passes else LedgerError)(f"{backend.place}: {reason}")
    if passes:
        return LedgerUnavailableError(
            f"{backend.place}: {reason}. What was not committed can be repeated"
        )
    if verdict == "values":
        return RefusedValueError(f"{backend.place} cannot hold a value: {reason}")
    return LedgerError(f"{backend.place} refused a statement: {reason}")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without its end mark."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")


@cache
def upsert(table: Table, source: str) -> str:
    """``INSERT … ON CONFLICT DO UPDATE`` that adds deltas, with ``source`` as where they are from.

    A rest of pico-dollars that reaches a micro-dollar is carried over.
    """
    name = table.name
    sets = []
    for measure in MEASURE_COLUMNS:
        total = f"{name}.{measure} + excluded.{measure}"
        if measure.endswith("_micro"):
            rest = measure.replace("_micro", "_rest")
            total += f" + ({name}.{rest} + excluded.{rest}) / 1000000"
        elif measure.endswith("_rest"):
            total = f"({total}) % 1000000"
        sets.append(f"{measure} = {total}")
    place = ", ".join(table.primary_key.columns.keys())
    # The WHERE keeps SQLite from reading ON CONFLICT as a join's ON.
    return (
        f"INSERT INTO {name} ({', '.join(line_columns(table))}) {source} ON CONFLICT ({place}) "
        f"DO UPDATE SET {', '.join(sets)}"
    )


def line_columns(table: Table) -> tuple[str, ...]:
    """The columns of a roll-up's line: its place, then its numbers."""
    return (*table.primary_key.columns.keys(), *MEASURE_COLUMNS)
