"""The prices that come with the package: the router's pool, its zones, tiers and history."""

import time

import pytest

from faregate.core.pricebook import PriceBook, Rates, Unpriced
from faregate.money import format_price
from faregate.prices.load import BUNDLED, _load, load_book, parse_instant
from faregate.prices.write import make_id
from faregate.types import UNITS, Unit

NOW = parse_instant("2026-11-22")
BOOK = load_book()

# Served name; then USD for 1M tokens, Global Standard: input, cached, output, cache write.
POOL = """
gpt-6-astra-2026-09-03                  10    1     50   12.5
gpt-5.6-sol-2026-07-09                  4     0.4   20   5
gpt-5.6-terra-2026-07-09                2     0.2   12   2.5
gpt-5.6-luna-2026-07-09                 0.2   0.02  1.2  0.25
gpt-5.5-2026-04-24                      5     0.5   30   -
gpt-5.4-2026-03-05                      2.5   0.25  15   -
gpt-5.4-mini-2026-03-17                 0.75  0.075 4.5  -
gpt-5.4-nano-2026-03-17                 0.2   0.02  1.25 -
gpt-5.2-2025-12-11                      1.75  0.175 14   -
gpt-5-2025-08-07                        1.25  0.125 10   -
gpt-5-mini-2025-08-07                   0.25  0.025 2    -
gpt-5-nano-2025-08-07                   0.05  0.005 0.4  -
o4-mini-2025-04-16                      1.1   0.275 4.4  -
gpt-4.1-2025-04-14                      2     0.5   8    -
gpt-4.1-mini-2025-04-14                 0.4   0.1   1.6  -
gpt-4.1-nano-2025-04-14                 0.1   0.025 0.4  -
gpt-4o-2024-11-20                       2.5   1.25  10   -
gpt-4o-mini-2024-07-18                  0.15  0.075 0.6  -
gpt-oss-120b                            0.15  -     0.6  -
DeepSeek-V3.2                           0.58  -     1.68 -
Llama-4-Maverick-17B-128E-Instruct-FP8  0.25  -     1    -
grok-4                                  3     -     15   -
grok-4-1-fast-reasoning                 0.2   -     0.5  -
grok-4.6                                2     0.5   6    -
FW-GLM-5.3                              1.75  0.325 5.5  -
FW-GLM-5.3-Flash                        0.188 0.038 0.625 -
FW-Kimi-K3                              3     0.3   15   -
claude-fable-5-1                        10    0.25  50   12.5
claude-opus-5                           5     0.5   25   6.25
claude-opus-4-8                         5     0.5   25   6.25
claude-opus-4-7                         5     0.5   25   6.25
claude-opus-4-6                         5     0.5   25   6.25
claude-sonnet-5                         2     0.2   10   2.5
claude-sonnet-4-5-20250929              3     0.3   15   3.75
claude-haiku-4-5-20251001               1     0.1   5    1.25
gpt-5-chat-2025-08-07                   1.25  0.125 10   -
gpt-5.2-chat                            1.75  0.175 14   -
gpt-5.3-chat                            1.75  0.175 14   -
DeepSeek-V3.1                           1.23  -     4.94 -
grok-4-fast-reasoning                   0.2   -     0.5  -
claude-opus-4-1-20250805                15    1.5   75   18.75
"""
UNDATED = [
    "gpt-6-astra",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-5.6-luna",
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.2",
    "gpt-5",
    "gpt-5-mini",
    "gpt-5-nano",
    "o4-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5-chat",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
    "claude-opus-4-1",
    "claude-opus-4.1",
    "Deepseek-V3.1",
    "GPT-5-NANO",
]


def rates(model: str, scope: str = "global", tier: str = "standard", at: float = NOW) -> Rates:
    found = BOOK.lookup("azure", model, scope, tier, at=at)
    assert isinstance(found, Rates), found
    return found


def usd(found: Rates, *units: Unit, long: bool = False) -> list[str]:
    prices = found.long if long else found.short
    return [format_price(prices[unit].per_token) if unit in prices else "-" for unit in units]


@pytest.mark.parametrize("line", POOL.strip().splitlines())
def test_every_model_of_the_pool_is_priced(line: str) -> None:
    model, *figures = line.split()
    found = rates(model)
    assert usd(found, "input", "cache_read", "output", "cache_write") == figures


@pytest.mark.parametrize("model", UNDATED)
def test_undated_names_are_priced_like_dated_ones(model: str) -> None:
    assert rates(model).short["input"].per_token > 0


