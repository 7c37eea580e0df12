"""Azure's retail meters to price rows: what is new, what changed, what was left out and why.

The Retail Prices API says what is in force when it is asked. An import therefore never edits a
row: it compares each price with the one the book has for the same instant and proposes a row only
where they differ.
"""

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from faregate.core.pricebook import PriceBook
from faregate.errors import PriceBookError
from faregate.money import MoneyError, parse_price
from faregate.prices.load import parse_instant
from faregate.prices.scopes import Conflict, Placed, Quote, place
from faregate.prices.write import make_id
from faregate.providers.azure_meters import Meter, Skipped, UnknownMeter, parse_meter
from faregate.types import Context, Price, Unit

PROVIDER = "azure"
SOURCE = "Azure Retail Prices API"
LONG_FROM = 272_001
"""OpenAI models: a prompt of more than 272,000 tokens is billed as long context."""
GROK_LONG_FROM = 200_000
"""Grok: a prompt of 200,000 tokens or more is."""

_SNAPSHOT = ("product", "meter", "unit", "usd", "effective_from", "regions_count", "regions_if_few")


class MeterRow(Struct, frozen=True, kw_only=True):
    """One price of one meter, for one region or several. ``usd`` is kept as the text it was."""

    product: str
    meter: str
    unit: str
    usd: str
    effective_from: str
    regions: tuple[str, ...] = ()
    """``armRegionName`` of each region, where they are named."""
    count: int = 1
    """How many regions have this price."""


class ImportReport(Struct, frozen=True, kw_only=True):
    """What an import found. Every meter row is counted in exactly one place."""

    new: tuple[Price, ...] = ()
    """Prices of something the book had no price for at that instant."""
    changed: tuple[Price, ...] = ()
    """Prices that differ from the book's at that instant."""
    same: int = 0
    """Prices the book has already."""
    meters: int = 0
    """Meter rows that were read as token prices."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Meter rows that are no token prices, by reason."""
    unknown: tuple[str, ...] = ()
    """Meter rows nobody understood, each with the problem. A person must look at them."""
    conflicts: tuple[str, ...] = ()
    """Prices that were read and could not be placed: which is right is for a person to say."""

    @property
    def rows(self) -> tuple[Price, ...]:
        """What would be appended."""
        return self.new + self.changed

    @property
    def total(self) -> int:
        """All meter rows."""
        return self.meters + sum(self.skipped.values()) + len(self.unknown)


class _Key(Struct, frozen=True, order=True):
    model: str
    scope: str
    tier: str
    context: Context
    unit: Unit


def import_meters(
    rows: Iterable[MeterRow], observed_at: float, book: PriceBook, source: str = SOURCE
) -> ImportReport:
    """Compare meter rows with the book. Changes nothing; ``report.rows`` can be appended.

    ``observed_at`` is when the rows were fetched (Unix seconds).
    """
    quotes: dict[_Key, list[Quote]] = defaultdict(list)
    skipped: Counter[str] = Counter()
    unknown: list[str] = []
    meters = 0
    for row in rows:
        found = parse_meter(row.product, row.meter, row.unit)
        if isinstance(found, Skipped):
            skipped[found.reason] += 1
            continue
        quote = _quote(row, found) if isinstance(found, Meter) else found
        if isinstance(quote, UnknownMeter) or not isinstance(found, Meter):
            problem = quote.problem if isinstance(quote, UnknownMeter) else ""
            unknown.append(f"{row.product}: {row.meter!r} ({row.unit}): {problem}")
            continue
        meters += 1
        quotes[_Key(found.model, found.scope, found.tier, found.context, found.unit)].append(quote)
    merge = _Merge(book, observed_at, source)
    base = _global_prices(quotes)
    for key in sorted(quotes):
        reference = base.get((key.model, key.tier, key.context, key.unit))
        for placed in place(key.model, key.scope, quotes[key], reference):
            merge.take(key, placed)
    return ImportReport(
        new=tuple(merge.new),
        changed=tuple(merge.changed),
        same=merge.same,
        meters=meters,
        skipped=dict(sorted(skipped.items())),
        unknown=tuple(unknown),
        conflicts=tuple(merge.conflicts),
    )


def _quote(row: MeterRow, meter: Meter) -> Quote | UnknownMeter:
    try:
        return Quote(
            per_token=parse_price(row.usd, per=meter.per),
            since=parse_instant(row.effective_from),
            regions=row.regions,
            count=row.count,
            meter=row.meter,
        )
    except MoneyError as error:
        return UnknownMeter(f"its price {error}")
    except ValueError:
        return UnknownMeter(f"its effective date {row.effective_from!r} is no date")


def _global_prices(quotes: Mapping[_Key, list[Quote]]) -> dict[tuple[str, str, str, str], int]:
    """The Global price of each unit, against which data-zone prices are told apart."""
    prices: dict[tuple[str, str, str, str], int] = {}
    for key, found in quotes.items():
        if key.scope == "global":
            commonest = max(found, key=lambda quote: quote.count)
            prices[key.model, key.tier, key.context, key.unit] = commonest.per_token
    return prices


