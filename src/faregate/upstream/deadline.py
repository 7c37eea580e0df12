"""A time limit that survives the collector, where asyncio's own ends the process.

A loop that is closed with tasks under way leaves them to the collector, which throws into their
coroutines, frame by frame. ``asyncio.timeout`` holds the task its own coroutine belongs to: let go
while that coroutine unwinds, it takes the task with it, and CPython up to 3.12 then closes a
coroutine that is running, by a stack that is none. This one knows the task only weakly.
"""

import asyncio
from types import TracebackType
from weakref import ref


class Deadline:
    """``with Deadline(seconds):`` cancels what is awaited inside and raises :class:`TimeoutError`.

    As ``asyncio.timeout`` does, it tells its own cancellation from one that comes from outside.
    """

    __slots__ = ("__weakref__", "_cancelling", "_expired", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        """``seconds`` from the moment it is entered; none left means the loop's next turn."""
        self._seconds = seconds
        self._expired = False

    def __enter__(self) -> None:
        """Begin. Raises :class:`RuntimeError` outside a task."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to cancel")
        self._task = ref(task)
        self._cancelling = task.cancelling()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(self._seconds, 0.0), self._expire)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; :class:`TimeoutError` where time was what ended it."""
        self._timer.cancel()
        if self._expired:
            task = self._task()
            asked = task.uncancel() if task is not None else 0
            if asked <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def _expire(self) -> None:
        task = self._task()
        if task is not None:
            self._expired = True
            task.cancel()
