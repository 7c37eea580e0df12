"""Several processes on one port: the parent binds and forks, watches, replaces and stops them."""

import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

_log = logging.getLogger("faregate.workers")

INSTANT = 1.0
"""A worker that lived for less (seconds) died of its start, not of its work."""
GIVE_UP = 5
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0

Work = Callable[[Callable[[], None], int | None], int]
"""What a worker does: given what to call when ready and the lifeline, its exit code."""


class Supervisor:
    """The parent process. It serves nothing and has no event loop."""

    def __init__(
        self,
        count: int,
        work: Work,
        on_ready: Callable[[], None],
        sockets: list[socket.socket],
    ) -> None:
        """``sockets`` are what the workers inherit; the parent's hold on them ends with a stop."""
        self._count = count
        self._sockets = sockets
        self._work = work
        self._on_ready = on_ready
        self._born: dict[int, float] = {}
        self._signals: list[int] = []
        self._stopping = False
        self._failed = False
        self._instant_deaths = 0
        self._next_birth = 0.0
        self._ready = 0

    def run(self) -> int:
        """Fork the workers and watch them until told to stop. Gives the exit code."""
        lifeline, self._life = os.pipe()
        self._lifeline = lifeline
        self._ready_in, self._ready_out = os.pipe()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        old_wakeup = signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        watched = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        old = {number: signal.signal(number, self._note) for number in watched}
        try:
            while not (self._stopping and not self._born):
                self._spawn()
                self._wait()
                self._obey()
                self._reap()
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_wakeup)
            for fd in self._descriptors():
                os.close(fd)
        return 1 if self._failed else 0

    def _descriptors(self) -> tuple[int, ...]:
        return (
            self._lifeline,
            self._life,
            self._ready_in,
            self._ready_out,
            self._wake_in,
            self._wake_out,
        )

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _spawn(self) -> None:
        while not self._stopping and len(self._born) < self._count:
            if time.monotonic() < self._next_birth:
                return
            self._fork()

    def _fork(self) -> None:
        # Signals wait until the child has handlers of its own: one sent to a child that still
        # runs the parent's would be noted and forgotten.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
        pid = os.fork()
        if pid == 0:
            self._be_worker()
        self._born[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT))

    def _be_worker(self) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            for fd in (self._life, self._ready_in, self._wake_in, self._wake_out):
                os.close(fd)
            code = self._work(self._say_ready, self._lifeline)
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            _log.exception("a worker failed")
        finally:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent's clean-up runs in a worker

    def _say_ready(self) -> None:
        os.write(self._ready_out, b"+")

    def _wait(self) -> None:
        if self._signals:
            return
        timeout = None
        if len(self._born) < self._count and not self._stopping:
            timeout = max(0.0, self._next_birth - time.monotonic())
        readable, _, _ = select.select([self._wake_in, self._ready_in], [], [], timeout)
        if self._wake_in in readable:
            os.read(self._wake_in, 4096)
        if self._ready_in in readable:
            before = self._ready
            self._ready += len(os.read(self._ready_in, 4096))
            if before < self._count <= self._ready:
                self._on_ready()

    def _obey(self) -> None:
        signals, self._signals = self._signals, []
        for number in signals:
            if number == signal.SIGHUP:
                self._tell(signal.SIGHUP)
            elif self._stopping:
                self._tell(signal.SIGKILL)
                os._exit(128 + number)
            else:
                self._stop()

    def _stop(self) -> None:
        self._stopping = True
        for sock in self._sockets:  # or clients would queue for workers that are leaving
            sock.close()
        self._tell(signal.SIGTERM)

    def _tell(self, number: int) -> None:
        for pid in self._born:
            os.kill(pid, number)  # not reaped yet, so the number is still its own

    def _reap(self) -> None:
        for pid in list(self._born):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._bury(pid, os.waitstatus_to_exitcode(status))

    def _bury(self, pid: int, code: int) -> None:
        now = time.monotonic()
        lived = now - self._born.pop(pid)
        if self._stopping:
            self._failed = self._failed or code != 0
            return
        if lived >= INSTANT:
            self._instant_deaths = 0
            self._next_birth = now
            _log.error("worker %d ended with %d; starting another", pid, code)
            return
        self._instant_deaths += 1
        if self._instant_deaths >= GIVE_UP:
            _log.critical("workers die as soon as they start (%d times); giving up", GIVE_UP)
            self._failed = True
            self._stop()
            return
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._instant_deaths)
        self._next_birth = now + pause
        _log.error("worker %d ended with %d at its start; another in %g s", pid, code, pause)
