"""The ledger as a person reads it, as JSON and as CSV. Money is exact decimal text everywhere."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from faregate.cli.price_tables import table
from faregate.control.desk import slug
from faregate.core import receipt_text
from faregate.money import Usd, format_usd
from faregate.store.protocol import Adjustment, Entry, SpendLine
from faregate.types import JsonObject, Receipt, Row

NONE = "(none)"
_HEADINGS = {"served_model": "served model"}
_MONEY_COLUMNS = ("router fee", "spend")
_FORMULA = ("=", "+", "-", "@", "\t")
_STATES = ("priced", "estimated", "unpriced", "inconsistent", "unsettled")

Names: TypeAlias = Mapping[tuple[str, str], str]
"""What keys, teams and users are called, by noun and id."""

NO_NAMES: Names = {}


def uncertain(line: SpendLine) -> bool:
    """Whether ``spend`` is a minimum: some call's cost is not wholly known."""
    return bool(line.unpriced or line.unsettled or line.inconsistent)


def spend_table(
    by: Sequence[str], lines: Sequence[SpendLine], total: SpendLine, names: Names = NO_NAMES
) -> str:
    """A line for each group and one for the whole, amounts aligned to the last digit."""
    every = [*lines, total]
    fees = column([each.router_fee for each in every], [False] * len(every))
    spent = column([each.spend for each in every], list(map(uncertain, every)))
    rows = [
        [
            *(
                [label(noun, value, names) for noun, value in zip(by, each.group, strict=True)]
                if each is not total
                else ["total", *[""] * (len(by) - 1)]
            ),
            *(f"{count:,}" for count in (each.calls, each.failed, *_in_and_out(each))),
            fees[at],
            spent[at],
        ]
        for at, each in enumerate(every)
    ]
    titles = [_HEADINGS.get(name, name) for name in by] or [""]
    heading = [*titles, "calls", "failed", "tokens in", "tokens out", *_MONEY_COLUMNS]
    printed = table(heading, rows, left=len(titles)).split("\n")
    if by:
        printed.insert(-1, printed[1])
    return "\n".join(printed)


def remarks(total: SpendLine, by: Sequence[str]) -> list[str]:
    """What the total does not say by itself."""
    found = []
    least = f"at least ${format_usd(total.spend)}"
    if total.unpriced:
        found.append(
            f"{_calls(total.unpriced)} unpriced: {least}; 'faregate log --status unpriced' shows"
            " which price is missing"
        )
    if total.inconsistent:
        found.append(
            f"{_calls(total.inconsistent)} inconsistent, the provider's counts contradict one"
            f" another: {least}"
        )
    if total.unsettled:
        found.append(
            f"{_calls(total.unsettled)} unsettled, their process ended before the cost was known:"
            f" {least}"
        )
    if total.estimated:
        found.append(f"{_calls(total.estimated)} estimated: tokens counted here, not reported")
    if "tag" in by:
        found.append("a call counts under each of its tags, and once in the total")
    return found


def label(noun: str, value: str, names: Names) -> str:
    """A value on a terminal; with its name where the id, which is made of a name, does not tell."""
    name = names.get((noun, value), "")
    head = slug(name)
    told = not name or name == value or (head and value.startswith(head))
    return shown(value if told else f"{value} ({name})")


def spend_json(by: Sequence[str], line: SpendLine, names: Names = NO_NAMES) -> JsonObject:
    """One group as JSON."""
    pairs = list(zip(by, line.group, strict=True))
    return {
        **dict(pairs),
        **{f"{noun}_name": names[noun, each] for noun, each in pairs if (noun, each) in names},
        "calls": line.calls,
        "failed": line.failed,
        "tokens": dict(line.tokens),
        "spend_usd": format_usd(line.spend),
        "spend_is_minimum": uncertain(line),
        "router_fee_usd": format_usd(line.router_fee),
        **{state: getattr(line, state) for state in _STATES},
    }


def spend_csv(by: Sequence[str], lines: Iterable[SpendLine]) -> str:
    """The groups as CSV, without a line for the whole."""
    counted = ("calls", "failed", "input_tokens", "output_tokens")
    money = ("router_fee_usd", "spend_usd", "spend_is_minimum")
    rows = [
        (
            *map(_cell, each.group),
            each.calls,
            each.failed,
            *_in_and_out(each),
            format_usd(each.router_fee),
            format_usd(each.spend),
            str(uncertain(each)).lower(),
            *(getattr(each, state) for state in _STATES),
        )
        for each in lines
    ]
    return _csv((*by, *counted, *money, *_STATES), rows)


def log_table(entries: Sequence[Entry], names: Names = NO_NAMES) -> str:
    """A line for each call, newest first."""
    amounts = column([each.spend for each in entries], [each.total is None for each in entries])
    rows = [
        (
            _clock(each.row.started),
            each.row.call_id,
            label("key", each.row.key, names),
            shown(each.row.requested_model),
            shown(_served(each.row)),
            shown(each.row.deployment),
            each.row.outcome,
            str(each.row.status or "–"),
            each.status,
            amounts[at] if each.total is not None or each.spend else "unknown",
        )
        for at, each in enumerate(entries)
    ]
    titles = ("started (UTC)", "call", "key", "model", "served model", "deployment", "outcome")
    return table((*titles, "http", "status", "spend"), rows, left=7)


