"""Deployments of the database, as commands beside the gateway know them: without its secrets."""

from msgspec.structs import replace

from faregate.control import models
from faregate.control.desk import Desk
from faregate.control.drafts import ModelFields
from faregate.control.sealing import Sealing
from faregate.control.stored_models import Terms
from faregate.money import parse_usd
from faregate.store.protocol import Store
from faregate.types import Row, Usage
from tests.cli.conftest import Place
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row

SECRET = "resource-key-0123456789"
PRICES = ("--input", "1.25", "--cached-input", "0.125", "--output", "10")


async def add(store: Store) -> None:
    given = {
        "model": "azure_ai/mystery",
        "api_base": "https://r.services.ai.azure.com",
        "api_key": SECRET,
        "discount": "0.1",
    }
    desk = Desk(store=store, actor="ada", now=NOON)
    terms = Terms(sealing=Sealing("the server's own"), usable=lambda _: "")
    wanted = ModelFields(model_name="stored", params=given)
    await models.make(desk, terms, wanted, identity="stored-one")


def waiting() -> Row:
    row = a_row(1, NOON, deployment="stored-one")
    charge = a_charge(
        None,
        lines=(),
        deployment="stored-one",
        route="direct",
        requested_model="stored",
        sent_model="mystery",
        served_model="gpt-9-mystery",
        usage=Usage(input=1_000, cache_read=200, output=30),
        at=row.started,
    )
    return replace(row, receipt=a_receipt(charge, of=row.call_id))


def test_its_discount_counts_when_calls_are_filled(place: Place) -> None:
    place.at_store(add)
    row = waiting()
    place.append(row)
    config = place.configure()
    place.says("prices", "add", "azure", "gpt-9-mystery", *PRICES, *config)
    found = place.at_store(lambda store: store.row(row.call_id))
    assert found is not None
    assert found.total == parse_usd("0.0014175")  # 0.001575 less a tenth


def test_its_names_are_known(place: Place) -> None:
    place.at_store(add)
    config = place.configure()
    place.run("keys", "make", "--name", "k", "--model", "stored", *config)
    place.run("budgets", "make", "100/1mo", "--deployment", "stored-one", *config)
    said = place.complains("keys", "make", "--name", "k", "--model", "storde", *config)
    assert "stored" in said


def test_the_audit_log_shows_no_secret(place: Place) -> None:
    place.at_store(add)
    for words in (("audit",), ("audit", "--json")):
        said = place.says(*words)
        assert "stored-one" in said
        assert SECRET not in said
        assert "sealed" not in said
