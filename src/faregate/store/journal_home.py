"""The directories of journals: one a process, locked for as long as that process lives.

The kernel drops the lock with its process, however that dies, so a living journal is never taken
for a dead one, whatever becomes of process numbers.
"""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from faregate.store.journal_errors import JournalError
from faregate.store.journal_segment import refused

_log = logging.getLogger("faregate.journal")

_NAME = re.compile(r"\d+-[0-9a-f]{8}\Z")
_LOCK = "lock"


class Home:
    """A directory this process holds the lock of."""

    __slots__ = ("_lock", "_turn", "path")

    def __init__(self, path: Path, lock: int) -> None:
        """Use :func:`new_home` or :func:`dead_homes`."""
        self.path = path
        self._lock = lock
        self._turn = threading.Lock()

    def release(self) -> None:
        """Let go of the directory and leave it as it is, from any thread; twice does nothing."""
        with self._turn:
            lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def remove(self) -> None:
        """Delete the directory with everything in it. Raises :class:`JournalError`."""
        try:
            with _alone(self.path.parent):
                for path in self.path.iterdir():
                    path.unlink()
                self.path.rmdir()
        except OSError as error:
            raise refused(self.path, error) from error
        finally:
            self.release()


def new_home(root: Path) -> Home:
    """A new directory under ``root``, locked. Call it in the process that writes, after any fork.

    Raises :class:`JournalError` when the directory cannot be used.
    """
    path = root / f"{os.getpid()}-{secrets.token_hex(4)}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(root):
            path.mkdir(mode=0o700)
            lock = _locked(path)
    except OSError as error:
        raise refused(path, error) from error
    if lock is None:  # pragma: no cover - the directory is new, and claims wait for the root's lock
        raise JournalError(f"{path} was taken by another process")
    return Home(path, lock)


def dead_homes(root: Path) -> list[Home]:
    """Every directory under ``root`` whose process is gone, now locked by this one.

    One that cannot be locked, such as another user's, is noted and does not hold up the others.
    Raises :class:`JournalError` when the directory cannot be read.
    """
    if not root.exists():
        return []
    found: list[Home] = []
    try:
        with _alone(root):
            for path in sorted(root.iterdir()):
                if not _NAME.match(path.name) or path.is_symlink() or not path.is_dir():
                    continue
                try:
                    lock = _locked(path)
                except OSError as error:
                    _log.error("journal: %s is left as it is: %s", path, error.strerror)
                    continue
                if lock is not None:
                    found.append(Home(path, lock))
    except OSError as error:
        for home in found:
            home.release()
        raise refused(root, error) from error
    return found


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody else makes, claims or removes directories meanwhile."""
    handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _locked(path: Path) -> int | None:
    handle = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle
