"""Days in a chosen zone over HTTP: every page has the same, and the log's rows are behind them."""

import csv
import io
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from faregate.admin.router import _day
from faregate.store.day_moves import move_all
from tests.admin.offices import Client, FakeOffice
from tests.store.ledgers import HOUR, a_charge, a_receipt, a_row

BERLIN = "Europe/Berlin"
CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
"""When the clocks of Berlin are set back; the day has 25 hours."""

NOW = datetime(2026, 10, 25, 23, 30, tzinfo=UTC).timestamp()
"""Half past midnight of the 26th there."""


@pytest.fixture(params=["booked", "moved"])
async def filled(
    request: pytest.FixtureRequest, office: FakeOffice, monkeypatch: pytest.MonkeyPatch
) -> FakeOffice:
    """A call every hour for four days, in a ledger whose days are those of Berlin."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    store = office.store()
    rows = [
        a_row(n, at, deployment="r1", receipt=a_receipt(a_charge(1000 + n, deployment="r1", at=at)))
        for n in range(96)
        if (at := NOW - 95 * HOUR + n * HOUR)
    ]
    if request.param == "moved":
        await store.append(rows)
    await store.keep_days_in(BERLIN)
    await move_all(store)
    await store.append(rows)
    return office


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/overview", {}),
        ("/api/spend", {"by": "day"}),
        ("/api/calls", {}),
        ("/api/router", {"deployment": "r1"}),
    ],
)
async def test_pages_answer_before_a_day_is_counted_in_a_zone_just_chosen(
    client: Client, office: FakeOffice, path: str, asked: dict[str, str]
) -> None:
    store = office.store()
    await store.append([a_row(1, time.time() - HOUR, deployment="r1")])
    await store.keep_days_in(BERLIN)
    answer = await client.get(path, **asked)
    assert answer.status == 200, answer.json
    if "calendar" in answer.json:
        about = answer.json["calendar"]
        assert (about["zone"], about["since"]) == (BERLIN, "9999-12-31T23:59:59.000000Z")
    await move_all(store)


async def test_every_page_has_the_same_days(client: Client, filled: FakeOffice) -> None:
    about = {"zone": BERLIN, "since": None, "today": "2026-10-26"}
    overview = (await client.get("/api/overview", days=2)).json
    assert overview["calendar"] == about
    assert overview["today"]["since"] == "2026-10-26"
    assert overview["today"]["now"]["calls"] == 1
    assert overview["today"]["before"]["calls"] == 25
    assert overview["range"]["since"] == "2026-10-25"
    assert overview["latency"]["calls"] == 26
    spend = (await client.get("/api/spend", by="day", since="1d")).json
    assert spend["calendar"] == about
    assert spend["since"] == "2026-10-25"
    days = {each["group"]["day"]: each for each in spend["data"]}
    assert {day: each["calls"] for day, each in days.items()} == {
        "2026-10-25": 25,
        "2026-10-26": 1,
    }
    assert spend["total"] == overview["range"]["now"]
    assert days["2026-10-25"]["spend"] == overview["today"]["before"]["spend"]
    by_day = [each for each in overview["series"] if each["group"]["day"] == "2026-10-25"]
    assert sum(each["calls"] for each in by_day) == 25


async def test_the_rows_behind_a_day_are_those_of_its_sum(
    client: Client, filled: FakeOffice
) -> None:
    spend = (await client.get("/api/spend", by="day")).json["data"]
    assert len(spend) == 5
    for each in spend:
        first = each["group"]["day"]
        asked = {"since": first, "until": (date.fromisoformat(first) + timedelta(1)).isoformat()}
        rows = (await client.get("/api/calls", limit=100, **asked)).json["data"]
        assert len(rows) == each["calls"]
        export = (await client.get("/api/calls/export", format="csv", **asked)).body.decode()
        assert len(list(csv.DictReader(io.StringIO(export)))) == each["calls"]
    # A time is UTC as ever, and a span counts back from now.
    rows = (await client.get("/api/calls", since="2026-10-25T00:00", limit=100)).json["data"]
    assert len(rows) == 24
    assert len((await client.get("/api/calls", since="90m")).json["data"]) == 2


async def test_litellms_paths_have_the_same_days(client: Client, filled: FakeOffice) -> None:
    dates = {"start_date": "2026-10-25", "end_date": "2026-10-26"}
    days = (await client.get("/spend/logs", **dates)).json
    assert [each["startTime"] for each in days] == ["2026-10-25", "2026-10-26"]
    rows = (await client.get("/spend/logs", summarize="false", **dates)).json
    assert len(rows) == 26
    report = (await client.get("/global/spend/report", **dates)).json
    assert [each["group_by_day"] for each in report] == [
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
    ]


async def test_a_day_no_calendar_has_is_refused(client: Client, filled: FakeOffice) -> None:
    for path in ("/api/calls", "/api/spend"):
        refused: Any = await client.get(path, since="2026-02-30")
        assert refused.status == 400
        arabic: Any = await client.get(path, since="\u0662\u0660\u0662\u0666-01-05")
        assert arabic.status == 400
    assert len((await client.get("/api/calls", since="0001-01-01", limit=100)).json["data"]) == 96
    assert (await client.get("/api/calls", since="9999-12-31")).json["data"] == []


async def test_the_router_is_compared_by_the_same_days(client: Client, filled: FakeOffice) -> None:
    page = (await client.get("/api/router", since="2026-10-25")).json
    assert page["calendar"]["zone"] == BERLIN
    assert page["since"] == "2026-10-25"
    (line,) = await filled.store().spend(
        ("day", "served_model"), since=date(2026, 10, 25), until=date(2026, 10, 26)
    )
    day = _day(line, await filled.store().calendar())
    # The prices of midnight there count, which is 22:00 UTC.
    assert day.at == CHANGE - 3 * HOUR
    assert day.usage.input == line.tokens["input"]


async def test_days_before_a_choice_are_told_from_those_after(
    client: Client, office: FakeOffice
) -> None:
    store = office.store()
    await store.append([a_row(n, CHANGE + n * 24 * HOUR) for n in range(4)])
    while await store.purge(CHANGE + 50 * HOUR):
        pass
    await store.keep_days_in(BERLIN)
    await move_all(store)
    told = (await client.get("/api/spend")).json["calendar"]
    assert told["zone"] == BERLIN
    assert told["since"] == "2026-10-28T00:00:00.000000Z"
