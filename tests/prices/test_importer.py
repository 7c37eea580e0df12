"""Imports of meters: what is new, what changed, where prices apply, and that nothing is lost."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from faregate.core.pricebook import PriceBook
from faregate.errors import PriceBookError
from faregate.money import format_price
from faregate.prices.importer import ImportReport, MeterRow, import_meters, read_items, read_meters
from faregate.prices.load import load_book, parse_instant

SNAPSHOT = Path(__file__).parent.parent / "fixtures" / "azure-meters-2026-08-11.csv.gz"
SEEN = parse_instant("2026-08-11")
GPT5 = "Azure OpenAI GPT5"


def snapshot() -> list[MeterRow]:
    with gzip.open(SNAPSHOT, "rt", encoding="utf-8") as file:
        return read_meters(file.read(), SNAPSHOT.name)


def meter(name: str, usd: str, since: str = "2026-03-01", *regions: str, **over: Any) -> MeterRow:
    return MeterRow(
        product=over.get("product", GPT5),
        meter=f"{name} 1M Tokens",
        unit="1M",
        usd=usd,
        effective_from=since,
        regions=regions,
        count=over.get("count", len(regions) or 13),
    )


def brought(report: ImportReport) -> dict[str, str]:
    return {f"{row.scope} {row.unit}": format_price(row.per_token) for row in report.rows}


def test_a_real_list_is_accounted_for_to_the_last_row() -> None:
    rows = snapshot()
    report = import_meters(rows, SEEN, PriceBook([]))
    assert report.total == len(rows) == 3_289
    assert report.unknown == ()
    assert not report.changed
    assert len(report.new) == 2_157
    # Only unnamed regions with regional prices of their own could not be placed.
    assert len(report.conflicts) == 19
    assert all(" regional " in text for text in report.conflicts)
    assert len({row.id for row in report.new}) == len(report.new)


def test_the_bundled_book_has_everything_of_that_list() -> None:
    report = import_meters(snapshot(), parse_instant("2026-11-22"), load_book())
    assert (report.new, report.changed, report.same) == ((), (), 2_157)


def test_what_was_imported_is_the_same_the_next_time() -> None:
    first = import_meters(snapshot(), SEEN, PriceBook([]))
    again = import_meters(snapshot(), SEEN + 1, PriceBook(first.rows))
    assert (again.rows, again.same) == ((), len(first.rows))


def test_a_changed_price_becomes_a_row_of_its_own() -> None:
    book = PriceBook(import_meters([meter("5.4 inp Gl", "2.5")], SEEN, PriceBook([])).rows)
    report = import_meters([meter("5.4 inp Gl", "2", "2026-09-01")], SEEN + 9, book)
    assert not report.new
    (row,) = report.changed
    assert (row.id, row.per_token) == (
        "azure/gpt-5.4/global/standard/short/input/2026-09-01",
        2_000_000,
    )
    assert row.source_meter == "5.4 inp Gl 1M Tokens"
    assert (row.observed_at, row.confidence) == (SEEN + 9, "meter")


def test_a_price_corrected_for_the_same_day_gets_the_day_it_was_seen() -> None:
    book = PriceBook(import_meters([meter("5.4 inp Gl", "2.5")], SEEN, PriceBook([])).rows)
    report = import_meters([meter("5.4 inp Gl", "2.4")], parse_instant("2026-10-04"), book)
    (row,) = report.changed
    assert row.id.endswith("/input/2026-03-01@2026-10-04")


def test_an_old_list_does_not_undo_a_later_cut() -> None:
    cut = [meter("5.4 inp Gl", "2.5"), meter("5.4 inp Gl", "2", "2026-09-01")]
    book = PriceBook(import_meters(cut[:1], SEEN, PriceBook([])).rows)
    book = PriceBook((*book.prices(), *import_meters(cut[1:], SEEN + 9, book).rows))
    stale = import_meters(cut[:1], SEEN + 99, book)
    assert (stale.rows, stale.same) == ((), 1)


def test_a_price_that_has_the_zones_ordinary_price_in_a_new_region_adds_nothing() -> None:
    rows = [
        meter("5.4 inp Gl", "2.5"),
        meter("5.4 inp Dz", "2.75"),
        meter("5.4 inp Dz", "2.75", "2026-06-01", "northeurope"),
    ]
    report = import_meters(rows, SEEN, PriceBook([]))
    assert brought(report) == {
        "global input": "2.5",
        "data_zone_us input": "2.75",
        "data_zone_eu input": "2.75",
    }
    assert {row.effective_from for row in report.rows} == {parse_instant("2026-03-01")}


def test_a_dearer_data_zone_is_apacs() -> None:
    rows = [meter("5.4 inp Dz", "3.0", "2026-06-01", count=9), meter("5.4 inp Dz", "2.75")]
    assert brought(import_meters(rows, SEEN, PriceBook([]))) == {
        "data_zone_us input": "2.75",
        "data_zone_eu input": "2.75",
        "data_zone_apac input": "3",
    }


def test_from_gpt_6_on_the_dearer_data_zone_is_europes_too() -> None:
    rows = [
        meter("6-astra ShortCo Inp Std DZ", "11", product="Azure OpenAI GPT6"),
        meter("6-astra ShortCo Inp Std DZ", "12", product="Azure OpenAI GPT6"),
    ]
    assert brought(import_meters(rows, SEEN, PriceBook([]))) == {
        "data_zone_us input": "11",
        "data_zone_eu input": "12",
        "data_zone_apac input": "12",
    }


def test_named_regions_say_the_zone_themselves() -> None:
    rows = [
        meter("5.4 inp Dz", "2.75", "2026-03-01", "eastus2", "westus3"),
        meter("5.4 inp Dz", "3.1", "2026-03-01", "swedencentral", "francecentral"),
        meter("5.4 inp Dz", "3.2", "2026-03-01", "japaneast"),
        meter("5.4 inp Dz", "9", "2026-03-01", "polandcentral"),
        meter("5.4 inp Dz", "9.5", "2026-03-01", "uksouth"),
        meter("5.4 inp Dz", "3.5", "2026-03-01", "usgovvirginia", "usgovarizona"),
    ]
    assert brought(import_meters(rows, SEEN, PriceBook([]))) == {
        "data_zone_us input": "2.75",
        "data_zone_eu input": "3.1",
        "data_zone_apac input": "3.2",
        "data_zone_eu:polandcentral input": "9",
        "data_zone_other:uksouth input": "9.5",
        "gov_data_zone input": "3.5",
    }


def test_regional_prices_are_kept_by_region() -> None:
    rows = [
        meter("5.4 inp regnl", "2.75", count=6),
        meter("5.4 inp regnl", "3.0", count=3),
        meter("5.4 inp regnl", "3.1", "2026-03-01", "swedencentral"),
    ]
    report = import_meters(rows, SEEN, PriceBook([]))
    assert brought(report) == {"regional input": "2.75", "regional:swedencentral input": "3.1"}
    assert len(report.conflicts) == 1
    assert "3 USD in 3 unnamed regions beside 2.75 USD" in report.conflicts[0]


def test_two_global_prices_are_a_conflict_and_not_a_choice_made_silently() -> None:
    rows = [
        meter("5.4 inp Gl", "2.5", count=20),
        meter("5.4 inp Gl", "2", "2026-09-01", "eastus2"),
    ]
    report = import_meters(rows, SEEN, PriceBook([]))
    assert brought(report) == {"global input": "2.5"}
    assert "2 USD in eastus2 beside 2.5 USD" in report.conflicts[0]


@pytest.mark.parametrize("usd", ["5.5", "0.2"])
def test_a_data_zone_price_that_cannot_be_one_is_a_conflict(usd: str) -> None:
    rows = [meter("5.4 inp Gl", "2.5"), meter("5.4 inp Dz", usd)]
    report = import_meters(rows, SEEN, PriceBook([]))
    assert brought(report) == {"global input": "2.5"}
    assert "fits no zone" in report.conflicts[0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (meter("7 nova inp Gl", "1"), "7 nova"),
        (meter("5.4 inp Gl", "a lot"), "its price 'a lot'"),
        (meter("5.4 inp Gl", "0.0000001"), "no whole number of pico-dollars"),
        (meter("5.4 inp Gl", "1", "the first of May"), "'the first of May' is no date"),
    ],
)
def test_what_is_not_understood_is_reported(row: MeterRow, told: str) -> None:
    report = import_meters([row], SEEN, PriceBook([]))
    assert report.rows == ()
    assert report.total == 1
    assert told in report.unknown[0]
    assert row.meter in report.unknown[0]


def test_long_context_rows_carry_their_threshold() -> None:
    rows = [
        meter("5.4 longco inp Gl", "5"),
        meter("4.3 Inp Glbl L", "2.5", product="Azure Grok Models"),
    ]
    report = import_meters(rows, SEEN, PriceBook([]))
    assert {row.model: row.context_from for row in report.rows} == {
        "gpt-5.4": 272_001,
        "grok-4.3": 200_000,
    }


def item(**over: Any) -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0,
        "retailPrice": 0.2,
        "armRegionName": "eastus2",
        "effectiveStartDate": "2026-08-01T00:00:00Z",
        "meterName": "5.6 luna ShortCo Inp Std Gl 1M Tokens",
        "productName": GPT5,
        "unitOfMeasure": "1M",
        "type": "Consumption",
        **over,
    }


def test_items_of_the_api_are_read_and_their_regions_put_together() -> None:
    items = [item(), item(armRegionName="westus3"), item(retailPrice=8.3e-05)]
    rows = read_meters(json.dumps({"Items": items}), "answer.json")
    assert [(row.usd, row.regions, row.count) for row in rows] == [
        ("0.2", ("eastus2", "westus3"), 2),
        ("8.3e-05", ("eastus2",), 1),
    ]
    assert read_meters(json.dumps(items), "items.json") == rows
    report = import_meters(rows[:1], SEEN, PriceBook([]))
    (row,) = report.rows
    assert (row.per_token, row.effective_from) == (200_000, parse_instant("2026-08-01"))


def test_what_is_no_list_price_of_consumption_is_left_out() -> None:
    items = [item(type="Reservation"), item(type="DevTestConsumption"), item(tierMinimumUnits=100)]
    assert read_meters(json.dumps(items), "items.json") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON"),
        ("{}", "JSON without Items"),
        ('{"Items": 3}', "JSON without Items"),
        ("[3]", "item 0: expected productName"),
        (json.dumps([item(meterName=None)]), "item 0: expected productName"),
        (json.dumps([item(), item(currencyCode="EUR")]), "item 1: prices in 'EUR'; ask for USD"),
        ("", "line 1: the column product is missing"),
        ("product,meter\na,b\n", "line 1: the column unit is missing"),
        (
            "product,meter,unit,usd,effective_from,regions_count,regions_if_few\na,b\n",
            "line 2, column regions_count",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(text: str, told: str) -> None:
    with pytest.raises(PriceBookError) as caught:
        read_meters(text, "odd.file")
    assert str(caught.value).startswith("odd.file")
    assert told in str(caught.value)


def test_numbers_already_read_as_floats_are_read_by_their_shortest_text() -> None:
    (row,) = read_items([item(retailPrice=0.2)], "items")
    assert row.usd == "0.2"
