"""Time zones by their IANA names.

The names and their rules are a table of facts that Python brings along or the system keeps; reading
it is left to :mod:`zoneinfo`.
"""

import re
from datetime import UTC, tzinfo
from difflib import get_close_matches
from zoneinfo import ZoneInfo, available_timezones

from faregate.errors import ConfigError

_FORM = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}\Z")
_NO_PLACE = ("localtime", "posixrules", "factory")
_COPIES = ("posix/", "right/")
"""Further copies of every zone; those of ``right`` count leap seconds."""


def find_zone(name: str) -> tzinfo:
    """The time zone of an IANA name such as ``Europe/Berlin``; ``UTC`` is one.

    Raises :class:`ConfigError`, with the nearest name there is, for anything else, and for
    ``localtime``: it is another zone on every machine.
    """
    if name.lower() in _NO_PLACE:
        raise ConfigError(
            f"{name!r} is another zone on every machine; use an IANA name such as Europe/Berlin or"
            " UTC"
        )
    found = _zone(name) if _FORM.match(name) and not name.startswith(_COPIES) else None
    if found is None:
        raise _unknown(name, _nearest(name))
    return found


def read_zone(name: str) -> tzinfo:
    """The zone of a name that was taken once, also of one that would be refused now.

    Raises :class:`ConfigError` where there is none of that name.
    """
    found = _zone(name)
    if found is None:
        raise _unknown(name)
    return found


def _zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown names, files beside, and directories
        return None


def _unknown(name: str, hint: str = "") -> ConfigError:
    return ConfigError(
        f"{name[:60]!r} is no time zone{hint}; use an IANA name such as Europe/Berlin or UTC"
    )


def _nearest(name: str) -> str:
    """A hint at the zone that is meant; at a database that is missing, where there is none."""
    every = available_timezones()
    if not every:
        return " here, where no database of time zones is installed (the package tzdata)"
    names = sorted(each for each in every if "/" in each and not each.startswith("Etc/"))
    asked = name[:60].lower().replace(" ", "_")
    for known in (
        {each.lower(): each for each in names},
        {each.rpartition("/")[2].lower(): each for each in names},
    ):
        found = get_close_matches(asked, known, n=1, cutoff=0.75)
        if found:
            return f"; did you mean {known[found[0]]}?"
    return ""
