"""The receipts that must come out, to the last digit."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core import receipt as receipts
from faregate.core.receipt_text import as_json, as_text, cost_fields
from faregate.core.usage import read_usage
from faregate.money import format_usd, parse_price, parse_usd
from faregate.prices.load import load_book
from faregate.types import INPUT_UNITS, UNITS, Charge, Deployment, OwnPrices, Usage

NOW = datetime(2026, 11, 22, tzinfo=UTC).timestamp()


def deployment(**changes: Any) -> Deployment:
    fields: dict[str, Any] = {
        "id": "my-router",
        "provider": "azure_ai",
        "route": "model_router",
        "upstream_model": "my-router",
        "api_base": "https://r.services.ai.azure.com",
    }
    return Deployment(**(fields | changes))


def charge(
    served: str,
    usage: dict[str, Any],
    *,
    day: str = "",
    tier: str = "standard",
    where: Deployment | None = None,
) -> Charge:
    outcome = receipts.Outcome(
        requested_model="azure_ai/model_router/my-router",
        served_model=served,
        usage=read_usage(usage, "openai"),
        tier=tier,
        at=datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp() if day else NOW,
    )
    return receipts.charge(load_book(), "azure", where or deployment(), outcome)


def tokens(prompt: int, completion: int, **details: int) -> dict[str, Any]:
    found: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    found["total_tokens"] = details.pop("total", prompt + completion)
    found["completion_tokens_details"] = {"reasoning_tokens": details.pop("reasoning", 0)}
    found["prompt_tokens_details"] = details
    return found


DIRECT = deployment(route="direct")
DATA_ZONE = deployment(scope="data_zone_us")

TABLE = [
    ("gpt-5-nano-2025-08-07", tokens(15, 78, reasoning=64), {}, "0.00003405"),
    ("gpt-4.1-nano-2025-04-14", tokens(1000, 100), {}, "0.00028"),
    ("gpt-4.1-nano-2025-04-14", tokens(1000, 100, cached_tokens=800), {}, "0.00022"),
    ("gpt-4.1-nano-2025-04-14", tokens(1000, 100), {"where": DIRECT}, "0.00014"),
    ("gpt-5-nano", tokens(1000, 500, reasoning=400), {}, "0.00039"),
    ("gpt-5-nano", tokens(1000, 500, reasoning=400), {"where": DATA_ZONE}, "0.000415"),
    (
        "gpt-5.6-luna-2026-07-09",
        tokens(2756, 295, cache_write_tokens=2753),
        {"day": "2026-09-15"},
        "0.00142869",
    ),
    ("gpt-5.6-sol-2026-07-09", tokens(1000, 1000), {"day": "2026-08-25"}, "0.03514"),
    ("gpt-5.6-sol-2026-07-09", tokens(1000, 1000), {"day": "2026-09-02"}, "0.02414"),
    ("gpt-5.4-2026-03-05", tokens(300_000, 1000), {}, "1.5645"),
    ("grok-4", tokens(1000, 100, cached_tokens=500), {}, "0.00464"),
    ("grok-4-1-fast-reasoning", tokens(92, 79, total=706), {}, "0.00033828"),
    ("claude-haiku-4-5-20251001", tokens(1000, 100), {}, "0.00164"),
    ("DeepSeek-V3.2", tokens(1000, 100), {}, "0.000888"),
]


@pytest.mark.parametrize(("served", "usage", "how", "total"), TABLE)
def test_the_receipt_is_right_to_the_last_digit(
    served: str, usage: dict[str, Any], how: dict[str, Any], total: str
) -> None:
    found = charge(served, usage, **how)
    assert found.total is not None, found.reason
    assert format_usd(found.total) == total
    assert found.status == "priced"
    assert sum(line.amount for line in found.lines) == found.total


def test_a_model_without_a_price_is_unpriced_and_the_fee_stays() -> None:
    found = charge("gpt-9-mystery", tokens(1000, 100))
    assert (found.total, found.status) == (None, "unpriced")
    assert "gpt-9-mystery" in found.reason
    assert [(line.kind, format_usd(line.amount)) for line in found.lines] == [
        ("router_fee", "0.00014")
    ]


def test_the_fee_is_charged_once_over_every_input_token() -> None:
    found = charge("gpt-5.6-luna", tokens(5000, 10, cached_tokens=2000, cache_write_tokens=1000))
    fees = [line for line in found.lines if line.kind == "router_fee"]
    assert [(fee.quantity, format_usd(fee.amount)) for fee in fees] == [(5000, "0.0007")]


def test_a_direct_call_has_no_fee() -> None:
    found = charge("gpt-5-nano", tokens(1000, 500), where=DIRECT)
    assert not [line for line in found.lines if line.kind == "router_fee"]


def test_every_line_names_a_price_row_of_the_book() -> None:
    found = charge("gpt-5.6-sol", tokens(9000, 10, cached_tokens=2000, cache_write_tokens=1000))
    assert [line.unit for line in found.lines] == [
        "input",
        "cache_read",
        "cache_write",
        "output",
        "input",
    ]
    for line in found.lines:
        row = load_book().price(line.price_id)
        assert (row.unit, row.per_token) == (line.priced_as, line.per_token)
        assert row.source


def test_a_cached_token_without_a_price_of_its_own_is_an_input_token() -> None:
    found = charge("grok-4", tokens(1000, 100, cached_tokens=500))
    assert [(line.unit, line.priced_as) for line in found.lines[:2]] == [
        ("input", "input"),
        ("cache_read", "input"),
    ]


def test_long_context_bills_the_whole_request() -> None:
    at_the_threshold = charge("gpt-5.4", tokens(272_000, 0))
    above = charge("gpt-5.4", tokens(272_001, 0))
    assert {line.context for line in at_the_threshold.lines} == {"short"}
    assert [line.context for line in above.lines] == ["long", "short"]  # the fee has no context
    assert above.lines[0].quantity == 272_001


def test_a_tier_without_a_price_is_unpriced() -> None:
    found = charge("gpt-4.1-nano", tokens(1000, 100), tier="priority")
    assert (found.total, found.status) == (None, "unpriced")


def test_priority_has_its_own_price() -> None:
    found = charge("gpt-5.5", tokens(1000, 1000), tier="priority", where=DIRECT)
    assert found.total == parse_usd("0.0875")  # 2.5 times 5 and 30


def test_a_long_prompt_in_a_tier_without_a_long_price_is_unpriced() -> None:
    short = charge("gpt-5.4", tokens(1000, 1000), tier="priority", where=DIRECT)
    long = charge("gpt-5.4", tokens(300_000, 1000), tier="priority", where=DIRECT)
    assert short.status == "priced"
    assert (long.total, long.status) == (None, "unpriced")
    assert "300,000" in long.reason


def test_audio_without_a_price_leaves_the_known_lines() -> None:
    found = charge("gpt-5-nano", tokens(1000, 100, audio_tokens=10))
    assert (found.total, found.status) == (None, "unpriced")
    assert "audio_input" in found.reason
    assert [line.unit for line in found.lines] == ["input", "output", "input"]


def test_contradicting_usage_is_marked_and_never_negative() -> None:
    found = charge("gpt-5-nano", tokens(100, 10, cached_tokens=5000))
    assert found.status == "inconsistent"
    assert "5000" in found.reason
    assert all(line.amount >= 0 for line in found.lines)


def test_unreadable_totals_have_no_price() -> None:
    found = charge("gpt-5-nano", {"prompt_tokens": -5, "completion_tokens": 1})
    assert (found.total, found.status) == (None, "inconsistent")


def test_own_prices_replace_the_model_and_keep_the_fee() -> None:
    own = OwnPrices(per_token={"input": parse_price("1"), "output": parse_price("2")})
    found = charge("anything", tokens(1000, 1000), where=deployment(own_prices=own))
    assert found.total == parse_usd("0.00314")
    assert found.lines[0].price_id == "deployment/my-router/input"


@pytest.mark.parametrize(("fee", "total"), [(0, "0.00025"), (parse_price("1"), "0.00125")])
def test_a_deployment_can_state_another_fee(fee: int, total: str) -> None:
    found = charge("gpt-5-nano", tokens(1000, 500), where=deployment(router_fee=fee))
    assert found.total == parse_usd(total)


def test_a_discount_is_off_the_model_and_not_off_the_fee() -> None:
    found = charge("gpt-4.1-nano", tokens(1000, 100), where=deployment(discount_bp=1000))
    assert found.total == parse_usd("0.000266")


def test_a_router_that_never_said_the_model_is_unpriced() -> None:
    found = charge("", tokens(1000, 100))
    assert found.status == "unpriced"
    assert "did not say" in found.reason


def test_a_direct_deployment_can_name_the_model_its_prices_are_of() -> None:
    own_name = deployment(route="direct", upstream_model="prod", base_model="gpt-5-nano")
    assert charge("custom-name", tokens(1000, 500), where=own_name).total == parse_usd("0.00025")


def test_charges_add_up_and_the_weakest_decides() -> None:
    known = charge("gpt-5-nano", tokens(1000, 500))
    unknown = charge("gpt-9-mystery", tokens(1000, 100))
    both = receipts.total("call_1", [known, known])
    assert (both.total, both.status) == (parse_usd("0.00078"), "priced")
    mixed = receipts.total("call_1", [unknown, known])
    assert (mixed.total, mixed.status) == (None, "unpriced")
    assert mixed.router_fee == parse_usd("0.00028")
    with pytest.raises(ValueError, match="no charge"):
        receipts.total("call_1", [])


counts = st.integers(0, 10**7)


@given(usage=st.builds(Usage, **dict.fromkeys(UNITS, counts)), discount=st.integers(0, 10_000))
def test_lines_are_quantity_times_price_and_add_up(usage: Usage, discount: int) -> None:
    outcome = receipts.Outcome(requested_model="m", served_model="gpt-5.6-sol", usage=usage, at=NOW)
    found = receipts.charge(load_book(), "azure", deployment(discount_bp=discount), outcome)
    for line in found.lines:
        assert line.amount == line.quantity * line.per_token >= 0
    if found.total is not None:
        assert found.total == sum(line.amount for line in found.lines)
    fee = [line for line in found.lines if line.kind == "router_fee"]
    prompt = sum(getattr(usage, unit) for unit in INPUT_UNITS)
    assert [line.quantity for line in fee] == ([prompt] if prompt else [])


def test_as_text_a_person_can_follow_it_to_the_price_row() -> None:
    found = receipts.total("call_1", [charge("gpt-5-nano", tokens(15, 78, reasoning=64))])
    text = as_text(found)
    assert "azure_ai/model_router/my-router → gpt-5-nano" in text
    assert "Azure Model Router fee  15 × $0.14/M  $0.00000210" in text
    assert "$0.00003405  priced" in text
    assert "azure/gpt-5-nano/global/standard/short/input" in text
    assert "64 tokens are reasoning" in text


def test_as_json_money_is_text() -> None:
    found = receipts.total("call_1", [charge("gpt-5-nano", tokens(15, 78))])
    plain = msgspec.json.decode(msgspec.json.encode(as_json(found)))
    assert plain["total"] == "0.00003405"
    assert plain["router_fee"] == "0.0000021"
    assert sum(parse_usd(line["amount"]) for line in plain["charges"][0]["lines"]) == 34_050_000


def test_an_unknown_cost_is_absent_and_never_zero() -> None:
    fields = cost_fields(receipts.total("call_1", [charge("gpt-9-mystery", tokens(1000, 100))]))
    assert "cost" not in fields
    assert "total" not in fields["cost_details"]
    assert fields["cost_details"]["status"] == "unpriced"
