"""Which release is running, for metrics and traces."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def running_version() -> str:
    """The installed version, or ``unknown`` from a bare source tree."""
    try:
        return version("faregate")
    except PackageNotFoundError:
        return "unknown"
