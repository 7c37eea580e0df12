"""What happens to a call whose client has left: read on to know the true usage, or stop."""

import asyncio
from types import TracebackType
from typing import Self

from faregate.gateway.passage import Passage


class Watch:
    """Listens for the client's hang-up while a call is served.

    ``drain`` lets the call go on to its end, since the provider bills it anyway, for a bounded
    time; ``cancel`` ends it at once. Ending it is cancelling the task, so that whatever it waits
    for is closed on the way out.
    """

    __slots__ = ("_passage", "_task", "_timer", "ended_it")

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._task = passage.exchange.client.task or asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self.ended_it = False
        """Whether the task was cancelled from here, and not by the server."""

    def __enter__(self) -> Self:
        client = self._passage.exchange.client
        client.on_gone = self._gone
        if client.gone:
            self._gone()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._passage.exchange.client.on_gone = None
        if self._timer is not None:
            self._timer.cancel()

    def _gone(self) -> None:
        outlet = self._passage.outlet
        cancels = outlet is not None and outlet.entry.on_disconnect == "cancel"
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        if cancels:
            self._timer = loop.call_later(0, self._end)
        else:
            seconds = 120.0 if outlet is None else outlet.entry.drain_seconds
            self._timer = loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self.ended_it = True
        if self._task is not None:
            self._task.cancel()
