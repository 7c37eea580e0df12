"""What the usage of a router would have cost on one model."""

from faregate.core.baseline import Day, baseline
from faregate.core.pricebook import PriceBook
from faregate.types import Context, Price, Unit, Usage

DAY = 86_400.0


def row(unit: Unit, per_token: int, at: float = 0.0, context: Context = "short") -> Price:
    return Price(
        id=f"{unit}-{at}-{context}",
        provider="azure",
        model="m",
        scope="global",
        tier="standard",
        context=context,
        context_from=1000 if context == "long" else 0,
        unit=unit,
        per_token=per_token,
        effective_from=at,
        source="test",
        observed_at=at,
        confidence="page",
    )


BOOK = PriceBook(
    [
        row("input", 10),
        row("output", 100),
        row("input", 99, context="long"),
        row("input", 7, at=10 * DAY),
    ]
)


def test_each_day_has_its_prices_and_many_calls_are_no_long_prompt() -> None:
    days = [
        Day(9 * DAY, Usage(input=5_000, cache_read=100, output=3)),
        Day(10 * DAY, Usage(input=5_000, output=3)),
    ]
    found = baseline(BOOK, "azure", "global", "m", days)
    assert found.total == 5_100 * 10 + 300 + 5_000 * 7 + 300


def test_what_has_no_price_has_no_baseline() -> None:
    day = Day(9 * DAY, Usage(input=1))
    unknown = baseline(BOOK, "azure", "global", "other", [day])
    assert unknown.total is None
    assert "'other'" in unknown.reason
    part = baseline(BOOK, "azure", "global", "m", [day, Day(0.0, Usage(audio_input=1))])
    assert part.total is None
    assert "no price for audio_input" in part.reason
    assert baseline(BOOK, "azure", "regional:x", "m", [day]).total is None


def test_no_usage_costs_nothing() -> None:
    assert baseline(BOOK, "azure", "global", "m", []).total == 0
