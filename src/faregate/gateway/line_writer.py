"""Lines to a file descriptor from a thread of its own: whoever logs never waits for the output."""

import os
import select
import threading
from collections.abc import Callable

_BATCH = 256
_ATTEMPT_SECONDS = 0.5


class LineWriter:
    """A bounded buffer and the thread that empties it.

    A terminal that is paused, a full pipe or a closed one costs lines, which are counted, and
    nothing else. Lines are gathered for ``every`` seconds, so a busy server wakes the thread a few
    times a second and not once a line. Make it after any fork.
    """

    def __init__(
        self,
        fd: int,
        note: Callable[[int], bytes],
        *,
        lines: int = 10_000,
        every: float = 0.05,
    ) -> None:
        """``note`` makes the line that says how many were dropped, once lines flow again."""
        self.dropped = 0
        """Lines lost so far."""
        self._fd = fd
        self._note = note
        self._room = lines
        self._every = every
        self._lines: list[bytes] = []
        self._waiting = threading.Event()
        self._closing = threading.Event()
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="faregate-log", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Take a line (with its line feed), or drop it when the buffer is full. Never waits."""
        if len(self._lines) >= self._room:
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self, timeout: float = 2.0) -> None:
        """Write what is buffered, giving up after ``timeout`` seconds. May be called again."""
        self._closing.set()
        self._waiting.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._waiting.wait()
            self._closing.wait(self._every)
            self._waiting.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while self._lines:
            # Two steps, each whole by itself: a line put in between is behind the batch.
            batch = self._lines[:_BATCH]
            del self._lines[: len(batch)]
            lost = self.dropped - self._told
            if lost and self._write(self._note(lost)):
                self._told += lost
            if not self._write(b"".join(batch)):
                self.dropped += len(batch)

    def _write(self, block: bytes) -> bool:
        rest = memoryview(block)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                # Somebody made the descriptor non-blocking (a terminal shared with another
                # program): wait for room here, in this thread.
                select.select((), (self._fd,), (), _ATTEMPT_SECONDS)
                if self._closing.is_set():
                    return False
            except OSError:
                return False
        return True
