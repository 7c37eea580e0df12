"""The price book over HTTP, and calls that wait for a price."""

from typing import Any

from faregate.types import Usage
from tests.admin.offices import Client, FakeOffice
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row

MYSTERY = "gpt-9-mystery"


async def waits(office: FakeOffice, number: int = 1, usage: Usage | None = None) -> str:
    """A call of a model that has no price."""
    charge = a_charge(
        None,
        served_model=MYSTERY,
        usage=usage or Usage(input=1000, output=10),
        reason="no price",
    )
    row = a_row(number, NOON + number, receipt=a_receipt(charge))
    await office.store().append([row])
    return row.call_id


def prices(**changes: Any) -> dict[str, Any]:
    rows = [("input", "1.25"), ("output", 10)]
    return {
        "prices": [
            {
                "provider": "azure",
                "model": MYSTERY,
                "unit": unit,
                "usd_per_million": usd,
                "source": "the contract",
                **changes,
            }
            for unit, usd in rows
        ]
    }


async def test_a_price_that_is_added_fills_the_calls_that_waited(
    client: Client, office: FakeOffice
) -> None:
    call_id = await waits(office)
    (waiting,) = (await client.get("/api/unpriced")).json["data"]
    assert waiting == {
        "price_list": "azure",
        "provider": "azure_ai",
        "served_model": MYSTERY,
        "deployment": "main",
        "calls": 1,
    }
    added = await client.post("/api/prices", prices())
    assert added.status == 201, added.body
    assert added.json["fill"] == {"filled": 1, "waiting": 0, "next": None}
    assert [each["added"] for each in added.json["data"]] == [True, True]
    call = (await client.get(f"/api/calls/{call_id}")).json
    # 1,000 x 1.25 + 10 x 10 USD a million, and the router's fee of 0.14 USD a million input tokens.
    assert call["receipt"]["total"] == "0.00149"
    assert call["call"]["status"] == "priced"
    lines = call["receipt"]["charges"][0]["lines"]
    assert [each["label"] for each in lines] == ["input", "output", "Azure Model Router fee"]
    assert lines[0]["price"]["source"] == "the contract"
    (change,) = call["adjustments"]
    assert change["reason"] == "price added by master"
    assert change["before"]["status"] == "unpriced"
    assert (await client.get("/api/unpriced")).json["data"] == []
    assert (await client.get("/api/spend")).json["total"]["spend"] == "0.00149"
    (learnt,) = office.learnt
    assert learnt.entry.row.call_id == call_id
    assert learnt.amounts[("key", "key-1")] == 1_490_000_000 - 43


async def test_some_prices_of_a_model_are_not_all(client: Client, office: FakeOffice) -> None:
    await waits(office)
    body = prices()
    body["prices"].pop()
    added = await client.post("/api/prices", body)
    assert added.json["fill"] == {"filled": 0, "waiting": 1, "next": None}
    call = (await client.get("/api/calls")).json["data"][0]
    assert (call["status"], call["total"], call["spend"]) == ("unpriced", None, "0.00139")
    rest = await client.post("/api/prices", {"prices": prices()["prices"][1:]})
    assert rest.json["fill"]["filled"] == 1


async def test_unknown_usage_is_never_taken_for_none(client: Client, office: FakeOffice) -> None:
    await waits(office, usage=Usage())
    added = await client.post("/api/prices", prices())
    assert added.json["fill"] == {"filled": 0, "waiting": 1, "next": None}
    assert (await client.get("/api/calls")).json["data"][0]["total"] is None


async def test_filling_again_changes_nothing(client: Client, office: FakeOffice) -> None:
    await waits(office)
    await client.post("/api/prices", prices())
    again = (await client.post("/api/unpriced/fill")).json
    assert again == {"filled": 0, "waiting": 0, "next": None}
    assert (await client.post("/api/unpriced/fill", cursor="x")).code == "invalid_cursor"


