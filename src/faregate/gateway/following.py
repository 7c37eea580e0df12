"""Keys, teams, users, budgets and limits as the database has them, followed change by change.

The audit log numbers every change, so asking for those after the last one known is one short
question, and none is missed. That is polled rather than listened for: it works alike on SQLite and
PostgreSQL, through connection poolers and after a broken connection.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from faregate.core.budget import Budget, RateLimit
from faregate.core.directory import Directory, Maker
from faregate.core.entities import NOUNS, noun_type
from faregate.core.keys import Key, Team, User
from faregate.errors import ConfigError, FaregateError
from faregate.store.errors import LedgerUnavailableError
from faregate.store.protocol import Change, Store
from faregate.types import JsonObject

_log = logging.getLogger("faregate.directory")

SECONDS = 0.3
"""How often changes are asked for."""

COPY = "directory.json"
"""The last directory known, in the data directory, for a start without the database."""

Documents = dict[str, dict[str, JsonObject]]
"""Documents by kind and id."""


class _Copy(Struct):
    sequence: int
    documents: Documents


class Follower:
    """Keeps the directory up to date with the database."""

    def __init__(
        self,
        data_dir: Path | None,
        extra: Callable[[], tuple[Budget, ...]],
        on_directory: Callable[[Directory], None],
        on_other: Callable[[str], Awaitable[None]],
    ) -> None:
        """``extra`` are budgets of the configuration. ``on_directory`` is told of every new
        directory, ``on_other`` of the kind of any other thing that changed (a price, a model).
        """
        self._path = None if data_dir is None else data_dir / COPY
        self._extra = extra
        self._on_directory = on_directory
        self._on_other = on_other
        self._documents: Documents = {noun: {} for noun in NOUNS}
        self._read: dict[str, dict[str, tuple[JsonObject, Any]]] = {noun: {} for noun in NOUNS}
        self._maker = Maker(zone_of)
        self._unkept = False
        self._rebuilding: asyncio.Task[None] | None = None
        self._sequence = 0
        self._store: Store | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._due: set[str] = set()
        """Kinds whose change is still to be told."""
        self.fresh = False
        """Whether the database was read; before that, keys may exist that are not known here."""
        self.answered = True
        """Whether the database answered when it was last asked."""

    def load_copy(self) -> Directory:
        """The directory as it was last known on this machine; an empty one where it never was."""
        if self._path is None:
            return self._build()
        try:
            copy = msgspec.json.decode(self._path.read_bytes(), type=_Copy)
        except (OSError, msgspec.DecodeError):
            pass
        else:
            for noun in NOUNS:
                self._documents[noun] = copy.documents.get(noun, {})
        return self._build()

    def start(self, store: Store) -> None:
        """Begin to follow an open store."""
        self._store = store
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="directory")

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._unkept:
            self._keep()

    @property
    def sequence(self) -> int:
        """The newest change in force here."""
        return self._sequence

    async def applied(self) -> None:
        """Return when every change made until now is in force in this process."""
        if self._store is not None:
            await self._catch_up(self._store)

    def rebuild(self) -> None:
        """The budgets of the configuration have changed."""
        self._rebuilding = asyncio.get_running_loop().create_task(self._rebuild())

    async def _rebuild(self) -> None:
        async with self._lock:
            await self._publish()

    async def _follow(self) -> None:
        assert self._store is not None
        told = False
        while True:
            try:
                await self._catch_up(self._store)
                told, self.answered = False, True
                if self._unkept:
                    await asyncio.to_thread(self._keep)
            except FaregateError as error:
                if not told:
                    _log.warning("keys and budgets stay as they are: %s", error)
                told = True
                self.answered = not isinstance(error, LedgerUnavailableError)
            await asyncio.sleep(SECONDS)

    async def _catch_up(self, store: Store) -> None:
        async with self._lock:
            if not self.fresh:
                await self._read_all(store)
                return
            await self._tell()
            changes = await store.changes(self._sequence)
            while changes:
                await self._take(changes)
                changes = await store.changes(self._sequence)

    async def _read_all(self, store: Store) -> None:
        # Asked first: what changes meanwhile is then read twice, not never.
        newest = await store.audit(limit=1)
        for noun in NOUNS:
            found = await store.entities(noun)
            self._documents[noun] = {each.id: each.document for each in found if each.document}
        self._sequence = newest.changes[0].sequence if newest.changes else 0
        directory = await asyncio.to_thread(self._build)
        self.fresh = True
        self._on_directory(directory)
        self._unkept = True
        self._due |= {"price", "model"}
        await self._tell()

    async def _take(self, changes: list[Change]) -> None:
        known = False
        for change in changes:
            self._sequence = change.sequence
            documents = self._documents.get(change.kind)
            if documents is None:
                self._due.add(change.kind)
            elif change.after is None:
                documents.pop(change.id, None)
                known = True
            else:
                documents[change.id] = change.after
                known = True
        if known:
            await self._publish()
            self._unkept = True
        await self._tell()

    async def _tell(self) -> None:
        """What could not be read this time is told again the next."""
        for kind in sorted(self._due):
            await self._on_other(kind)
            self._due.discard(kind)

    async def _publish(self) -> None:
        # In a thread: with ten thousand keys it takes longer than a call may wait.
        self._on_directory(await asyncio.to_thread(self._build))

    def _build(self) -> Directory:
        found: dict[str, list[Any]] = {noun: [] for noun in NOUNS}
        for noun in NOUNS:
            before, self._read[noun] = self._read[noun], {}
            kind, into = noun_type(noun), found[noun]
            for name, document in self._documents[noun].items():
                known = before.get(name)
                if known is None or known[0] is not document:
                    try:
                        known = (document, msgspec.convert(document, kind))
                    except msgspec.ValidationError as error:
                        _log.error("%s %r cannot be read and is left out: %s", noun, name, error)
                        continue
                self._read[noun][name] = known
                into.append(known[1])
        keys: list[Key] = found["key"]
        teams: list[Team] = found["team"]
        users: list[User] = found["user"]
        budgets: list[Budget] = [*self._extra(), *found["budget"]]
        limits: list[RateLimit] = found["limit"]
        directory = Directory(keys, teams, users, budgets, limits, self._maker)
        for problem in directory.problems:
            _log.error("left out: %s", problem)
        return directory

    def _keep(self) -> None:
        """Write the copy, so that nobody ever reads half of one."""
        self._unkept = False
        if self._path is None:
            return
        fresh = self._path.with_name(f"{COPY}.{os.getpid()}")
        copy = _Copy(self._sequence, self._documents)
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(copy))
            fresh.replace(self._path)
        except OSError as error:
            _log.warning("the copy of keys and budgets cannot be written: %s", error.strerror)


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name. Raises :class:`ConfigError` for a name that is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ConfigError(
            f"{name[:80]!r} is no time zone; write one like Europe/Berlin or UTC"
        ) from None
