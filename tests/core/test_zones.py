"""Time zones by their names."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from faregate.core import zones
from faregate.core.zones import find_zone, read_zone
from faregate.errors import ConfigError


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+3"])
def test_a_zone_is_found_by_its_name(name: str) -> None:
    assert find_zone(name) == read_zone(name) == ZoneInfo(name)
    assert find_zone("UTC") is UTC


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("localtime", "'localtime' is another zone on every machine"),
        ("LOCALTIME", "another zone on every machine"),
        ("posixrules", "another zone on every machine"),
        ("Factory", "another zone on every machine"),
        ("europe/berlin", "is no time zone; did you mean Europe/Berlin?"),
        ("Europe/Berln", "did you mean Europe/Berlin?"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("new york", "did you mean America/New_York?"),
        ("posix/Europe/Berlin", "is no time zone"),
        ("right/Europe/Berlin", "is no time zone"),
        ("Etc/GMT+\u0663", "is no time zone"),
        ("Europe", "is no time zone"),
        ("../etc/passwd", "is no time zone"),
        ("", "'' is no time zone; use an IANA name"),
        ("nonsense", "is no time zone; use an IANA name"),
        ("x" * 5000, "is no time zone"),
    ],
)
def test_what_is_no_zone_is_refused(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_zone(name)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_name_that_was_taken_before_still_counts() -> None:
    assert read_zone("EST5EDT") == ZoneInfo("EST5EDT")
    with pytest.raises(ConfigError, match="is no time zone"):
        read_zone("Mars/Base")


def test_a_missing_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "available_timezones", set)
    with pytest.raises(ConfigError, match="no database of time zones is installed"):
        find_zone("Mars/Base")
