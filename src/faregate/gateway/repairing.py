"""Shared counters that know less than the ledger are put right.

A server that came back may have lost what it was told, and a process that died may have let calls
out that it never told: both are in the ledger, once the dead one's journal is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from faregate.core.directory import Directory
from faregate.errors import FaregateError
from faregate.gateway.restoring import Restorer
from faregate.money import format_usd
from faregate.store.redis_counters import RedisCounters

_log = logging.getLogger("faregate.budgets")

AFTER = 5.0
"""Seconds from a loss until it is repaired: longer than the processes take to notice that the
server is back and to begin to tell it what they have."""

_TOGETHER = 500


class Repairer:
    """Made and used in one process's event loop."""

    def __init__(
        self,
        counters: RedisCounters,
        restorer: Restorer,
        directory: Callable[[], Directory],
    ) -> None:
        """``directory`` gives the one in force."""
        self._counters = counters
        self._restorer = restorer
        self._directory = directory
        self._wanted = asyncio.Event()
        self._wanted.set()  # whoever is new does not know what was missed before
        self._task: asyncio.Task[None] | None = None
        counters.on_loss = self._wanted.set

    def start(self, ready: Awaitable[object]) -> None:
        """Begin, once what dead processes left is in the ledger (``ready``)."""
        self._task = asyncio.get_running_loop().create_task(self._run(ready), name="repairing")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, ready: Awaitable[object]) -> None:
        await ready
        once_more = True
        while True:
            await self._wanted.wait()
            await asyncio.sleep(AFTER)
            self._wanted.clear()
            raised = await self.repair()
            if raised is None or (raised and once_more):
                # Calls that end while the ledger is read hide as much of what is missing.
                self._wanted.set()
            once_more = not raised

    async def repair(self) -> bool | None:
        """Raise every budget that stands below the ledger. Whether one did; None where nobody can
        say now.
        """
        accounts = [each for each in self._directory().every_account() if each.measure == "usd"]
        found = False
        for at in range(0, len(accounts), _TOGETHER):
            some = accounts[at : at + _TOGETHER]
            try:
                spends = await self._restorer.spends(some)
            except FaregateError:
                return None
            raised = await self._counters.make_up(some, spends)
            if raised is None:
                return None
            found |= bool(raised)
            for each in raised:
                _log.warning(
                    "budgets: Redis had missed $%s of what was spent on %s, and has it now from"
                    " the ledger",
                    format_usd(each.amount), each.account.removeprefix("usd/"),
                )  # fmt: skip
        return found
