"""Synchronous calls ride on the asynchronous ones: one event loop in a background thread.

The loop starts with the first synchronous call, and again in a forked child. Synchronous calls
work inside a running event loop, too (a notebook), because the loop is never the caller's.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from faregate.client.objects import ModelResponseStream, Receipt
from faregate.client.streams import CompletionStream

Result = TypeVar("Result")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_owner = 0


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine, awaited on the background loop.

    An interrupt (Ctrl-C) cancels it, which closes its connection.
    """
    future = asyncio.run_coroutine_threadsafe(work, _background())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _background() -> asyncio.AbstractEventLoop:
    global _loop, _owner
    found = _loop
    if found is not None and _owner == os.getpid():
        return found
    with _lock:
        if _loop is None or _owner != os.getpid():
            _loop, _owner = _start(), os.getpid()
        return _loop


def _start() -> asyncio.AbstractEventLoop:
    loop = _new_loop()
    ready = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(ready.set)
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve, name="faregate", daemon=True)
    thread.start()
    ready.wait()

    def stop() -> None:
        if os.getpid() == owner and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=1.0)

    owner = os.getpid()
    atexit.register(stop)
    return loop


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # it does not exist for Windows
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class SyncStream:
    """A :class:`CompletionStream` as an ordinary iterator (and context manager)."""

    def __init__(self, stream: CompletionStream) -> None:
        self._stream = stream

    @property
    def receipt(self) -> Receipt | None:
        """The receipt, once the stream has ended or was left."""
        return self._stream.receipt

    @property
    def response_headers(self) -> dict[str, str]:
        """The provider's response headers."""
        return self._stream.response_headers

    @property
    def _hidden_params(self) -> dict[str, Any]:
        return self._stream._hidden_params

    def __iter__(self) -> Iterator[ModelResponseStream]:
        return self

    def __next__(self) -> ModelResponseStream:
        try:
            return run(_next(self._stream))
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        """End the stream here; closes the connection unless the answer was complete."""
        run(self._stream.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


async def _next(stream: CompletionStream) -> ModelResponseStream:
    return await anext(stream)