@pytest.mark.parametrize(
    ("model", "scope", "figures"),
    [
        ("gpt-6-astra", "data_zone_us", "11 55"),
        ("gpt-6-astra", "data_zone_eu", "12 60"),
        ("gpt-5.6-sol", "data_zone_us", "4.4 22"),
        ("gpt-5.6-sol", "data_zone_eu", "4.4 22"),
        ("gpt-5.5", "data_zone_us", "5.5 33"),
        ("gpt-5.5", "data_zone_eu", "5.5 33"),
        ("gpt-5.5", "data_zone_apac", "6 36"),
        ("gpt-5.4", "data_zone_us", "2.75 16.5"),
        ("gpt-5.4", "data_zone_apac", "3 18"),
        ("gpt-5-nano", "data_zone_us", "0.055 0.44"),
        ("gpt-4.1", "data_zone_us", "2.2 8.8"),
        ("gpt-oss-120b", "data_zone_us", "0.165 0.66"),
        ("grok-4", "data_zone_us", "3.3 16.5"),
        ("grok-4", "data_zone_eu:polandcentral", "6.05 30.3"),
        ("grok-4", "data_zone_eu:francecentral", "3.3 16.5"),
        ("DeepSeek-V3.2", "data_zone_eu", "0.64 1.85"),
        ("Llama-4-Maverick-17B-128E-Instruct-FP8", "data_zone_us", "0.275 1.1"),
        ("claude-opus-5", "data_zone_us", "5.5 27.5"),
        ("grok-4", "gov_global", "3.75 18.75"),
        ("DeepSeek-V3.2", "gov_data_zone", "0.8 2.3"),
        ("gpt-4.1", "regional:swedencentral", "2.42 9.68"),
    ],
)
def test_prices_of_the_other_scopes(model: str, scope: str, figures: str) -> None:
    assert usd(rates(model, scope), "input", "output") == figures.split()


@pytest.mark.parametrize(
    ("model", "scope"),
    [
        ("claude-opus-5", "data_zone_eu"),
        ("claude-haiku-4-5-20251001", "data_zone_us"),
        ("gpt-5-nano", "data_zone_apac"),
        ("gpt-5-nano", "moon"),
        ("model-router", "global"),
        ("gpt-9-mystery", "global"),
        ("gpt-5-nano-2027-01-01", "global"),
    ],
)
def test_what_is_not_sold_is_unpriced(model: str, scope: str) -> None:
    assert isinstance(BOOK.lookup("azure", model, scope, at=NOW), Unpriced)


@pytest.mark.parametrize(
    ("model", "figures", "long_from"),
    [
        ("gpt-5.4", "5 0.5 22.5", 272_001),
        ("gpt-5.5", "10 1 45", 272_001),
        ("gpt-5.6-sol", "8 0.8 30", 272_001),
        ("gpt-6-astra", "20 2 75", 272_001),
        ("grok-4.3", "2.5 0.4 5", 200_000),
        ("grok-4.6", "4 1 12", 200_000),
    ],
)
def test_long_context(model: str, figures: str, long_from: int) -> None:
    found = rates(model)
    assert usd(found, "input", "cache_read", "output", long=True) == figures.split()
    assert found.long_from == long_from


@pytest.mark.parametrize(
    ("model", "figures"),
    [
        ("gpt-5", "2.5 0.25 20"),
        ("gpt-5.2", "3.5 0.35 28"),
        ("gpt-5.4", "5 0.5 30"),
        ("gpt-5.5", "12.5 1.25 75"),
        ("gpt-5.6-luna", "0.4 0.04 2.4"),
        ("gpt-5-mini", "0.45 0.045 3.6"),
        ("gpt-4.1", "3.5 0.875 14"),
        ("gpt-4.1-mini", "0.7 0.175 2.8"),
    ],
)
def test_the_priority_tier_is_no_flat_multiple(model: str, figures: str) -> None:
    found = rates(model, tier="priority")
    assert usd(found, "input", "cache_read", "output") == figures.split()


@pytest.mark.parametrize(
    ("model", "day", "figures"),
    [
        ("gpt-5.6-sol", "2026-06-30", None),
        ("gpt-5.6-sol", "2026-08-25", "5 30"),
        ("gpt-5.6-sol", "2026-08-31T23:59:59Z", "5 30"),
        ("gpt-5.6-sol", "2026-09-01", "4 20"),
        ("gpt-5.6-luna", "2026-07-31", "1 6"),
        ("gpt-5.6-luna", "2026-08-01", "0.2 1.2"),
        ("gpt-5.6-terra", "2026-08-11", "2.5 15"),
        ("gpt-5-nano", "2025-11-05", "0.05 0.4"),
    ],
)
def test_prices_change_on_azures_own_dates(model: str, day: str, figures: str | None) -> None:
    found = BOOK.lookup("azure", model, at=parse_instant(day))
    if figures is None:
        assert isinstance(found, Unpriced)
    else:
        assert isinstance(found, Rates)
        assert usd(found, "input", "output") == figures.split()


