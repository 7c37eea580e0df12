"""``/api/models/traffic``: what deployments had of late, and the calls of the log behind it."""

import time
from functools import partial
from typing import Any

import pytest

from faregate.admin import models
from faregate.money import parse_usd
from faregate.store.traffic import recent
from tests.admin.offices import Client, FakeOffice, a_client
from tests.gateway.settings import settings
from tests.store.ledgers import HOUR, NOON, a_charge, a_receipt, a_row

NOW = NOON + 0.654321


async def fill(office: FakeOffice, client: Client) -> list[str]:
    """A call of the first deployment every hour for four days; the ids of all."""
    first, *others = [each["id"] for each in (await client.get("/api/models")).json["data"]]
    rows = [
        a_row(
            n,
            NOON - n * HOUR,
            deployment=first,
            receipt=a_receipt(a_charge(10**9 + n, deployment=first)),
        )
        for n in range(96)
    ]
    await office.store().append(rows)
    return [first, *others]


async def behind(client: Client, traffic: Any, deployment: str) -> tuple[int, int]:
    """How many calls the log has since then, and what they cost."""
    asked = {"deployment": deployment, "since": traffic["since"], "limit": 1000}
    calls = (await client.get("/api/calls", **asked)).json["data"]
    return len(calls), sum(parse_usd(each["spend"]) for each in calls)


async def test_the_last_24_hours_and_the_calls_behind_them(
    client: Client, office: FakeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    first, second = await fill(office, client)
    found = (await client.get("/api/models/traffic")).json
    assert (found["since"], found["day"]) == ("2026-11-21T12:00:00.654321Z", None)
    used, unused = found["data"]
    assert unused == {"deployment": second, "calls": 0, "spend": "0", "minimum": False}
    assert (used["deployment"], used["calls"], used["minimum"]) == (first, 24, False)
    assert await behind(client, found, first) == (24, parse_usd(used["spend"]))
    assert await behind(client, found, second) == (0, 0)


async def test_many_calls_are_of_whole_days_and_it_says_so(
    client: Client, office: FakeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(models, "recent", partial(recent, most=30))
    first, _ = await fill(office, client)
    found = (await client.get("/api/models/traffic")).json
    assert (found["since"], found["day"]) == ("2026-11-21T00:00:00.000000Z", "2026-11-21")
    used = found["data"][0]
    assert used["calls"] == 37
    assert await behind(client, found, first) == (37, parse_usd(used["spend"]))


async def test_a_spend_that_is_a_minimum_is_told(client: Client, office: FakeOffice) -> None:
    first = (await client.get("/api/models")).json["data"][0]["id"]
    receipt = a_receipt(a_charge(None, deployment=first))
    await office.store().append([a_row(1, time.time() - 60, deployment=first, receipt=receipt)])
    assert (await client.get("/api/models/traffic")).json["data"][0] == {
        "deployment": first,
        "calls": 1,
        "spend": "0.000000000043",
        "minimum": True,
    }


async def test_a_key_without_a_role_sees_no_traffic(client: Client, office: FakeOffice) -> None:
    await fill(office, client)
    secret = (await client.post("/api/keys", {"name": "mine"})).json["secret"]
    refused = await client.with_key(secret).get("/api/models/traffic")
    assert (refused.status, refused.code) == (403, "permission_denied")
    assert (await client.with_key("").get("/api/models/traffic")).status == 401


async def test_a_deployment_of_that_name_is_still_listed() -> None:
    params = {"model": "azure_ai/x", "api_base": "http://127.0.0.1:1/v1", "api_key": "k"}
    named = {"model_name": "m", "params": params, "model_info": {"id": "traffic"}}
    client = await a_client(FakeOffice(found=settings(model_list=[named])))
    assert [each["id"] for each in (await client.get("/api/models")).json["data"]] == ["traffic"]
    found = (await client.get("/api/models/traffic")).json
    assert [each["deployment"] for each in found["data"]] == ["traffic"]


async def test_there_may_be_no_deployment() -> None:
    client = await a_client(FakeOffice(found=settings(model_list=[])))
    assert (await client.get("/api/models/traffic")).json["data"] == []
