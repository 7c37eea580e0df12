"""Where the figures come from."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def describe() -> str:
    """Processor, cores, system, Python and day."""
    day = datetime.now(UTC).date().isoformat()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} cores · {platform.system()} {platform.machine()} · "
        f"{platform.python_implementation()} {platform.python_version()} · {day}"
    )


def load_warning() -> str:
    """What to think of the figures when others use the machine, too; else nothing."""
    try:
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
    except OSError:
        return ""
    if load < 0.5 * cores:
        return ""
    return f"The machine was busy (load {load:.1f} on {cores} cores): expect high figures."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
