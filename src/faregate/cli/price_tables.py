"""The price book as a person reads it: plain text tables."""

from collections.abc import Iterable, Sequence

from faregate.core.pricebook import PriceBook, Rates
from faregate.money import format_price
from faregate.prices.importer import ImportReport
from faregate.prices.write import day
from faregate.types import UNITS, Price, Unit

HEADINGS: dict[Unit, str] = {
    "input": "input",
    "cache_read": "cached",
    "cache_write": "cache write",
    "cache_write_1h": "write 1 h",
    "output": "output",
    "audio_input": "audio in",
    "audio_cache_read": "audio cached",
    "audio_output": "audio out",
    "image_input": "image in",
    "image_cache_read": "image cached",
    "image_output": "image out",
}
_TEXT = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
_SCOPE_ORDER = ("global", "data_zone_us", "data_zone_eu", "data_zone_apac")
_TIER_ORDER = ("standard", "priority", "flex", "batch")


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Columns aligned under ``heading``, the first ``left`` to the left and the rest right."""
    lines = [list(heading), *(list(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heading))]
    lines.insert(1, ["─" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def units_of(rates: Iterable[Rates]) -> list[Unit]:
    """The units that any of the rates prices, in the order they are shown."""
    found = {unit for each in rates for unit in (*each.short, *each.long)}
    return [unit for unit in UNITS if unit in found]


def figure(price: Price | None) -> str:
    """USD for a million tokens, or a dash where there is no price."""
    return "–" if price is None else format_price(price.per_token)


def list_table(book: PriceBook, keys: Iterable[tuple[str, str, str, str]], at: float) -> str:
    """A line for each (provider, model, scope, tier) priced at ``at``: the prices of text."""
    priced = [(key, book.lookup(*key, at=at)) for key in keys]
    rates = [(key, found) for key, found in priced if isinstance(found, Rates)]
    if not rates:
        return ""
    columns = [unit for unit in units_of(found for _, found in rates) if unit in _TEXT]
    rows = [
        [*key, *(figure(found.short.get(unit)) for unit in columns), _since(found)]
        for key, found in rates
    ]
    heading = ["provider", "model", "scope", "tier", *(HEADINGS[u] for u in columns), "since"]
    return table(heading, rows, left=4)


def _since(rates: Rates) -> str:
    return day(max(row.effective_from for row in rates.short.values()))


def model_text(book: PriceBook, provider: str, model: str, at: float, scope: str | None) -> str:
    """Everything the book has on a model: prices in force, where they are from, what changed."""
    name = book.canonical(provider, model)
    rows = [row for row in book.find(provider, model) if scope in (None, row.scope)]
    parts = [f"{name} · {provider} · prices in USD for 1M tokens, in force on {day(at)[:10]}"]
    current = _current(rows, at)
    parts.append(_matrix(current) if current else "No price is in force on that day.")
    if current:
        parts.append(_sources(current))
    others = [row for row in rows if row not in current]
    for title, found in (
        ("Later", [row for row in others if row.effective_from > at]),
        ("Superseded", [row for row in others if row.effective_from <= at]),
    ):
        if found:
            parts.append(f"{title}\n{_matrix(found)}")
    return "\n\n".join(parts)


def _current(rows: Sequence[Price], at: float) -> list[Price]:
    best: dict[tuple[str, ...], Price] = {}
    for row in rows:
        if row.effective_from > at or (row.effective_to is not None and at >= row.effective_to):
            continue
        key = (row.scope, row.tier, row.context, row.unit)
        rival = best.get(key)
        if rival is None or _rank(row) >= _rank(rival):
            best[key] = row
    return list(best.values())


def _rank(row: Price) -> tuple[bool, float, float]:
    return row.confidence == "own", row.effective_from, row.observed_at


def _matrix(rows: Sequence[Price]) -> str:
    """A line for each scope, tier and context; for each start of prices, too, where they differ."""
    cells: dict[tuple[str, str, str, float], dict[Unit, Price]] = {}
    for row in rows:
        at = (row.scope, row.tier, row.context, row.effective_from)
        cells.setdefault(at, {})[row.unit] = row
    columns = [unit for unit in UNITS if any(unit in found for found in cells.values())]
    lines = []
    for key in sorted(cells, key=_order):
        found = cells[key]
        scope, tier, context, since = key
        threshold = max(row.context_from for row in found.values())
        where = f"from {threshold:,} tokens" if context == "long" else ""
        lines.append([scope, tier, where, *(figure(found.get(u)) for u in columns), day(since)])
    heading = ["scope", "tier", "prompt", *(HEADINGS[u] for u in columns), "since"]
    return table(heading, lines, left=3)


def _order(key: tuple[str, str, str, float]) -> tuple[int, str, int, bool, float]:
    scope, tier, context, since = key
    place = _SCOPE_ORDER.index(scope) if scope in _SCOPE_ORDER else len(_SCOPE_ORDER)
    return place, scope, _TIER_ORDER.index(tier), context == "long", -since


def _sources(rows: Sequence[Price]) -> str:
    seen: dict[tuple[str, str, float], int] = {}
    for row in rows:
        key = (row.confidence, row.source, row.observed_at)
        seen[key] = seen.get(key, 0) + 1
    lines = [
        [confidence, day(observed)[:10], str(count), source]
        for (confidence, source, observed), count in sorted(seen.items())
    ]
    heading = ["confidence", "observed", "prices", "source"]
    return "Sources\n" + table(heading, lines, left=4)


def report_text(report: ImportReport) -> str:
    """What an import found, every meter row accounted for."""
    skipped = sum(report.skipped.values())
    total, meters, unknown = report.total, report.meters, len(report.unknown)
    parts = [
        f"{total:,} meter rows: {meters:,} token prices, {skipped:,} skipped, {unknown:,} unknown"
    ]
    parts += [f"  skipped, {reason}: {count:,}" for reason, count in report.skipped.items()]
    parts.append(
        f"{len(report.new):,} new prices, {len(report.changed):,} changed, "
        f"{report.same:,} as in the book"
    )
    for title, rows in (("New", report.new), ("Changed", report.changed)):
        if rows:
            parts += ["", title]
            parts += [f"  {format_price(row.per_token):>10}  {row.id}" for row in rows[:_SHOWN]]
            parts += [f"  … and {len(rows) - _SHOWN:,} more"] if len(rows) > _SHOWN else []
    for title, lines in (
        ("Unknown meters (not imported; a person must look at them)", report.unknown),
        ("Prices that fit no scope (not imported)", report.conflicts),
    ):
        if lines:
            parts += ["", title, *(f"  {line}" for line in lines)]
    return "\n".join(parts)


_SHOWN = 40
