"""List prices of other providers, from the optional ``genai-prices`` package.

They are first-party list prices: labelled ``vendor_list``, and never used for the providers this
book keeps itself (Azure's prices differ from them by up to 80 %). What the package says but a price
row cannot express gives no row at all, so such a model is unpriced rather than nearly right.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from faregate.core.pricebook import Vendor
from faregate.money import MoneyError, parse_price
from faregate.types import Context, Price, Unit

OWN = frozenset({"azure", "azure_ai", "openai", "anthropic"})
"""Providers whose prices are in this book; the package is never asked about them."""

_IDS: Mapping[str, str] = {
    "xai": "x-ai",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "moonshot": "moonshotai",
    "voyage": "voyageai",
}
_UNITS: Mapping[str, Unit] = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "audio_cache_read",
    "output_audio_mtok": "audio_output",
    "input_image_mtok": "image_input",
    "output_image_mtok": "image_output",
}
# Charged per tool call, not per token of the answer; they do not change what a token costs.
_BESIDE = frozenset({"web_searches_kcount", "storage_searches_kcount"})


class _Unrepresentable(Exception):  # noqa: N818 - a signal inside this file
    """A price that rows of this book cannot express."""


def vendor_prices() -> Vendor | None:
    """A function from (provider, model) to rows; None where ``genai-prices`` is not installed.

    The package itself is imported at the first question, not before.
    """
    return _rows if find_spec("genai_prices") is not None else None


def _rows(provider: str, model: str) -> Iterable[Price]:
    if provider in OWN:
        return ()
    found = _find(_IDS.get(provider, provider), model)
    if found is None:
        return ()
    try:
        return _priced(provider, model.lower(), found)
    except _Unrepresentable:
        return ()


def _find(provider_id: str, model: str) -> Any:
    from genai_prices.data import providers

    provider = next((known for known in providers if known.id == provider_id), None)
    return None if provider is None else provider.find_model(model)


class _Period(Struct):
    """Prices that hold from ``start`` (Unix seconds) until ``end``."""

    start: float
    end: float | None
    prices: Mapping[str, Any]


def _priced(provider: str, model: str, found: Any) -> list[Price]:
    from genai_prices import __version__

    rows: list[Price] = []
    for period in _periods(found.prices):
        for context, context_from, unit, per_token in _units(period.prices):
            rows.append(
                Price(
                    id=f"{provider}/{model}/global/standard/{context}/{unit}"
                    f"/{datetime.fromtimestamp(period.start, UTC).date().isoformat()}"
                    f"@genai-prices-{__version__}",
                    provider=provider,
                    model=model,
                    scope="global",
                    tier="standard",
                    context=context,
                    context_from=context_from,
                    unit=unit,
                    per_token=per_token,
                    effective_from=period.start,
                    effective_to=period.end,
                    source=f"genai-prices {__version__}",
                    source_meter=found.id,
                    observed_at=0.0,  # the package does not say when it learnt a price
                    confidence="vendor_list",
                )
            )
    return rows


def _periods(prices: Any) -> list[_Period]:
    if not isinstance(prices, list):
        return [_Period(0.0, None, vars(prices))]
    periods: list[_Period] = []
    for conditional in prices:
        start = 0.0
        if conditional.constraint is not None:
            day = getattr(conditional.constraint, "start_date", None)
            if day is None:  # prices by the time of day
                raise _Unrepresentable
            start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        if periods:
            if start <= periods[-1].start:
                raise _Unrepresentable
            periods[-1].end = start
        periods.append(_Period(start, None, vars(conditional.prices)))
    return periods


def _units(prices: Mapping[str, Any]) -> list[tuple[Context, int, Unit, int]]:
    """(context, its threshold, unit, pico-dollars a token) of every price of one period."""
    stated = {k: v for k, v in prices.items() if v is not None and k not in _BESIDE}
    if not stated or any(name not in _UNITS for name in stated):
        raise _Unrepresentable
    tiers = {name: value.tiers for name, value in stated.items() if hasattr(value, "tiers")}
    starts = {tuple(tier.start for tier in found) for found in tiers.values()}
    if len(starts) > 1 or any(len(found) != 1 for found in starts):
        raise _Unrepresentable
    rows: list[tuple[Context, int, Unit, int]] = [
        ("short", 0, _UNITS[name], _whole(getattr(value, "base", value)))
        for name, value in stated.items()
    ]
    if starts:
        threshold = starts.pop()[0] + 1  # the package means "more than"
        price: Callable[[str], Any] = lambda name: (  # noqa: E731
            tiers[name][0].price if name in tiers else stated[name]
        )
        rows += [("long", threshold, _UNITS[name], _whole(price(name))) for name in stated]
    return rows


def _whole(value: Any) -> int:
    """Whole pico-dollars of a number that may carry the noise of binary floats."""
    for text in (str(value), f"{float(value):.15g}"):
        try:
            return parse_price(text)
        except MoneyError:
            continue
    raise _Unrepresentable
