"""Days in a chosen zone at the command line."""

import csv
import io
import time
from datetime import UTC, datetime

import pytest

from faregate.store.day_moves import move_all
from faregate.store.protocol import Store
from tests.cli.conftest import Place
from tests.store.ledgers import HOUR, a_row

NOW = datetime(2026, 10, 25, 23, 30, tzinfo=UTC).timestamp()
"""Half past midnight of the 26th in Berlin."""


@pytest.fixture
def berlin(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A call every hour for four days, summed by the days of Berlin."""
    monkeypatch.setattr(time, "time", lambda: NOW)

    async def fill(store: Store) -> None:
        await store.append([a_row(n, NOW - 95 * HOUR + n * HOUR) for n in range(96)])
        await store.keep_days_in("Europe/Berlin")
        await move_all(store)

    place.at_store(fill)
    return place


def test_spend_is_by_days_of_the_zone(berlin: Place) -> None:
    found = berlin.json("spend", "--by", "day", "--since", "1d")
    assert (found["zone"], found["since"]) == ("Europe/Berlin", "2026-10-25")
    calls = {each["day"]: each["calls"] for each in found["groups"]}
    assert calls == {"2026-10-25": 25, "2026-10-26": 1}
    assert (
        berlin.json("spend", "--by", "", "--since", "2026-10-25", "--until", "2026-10-26")["total"][
            "calls"
        ]
        == 25
    )
    assert berlin.says("spend", "--by", "day").endswith("days in Europe/Berlin\n")
    assert "days in" not in berlin.says("spend")
    text = berlin.says("spend", "--by", "day", "--since", "0d", "--csv")
    assert [each["day"] for each in csv.DictReader(io.StringIO(text))] == ["2026-10-26"]


def test_the_log_has_the_rows_of_those_days(berlin: Place) -> None:
    day = ("--since", "2026-10-25", "--until", "2026-10-26")
    assert len(berlin.json("log", *day, "--limit", "100")["calls"]) == 25
    rows = list(csv.DictReader(io.StringIO(berlin.says("log", *day, "--csv"))))
    assert len(rows) == 25
    assert rows[-1]["started"] == "2026-10-24T22:30:00.000000Z"
    at = ("--since", "2026-10-25T00:00", "--until", "2026-10-26T00:00Z")
    assert len(berlin.json("log", *at, "--limit", "100")["calls"]) == 24
    assert len(berlin.json("log", "--since", "90m")["calls"]) == 2


def test_days_are_utc_where_nothing_was_chosen(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    place.append(a_row(1, NOW))
    found = place.json("spend", "--by", "day", "--since", "0d")
    assert found["zone"] == "UTC"
    assert [each["day"] for each in found["groups"]] == ["2026-10-25"]
    assert "days in" not in place.says("spend", "--by", "day")


@pytest.mark.parametrize(
    "said",
    [
        "\u0667d",
        "12h",
        "2026-02-30",
        "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0660\u0661",
        "yesterday",
    ],
)
def test_what_is_no_day(place: Place, said: str) -> None:
    assert "spend is summed by whole days; write 7d" in place.complains("spend", "--since", said)


@pytest.mark.parametrize("said", ["\u0667d", "2026-02-30", "noon"])
def test_what_is_no_instant(place: Place, said: str) -> None:
    assert "write 7d, 12h, 2026-11-01" in place.complains("log", "--since", said)


def test_more_days_ago_than_there_are(place: Place) -> None:
    assert place.json("spend", "--since", "99999w")["since"] is not None
    assert place.json("spend", "--since", "9999w")["groups"] == []
