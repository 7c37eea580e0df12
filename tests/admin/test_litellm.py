"""LiteLLM's names: what its clients send is understood, and what they read is there."""

import time
from typing import Any

import pytest

from faregate.core.budget import Actual, Claim
from tests.admin.offices import Client, FakeOffice
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row


async def generate(client: Client, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/key/generate", fields)
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json
    return found


async def test_a_generated_key_has_the_fields_people_read(client: Client) -> None:
    await client.post("/team/new", {"team_id": "red"})
    made = await generate(
        client,
        key_alias="prod",
        duration="30d",
        models=["router"],
        max_budget=10.5,
        budget_duration="30d",
        soft_budget=5,
        rpm_limit=60,
        tpm_limit=1000,
        max_parallel_requests=3,
        model_rpm_limit={"router": 5},
        metadata={"app": "search"},
        tags=["batch"],
        team_id="red",
        user_id="ada",
    )
    assert made["key"].startswith("sk-fg-")
    expected = {
        "key_alias": "prod",
        "models": ["router"],
        "max_budget": 10.5,
        "soft_budget": 5.0,
        "budget_duration": "1mo",
        "rpm_limit": 60,
        "tpm_limit": 1000,
        "max_parallel_requests": 3,
        "model_rpm_limit": {"router": 5},
        "metadata": {"app": "search"},
        "tags": ["batch"],
        "team_id": "red",
        "user_id": "ada",
        "spend": 0.0,
        "blocked": False,
    }
    assert {name: made[name] for name in expected} == expected
    assert made["token"] == made["token_id"]
    assert made["token"].startswith("prod-")
    assert made["expires"].endswith("Z")
    assert made["budget_reset_at"].endswith("Z")
    info = (await client.get("/key/info", key=made["key"])).json
    assert info["key"] == made["key"]
    assert {name: info["info"][name] for name in expected} == expected
    assert "key" not in info["info"]
    assert (await client.get("/api/users/ada")).status == 200  # made on the way, as LiteLLM does
    native = (await client.get(f"/api/keys/{made['token']}")).json
    assert native["budgets"][0]["limit"] == "10.5"


async def test_a_key_may_ask_about_itself(client: Client) -> None:
    mine, other = await generate(client), await generate(client)
    holder = client.with_key(mine["key"])
    assert (await holder.get("/key/info")).json["info"]["token"] == mine["token"]
    assert (await holder.get("/key/info", key=mine["key"])).status == 200
    assert (await holder.get("/key/info", key=other["key"])).status == 403
    unknown = await client.get("/key/info", key="sk-unknown-secret-that-nobody-has")
    assert unknown.status == 404
    assert "sk-unknown" not in unknown.body.decode()


async def test_an_update_keeps_what_it_does_not_state(client: Client) -> None:
    made = await generate(client, key_alias="k", max_budget=1, budget_duration="1d", rpm_limit=5)

    async def update(**fields: Any) -> dict[str, Any]:
        reply = await client.post("/key/update", {"key": made["key"], **fields})
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.json
        return found

    more = await update(max_budget=2.25)
    assert (more["max_budget"], more["budget_duration"], more["rpm_limit"]) == (2.25, "1d", 5)
    assert more["key_alias"] == "k"
    longer = await update(budget_duration="7d", tpm_limit=9)
    assert (longer["max_budget"], longer["budget_duration"]) == (2.25, "1w")
    assert (longer["rpm_limit"], longer["tpm_limit"]) == (5, 9)
    none = await update(max_budget=None, rpm_limit=None)
    assert (none["max_budget"], none["rpm_limit"], none["tpm_limit"]) == (None, None, 9)
    assert (await update(duration="1h"))["expires"] is not None
    assert (await update(duration="-1"))["expires"] is None
    assert (await update(blocked=True))["blocked"] is True


async def test_several_budgets_survive_an_update_that_knows_one(client: Client) -> None:
    budgets = [{"limit": 1, "window": "1d"}, {"limit": 9, "window": "1mo"}]
    limits = [{"measure": "requests", "limit": 5, "per": "day"}]
    made = (await client.post("/api/keys", {"budgets": budgets, "limits": limits})).json
    path = f"/api/keys/{made['key']['id']}"
    reply = await client.post(
        "/key/update", {"key": made["secret"], "max_budget": 2, "rpm_limit": 3}
    )
    assert reply.json["rpm_limit"] == 3
    key = (await client.get(path)).json
    assert [(each["window"], each["limit"]) for each in key["budgets"]] == [
        ("1d", "2"),
        ("1mo", "9"),
    ]
    assert [(each["per"], each["limit"]) for each in key["limits"]] == [("day", 5), ("minute", 3)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_max_budget", {"router": {"budget_limit": 1, "time_period": "1d"}}),
        ("team_member_budget", 5),
        ("key_type", "read_only"),
        ("soft_budget", 5),
        ("guardrails", ["pii"]),
        ("permissions", {"x": True}),
        ("allowed_routes", ["/chat"]),
        ("budget_id", "b"),
    ],
)
async def test_a_restriction_that_would_not_hold_is_refused(
    client: Client, field: str, value: Any
) -> None:
    reply = await client.post("/key/generate", {field: value})
    assert (reply.status, reply.json["error"]["param"]) == (400, field)
    assert "is not supported" in reply.message
    assert (await client.post("/key/generate", {field: None, "aliases": {}})).status == 200


