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

from faregate.journal.errors import JournalError
from faregate.journal.segment import refused

_log = logging.getLogger("faregate.journal")

_NAME = re.compile(r"\d+-[0-9a-f]{8}\Z")
_LOCK = "lock"
_REPLAY = ".replay"


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
def replaying(root: Path) -> Iterator[None]:
    """Others can tell meanwhile that what dead processes left is being stored.

    Raises :class:`JournalError` when the directory cannot be used.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = _opened(root / _REPLAY)
    except OSError as error:
        raise refused(root, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)  # any number may, and nobody keeps the other for long
        yield
    finally:
        os.close(handle)


def is_replaying(root: Path) -> bool:
    """Whether any process stores now what dead ones left under ``root``. Raises OSError."""
    handle = _opened(root / _REPLAY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody else makes, claims or removes directories meanwhile."""
    handle = _opened(root / ".lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _locked(path: Path) -> int | None:
    handle = _opened(path / _LOCK)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
