"""Budgets and limits over HTTP: carried and alone, and how they stand."""

import time
from typing import Any

from faregate.core.budget import Actual, Claim
from tests.admin.offices import Client, FakeOffice


async def test_a_budget_of_everything_and_its_standing(client: Client, office: FakeOffice) -> None:
    body = {"scope": "everything", "limit": "10.50", "window": "total", "soft_limit": "2"}
    made = await client.post("/api/budgets", body)
    assert made.status == 201
    assert made.json["id"].startswith("everything-")
    assert made.json["standing"] == {
        "spent": "0",
        "held": "0",
        "left": "10.5",
        "share": 0.0,
        "resets_at": None,
        "projected": None,
        "state": "ok",
    }
    spend(office, 3_000_000_000_000, held=500_000_000_000)
    found = (await client.get(f"/api/budgets/{made.json['id']}")).json["standing"]
    assert (found["spent"], found["held"], found["left"]) == ("3", "0.5", "7")
    assert found["share"] == 3.5 / 10.5
    assert found["state"] == "warning"
    spend(office, 7_000_000_000_000)
    found = (await client.get(f"/api/budgets/{made.json['id']}")).json["standing"]
    assert (found["left"], found["state"]) == ("0", "exhausted")
    changed = await client.patch(f"/api/budgets/{made.json['id']}", {"limit": 20})
    assert changed.json["standing"]["spent"] == "10"  # what was spent stays
    assert (changed.json["soft_limit"], changed.json["window"]) == ("2", "total")


def spend(office: FakeOffice, amount: int, held: int = 0) -> None:
    """Let calls spend, and hold, pico-dollars of every budget."""
    assert office.counted is not None
    accounts = office.directory().every_account()
    for name, much in (("spent", amount), ("held", held)):
        claims = [Claim(each, much) for each in accounts]
        hold: Any = office.counted.reserve(f"{name}-{amount}", claims, time.time())
        if name == "spent":
            office.counted.settle(hold, Actual(usd=amount))


async def test_budgets_of_every_scope(client: Client) -> None:
    key = (await client.post("/api/keys", {"name": "k"})).json["key"]["id"]
    deployment = (await client.get("/api/models")).json["data"][0]["id"]
    for scope, scope_id in (
        ("tag", "batch"),
        ("model", "router"),
        ("deployment", deployment),
        ("key", key),
    ):
        reply = await client.post(
            "/api/budgets", {"scope": scope, "scope_id": scope_id, "limit": 1, "window": "1d"}
        )
        assert (reply.status, reply.json["scope_id"]) == (201, scope_id)
    wrong = [
        ({"scope": "tag"}, "scope_id", "needs the id"),
        ({"scope": "everything", "scope_id": "x"}, "scope_id", "has no id"),
        ({"scope": "model", "scope_id": "ruoter"}, "scope_id", "did you mean 'router'"),
        ({"scope": "model", "scope_id": "rou*"}, "scope_id", "a pattern"),
        ({"scope": "deployment", "scope_id": deployment[:-1]}, "scope_id", "did you mean"),
        ({"scope": "team", "scope_id": "x"}, "scope_id", "there is no team"),
        ({"scope": "moon", "scope_id": "x"}, "scope", ""),
    ]
    for body, param, said in wrong:
        reply = await client.post("/api/budgets", {**body, "limit": 1})
        assert (reply.status, reply.json["error"]["param"]) == (400, param), reply.body
        assert said in reply.message
    assert len((await client.get("/api/budgets", scope="tag")).json["data"]) == 1
    await client.delete(f"/api/keys/{key}")
    left = (await client.get("/api/budgets")).json["data"]
    assert {each["scope"] for each in left} == {"tag", "model", "deployment"}


async def test_carried_budgets_are_listed_and_changed_where_they_are(client: Client) -> None:
    key = (
        await client.post("/api/keys", {"name": "k", "budgets": [{"limit": 1, "window": "1d"}]})
    ).json["key"]
    carried = (await client.get("/api/budgets")).json["data"]
    assert [(each["id"], each["carried"], each["version"]) for each in carried] == [
        (f"key/{key['id']}/1d", True, None)
    ]
    path = f"/api/budgets/{carried[0]['id']}"
    assert (await client.get(path)).json == carried[0]
    for reply in (await client.patch(path, {"limit": 2}), await client.delete(path)):
        assert (reply.status, reply.code) == (409, "conflict")
        assert "change it there" in reply.message


async def test_the_fullest_budget_comes_first(client: Client, office: FakeOffice) -> None:
    for limit in (100, 4, 8):
        await client.post("/api/budgets", {"scope": "everything", "limit": limit})
    spend(office, 2_000_000_000_000)
    page = (await client.get("/api/budgets", sort="share", limit=2)).json
    assert [each["limit"] for each in page["data"]] == ["4", "8"]
    rest = (await client.get("/api/budgets", sort="share", limit=2, cursor=page["next"])).json
    assert [each["limit"] for each in rest["data"]] == ["100"]
    assert (await client.get("/api/budgets", cursor="x")).code == "invalid_cursor"


async def test_a_budgets_id_may_be_chosen_once(client: Client) -> None:
    body = {"id": "company", "scope": "everything", "limit": 1}
    assert (await client.post("/api/budgets", body)).json["id"] == "company"
    reply = await client.post("/api/budgets", body)
    assert (reply.status, reply.code) == (409, "conflict")
    for bad in ("", "a/b", "ä", "-x", "x" * 129):
        reply = await client.post("/api/budgets", {**body, "id": bad})
        assert reply.status == (201 if bad == "" else 400)


async def test_limits_alone(client: Client) -> None:
    body = {"scope": "model", "scope_id": "router", "measure": "requests", "limit": 100}
    made = (await client.post("/api/limits", body)).json
    assert made["id"].startswith("requests-model-router-")
    assert (made["per"], made["standing"]["left"]) == ("minute", 100)
    again = await client.post("/api/limits", {**body, "limit": 5})
    assert (again.status, again.code) == (409, "conflict")
    assert made["id"] in again.message
    assert (await client.post("/api/limits", {**body, "per": "day"})).status == 201
    changed = await client.patch(f"/api/limits/{made['id']}", {"limit": 7}, if_match='"1"')
    assert (changed.json["limit"], changed.json["version"]) == (7, 2)
    assert (await client.get(f"/api/limits/{made['id']}")).json["limit"] == 7
    assert (await client.delete(f"/api/limits/{made['id']}")).status == 204
    assert (await client.get(f"/api/limits/{made['id']}")).status == 404


async def test_carried_limits_are_listed(client: Client) -> None:
    limits = [{"measure": "tokens", "limit": 9, "per": "hour", "model": "router"}]
    key = (await client.post("/api/keys", {"name": "k", "limits": limits})).json["key"]
    (found,) = (await client.get("/api/limits", scope="key")).json["data"]
    assert found["id"] == f"tokens/rolling 1h/key/{key['id']}/router"
    assert (found["carried"], found["model"], found["per"]) == (True, "router", "hour")
    assert (await client.get(f"/api/limits/{found['id']}")).json == found
    assert (await client.delete(f"/api/limits/{found['id']}")).code == "conflict"
