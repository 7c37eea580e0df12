"""Models, the router page, the audit log, settings and status."""

from typing import Any

from faregate.core.pricebook import Rates
from faregate.types import Usage
from tests.admin.offices import MASTER, Client, FakeOffice, a_client
from tests.gateway.settings import settings
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row


async def test_models_with_their_state_and_prices(client: Client, office: FakeOffice) -> None:
    router, mini = (await client.get("/api/models")).json["data"]
    assert (router["model_name"], router["route"]) == ("router", "model_router")
    assert router["condition"]["state"] == "cooling"
    assert mini["condition"]["state"] == "healthy"
    assert [each["model"] for each in router["prices"]] == ["model-router"]
    assert {each["unit"] for each in mini["prices"]} >= {"input", "output", "cache_read"}
    assert (mini["source"], mini["editable"], mini["credential"]) == ("config", False, "key")
    assert "upstream-key" not in (await client.get("/api/models")).body.decode()
    assert (await client.get(f"/api/models/{mini['id']}")).json == mini
    assert (await client.get("/api/models/none")).code == "not_found"
    assert [e["id"] for e in (await client.get("/api/models", q="MINI")).json["data"]] == [
        mini["id"]
    ]
    first = (await client.get("/api/models", limit=1)).json
    assert (await client.get("/api/models", cursor=first["next"])).json["data"] == [mini]


async def test_own_prices_and_unpriced_models() -> None:
    found = settings(
        {"model_name": "own", "model": "azure_ai/x", "input_cost_per_token": "0.00000025"},
        {"model_name": "strange", "model": "azure_ai/no-such-model"},
        {"model_name": "any/*", "model": "openai/*"},
    )
    client = await a_client(FakeOffice(found=found))
    own, strange, wild = (await client.get("/api/models")).json["data"]
    assert own["own_prices"] == [{"unit": "input", "usd_per_million": "0.25"}]
    assert strange["unpriced"].startswith("no price for 'no-such-model'")
    assert (wild["prices"], wild["unpriced"]) == ([], "")


async def test_what_the_router_chose_and_what_one_model_would_have_cost(
    client: Client, office: FakeOffice
) -> None:
    deployment = (await client.get("/api/models")).json["data"][0]["id"]
    used = Usage(input=300_000, cache_read=100_000, output=2_000)
    rows = [
        a_row(
            number,
            NOON + number,
            deployment=deployment,
            receipt=a_receipt(
                a_charge(1_000_000_000_000, deployment=deployment, served_model=model, usage=used)
            ),
        )
        for number, model in enumerate(("gpt-5-mini", "gpt-5-nano", "gpt-5-mini"))
    ]
    await office.store().append(rows)
    page = (await client.get("/api/router", since="2026-11-01", until="2026-12-01")).json
    (found,) = page["data"]
    assert found["total"]["spend"] == "3"
    assert found["per_1000_calls"] == "1000"
    assert found["fee_share"] == 43 / 1_000_000_000_000
    assert [each["group"]["served_model"] for each in found["flows"]] == [
        "gpt-5-mini",
        "gpt-5-nano",
    ]
    assert [each["calls"] for each in found["series"]] == [2, 1]
    assert {each["model"] for each in found["baselines"]} == {"gpt-5-mini", "gpt-5-nano"}
    rates: Any = office.book().lookup("azure", "gpt-5-mini", at=NOON)
    assert isinstance(rates, Rates)
    price = {unit: row.per_token for unit, row in rates.short.items()}
    expected = 3 * (
        300_000 * price["input"] + 100_000 * price["cache_read"] + 2_000 * price["output"]
    )
    mini = next(each for each in found["baselines"] if each["model"] == "gpt-5-mini")
    assert pico(mini["would_cost"]) == expected
    assert pico(mini["saved"]) == expected - 3_000_000_000_000
    asked = (await client.get("/api/router", since="2026-11-01", baseline="gpt-9-none")).json
    (none,) = asked["data"][0]["baselines"]
    assert (none["would_cost"], none["saved"]) == (None, None)
    assert "gpt-9-none" in none["reason"]
    assert (await client.get("/api/router", deployment="other")).json["data"] == []
    assert (await client.get("/api/router", since="x")).status == 400


async def test_latency_is_told_by_the_model_that_served(client: Client, office: FakeOffice) -> None:
    rows = [
        a_row(
            number,
            NOON + number,
            deployment="main",
            ended=NOON + number + number,
            receipt=a_receipt(a_charge(1, served_model=model), of=f"call-{number}"),
        )
        for number, model in enumerate(("gpt-5-nano", "gpt-5-mini", "gpt-5-mini", "gpt-5-mini"))
    ]
    await office.store().append([*rows, a_row(9, NOON, deployment="other", ended=NOON + 60)])
    found = (await client.get("/api/router/latency", deployment="main")).json
    assert found["deployment"] == "main"
    assert [(each["served_model"], each["calls"]) for each in found["data"]] == [
        ("gpt-5-mini", 3),
        ("gpt-5-nano", 1),
    ]
    mini = found["data"][0]
    assert (mini["p50"], mini["p95"], mini["first_byte_p50"]) == (2.0, 3.0, 0.25)
    assert mini["since"] == "2026-11-22T12:00:01.000000Z"
    assert mini["routing_p50"] == 0.007
    assert (await client.get("/api/router/latency")).status == 400


