"""What the kernel says of a worker process: memory, processor time, open files.

Read from /proc when somebody asks; where there is no /proc there is nothing to say.
"""

import os
from pathlib import Path

from msgspec import Struct


class ProcessStatus(Struct, frozen=True):
    """One process at one moment."""

    memory: int
    """Resident bytes."""
    cpu_us: int
    """Microseconds of processor time since it started, user and system."""
    open_files: int
    started: int
    """Unix seconds."""


def status_of(pid: int) -> ProcessStatus | None:
    """The status of a process, or None when it is gone or cannot be looked at."""
    root = Path("/proc") / str(pid)
    try:
        # The name in brackets may hold anything, so the fields are counted from its end.
        fields = (root / "stat").read_text().rpartition(")")[2].split()
        open_files = len(os.listdir(root / "fd"))  # noqa: PTH208 - as cheap as it gets
        booted = _booted()
    except (OSError, ValueError):
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    return ProcessStatus(
        memory=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        cpu_us=(int(fields[11]) + int(fields[12])) * 1_000_000 // ticks,
        open_files=open_files,
        started=booted + int(fields[19]) // ticks,
    )


def _booted() -> int:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    raise ValueError("/proc/stat has no btime")