class _Merge:
    """The book's rows by what they price, and what an import would add to them."""

    def __init__(self, book: PriceBook, observed_at: float, source: str) -> None:
        self._observed_at = observed_at
        self._source = source
        self._rows: dict[_Key, list[Price]] = defaultdict(list)
        self._taken: set[str] = set()
        for row in book.prices():
            self._taken.add(row.id)
            if row.provider == PROVIDER:
                key = _Key(row.model, row.scope, row.tier, row.context, row.unit)
                self._rows[key].append(row)
        self.new: list[Price] = []
        self.changed: list[Price] = []
        self.conflicts: list[str] = []
        self.same = 0

    def take(self, key: _Key, placed: Placed | Conflict) -> None:
        if isinstance(placed, Conflict):
            self.conflicts.append(
                f"{key.model} {key.scope} {key.tier} {key.context} {key.unit}: {placed.problem}"
            )
            return
        exact = _Key(key.model, placed.scope, key.tier, key.context, key.unit)
        current = _in_force(self._rows[exact], placed.since)
        if current is not None and current.per_token == placed.per_token:
            self.same += 1
            return
        row = self._price(exact, placed)
        self._taken.add(row.id)
        self._rows[exact].append(row)
        (self.new if current is None else self.changed).append(row)

    def _price(self, key: _Key, placed: Placed) -> Price:
        long_from = GROK_LONG_FROM if key.model.startswith("grok") else LONG_FROM
        row = Price(
            id="",
            provider=PROVIDER,
            model=key.model,
            scope=key.scope,
            tier=key.tier,
            context=key.context,
            context_from=long_from if key.context == "long" else 0,
            unit=key.unit,
            per_token=placed.per_token,
            effective_from=placed.since,
            source=self._source,
            source_meter=placed.meter,
            observed_at=self._observed_at,
            confidence="meter",
        )
        return replace(row, id=make_id(row, self._taken))


def _in_force(rows: Sequence[Price], at: float) -> Price | None:
    live = [
        row
        for row in rows
        if row.effective_from <= at and (row.effective_to is None or at < row.effective_to)
    ]
    return max(live, key=lambda row: (row.effective_from, row.observed_at), default=None)


def read_meters(text: str, origin: str) -> list[MeterRow]:
    """Meter rows from a CSV of meters or from JSON of the Retail Prices API (pages or items).

    Raises :class:`~faregate.errors.PriceBookError` naming ``origin`` and the place.
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            document = json.loads(text, parse_float=str)
        except ValueError as error:
            raise PriceBookError(f"{origin}: no JSON ({error})") from error
        items = document.get("Items") if isinstance(document, dict) else document
        if not isinstance(items, list):
            raise PriceBookError(f"{origin}: JSON without Items; expected the API's answer")
        return read_items(items, origin)
    return _read_snapshot(text, origin)


def _read_snapshot(text: str, origin: str) -> list[MeterRow]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in _SNAPSHOT if name not in (reader.fieldnames or ())]
    if missing:
        raise PriceBookError(
            f"{origin}, line 1: the column {missing[0]} is missing; a file of meters has "
            f"{','.join(_SNAPSHOT)}"
        )
    rows: list[MeterRow] = []
    for cells in reader:
        if any(cells[name] is None for name in _SNAPSHOT) or not cells["regions_count"].isdigit():
            raise PriceBookError(
                f"{origin}, line {reader.line_num}, column regions_count: expected a number of "
                "regions; the row is cut short or shifted"
            )
        rows.append(
            MeterRow(
                product=cells["product"],
                meter=cells["meter"],
                unit=cells["unit"],
                usd=cells["usd"],
                effective_from=cells["effective_from"],
                regions=tuple(cells["regions_if_few"].split()),
                count=int(cells["regions_count"]),
            )
        )
    return rows


_FIRST_TIER = ("0", "0.0")
_ITEM = ("productName", "meterName", "unitOfMeasure", "retailPrice", "effectiveStartDate")


def read_items(items: Sequence[Any], origin: str) -> list[MeterRow]:
    """Meter rows from the items of the API, regions with the same price put together.

    Reservations and development prices are left out: they are no prices of consumption. Numbers
    should have been kept as text; a float is read by its shortest text.
    """
    regions: dict[tuple[str, ...], list[str]] = {}
    for at, item in enumerate(items):
        if not isinstance(item, dict) or any(item.get(name) in (None, "") for name in _ITEM):
            raise PriceBookError(f"{origin}, item {at}: expected {', '.join(_ITEM)}")
        if item.get("type", "Consumption") != "Consumption":
            continue
        if item.get("currencyCode", "USD") != "USD":
            raise PriceBookError(
                f"{origin}, item {at}: prices in {item['currencyCode']!r}; ask for USD"
            )
        # A meter with volume tiers lists each; the first tier is the list price.
        if str(item.get("tierMinimumUnits") or "0") not in _FIRST_TIER:
            continue
        key = tuple(str(item[name]) for name in _ITEM)
        regions.setdefault(key, []).append(str(item.get("armRegionName") or ""))
    return [
        MeterRow(
            product=product,
            meter=meter,
            unit=unit,
            usd=usd,
            effective_from=since,
            regions=tuple(sorted({name for name in names if name})),
            count=len(names),
        )
        for (product, meter, unit, usd, since), names in regions.items()
    ]
