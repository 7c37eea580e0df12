"""Who pays for a call of an alias that somebody else made, or whose price came late."""

import msgspec

from faregate.core.budget import Budget, Spend, check
from faregate.core.directory import Directory
from faregate.gateway.access import Access, AccessOptions
from faregate.money import parse_usd
from tests.gateway.settings import settings
from tests.store.ledgers import a_row

CONFIG = settings(
    {"model_name": "nano", "model": "azure_ai/gpt-4.1-nano"},
    router_settings={"model_group_alias": {"tiny": "nano"}},
)
OF_NANO = Budget(id="n", scope="model", scope_id="nano", limit=parse_usd("10"))
OF_TINY = Budget(id="t", scope="model", scope_id="tiny", limit=parse_usd("10"))


async def nothing(_: str) -> None:
    """Nothing else changes."""


def access() -> Access:
    made = Access(AccessOptions(), None, lambda: CONFIG, lambda _: None, nothing)
    made.directory = Directory(budgets=[OF_NANO, OF_TINY])
    return made


async def test_a_dead_processs_call_of_an_alias_is_the_models() -> None:
    row = msgspec.structs.replace(a_row(), requested_model="tiny")
    claims = {each.account.id: each.amount for each in access()._paying(row)}
    assert set(claims) == {"usd/n", "usd/t"}
    assert claims["usd/n"] == claims["usd/t"] > 0


async def test_a_price_learnt_later_is_charged_to_the_model() -> None:
    made = access()
    accounts = [check(OF_NANO), check(OF_TINY)]
    assert await made._counters.restore(accounts, [Spend("usd/n", 0.0, 0)])
    row = a_row()
    await made.charge_late({("model", "tiny"): 7}, row.started, ())
    standings = await made.gate.standings(accounts)
    assert standings is not None
    assert [each.spent for each in standings] == [7, 7]
