"""Look-ups of the price book: instants, supersession, aliases, reasons; against a naive scan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from faregate.core.pricebook import PriceBook, Rates, Unpriced
from faregate.errors import PriceBookError
from faregate.types import Price

DAY = 86_400.0


def price(row_id: str, per_token: int = 1, **over: Any) -> Price:
    base = Price(
        id=row_id,
        provider="azure",
        model="m",
        scope="global",
        tier="standard",
        context="short",
        unit="input",
        per_token=per_token,
        effective_from=0.0,
        source="test",
        observed_at=0.0,
        confidence="meter",
    )
    return replace(base, **over)


def paid(book: PriceBook, at: float, scope: str = "global", model: str = "m") -> int | None:
    found = book.lookup("azure", model, scope, at=at)
    return found.short["input"].per_token if isinstance(found, Rates) else None


def test_a_price_applies_from_its_first_instant_until_just_before_its_last() -> None:
    book = PriceBook([price("a", 5, effective_from=10.0, effective_to=20.0)])
    assert [paid(book, at) for at in (9.999, 10.0, 19.999, 20.0)] == [None, 5, 5, None]


def test_a_later_price_supersedes_an_older_open_one() -> None:
    book = PriceBook([price("new", 4, effective_from=20.0), price("old", 5, effective_from=10.0)])
    assert [paid(book, at) for at in (9.0, 10.0, 19.0, 20.0, 1e12)] == [None, 5, 5, 4, 4]


def test_of_two_prices_from_the_same_instant_the_one_observed_last_wins() -> None:
    book = PriceBook([price("late", 4, observed_at=9.0), price("early", 5, observed_at=3.0)])
    assert paid(book, 1.0) == 4


def test_units_are_superseded_one_by_one() -> None:
    book = PriceBook(
        [
            price("input", 5),
            price("output", 7, unit="output"),
            price("input-2", 4, effective_from=10.0),
        ]
    )
    found = book.lookup("azure", "m", at=11.0)
    assert isinstance(found, Rates)
    assert {unit: row.per_token for unit, row in found.short.items()} == {"input": 4, "output": 7}


def test_as_known_forgets_what_was_observed_later() -> None:
    rows = [
        price("first", 10, effective_from=10.0, observed_at=10.0),
        price("cut", 2, effective_from=20.0, observed_at=50.0),
    ]
    book = PriceBook(rows)
    assert paid(book, 30.0) == 2
    assert paid(book.as_known(40.0), 30.0) == 10
    assert paid(book.as_known(50.0), 30.0) == 2
    assert paid(book.as_known(5.0), 30.0) is None


def test_long_context_prices_stand_beside_the_short_ones() -> None:
    book = PriceBook(
        [price("s", 1), price("l", 2, context="long", context_from=272_001, unit="input")]
    )
    found = book.lookup("azure", "m", at=1.0)
    assert isinstance(found, Rates)
    assert (found.short["input"].id, found.long["input"].id) == ("s", "l")
    assert found.long_from == 272_001


def test_without_long_prices_no_prompt_is_long() -> None:
    found = PriceBook([price("s")]).lookup("azure", "m", at=1.0)
    assert isinstance(found, Rates)
    assert (dict(found.long), found.long_from) == ({}, 0)


def test_long_prices_alone_price_nothing() -> None:
    book = PriceBook([price("l", context="long", context_from=10)])
    assert isinstance(book.lookup("azure", "m", at=1.0), Unpriced)


@pytest.mark.parametrize("spelling", ["m", "M", "M-Dated", "m-dated", " m "])
def test_names_match_in_any_case_and_by_alias(spelling: str) -> None:
    book = PriceBook([price("a", 3)], {("azure", "m-dated"): "m"})
    assert paid(book, 1.0, model=spelling) == 3


@pytest.mark.parametrize("spelling", ["m-2026-01-01", "m-mini", "n", ""])
def test_a_name_that_is_no_alias_is_not_guessed(spelling: str) -> None:
    book = PriceBook([price("a", 3)], {("azure", "m-dated"): "m"})
    assert paid(book, 1.0, model=spelling) is None


def test_an_alias_belongs_to_its_provider() -> None:
    book = PriceBook(
        [price("a", 3), price("b", 9, provider="openai")], {("openai", "m-dated"): "m"}
    )
    assert paid(book, 1.0, model="m-dated") is None
    assert isinstance(book.lookup("openai", "m-dated", at=1.0), Rates)


def test_a_region_of_a_data_zone_has_its_zones_prices_but_for_its_own() -> None:
    zone = "data_zone_eu"
    book = PriceBook(
        [
            price("zone-in", 3, scope=zone),
            price("zone-out", 8, scope=zone, unit="output", effective_from=5.0),
            price("region-in", 6, scope=f"{zone}:polandcentral"),
        ]
    )
    found = book.lookup("azure", "m", f"{zone}:polandcentral", at=9.0)
    assert isinstance(found, Rates)
    assert {unit: row.id for unit, row in found.short.items()} == {
        "input": "region-in",
        "output": "zone-out",
    }
    assert paid(book, 9.0, f"{zone}:francecentral") == 3
    assert paid(book, 9.0, zone) == 3


def test_a_region_without_a_price_has_not_the_price_of_another() -> None:
    book = PriceBook([price("a", scope="regional"), price("b", scope="regional:eastus2")])
    assert paid(book, 1.0, "regional:westeurope") is None


def test_reasons_say_what_was_asked_and_what_there_is() -> None:
    book = PriceBook(
        [
            price("a", effective_from=10 * DAY, effective_to=20 * DAY),
            price("b", scope="data_zone_us", tier="batch"),
        ]
    )

    def reason(model: str, scope: str, tier: str, at: float) -> str:
        found = book.lookup("azure", model, scope, tier, at=at)
        assert isinstance(found, Unpriced)
        return found.reason

    assert reason("gpt-9", "global", "standard", DAY) == (
        "no price for 'gpt-9' of azure (scope global, tier standard) on 1970-01-02: "
        "the price book does not know this model"
    )
    assert reason("m", "global", "standard", DAY).endswith(
        "its prices there are in force from 1970-01-11 until 1970-01-21"
    )
    assert reason("m", "data_zone_eu", "flex", DAY).endswith(
        "the price book has it for data_zone_us/batch, global/standard"
    )
    assert "outside the calendar" in reason("m", "global", "standard", float("inf"))
    assert "outside the calendar" in reason("m", "global", "standard", float("-inf"))


def test_the_routers_fee_is_a_fee_and_never_the_price_of_a_model() -> None:
    book = PriceBook([price("fee", 140_000, model="model-router", effective_from=10.0)])
    fee = book.router_fee("azure", 10.0)
    assert fee is not None
    assert fee.per_token == 140_000
    assert book.router_fee("azure", 9.0) is None
    assert book.router_fee("openai", 10.0) is None
    assert isinstance(book.lookup("azure", "model-router", at=10.0), Unpriced)
    assert isinstance(book.lookup("azure", "Model-Router", at=10.0), Unpriced)


def test_rows_can_be_found_again() -> None:
    rows = [price("a"), price("b", provider="openai", model="z")]
    book = PriceBook(rows, {("azure", "alias"): "m"})
    assert book.find("azure", "ALIAS") == (rows[0],)
    assert book.price("b") is rows[1]
    assert book.models() == ("m", "z")
    assert book.models("openai") == ("z",)
    assert book.providers() == ("azure", "openai")
    assert book.prices() == tuple(rows)
    assert book.canonical("azure", "Alias") == "m"
    with pytest.raises(PriceBookError, match="no row with the id 'c'"):
        book.price("c")


def test_an_id_is_used_once() -> None:
    with pytest.raises(PriceBookError, match="share the id 'a'"):
        PriceBook([price("a"), price("a", 2)])


def test_a_price_of_ones_own_goes_before_the_vendors_and_hides_none_of_the_others() -> None:
    def vendor(provider: str, model: str) -> list[Price]:
        said = {"provider": provider, "model": model, "confidence": "vendor_list"}
        return [
            price("v-in", 2, **said),
            price("v-out", 3, unit="output", **said),
        ]

    mine = price("mine", 1, provider="acme", model="x", confidence="own", observed_at=5.0)
    book = PriceBook([price("a")], vendor=vendor).with_prices([mine])
    for _ in range(2):
        found = book.lookup("acme", "x", at=1.0)
        assert isinstance(found, Rates)
        assert {unit: row.id for unit, row in found.short.items()} == {
            "input": "mine",
            "output": "v-out",
        }
    assert [row.id for row in book.as_known(9.0).prices()] == ["a", "mine"]
    again = book.with_prices([])
    found = again.lookup("acme", "x", at=1.0)
    assert isinstance(found, Rates)
    assert set(found.short) == {"input", "output"}


def test_the_vendor_is_asked_once_and_only_where_the_book_has_nothing() -> None:
    asked: list[tuple[str, str]] = []

    def vendor(provider: str, model: str) -> list[Price]:
        asked.append((provider, model))
        known = provider == "groq" and model == "llama"
        return [price("v", 2, provider=provider, model=model)] if known else []

    book = PriceBook([price("a")], vendor=vendor)
    assert paid(book, 1.0) == 1
    assert asked == []
    for spelling in ("llama", "LLAMA", "llama"):
        assert isinstance(book.lookup("groq", spelling, at=1.0), Rates)
        assert isinstance(book.lookup("groq", "other", at=1.0), Unpriced)
    assert asked == [("groq", "llama"), ("groq", "other")]
    assert isinstance(book.as_known(1e9).lookup("groq", "llama", at=1.0), Unpriced)


def test_many_made_up_names_do_not_fill_the_memory() -> None:
    book = PriceBook([price("a", 3)], vendor=lambda _provider, _model: [])
    for number in range(10_000):
        assert paid(book, 1.0, model=f"made-up-{number}") is None
    assert len(book._timelines) <= 4_096
    assert len(book._asked) <= 4_096
    assert paid(book, 1.0) == 3


ROWS = st.lists(
    st.builds(
        lambda number, start, length, seen, unit, context, scope: price(
            "",
            number,
            unit=unit,
            context=context,
            context_from=100 if context == "long" else 0,
            scope=scope,
            effective_from=float(start),
            effective_to=None if length is None else float(start + length),
            observed_at=float(seen),
        ),
        st.integers(0, 9),
        st.integers(0, 12),
        st.one_of(st.none(), st.integers(1, 6)),
        st.integers(0, 3),
        st.sampled_from(["input", "output", "cache_read"]),
        st.sampled_from(["short", "long"]),
        st.sampled_from(["global", "data_zone_us"]),
    ),
    max_size=14,
)


@given(ROWS, st.integers(-1, 20), st.sampled_from(["global", "data_zone_us"]))
def test_look_ups_agree_with_a_plain_scan(rows: list[Price], at: int, scope: str) -> None:
    rows = [replace(row, id=str(number)) for number, row in enumerate(rows)]
    live = [
        row
        for row in rows
        if row.scope == scope
        and row.effective_from <= at
        and (row.effective_to is None or at < row.effective_to)
    ]
    best: dict[tuple[str, str], Price] = {}
    for row in sorted(live, key=lambda row: (row.effective_from, row.observed_at)):
        best[row.context, row.unit] = row
    found = PriceBook(rows).lookup("azure", "m", scope, at=float(at))
    if not any(context == "short" for context, _ in best):
        assert isinstance(found, Unpriced)
        return
    assert isinstance(found, Rates)
    told = {("short", unit): row.id for unit, row in found.short.items()}
    told |= {("long", unit): row.id for unit, row in found.long.items()}
    assert told == {key: row.id for key, row in best.items()}
    assert found.long_from == (100 if found.long else 0)