async def test_a_budget_within_a_team_is_refused_and_the_member_is_not_added(
    client: Client,
) -> None:
    await client.post("/team/new", {"team_id": "red"})
    wanted = {"team_id": "red", "member": {"role": "user", "user_id": "ada"}}
    reply = await client.post("/team/member_add", {**wanted, "max_budget_in_team": 5})
    assert reply.status == 400
    assert reply.json["error"]["param"] == "max_budget_in_team"
    team = (await client.get("/team/info", team_id="red")).json["team_info"]
    assert team["members"] == []
    assert (await client.post("/team/member_add", wanted)).status == 200


async def test_keys_are_deleted_blocked_listed_and_regenerated(client: Client) -> None:
    one, two, three = [await generate(client, key_alias=f"k{number}") for number in range(3)]
    listed = (await client.get("/key/list", size=2)).json
    assert (len(listed["keys"]), listed["total_count"], listed["total_pages"]) == (2, 3, 2)
    whole = (await client.get("/key/list", return_full_object=True, key_alias="k1")).json
    assert [each["token"] for each in whole["keys"]] == [two["token"]]
    assert (await client.post("/key/block", {"key": one["token"]})).json["blocked"] is True
    assert (await client.with_key(one["key"]).get("/api/me")).status == 401
    assert (await client.post("/key/unblock", {"key": one["key"]})).json["blocked"] is False
    fresh = (await client.post(f"/key/{one['token']}/regenerate")).json
    assert (fresh["token"], fresh["key_alias"]) == (one["token"], "k0")
    assert (await client.with_key(one["key"]).get("/api/me")).status == 401
    again = await client.post(
        "/key/regenerate", {"key": fresh["key"], "grace_period": "1h", "max_budget": 3}
    )
    assert again.json["max_budget"] == 3.0
    for secret in (fresh["key"], again.json["key"]):
        assert (await client.with_key(secret).get("/api/me")).status == 200
    gone = await client.post("/key/delete", {"keys": [two["key"]], "key_aliases": []})
    assert gone.json == {"deleted_keys": [two["key"]]}
    assert (await client.post("/key/delete", {"keys": [three["key"], "nope"]})).status == 404
    assert (await client.with_key(three["key"]).get("/api/me")).status == 200
    assert (await client.post("/key/delete", {"key_aliases": ["k2"]})).status == 200
    assert (await client.post("/key/delete", {})).status == 400
    assert (await client.post("/key/update", {"max_budget": 1})).json["error"]["param"] == "key"