@pytest.mark.parametrize(
    ("model", "day", "figures"),
    [
        ("gpt-5.6-sol", "2026-08-20", "5 30"),
        ("gpt-5.6-sol", "2026-08-21", "4 20"),
        ("gpt-5.6-luna", "2026-07-29", "1 6"),
        ("gpt-5.6-luna", "2026-07-30", "0.2 1.2"),
    ],
)
def test_openais_own_prices_change_on_openais_dates(model: str, day: str, figures: str) -> None:
    found = BOOK.lookup("openai", model, at=parse_instant(day))
    assert isinstance(found, Rates)
    assert usd(found, "input", "output") == figures.split()


def test_what_was_known_of_luna_before_the_cut_could_be_seen() -> None:
    """The cut of 1 August was not to be seen in the API before 20 August."""
    at = parse_instant("2026-08-10")
    then = BOOK.as_known(parse_instant("2026-08-15")).lookup("azure", "gpt-5.6-luna", at=at)
    later = BOOK.as_known(parse_instant("2026-08-20")).lookup("azure", "gpt-5.6-luna", at=at)
    assert isinstance(then, Rates)
    assert isinstance(later, Rates)
    assert usd(then, "input", "output") == ["1", "6"]
    assert usd(later, "input", "output") == ["0.2", "1.2"]


@pytest.mark.parametrize(
    ("day", "fee"), [("2025-10-31", None), ("2025-11-01", 140_000), ("2026-11-22", 140_000)]
)
def test_the_routers_fee(day: str, fee: int | None) -> None:
    found = BOOK.router_fee("azure", parse_instant(day))
    assert (found.per_token if found else None) == fee


def test_direct_calls_are_priced_from_the_makers_lists() -> None:
    for provider, model, figures in (
        ("openai", "gpt-5.4-2026-03-05", "2.5 15"),
        ("openai", "text-embedding-3-small", "0.02 -"),
        ("anthropic", "claude-haiku-4-5-20251001", "1 5"),
        ("anthropic", "claude-opus-4-6", "5 25"),
    ):
        found = BOOK.lookup(provider, model, at=NOW)
        assert isinstance(found, Rates), found
        assert usd(found, "input", "output") == figures.split()


@pytest.mark.parametrize(
    ("model", "tier", "figures"),
    [("gpt-5", "flex", "0.625 5"), ("gpt-5.6-sol", "priority", "8 40"), ("o3", "flex", "1 4")],
)
def test_openais_tiers(model: str, tier: str, figures: str) -> None:
    found = BOOK.lookup("openai", model, "global", tier, at=NOW)
    assert isinstance(found, Rates)
    assert usd(found, "input", "output") == figures.split()


def test_a_price_that_ended_leaves_nothing_behind() -> None:
    """Anthropic dropped the long-context surcharge of opus-4-6 on 13 March 2026."""
    before = BOOK.lookup("anthropic", "claude-opus-4-6", at=parse_instant("2026-03-12"))
    after = BOOK.lookup("anthropic", "claude-opus-4-6", at=parse_instant("2026-03-13"))
    assert isinstance(before, Rates)
    assert isinstance(after, Rates)
    assert before.long_from == 200_001
    assert after.long_from == 0


def test_every_row_says_where_it_is_from() -> None:
    for row in BOOK.prices():
        assert row.source, row.id
        assert row.unit in UNITS
        assert row.model == row.model.lower()
        assert (row.context == "long") == (row.context_from > 0), row.id
        assert row.id.partition("@")[0] == make_id(row), row.id
        if row.confidence == "meter":
            assert row.source_meter, row.id


def test_an_alias_never_hides_a_model_and_leads_to_one() -> None:
    for (provider, alias), model in BOOK._names.items():
        assert alias not in BOOK.models(provider), alias
        assert model in BOOK.models(provider), model


def test_cached_tokens_are_never_dearer_than_fresh_ones_nor_written_ones_cheaper() -> None:
    for row in BOOK.prices():
        if row.unit in ("cache_read", "cache_write") and row.context == "short":
            found = BOOK.lookup(row.provider, row.model, row.scope, row.tier, at=row.effective_from)
            assert isinstance(found, Rates), row.id
            if "input" not in found.short:
                continue
            fresh = found.short["input"].per_token
            if row.unit == "cache_read":
                assert row.per_token <= fresh, row.id
            else:
                assert row.per_token >= fresh, row.id


def test_the_book_is_read_once_and_quickly() -> None:
    assert load_book() is load_book()
    seconds = min(_timed() for _ in range(3))
    assert seconds < 0.4  # a tenth of that on a quiet machine
    assert load_book().prices() == BOOK.prices()


def _timed() -> float:
    _load.cache_clear()
    start = time.process_time()
    assert isinstance(load_book(), PriceBook)
    return time.process_time() - start


def test_each_provider_has_a_file_of_its_own() -> None:
    assert {f"{name}.csv" for name in BOOK.providers()} == set(BUNDLED)