async def test_prices_are_checked_before_any_is_written(client: Client) -> None:
    good = prices()["prices"][0]
    for change, param in (
        ({"unit": "word"}, "unit"),
        ({"usd_per_million": "-1"}, "usd_per_million"),
        ({"usd_per_million": "1e-9"}, "usd_per_million"),
        ({"usd_per_million": "2000000"}, "usd_per_million"),
        ({"scope": "mars"}, "scope"),
        ({"scope": "regional:" + "x" * 40}, "scope"),
        ({"tier": "gold"}, "tier"),
        ({"context": "long"}, "context_from"),
        ({"context_from": 5}, "context_from"),
        ({"model": "two words"}, "model"),
        ({"provider": "p" * 41}, "provider"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"effective_from": "2026-01-02", "effective_to": "2026-01-01"}, "effective_to"),
        ({"usd_per_million": 9}, ""),
    ):
        reply = await client.post("/api/prices", {"prices": [good, {**good, **change}]})
        assert (reply.status, reply.json["error"]["param"]) == (
            400,
            f"prices.1.{param}".rstrip("."),
        ), reply.body
    assert (await client.get("/api/prices", added=True)).json["data"] == []
    await client.post("/api/prices", {"prices": [good]})
    again = await client.post("/api/prices", {"prices": [{**good, "usd_per_million": 9}]})
    assert (again.status, again.code) == (409, "conflict")
    later = {**good, "usd_per_million": 9, "effective_from": "2026-12-01"}
    assert (await client.post("/api/prices", {"prices": [later]})).status == 201


async def test_the_id_of_a_removed_price_is_never_that_of_another(client: Client) -> None:
    body = {"prices": prices()["prices"][:1]}
    ids = []
    for usd in ("1", "2", "3"):
        body["prices"][0]["usd_per_million"] = usd
        (row,) = (await client.post("/api/prices", body)).json["data"]
        assert row["usd_per_million"] == usd
        ids.append(row["id"])
        assert (await client.delete(f"/api/prices/{row['id']}")).status == 204
    assert len(set(ids)) == 3
    assert ids[1].startswith(f"{ids[0]}@")
    assert (await client.get("/api/prices", added=True)).json["data"] == []


async def test_the_book_is_searched(client: Client) -> None:
    every = (await client.get("/api/prices", limit=1000)).json
    assert len(every["data"]) == 1000
    assert every["next"] is not None
    asked = {"provider": "azure", "model": "GPT-5-mini", "scope": "global", "tier": "standard"}
    found = (await client.get("/api/prices", **asked)).json["data"]
    assert found
    assert {(each["model"], each["tier"]) for each in found} == {("gpt-5-mini", "standard")}
    current = (await client.get("/api/prices", **asked, history=False)).json["data"]
    units = [(each["unit"], each["context"]) for each in current]
    assert len(units) == len(set(units))
    one = found[0]
    assert (await client.get(f"/api/prices/{one['id']}")).json == one
    assert (await client.get("/api/prices/no/such/row")).code == "not_found"
    assert (await client.get("/api/prices", q="zzzz")).json == {"data": [], "next": None}


async def test_an_added_price_goes_before_the_bundled_one_and_can_go(client: Client) -> None:
    asked = {"model": "gpt-5-mini", "provider": "azure", "scope": "global", "tier": "standard",
             "unit": "input", "history": False}  # fmt: skip
    (before,) = (await client.get("/api/prices", **asked)).json["data"]
    mine = {"provider": "azure", "model": "gpt-5-mini", "unit": "input", "usd_per_million": "0.2",
            "effective_from": "2026-11-01"}  # fmt: skip
    added = (await client.post("/api/prices", {"prices": [mine]})).json["data"][0]
    assert (await client.get("/api/prices", **asked)).json["data"] == [added]
    models = (await client.get("/api/models", model="mini")).json["data"]
    assert added in models[0]["prices"]
    assert (await client.delete(f"/api/prices/{added['id']}")).status == 204
    assert (await client.get("/api/prices", **asked)).json["data"] == [before]
    reply = await client.delete(f"/api/prices/{before['id']}")
    assert (reply.status, reply.code) == (404, "not_found")
    log = (await client.get("/api/audit", kind="price")).json["data"]
    assert [each["action"] for each in log] == ["delete", "create"]
    assert log[1]["after"]["usd_per_million"] == "0.2"