async def test_teams(client: Client) -> None:
    body = {
        "team_alias": "Red",
        "team_id": "red",
        "max_budget": 100,
        "budget_duration": "30d",
        "members_with_roles": [{"role": "admin", "user_id": "ada"}],
        "models": ["router"],
        "organization_id": None,
    }
    made = (await client.post("/team/new", body)).json
    assert (made["team_id"], made["team_alias"], made["max_budget"]) == ("red", "Red", 100.0)
    assert made["members_with_roles"] == [{"role": "user", "user_id": "ada"}]
    both = await client.post(
        "/team/member_add", {"team_id": "red", "member": {"role": "user", "user_email": "b@x.de"}}
    )
    assert both.json["members"] == ["ada", "b@x.de"]
    one = await client.post("/team/member_delete", {"team_id": "red", "user_id": "ada"})
    assert one.json["members"] == ["b@x.de"]
    key = await generate(client, team_id="red")
    info = (await client.get("/team/info", team_id="red")).json
    assert (info["team_id"], info["team_info"]["models"]) == ("red", ["router"])
    assert [each["token"] for each in info["keys"]] == [key["token"]]
    changed = (await client.post("/team/update", {"team_id": "red", "tpm_limit": 5})).json
    assert (changed["data"]["tpm_limit"], changed["data"]["max_budget"]) == (5, 100.0)
    assert [each["team_id"] for each in (await client.get("/team/list")).json] == ["red"]
    assert (await client.get("/team/list", user_id="ada")).json == []
    assert (await client.post("/team/block", {"team_id": "red"})).json["blocked"] is True
    assert (await client.post("/team/unblock", {"team_id": "red"})).json["blocked"] is False
    assert (await client.post("/team/delete", {"team_ids": ["red", "blue"]})).status == 404
    assert (await client.get("/team/info", team_id="red")).status == 200
    gone = await client.post("/team/delete", {"team_ids": ["red"]})
    assert gone.json == {"deleted_teams": ["red"]}
    assert (await client.with_key(key["key"]).get("/api/me")).status == 401


async def test_users(client: Client) -> None:
    await client.post("/team/new", {"team_id": "red"})
    body = {
        "user_id": "ada",
        "user_email": "ada@example.com",
        "user_role": "proxy_admin",
        "teams": ["red"],
        "max_budget": 5,
        "metadata": {"desk": 7},
    }
    made = (await client.post("/user/new", body)).json
    assert (made["user_id"], made["user_email"], made["max_budget"]) == (
        "ada",
        "ada@example.com",
        5.0,
    )
    holder = client.with_key(made["key"])
    assert (await holder.get("/api/me")).json["user"] == "ada"
    assert (await holder.get("/api/keys")).status == 403  # their role gives no rights here
    info = (await client.get("/user/info", user_id="ada")).json
    assert [each["team_id"] for each in info["teams"]] == ["red"]
    assert (len(info["keys"]), info["user_info"]["metadata"]) == (1, {"desk": 7})
    changed = (await client.post("/user/update", {"user_id": "ada", "user_alias": "Ada"})).json
    assert changed["data"]["user_alias"] == "Ada"
    assert changed["data"]["user_role"] == "proxy_admin"
    other = (await client.post("/user/update", {"user_id": "ada", "metadata": {"a": 1}})).json
    assert (other["data"]["metadata"], other["data"]["user_email"]) == ({"a": 1}, "ada@example.com")
    native = (await client.get("/api/users/ada")).json
    assert (native["email"], native["metadata"]["user_role"]) == ("ada@example.com", "proxy_admin")
    body = {"user_id": "ada", "user_email": None, "user_role": None}
    cleared = (await client.post("/user/update", body)).json["data"]
    assert (cleared["user_email"], cleared["user_role"]) == (None, None)
    assert (await client.get("/api/users/ada")).json["metadata"] == {"a": 1}
    none = (await client.post("/user/new", {"user_id": "eve", "auto_create_key": False})).json
    assert none["key"] is None
    listed = (await client.get("/user/list", page_size=1)).json
    assert (len(listed["users"]), listed["total"], listed["total_pages"]) == (1, 2, 2)
    assert (await client.post("/user/delete", {"user_ids": ["ada", "eve"]})).json == 2
    assert (await holder.get("/api/me")).status == 401
    assert (await client.post("/user/update", {"user_alias": "x"})).status == 400


