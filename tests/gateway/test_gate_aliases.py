"""A model's budgets and limits hold under whatever name the model is called by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faregate.core.budget import Budget, RateLimit
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.gateway.worth import appraised
from faregate.money import parse_usd
from tests.gateway.gatehouse import Gatehouse, key
from tests.gateway.settings import snapshot

NANO = {"model_name": "nano", "model": "azure_ai/gpt-4.1-nano", "max_retries": 0}
ROUTING = {"disable_cooldowns": True, "model_group_alias": {"tiny": "nano"}}

House = Callable[..., Gatehouse]


def of_model(name: str, usd: str = "1000") -> Budget:
    return Budget(id=f"of-{name}", scope="model", scope_id=name, limit=parse_usd(usd))


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    def make(**more: Any) -> Gatehouse:
        return Gatehouse(monkeypatch, snapshot(dict(NANO), router_settings=ROUTING), **more)

    return make


@pytest.mark.parametrize("name", ["nano", "tiny"])
async def test_a_models_budget_is_no_wider_under_an_alias(house: House, name: str) -> None:
    gatehouse = house()
    gatehouse.know(key(), budgets=[of_model("nano", "0")])
    refused = await gatehouse.call(name, max_tokens=5)
    assert (refused.status, refused.code) == (429, "budget_exceeded")
    assert "budget of model nano" in refused.json["error"]["message"]
    assert gatehouse.upstream.requests == []


async def test_an_alias_may_have_a_budget_of_its_own(house: House) -> None:
    gatehouse = house()
    both = of_model("nano"), of_model("tiny")
    gatehouse.know(key(), budgets=both)
    for name in ("nano", "tiny"):
        assert (await gatehouse.call(name, max_tokens=5)).status == 200
    assert await gatehouse.spent(both[0]) == gatehouse.charged() > 0
    assert await gatehouse.spent(both[1]) == gatehouse.charged() // 2


async def test_a_keys_limit_for_a_model_counts_its_aliases(house: House) -> None:
    gatehouse = house()
    one = RateLimit(scope="key", scope_id="k1", measure="requests", limit=1, model="nano")
    gatehouse.know(key(), limits=[one])
    assert (await gatehouse.call("tiny")).status == 200
    assert (await gatehouse.call("nano")).code == "rate_limit_exceeded"


async def test_what_was_spent_under_an_alias_is_found_at_a_start(
    house: House, tmp_path: Path
) -> None:
    config = snapshot(dict(NANO), router_settings=ROUTING)
    spent = []
    for _ in range(2):
        ledger = Ledger(
            LedgerOptions(data_dir=tmp_path, drain_seconds=5.0),
            lambda lost: appraised(config, lost),
        )
        ledger.start()
        gatehouse = house(ledger=ledger)
        gatehouse.know(key(), budgets=[of_model("nano")])
        for name in ("nano", "tiny"):
            assert (await gatehouse.call(name, max_tokens=5)).status == 200
        spent.append(await gatehouse.spent(of_model("nano")))
        await ledger.stop()
    assert spent[1] == 2 * spent[0] > 0
