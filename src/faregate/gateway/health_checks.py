"""Active health checks: a tiny call to each deployment now and then. Off unless asked for.

A check is an ordinary call by the way of any other: the same outlet, a receipt, a row, whose key is
called ``health-check``. It costs money, so there is one at a time for each deployment, none while a
deployment is put aside or at its limit, and of several workers only one makes them.
"""

import asyncio
import fcntl
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec
from msgspec import Struct

from faregate.config.settings import ModelDeployment
from faregate.core.attempts import Attempts, Members, RetryRules, Try
from faregate.errors import APIError, ConfigError
from faregate.gateway import failures
from faregate.gateway.asgi import Exchange
from faregate.gateway.asked import Asked
from faregate.gateway.passage import Desk, Passage
from faregate.gateway.relay import estimate
from faregate.gateway.snapshot import Snapshot
from faregate.gateway.whole import send_whole
from faregate.wire import splice

KEY = "health-check"
"""The key's name on the rows of checks."""

AT_ONCE = 4
PATIENCE = 30.0
"""Seconds a check waits for its answer at most."""

_CHAT = b'{"messages":[{"role":"user","content":"ping"}],"max_tokens":16}'
_EMBEDDING = b'{"input":"ping"}'
_LOCK, _RESULTS = "health-checks.lock", "health-checks.json"
_NO_REPEAT = RetryRules(num_retries=0, max_fallbacks=0)


class Checked(Struct, frozen=True, kw_only=True):
    """What the last check of a deployment found."""

    at: float
    """Unix seconds."""
    ok: bool
    error: str = ""
    """The error's code; empty for a success."""
    seconds: float


class Failure(NamedTuple):
    """Why a call was not answered."""

    error: APIError
    status: int
    """The provider's; 408 or 502 where it did not answer."""
    said: str
    """The provider's own words; empty where it did not answer."""


_results = msgspec.json.Decoder(dict[str, Checked])


class HealthChecks:
    """Checks the deployments of the snapshot in force. ``follow`` starts and stops it."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        desk: Desk,
        shared: Path | None = None,
    ) -> None:
        """``desk`` is the application; ``shared`` is what the workers of one server have in
        common, None for a single one.
        """
        self._snapshot = snapshot
        self._desk = desk
        self._shared = shared
        self._lock: TextIO | None = None
        self._found: dict[str, Checked] = {}
        self._task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Start or stop, as the settings in force say."""
        wanted = self._snapshot().settings.general.background_health_checks
        if wanted and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        elif not wanted and self._task is not None:
            self._task.cancel()
            self._task = None
            self._found = {}

    async def stop(self) -> None:
        """Cut off what is under way; its rows are recorded when this returns."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._lock is not None:
            self._lock.close()

    def results(self) -> Mapping[str, Checked]:
        """What the last check of each deployment found, by its id; the sibling's that checks."""
        if self._task is None or self._shared is None or self._lock is not None:
            return self._found
        try:
            return _results.decode((self._shared / _RESULTS).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}

    async def _run(self) -> None:
        while True:
            snapshot = self._snapshot()
            if self._in_charge():
                await self._round(snapshot)
            await asyncio.sleep(snapshot.settings.general.health_check_interval)

    def _in_charge(self) -> bool:
        """Whether this worker is the one that checks. Its lock ends with its process."""
        if self._shared is None or self._lock is not None:
            return True
        file = (self._shared / _LOCK).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._lock = file
        return True

    async def _round(self, snapshot: Snapshot) -> None:
        places = asyncio.Semaphore(AT_ONCE)
        entries = [entry for group in snapshot.settings.models.values() for entry in group]
        async with asyncio.TaskGroup() as group:
            for entry in entries:
                group.create_task(self._check(snapshot, entry, places))
        known = {entry.id for entry in entries}
        self._found = {name: each for name, each in self._found.items() if name in known}
        if self._shared is not None:
            fresh = self._shared / f"{_RESULTS}.{os.getpid()}"
            fresh.write_bytes(msgspec.json.encode(self._found))
            fresh.replace(self._shared / _RESULTS)

    async def _check(
        self, snapshot: Snapshot, entry: ModelDeployment, places: asyncio.Semaphore
    ) -> None:
        async with places:
            now = time.monotonic()
            condition = snapshot.router.conditions[entry.id]
            if not condition.available(now) or condition.free_at(now) > now:
                return
            passage = call_of(snapshot, entry, entry.model_name, self._desk)
            passage.key = KEY
            try:
                await make_call(passage)
            except Refused:
                return  # the process has enough to do, or could not record the call
            self._found[entry.id] = Checked(
                at=passage.at,
                ok=passage.outcome == "completed",
                error=passage.error,
                seconds=round(time.monotonic() - now, 3),
            )


class Refused(Exception):  # noqa: N818 - what became of it
    """The call was not admitted; ``error`` says why."""

    def __init__(self, error: APIError) -> None:
        super().__init__(error.code)
        self.error = error


def call_of(snapshot: Snapshot, entry: ModelDeployment, model: str, desk: Desk) -> Passage:
    """The smallest call there is, to this one deployment of a snapshot, from nobody."""
    chat = entry.mode != "embedding"
    asked = Asked(splice.open_object(_CHAT if chat else _EMBEDDING), model, chat=chat)
    asked.patience = PATIENCE
    only = Members((0,), (entry,), (snapshot.router.conditions[entry.id],), (0,))
    attempts: Attempts[ModelDeployment] = Attempts(
        model, _NO_REPEAT, lambda *_: only, deadline=None
    )
    scope = {"type": "http", "method": "POST", "path": "/health", "headers": ()}
    exchange = Exchange(scope, _nothing_comes, _nobody_reads)
    operation = "chat/completions" if chat else "embeddings"
    return Passage(exchange, snapshot, operation, asked, attempts, desk)


async def make_call(passage: Passage) -> Failure | None:
    """Make a call of :func:`call_of`, from admission to its row: None when it was answered.

    Raises :class:`Refused` when it is not admitted.
    """
    try:
        holding = passage.desk.admit(passage)
        if holding is not None:
            await holding
    except APIError as error:
        raise Refused(error) from None
    try:
        return await _call(passage)
    except asyncio.CancelledError:
        passage.cancelled()
        await asyncio.shield(estimate(passage))
        raise
    except Exception:
        passage.crashed()
        raise
    finally:
        await passage.finish()


async def _call(passage: Passage) -> Failure | None:
    step = passage.attempts.next(None, time.monotonic(), random.random)
    assert isinstance(step, Try)
    passage.outlet = outlet = passage.snapshot.outlet(step.deployment)
    try:
        error = await send_whole(passage, outlet)
        # max_tokens has another name elsewhere
        if error is not None and passage.drop(error, outlet, anyway=True):
            error = await send_whole(passage, outlet)
    except (APIError, ConfigError) as wrong:
        failed = wrong if isinstance(wrong, APIError) else failures.bad_request(str(wrong))
        passage.failed(failed)
        return Failure(failed, failed.status_code, "")
    if error is None:
        return None
    passage.attempts.next(error, time.monotonic(), random.random)
    failed = failures.exception(error, outlet, passage.asked.model)
    passage.failed(failed)
    said = "" if passage.tries[-1].status == 0 else outlet.conceal(error.message)
    return Failure(failed, error.status, said)


async def _nothing_comes() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def _nobody_reads(_message: Any) -> None:
    return
