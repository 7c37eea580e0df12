"""Stand-alone budgets and limits, and amounts, spans, zones and tags as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from faregate.control import budgets, fields, keys, limits
from faregate.control.budgets import BudgetChanges, BudgetFields
from faregate.control.errors import ConflictError, FieldError
from faregate.control.limits import LimitFields
from faregate.core.windows import DAY, HOUR, MINUTE
from faregate.money import PICO, format_usd
from tests.control.desks import a_desk


@given(st.integers(0, 10**24))
def test_every_amount_is_read_exactly(amount: int) -> None:
    assert fields.amount("limit", format_usd(amount)) == amount
    assert fields.amount("limit", f"${format_usd(amount)}") == amount


@pytest.mark.parametrize("said", ["10", "$10", "10.00", "1e1", " 10 ", 10])
def test_ten_dollars(said: str | int) -> None:
    assert fields.amount("limit", said) == 10 * PICO


@pytest.mark.parametrize("said", ["", "-1", "€10", "1,000", "NaN", "inf", "0x10", "1e400", True])
def test_what_is_no_amount(said: str | int) -> None:
    with pytest.raises(FieldError, match=r"^limit: "):
        fields.amount("limit", said)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("45s", 45), ("90", 90), ("2 h", 7200), ("1w", 604_800), (1.5, 1.5), (0, 0)],
)
def test_spans(said: str | float, seconds: float) -> None:
    assert fields.span("overlap", said) == seconds


@pytest.mark.parametrize("said", ["", "soon", "-1h", "1.5h", -1, float("inf"), float("nan"), True])
def test_what_is_no_span(said: str | float) -> None:
    with pytest.raises(FieldError):
        fields.span("overlap", said)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../UTC", "/etc/passwd", "Europe", "x\0y", "a" * 300]
)
def test_what_is_no_time_zone(name: str) -> None:
    with pytest.raises(FieldError, match="IANA"):
        fields.zone("zone", name)


async def test_an_amount_may_change_and_the_rest_stays() -> None:
    desk = await a_desk()
    wanted = BudgetFields(limit="10", window="1mo", zone="Europe/Berlin", soft_limit="8")
    made = await budgets.make_budget(desk, "model", "gpt-5-mini", wanted)
    assert made.id.startswith("model-gpt-5-mini-")
    assert made.entity.id == made.id
    changed = await budgets.update_budget(desk, made.id, BudgetChanges(limit="20"), 1)
    assert changed.entity == replace(made.entity, limit=20 * PICO)
    bare = await budgets.update_budget(desk, made.id, BudgetChanges(soft_limit=None))
    assert bare.entity.soft_limit is None
    with pytest.raises(FieldError, match="above the limit"):
        await budgets.update_budget(desk, made.id, BudgetChanges(soft_limit="21"))


async def test_what_was_for_somebody_goes_with_them() -> None:
    desk = await a_desk()
    key = (await keys.make(desk, keys.KeyFields())).kept.id
    other = (await keys.make(desk, keys.KeyFields())).kept.id
    for each in (key, other):
        await budgets.make_budget(desk, "key", each, BudgetFields(limit="1"))
        await limits.make_limit(desk, "key", each, LimitFields(measure="tokens", limit=1))
    await keys.delete(desk, key)
    assert [each.entity.scope_id for each in await budgets.list_budgets(desk)] == [other]
    assert [each.entity.scope_id for each in await limits.list_limits(desk)] == [other]


@pytest.mark.parametrize(
    ("said", "window"),
    [(None, MINUTE), ("minute", MINUTE), ("hour", HOUR), ("day", DAY), ("1m", MINUTE), ("1d", DAY)],
)
async def test_limits_are_per_minute_hour_or_day(said: str | None, window: object) -> None:
    desk = await a_desk()
    made = await limits.make_limit(
        desk, "tag", "batch", LimitFields(measure="requests", limit=5, per=said)
    )
    assert made.entity.window == window


@pytest.mark.parametrize("said", ["week", "2m", "rolling 30d", "none"])
async def test_limits_have_no_other_window(said: str) -> None:
    desk = await a_desk()
    with pytest.raises(FieldError):
        await limits.make_limit(
            desk, "tag", "batch", LimitFields(measure="requests", limit=5, per=said)
        )


async def test_one_limit_for_one_thing() -> None:
    desk = await a_desk()
    wanted = LimitFields(measure="requests", limit=5)
    first = await limits.make_limit(desk, "everything", "", wanted)
    with pytest.raises(ConflictError, match=first.id):
        await limits.make_limit(desk, "everything", "", replace(wanted, limit=6))
    await limits.make_limit(desk, "everything", "", replace(wanted, model="router"))
    changed = await limits.update_limit(desk, first.id, 6)
    assert (changed.entity.limit, changed.version) == (6, 2)
    for wrong in (-1, 10**16):
        with pytest.raises(FieldError):
            await limits.update_limit(desk, first.id, wrong)


async def test_a_deployment_must_exist() -> None:
    desk = await a_desk()
    with pytest.raises(FieldError, match="did you mean 'main'"):
        await budgets.make_budget(desk, "deployment", "mian", BudgetFields(limit="1"))
    free = replace(desk, deployments=None)
    await budgets.make_budget(free, "deployment", "mian", BudgetFields(limit="1"))
