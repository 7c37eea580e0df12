"""What a serving process does beside serving, once its database is open: writing what people want
kept, moving rows to their days in the ledger's zone, and deleting what is too old."""

import asyncio
import logging
import time
from collections.abc import Callable

from faregate.config.settings import General
from faregate.errors import FaregateError
from faregate.gateway.contents import Contents
from faregate.gateway.ledger import Ledger
from faregate.store.protocol import Store
from faregate.store.retention import Kept, keep_days

_log = logging.getLogger("faregate.ledger")

SECONDS = 900.0
"""How often old rows are looked for."""

WAIT = 15.0
"""How long to wait for other processes that store what dead ones left."""


class Housekeeping:
    """Made and used in one process's event loop."""

    def __init__(self, ledger: Ledger, general: Callable[[], General]) -> None:
        self._ledger = ledger
        self._general = general
        self.contents = Contents()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, as soon as the database is open."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """Write what is still to be written."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self.contents.stop(self._ledger.store() if self._ledger.is_open else None)

    async def _run(self) -> None:
        store = await self._ledger.opened()
        self.contents.start(store)
        await self._ledger.replayed()
        while True:
            if self._ledger.replaying():
                # A row that was purged before a journal gives it once more would count twice.
                await asyncio.sleep(WAIT)
                continue
            await _move_days(store)  # before rows go, whose days would stay as they are
            general, now = self._general(), time.time()
            rows = general.maximum_spend_logs_retention_period
            said = general.prompt_retention_period
            kept = Kept(
                rows_before=None if rows is None else now - rows,
                contents_before=None if said is None else now - said,
            )
            try:
                gone = await keep_days(store, kept)
            except FaregateError as error:
                _log.warning("old rows are not deleted now: %s", error)
            else:
                if gone.rows or gone.contents:
                    _log.info(
                        "%d rows and %d prompts were old enough to go", gone.rows, gone.contents
                    )
            await asyncio.sleep(SECONDS)


async def _move_days(store: Store) -> None:
    from faregate.store.day_moves import move_all  # with the libraries of the database

    try:
        moved = await move_all(store)
    except FaregateError as error:
        _log.warning("rows are not moved to their days now: %s", error)
    else:
        if moved:
            _log.info("%d rows count on another day, in the zone that was chosen", moved)
