"""From a price to the calls of its models."""

from faregate.core.pricebook import ROUTER_FEE_MODEL
from tests.admin.offices import Client, FakeOffice
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row


async def used(client: Client, model: str) -> tuple[dict[str, object], str]:
    rows = (await client.get("/api/prices", provider="azure", model=model, limit=1000)).json["data"]
    price_id = rows[0]["id"]
    reply = await client.get("/api/priced-models", price_id=price_id)
    assert reply.status == 200, reply.body
    return reply.json, price_id


async def fill(office: FakeOffice) -> None:
    served = ("gpt-5-mini-2025-08-07", "GPT-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-nano")
    rows = [
        a_row(
            number,
            NOON + number,
            receipt=a_receipt(a_charge(1, served_model=model), of=f"call-{number}"),
        )
        for number, model in enumerate(served)
    ]
    other = a_charge(1, served_model="gpt-5-mini", provider="openai")
    elsewhere = a_row(9, NOON, provider="openai", receipt=a_receipt(other, of="call-9"))
    await office.store().append([*rows, elsewhere])


async def test_a_price_leads_to_the_models_it_is_for(client: Client, office: FakeOffice) -> None:
    await fill(office)
    found, price_id = await used(client, "gpt-5-mini")
    assert found["price_id"] == price_id
    assert found["router"] is False
    assert found["data"] == [
        {"served_model": "gpt-5-mini-2025-08-07", "provider": "azure_ai", "calls": 2},
        {"served_model": "GPT-5-mini", "provider": "azure_ai", "calls": 1},
    ]


async def test_the_routing_fee_is_nobodys_own(client: Client, office: FakeOffice) -> None:
    await fill(office)
    found, _ = await used(client, ROUTER_FEE_MODEL)
    assert (found["router"], found["data"]) == (True, [])


async def test_a_price_that_ended_had_the_calls_of_its_days(
    client: Client, office: FakeOffice
) -> None:
    await fill(office)
    own = {
        "provider": "azure", "model": "gpt-5-mini", "unit": "input", "usd_per_million": "1",
        "effective_from": "2026-11-01", "effective_to": "2026-11-22",
    }  # fmt: skip
    (made,) = (await client.post("/api/prices", {"prices": [own]})).json["data"]
    found = (await client.get("/api/priced-models", price_id=made["id"])).json
    assert (found["since"], found["until"]) == ("2026-11-01", "2026-11-22")
    assert found["data"] == []


async def test_no_price_has_no_models(client: Client) -> None:
    reply = await client.get("/api/priced-models", price_id="azure:none")
    assert (reply.status, reply.code) == (404, "not_found")
