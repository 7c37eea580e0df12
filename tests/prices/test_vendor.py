"""List prices of the optional genai-prices package: what is taken over and what is not."""

import datetime as dt
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from faregate.core.pricebook import Rates, Unpriced
from faregate.money import format_price
from faregate.prices import vendor
from faregate.prices.load import load_book, parse_instant
from faregate.types import Price

NOW = parse_instant("2026-11-22")


@dataclass
class Tier:
    start: int
    price: Any


@dataclass
class Tiered:
    base: Any
    tiers: list[Tier]


class Prices:
    def __init__(self, **prices: Any) -> None:
        vars(self).update(prices)


@dataclass
class Since:
    start_date: dt.date


@dataclass
class ByTheClock:
    start_time: dt.time


@dataclass
class Conditional:
    prices: Prices
    constraint: Any = None


@dataclass
class Model:
    prices: Any
    id: str = "list-name"


@dataclass
class Provider:
    models: dict[str, Model] = field(default_factory=dict)

    def find(self, provider_id: str, model: str) -> Model | None:
        return self.models.get(f"{provider_id}/{model}")


def rows(monkeypatch: pytest.MonkeyPatch, prices: Any) -> list[Price]:
    offered = Provider({"groq/m": Model(prices)})
    monkeypatch.setattr(vendor, "_find", offered.find)
    ask = vendor.vendor_prices()
    assert ask is not None
    return list(ask("groq", "m"))


def told(found: list[Price]) -> dict[str, str]:
    return {f"{row.context} {row.unit}": format_price(row.per_token) for row in found}


def test_plain_prices_become_rows_that_say_where_they_are_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = rows(monkeypatch, Prices(input_mtok="0.59", output_mtok="0.79", web_searches_kcount=5))
    assert told(found) == {"short input": "0.59", "short output": "0.79"}
    row = found[0]
    assert (row.provider, row.model, row.scope, row.tier) == ("groq", "m", "global", "standard")
    assert row.confidence == "vendor_list"
    assert row.source.startswith("genai-prices ")
    assert row.source_meter == "list-name"
    assert len({row.id for row in found}) == 2


def test_a_step_by_prompt_size_becomes_long_context_for_every_unit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prices = Prices(
        input_mtok=Tiered("1", [Tier(200_000, "2")]), output_mtok="5", cache_read_mtok=None
    )
    found = rows(monkeypatch, prices)
    assert told(found) == {
        "short input": "1",
        "short output": "5",
        "long input": "2",
        "long output": "5",
    }
    assert {row.context_from for row in found} == {0, 200_001}


def test_dated_prices_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(
        monkeypatch,
        [
            Conditional(Prices(input_mtok="2", output_mtok="4")),
            Conditional(Prices(input_mtok="1"), Since(dt.date(2026, 7, 30))),
        ],
    )
    cut = parse_instant("2026-07-30")
    spans = [(row.unit, row.effective_from, row.effective_to) for row in found]
    assert spans == [("input", 0.0, cut), ("output", 0.0, cut), ("input", cut, None)]


@pytest.mark.parametrize(
    "prices",
    [
        Prices(),
        Prices(input_mtok="1", requests_kcount="5"),
        Prices(input_mtok="0.0000001"),
        Prices(input_mtok=Tiered("1", [Tier(1, "2"), Tier(2, "3")])),
        Prices(input_mtok=Tiered("1", [Tier(1, "2")]), output_mtok=Tiered("1", [Tier(2, "2")])),
        [Conditional(Prices(input_mtok="1"), ByTheClock(dt.time(1)))],
        [
            Conditional(Prices(input_mtok="1"), Since(dt.date(2026, 7, 30))),
            Conditional(Prices(input_mtok="2"), Since(dt.date(2026, 7, 29))),
        ],
    ],
)
def test_what_rows_cannot_express_gives_none_at_all(
    monkeypatch: pytest.MonkeyPatch, prices: Any
) -> None:
    assert rows(monkeypatch, prices) == []


@pytest.mark.parametrize(
    ("noisy", "clean"),
    [
        ("0.09999999999999999", "0.1"),
        ("0.30000000000000004", "0.3"),
        ("0.049999999999999996", "0.05"),
        ("1E-2", "0.01"),
        (3, "3"),
    ],
)
def test_the_noise_of_floats_is_cleaned(
    monkeypatch: pytest.MonkeyPatch, noisy: Any, clean: str
) -> None:
    assert told(rows(monkeypatch, Prices(input_mtok=noisy))) == {"short input": clean}


@pytest.mark.parametrize("provider", ["azure", "azure_ai", "openai", "anthropic"])
def test_providers_of_this_book_are_never_asked_about(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(vendor, "_find", lambda name, _model: asked.append(name))
    ask = vendor.vendor_prices()
    assert ask is not None
    assert list(ask(provider, "gpt-oss-120b")) == []
    assert asked == []


def test_without_the_package_there_is_no_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    monkeypatch.setattr(vendor, "find_spec", lambda _name: None)
    assert vendor.vendor_prices() is None


def test_the_real_package_prices_other_providers() -> None:
    pytest.importorskip("genai_prices")
    book = load_book()
    found = book.lookup("groq", "llama-3.3-70b-versatile", at=NOW)
    assert isinstance(found, Rates)
    assert found.short["input"].confidence == "vendor_list"
    assert isinstance(book.lookup("mistral", "codestral-2501", at=NOW), Rates)
    assert isinstance(book.lookup("xai", "no-such-model", at=NOW), Unpriced)
    assert isinstance(book.lookup("no-such-provider", "m", at=NOW), Unpriced)


def test_the_real_package_can_be_read_for_every_model_it_knows() -> None:
    data = pytest.importorskip("genai_prices.data")
    ask = vendor.vendor_prices()
    assert ask is not None
    counts = {"priced": 0, "left": 0}
    for provider in data.providers:
        for model in provider.models:
            found = list(ask(provider.id, model.id))
            counts["priced" if found else "left"] += 1
            assert len({row.id for row in found}) == len(found)
            assert all(row.per_token >= 0 for row in found)
    assert counts["priced"] > 500
