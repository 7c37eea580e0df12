"""One file of a journal. Its blocks are reserved before it is used, so that writing needs none."""

import ctypes
import os
import re
import secrets
from pathlib import Path

from faregate.journal.codec import HEADER_BYTES, SegmentHeader, segment_header
from faregate.journal.errors import JournalError

SUFFIX = ".journal"

_NAME = re.compile(r"(\d+)-([0-9a-f]{8})\.journal")


class Segment:
    """A file that is written from its start to its end, once.

    ``used``: bytes written. ``waiting``: admissions in it whose calls are not settled.
    ``settled``: sequence number of the last settlement in it, 0 for none.
    """

    __slots__ = ("fd", "number", "path", "salt", "settled", "size", "used", "waiting")

    def __init__(self, path: Path, fd: int, number: int, salt: int, size: int) -> None:
        """Use :meth:`create`."""
        self.path = path
        self.fd = fd
        self.number = number
        self.salt = salt
        self.size = size
        self.used = HEADER_BYTES
        self.waiting = 0
        self.settled = 0

    @classmethod
    def create(cls, directory: Path, number: int, size: int) -> "Segment":
        """A new file of ``size`` bytes, all of them reserved on the disk.

        Raises :class:`JournalError`, leaving nothing behind, when the disk has no room or fails.
        """
        salt = secrets.randbits(32)
        path = directory / f"{number:012d}-{salt:08x}{SUFFIX}"
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refused(path, error) from error
        try:
            os.posix_fallocate(fd, 0, size)
            write_all(fd, segment_header(number, salt), 0)
        except OSError as error:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise refused(path, error) from error
        return cls(path, fd, number, salt, size)

    def read(self, start: int) -> bytes:
        """The bytes written from ``start`` on. Raises :class:`JournalError`."""
        parts = []
        while start < self.used:
            try:
                part = os.pread(self.fd, self.used - start, start)
            except OSError as error:
                raise refused(self.path, error) from error
            if not part:
                raise JournalError(f"{self.path} was cut to {start} bytes while in use")
            parts.append(part)
            start += len(part)
        return b"".join(parts)

    def trim(self) -> None:
        """Give back the blocks that were reserved and not used."""
        os.ftruncate(self.fd, self.used)

    def close(self) -> None:
        """Close the file and leave it where it is. Closing again does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)


def named_header(path: Path) -> SegmentHeader | None:
    """What a segment's name says of it, for one whose first bytes are gone; None if nothing."""
    found = _NAME.fullmatch(path.name)
    return SegmentHeader(int(found[1]), int(found[2], 16)) if found else None


def write_all(fd: int, content: bytes, at: int, *, holding: bool = False) -> None:
    """Write every byte at ``at``. Raises :class:`OSError`; then some of them may be there.

    ``holding``: do not let another thread run meanwhile. The bytes go to memory, which takes less
    than a microsecond; to take the interpreter back from the database's thread takes twenty.
    """
    write = _pwrite_holding if holding else os.pwrite
    written = write(fd, content, at)
    while written < len(content):
        rest = write(fd, content[written:], at + written)
        if rest == 0:
            raise OSError(28, "no room for the rest of a record")
        written += rest


_libc_pwrite = ctypes.PyDLL(None, use_errno=True).pwrite
_libc_pwrite.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_long)
_libc_pwrite.restype = ctypes.c_ssize_t


def _pwrite_holding(fd: int, content: bytes, at: int) -> int:
    """``os.pwrite`` without letting go of the interpreter's lock."""
    written: int = _libc_pwrite(fd, content, len(content), at)
    if written < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return written


def refused(path: Path, error: OSError) -> JournalError:
    """The error for a file of the journal that the system would not open, write or read."""
    reason = error.strerror or type(error).__name__
    return JournalError(f"cannot keep calls in {path}: {reason}; free space or fix the disk there")