def entry_json(entry: Entry) -> JsonObject:
    """A call, its receipt and every adjustment as JSON."""
    from faregate.gateway.public import row_json

    row = entry.row
    return row_json(row) | {
        "status": entry.status,
        "total": None if entry.total is None else format_usd(entry.total),
        "spend_usd": format_usd(entry.spend),
        "team": row.team,
        "user": row.user,
        "tags": list(row.tags),
        "session": row.session,
        "end_user": row.end_user,
        "fallbacks": row.fallbacks,
        "adjustments": [_adjustment_json(each) for each in entry.adjustments],
    }


def entry_text(entry: Entry) -> str:
    """Everything the ledger has on a call."""
    row = entry.row
    blocks = ["\n".join(_facts(entry)), _attempts(row)]
    if row.receipt is not None and row.receipt.charges:
        blocks.append(shown(receipt_text.as_text(row.receipt), lines=True))
    else:
        blocks.append("No charge: nothing that bills was reached.")
    blocks += [_adjustment(each) for each in entry.adjustments]
    return "\n\n".join(block for block in blocks if block)


def shown(text: str, *, lines: bool = False) -> str:
    """Text from outside on a terminal: nothing that steers it; ``(none)`` for nothing."""
    keep = "\n" if lines else ""
    return "".join(c if c.isprintable() or c in keep else "?" for c in text) or NONE


def _facts(entry: Entry) -> Iterable[str]:
    row = entry.row
    yield f"{row.call_id}  {row.outcome}  {entry.status}  {_amount(entry)}"
    first = (
        "" if row.first_byte is None else f", first byte after {row.first_byte - row.started:.3f} s"
    )
    facts = {
        "started": f"{_clock(row.started)} UTC{first}, ended after {row.ended - row.started:.3f} s",
        "request id": row.request_id if row.request_id != row.call_id else "",
        "operation": f"{row.operation}{', streamed' if row.stream else ''}",
        "key": row.key,
        "team": row.team,
        "user": row.user,
        "tags": ", ".join(row.tags),
        "end user": row.end_user,
        "session": row.session,
        "traceparent": row.traceparent,
        "client": row.client,
        "model": row.requested_model,
        "deployment": f"{row.deployment} ({row.provider})" if row.deployment else "",
        "http status": f"{row.status or 'none sent'}{f', {row.error}' if row.error else ''}",
        "fallbacks": str(row.fallbacks) if row.fallbacks else "",
    }
    for name, value in facts.items():
        if value:
            yield f"  {name:<12}  {shown(value)}"


def _attempts(row: Row) -> str:
    if not row.attempts:
        return ""
    lines = [
        (
            shown(each.deployment),
            shown(each.provider),
            str(each.status or "–"),
            shown(each.error) if each.error else "ok",
            f"{each.seconds:.3f} s",
        )
        for each in row.attempts
    ]
    return table(("attempt", "provider", "http", "result", "time"), lines, left=4)


def _adjustment(found: Adjustment) -> str:
    return (
        f"Adjusted on {_clock(found.at)} UTC: {shown(found.reason)}\n"
        f"  before {_total(found.before)}, after {_total(found.after)}"
    )


def _adjustment_json(found: Adjustment) -> JsonObject:
    return {
        "at": found.at,
        "reason": found.reason,
        "before": None if found.before is None else receipt_text.as_json(found.before),
        "after": receipt_text.as_json(found.after),
    }


def _total(receipt: Receipt | None) -> str:
    if receipt is None:
        return "no charge"
    return "unknown" if receipt.total is None else f"${format_usd(receipt.total)}"


def _amount(entry: Entry) -> str:
    if entry.total is not None:
        return f"${format_usd(entry.total)}"
    return f"at least ${format_usd(entry.spend)}" if entry.spend else "unknown"


def _served(row: Row) -> str:
    return row.receipt.model if row.receipt is not None and row.receipt.charges else ""


def _in_and_out(line: SpendLine) -> tuple[int, int]:
    """Tokens of prompts and of answers."""
    out = sum(count for unit, count in line.tokens.items() if unit.endswith("output"))
    return sum(line.tokens.values()) - out - line.tokens.get("reasoning", 0), out


def column(amounts: Sequence[Usd], least: Sequence[bool], *, fewest: int = 0) -> list[str]:
    """Amounts whose points stand under one another, with at least ``fewest`` decimals; a minimum is
    marked."""
    places = max((len(format_usd(each).partition(".")[2]) for each in amounts), default=0)
    places = max(places, fewest)
    return [
        f"{'≥ ' if minimum else ''}${format_usd(each, places=places)}"
        for each, minimum in zip(amounts, least, strict=True)
    ]


def _calls(count: int) -> str:
    return f"{count:,} call{'s' * (count != 1)}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _csv(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _cell(text: str) -> str:
    """Text from outside in a CSV: a spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
