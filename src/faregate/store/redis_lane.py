"""The way to Redis: batches of scripts, a deadline of milliseconds, and a breaker.

Scripts asked for at the same time go out together, so a thousand admissions are a few round trips.
A batch that is not answered in time fails, and with it all that waits behind it. After that (at
once where the connection broke, after three slow batches in a row where it did not) nobody waits
at all: calls fail immediately, and one probe in the background tries until the server is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from faregate.errors import ConfigError
from faregate.store.redis_digests import DIGESTS

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("faregate.counters")

_BATCH = 128
_SLOW = 3
_SLICES = 10
_FIRST_PROBE, _LAST_PROBE = 0.05, 2.0


class Unreachable(Exception):  # noqa: N818 - a state of the way, caught where it is asked about
    """No answer. The message says why and holds neither an address nor a password."""


class _Asked(NamedTuple):
    script: str
    keys: Sequence[str]
    args: Sequence[str]
    answer: "asyncio.Future[list[str]]"


def connect(url: str, timeout: float) -> "Redis":
    """A client for a ``redis://``, ``rediss://`` or ``unix://`` address.

    Raises :class:`ConfigError` for another address, and where the extra ``redis`` is missing.
    """
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise ConfigError(
            "counters in Redis need its client: pip install 'faregate[redis]'"
        ) from error
    try:
        return Redis.from_url(
            url,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
    except ValueError:  # its message may quote the address, and so a password
        raise ConfigError(
            "the address of Redis is not understood; write it like redis://host:6379/0"
        ) from None


class Lane:
    """One process's way to one Redis server. Belongs to the event loop it is used in."""

    def __init__(
        self, client: "Redis", timeout: float, recovered: Callable[[], None] = lambda: None
    ) -> None:
        """``timeout`` in seconds is a batch's; ``recovered`` is called when answers come again."""
        self._client = client
        self._timeout = timeout
        self._recovered = recovered
        self._queue: list[_Asked] = []
        self._drain: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._slow = 0
        self._why = ""

    @property
    def down(self) -> str:
        """Why nothing is asked at the moment; empty while the server answers."""
        return self._why

    async def run(self, script: str, keys: Sequence[str], args: Sequence[str]) -> list[str]:
        """A script's answer. Raises :class:`Unreachable`."""
        if self._why:
            raise Unreachable(self._why)
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Asked(script, keys, args, answer))
        if self._drain is None or self._drain.done():
            self._drain = asyncio.create_task(self._work())
        return await answer

    async def close(self) -> None:
        """Stop probing and let the connection go."""
        self._why = "the counters are closed"
        for task in (self._probe, self._drain):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        _fail(self._queue, self._why)
        self._queue = []
        with contextlib.suppress(Exception):
            await self._client.aclose()

    async def _work(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            try:
                why = await self._exchange(batch)
            except asyncio.CancelledError:
                _fail(batch, "the counters are closed")
                raise
            if why:
                _fail([*batch, *self._queue], why)
                self._queue = []

    async def _exchange(self, batch: list[_Asked]) -> str:
        """Send a batch and hand out its answers; why that failed, or nothing."""
        sending = asyncio.create_task(self._send(batch))
        try:
            # In slices: one that the loop is late to end, because this process has no time, counts
            # no more than another, so that a thousand calls at once are not taken for an outage.
            for _ in range(_SLICES):
                await asyncio.wait((sending,), timeout=self._timeout / _SLICES)
                if sending.done():
                    break
            for _ in range(3):  # the loop itself may be late, with the answer already there
                if not sending.done():
                    await asyncio.sleep(0)
        finally:
            if not sending.done():
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
        if sending.cancelled():
            why = f"no answer within {self._timeout * 1000:.0f} ms"
            self._slow += 1
            if self._slow >= _SLOW:
                self._open(why)
            return why
        failure = sending.exception()
        if failure is not None:
            why = f"the connection failed ({type(failure).__name__})"
            self._open(why)
            return why
        self._slow = 0
        return ""

    async def _send(self, batch: list[_Asked]) -> None:
        from redis.exceptions import NoScriptError

        replies = await self._pipeline(batch)
        missing = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:
            for script in DIGESTS:
                await self._client.script_load(script)
            again = await self._pipeline([batch[index] for index in missing])
            for index, reply in zip(missing, again, strict=True):
                replies[index] = reply
        for asked, reply in zip(batch, replies, strict=True):
            if asked.answer.done():
                continue
            if isinstance(reply, Exception):
                word = type(reply).__name__
                _log.warning("Redis refused a script: %s", word)
                asked.answer.set_exception(Unreachable(f"the server refuses ({word})"))
            else:
                asked.answer.set_result([_text(each) for each in reply])

    async def _pipeline(self, batch: list[_Asked]) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for asked in batch:
            pipe.evalsha(DIGESTS[asked.script], len(asked.keys), *asked.keys, *asked.args)
        replies: list[Any] = await pipe.execute(raise_on_error=False)
        return replies

    def _open(self, why: str) -> None:
        if self._why:
            return
        _log.warning("Redis is unreachable: %s", why)
        self._why = why
        self._probe = asyncio.create_task(self._until_back())

    async def _until_back(self) -> None:
        wait = _FIRST_PROBE
        while True:
            await asyncio.sleep(wait)
            try:
                async with asyncio.timeout(max(self._timeout, 0.25)):
                    await self._client.ping()
            except Exception:  # noqa: BLE001 - whatever it is, it is not back yet
                wait = min(wait * 2, _LAST_PROBE)
                continue
            _log.warning("Redis answers again")
            self._why, self._slow = "", 0
            self._recovered()
            return


def _fail(asked: Sequence[_Asked], why: str) -> None:
    for each in asked:
        if not each.answer.done():
            each.answer.set_exception(Unreachable(why))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