async def test_spend_is_that_of_the_budgets_window(client: Client, office: FakeOffice) -> None:
    limited = await generate(client, max_budget=10)
    free = await generate(client)
    await office.store().append([a_row(1, key=limited["token"]), a_row(2, key=free["token"])])
    assert office.counted is not None
    (account,) = office.directory().every_account()
    hold: Any = office.counted.reserve("c", [Claim(account, 10**12)], time.time())
    office.counted.settle(hold, Actual(usd=1_500_000_000_000))
    spends = {}
    for name, key in (("limited", limited), ("free", free)):
        spends[name] = (await client.get("/key/info", key=key["key"])).json["info"]["spend"]
    assert spends == {"limited": 1.5, "free": 543e-12}


async def test_spend_logs_and_reports(client: Client, office: FakeOffice) -> None:
    made = await generate(client, team_id=None)
    rows = [
        a_row(
            number,
            NOON + number,
            key=made["token"] if number else "other",
            receipt=a_receipt(a_charge(10**12)),
        )
        for number in range(3)
    ]
    await office.store().append(rows)
    logs = (await client.get("/spend/logs", api_key=made["key"])).json
    assert [each["spend"] for each in logs] == [1.0, 1.0]
    first = logs[0]
    assert (first["prompt_tokens"], first["completion_tokens"], first["total_tokens"]) == (
        1207,
        300,
        1507,
    )
    assert (first["model"], first["model_group"]) == ("gpt-5-mini", "router")
    one = (await client.get("/spend/logs", request_id=first["request_id"])).json
    assert [each["request_id"] for each in one] == [first["request_id"]]
    assert (await client.get("/spend/logs", api_key="sk-not-a-key-of-anybody")).status == 404
    dates = {"start_date": "2026-11-01", "end_date": "2026-11-22"}
    (day,) = (await client.get("/spend/logs", **dates)).json
    assert (day["startTime"], day["spend"]) == ("2026-11-22", 3.0)
    assert day["models"] == {"gpt-5-mini": 3.0}
    assert day["api_keys"][made["token"]] == 2.0
    assert len((await client.get("/spend/logs", **dates, summarize=False)).json) == 3
    (report,) = (await client.get("/global/spend/report", **dates)).json
    assert report["group_by_day"] == "2026-11-22T00:00:00+00:00"
    assert [(each["team_name"], each["total_spend"]) for each in report["teams"]] == [("red", 3.0)]
    keys = (await client.get("/global/spend/report", **dates, group_by="api_key")).json
    assert (keys[0]["api_key"], keys[0]["total_cost"]) == (made["token"], 2.0)
    assert (await client.get("/global/spend/report", **dates, group_by="customer")).status == 400
    assert (await client.get("/global/spend/report")).status == 400


async def test_model_info_of_what_may_be_called(client: Client) -> None:
    for path in ("/model/info", "/v1/model/info"):
        data = (await client.get(path)).json["data"]
        assert [each["model_name"] for each in data] == ["router", "mini"]
    router, mini = data
    assert router["model_info"]["input_cost_per_token"] is None
    assert 0 < mini["model_info"]["input_cost_per_token"] < 1e-5
    assert "api_key" not in mini["litellm_params"]
    only = (await client.get("/model/info", litellm_model_id=mini["model_info"]["id"])).json["data"]
    assert only == [mini]
    holder = client.with_key((await generate(client, models=["mini"]))["key"])
    assert [each["model_name"] for each in (await holder.get("/model/info")).json["data"]] == [
        "mini"
    ]
