"""A thread for what takes the disk milliseconds and no call waits for."""

import logging
import queue
import threading
from collections.abc import Callable

from faregate.journal.errors import JournalError

_log = logging.getLogger("faregate.journal")


class Keeper:
    """Does one job after another, in order: files reserved, cut, deleted, made durable.

    Files of a journal are only ever closed here, so none is closed under a job that uses it.
    """

    def __init__(self) -> None:
        """Starts the thread."""
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None]) -> None:
        """Have it done soon. What it raises from the disk is logged."""
        self._jobs.put(job)

    def wait(self) -> None:
        """Return when every job asked for so far is done."""
        done = threading.Event()
        self._jobs.put(done.set)
        done.wait()

    def close(self) -> None:
        """Do what was asked for and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except (OSError, JournalError) as error:
                _log.warning("journal: %s", error)