def pico(text: str) -> int:
    """Pico-dollars, by hand."""
    sign = -1 if text.startswith("-") else 1
    whole, _, rest = text.lstrip("-").partition(".")
    return sign * (int(whole) * 10**12 + int(rest.ljust(12, "0") or 0))


async def test_a_baseline_of_spend_that_is_not_known(client: Client, office: FakeOffice) -> None:
    deployment = (await client.get("/api/models")).json["data"][0]["id"]
    charge = a_charge(None, deployment=deployment)
    await office.store().append([a_row(1, deployment=deployment, receipt=a_receipt(charge))])
    found = (await client.get("/api/router", since="2026-11-01")).json["data"][0]
    (baseline,) = found["baselines"]
    assert baseline["would_cost"] is not None
    assert (baseline["saved"], baseline["reason"]) == (None, "what was spent is not wholly known")


async def test_the_audit_log_tells_what_changed(client: Client) -> None:
    budget = {"limit": "0.5", "window": "1d"}
    key = (await client.post("/api/keys", {"name": "k", "budgets": [budget]})).json["key"]["id"]
    await client.patch(f"/api/keys/{key}", {"tags": ["x"], "budgets": [{**budget, "limit": 2}]})
    await client.post(f"/api/keys/{key}/rotate", {"overlap": "1h"})
    await client.post("/api/budgets", {"id": "all", "scope": "everything", "limit": "7.25"})
    await client.delete(f"/api/keys/{key}")
    log = (await client.get("/api/audit")).json["data"]
    assert [(each["kind"], each["action"]) for each in log] == [
        ("key", "delete"),
        ("budget", "create"),
        ("key", "update"),
        ("key", "update"),
        ("key", "create"),
    ]
    assert log[1]["after"]["limit"] == "7.25"
    assert "secret" in log[2]["changed"]
    assert log[3]["changed"] == ["budgets", "tags"]
    assert log[3]["before"]["budgets"][0]["limit"] == "0.5"
    assert log[3]["after"]["budgets"][0]["limit"] == "2"
    assert [each["sequence"] for each in log] == [5, 4, 3, 2, 1]


async def test_the_audit_log_is_paged_and_narrowed(client: Client) -> None:
    for number in range(4):
        await client.post("/api/teams", {"id": f"t{number}"})
        await client.post("/api/users", {"id": f"u{number}"})
    for asked in ({}, {"kind": "team"}, {"actor": "master"}, {"kind": "team", "id": "t2"}):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await client.get("/api/audit", limit=3, **asked, **cursor)).json
            seen += [each["id"] for each in page["data"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        every = [f"{noun}{number}" for number in (3, 2, 1, 0) for noun in ("u", "t")]
        wanted = {"kind": [each for each in every if each[0] == "t"], "id": ["t2"]}
        expected = wanted["id"] if "id" in asked else wanted["kind"] if "kind" in asked else every
        assert seen == expected, asked
    assert (await client.get("/api/audit", cursor="x")).code == "invalid_cursor"


async def test_settings_are_masked() -> None:
    found = settings(
        general_settings={"database_url": "postgresql://me:hunter2@db/x"},
        litellm_settings={"max_budget": "12.5"},
        router_settings={"redis_host": "r", "redis_password": "hunter3"},
    )
    client = await a_client(FakeOffice(found=found))
    reply = await client.get("/api/settings")
    assert reply.status == 200
    shown = reply.json
    assert (shown["general"]["master_key"], shown["general"]["database_url"]) == ("…", "…")
    assert shown["redis"]["password"] == "…"
    assert shown["max_budget"] == "12.5"
    assert shown["files"] == ["config.yaml"]
    usual = shown["defaults"]
    assert usual["general"]["database_url"] is None
    assert usual["general"]["limits"] == shown["general"]["limits"]
    assert usual["general"].keys() == shown["general"].keys()
    assert usual["routing"] == shown["routing"]
    assert (usual["redis"]["host"], usual["redis"]["port"]) == ("", shown["redis"]["port"])
    for secret in (MASTER, "hunter2", "hunter3", "upstream-key"):
        assert secret not in reply.body.decode()


async def test_reload_and_status(client: Client, office: FakeOffice) -> None:
    assert "reloaded" in (await client.post("/api/settings/reload")).json["message"]
    office.broken_reload = "config.yaml:3: error: nonsense"
    reply = await client.post("/api/settings/reload")
    assert (reply.status, reply.message) == (400, "config.yaml:3: error: nonsense")
    status = (await client.get("/api/status")).json
    assert (status["ledger"]["database"], status["version"]) == ("up", "0.1.0")
    assert status["started_at"] == "2027-01-15T08:00:00.000000Z"


async def test_who_the_master_is(client: Client) -> None:
    me = (await client.get("/api/me")).json
    assert (me["id"], me["role"], me["models"]) == ("master", "admin", ["router", "mini"])
