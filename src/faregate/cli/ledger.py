"""``faregate spend`` and ``faregate log``: what the ledger says. They only read."""

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast, get_args

import click
import msgspec

from faregate.cli import ledger_tables as tables
from faregate.cli.ledger_place import (
    Amount,
    Day,
    DaysAgo,
    Stated,
    When,
    day_in,
    fail,
    instant_in,
    narrowed,
    placed,
    stated,
)
from faregate.cli.ledger_work import reading
from faregate.store import export
from faregate.store.protocol import (
    DIMENSIONS,
    Dimension,
    Entry,
    Filter,
    Page,
    RowStatus,
    SpendLine,
    Store,
)
from faregate.store.searching import whole_page
from faregate.types import Outcome

_OUTCOMES = get_args(Outcome)
_STATUSES = get_args(RowStatus)
_HTTP = range(100, 600)
_PAGE = 50
_NAMED: tuple[Dimension, ...] = ("key", "team", "user")
_JSON = click.option("--json", "form", flag_value="json", help="As JSON.")
_CSV = click.option("--csv", "form", flag_value="csv", help="As CSV.")


class Spent(NamedTuple):
    """What is printed of spend."""

    zone: str
    since: date | None
    until: date | None
    lines: list[SpendLine]
    total: SpendLine
    names: tables.Names


class By(click.ParamType[tuple[Dimension, ...]]):
    """Dimensions, separated by commas."""

    name = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Dimension, ...]:
        if isinstance(value, tuple):
            return value
        names = [each.strip().replace("-", "_") for each in str(value).split(",") if each.strip()]
        unknown = [name for name in names if name not in DIMENSIONS]
        if unknown:
            self.fail(f"{unknown[0]!r} is none of {', '.join(DIMENSIONS)}", param, ctx)
        return cast("tuple[Dimension, ...]", tuple(dict.fromkeys(names)))


@click.command()
@click.option(
    "--by",
    type=By(),
    default="model,served_model",
    show_default=True,
    help=f"Any of {', '.join(DIMENSIONS)}, with commas between; '' for one line.",
)
@click.option("--since", type=Day(), help="From this day on: 7d, 4w or 2026-11-01.")
@click.option("--until", type=Day(), help="Up to this day, which is not included.")
@narrowed
@_JSON
@_CSV
@placed
def spend(
    by: tuple[Dimension, ...],
    since: date | DaysAgo | None,
    until: date | DaysAgo | None,
    form: str | None,
    **given: Any,
) -> None:
    """What was spent, and on what.

    Reads the ledger's daily sums while the gateway runs. Days are those of UTC, unless the gateway
    sums by another zone (reporting_time_zone). A call whose cost is not known is counted, and the
    amount it is in is then marked as a minimum (≥).
    """
    place = stated(given)
    only = Filter(**given)

    async def ask(store: Store) -> Spent:
        calendar = await store.calendar()
        first, end = day_in(calendar, since), day_in(calendar, until)
        lines = await store.spend(by, only=only, since=first, until=end) if by else []
        total = (await store.spend((), only=only, since=first, until=end))[0]
        return Spent(calendar.zone, first, end, lines, total, await _names(store, by))

    zone, first, end, lines, total, names = reading(place, ask)
    if form == "json":
        click.echo(
            as_json(
                {
                    "zone": zone,
                    "since": None if first is None else first.isoformat(),
                    "until": None if end is None else end.isoformat(),
                    "by": list(by),
                    "groups": [tables.spend_json(by, each, names) for each in lines],
                    "total": tables.spend_json((), total),
                }
            )
        )
    elif form == "csv":
        click.echo(tables.spend_csv(by, lines if by else [total]))
    elif not total.calls and not lines:
        click.echo("No call is in the ledger for that.")
    else:
        click.echo(tables.spend_table(by, lines, total, names))
        for remark in tables.remarks(total, by):
            click.echo(remark)
        if zone != "UTC" and (first or end or "day" in by):
            click.echo(f"days in {zone}")


@click.command()
@click.argument("call_id", required=False)
@narrowed
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    multiple=True,
    help=f"Only calls whose cost is {', '.join(_STATUSES[:-1])} or {_STATUSES[-1]}.",
)
@click.option(
    "--outcome",
    type=click.Choice(_OUTCOMES),
    multiple=True,
    help=f"Only calls that were {', '.join(_OUTCOMES[:-1])} or {_OUTCOMES[-1]}.",
)
@click.option("--since", type=When(), help="Started at this instant or later: 7d, 12h, 2026-11-01.")
@click.option(
    "--until",
    type=When(),
    help="Started before this instant: a time in UTC, or a day as spend has it.",
)
@click.option("--min-cost", type=Amount(), help="Only calls for which so many USD were spent.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    help=f"At most so many calls. Default: {_PAGE} to a page; as CSV, JSON lines or Parquet: all.",
)
@click.option("--cursor", help="Where to go on: the page before says it.")
@_JSON
@_CSV
@click.option(
    "--json-lines", "form", flag_value="json-lines", help="As JSON, a call on each line, in full."
)
@click.option(
    "--parquet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a Parquet file (faregate[parquet]).",
)
@placed
def log(
    call_id: str | None,
    limit: int | None,
    cursor: str | None,
    form: str | None,
    parquet: Path | None,
    **given: Any,
) -> None:
    """The calls in the ledger, newest first; with CALL_ID all that is known of one.

    With a call id: its receipt line by line with the price rows, every attempt, and every later
    adjustment. A row is in the ledger a moment after its call has ended.
    """
    place = stated(given)
    if call_id:
        _show_call(call_id, place, form)
        return
    if parquet is not None or form in ("csv", "json-lines"):
        _export(place, given, (limit, cursor), form, parquet)
        return

    async def ask(store: Store) -> tuple[Page, tables.Names]:
        only = await _only(store, given)
        page = await whole_page(store, only, cursor=cursor, limit=limit or _PAGE)
        return page, await _names(store, _NAMED if form is None else ())

    page, names = reading(place, ask)
    if form == "json":
        calls = [tables.entry_json(each) for each in page.entries]
        click.echo(as_json({"calls": calls, "cursor": page.cursor}))
        return
    if page.entries:
        click.echo(tables.log_table(page.entries, names))
    else:
        click.echo("No call is in the ledger for that.")
    _tell_more(page.cursor)


def _export(
    place: Stated,
    given: dict[str, Any],
    part: tuple[int | None, str | None],
    form: str | None,
    parquet: Path | None,
) -> None:
    """Calls as they come out of the database: a million of them need no more memory than one."""
    limit, cursor = part

    async def run(store: Store) -> str | None:
        only = await _only(store, given)
        further = None
        if limit is None and cursor is None:
            entries = export.every_entry(store, only)
        else:
            page = await whole_page(store, only, cursor=cursor, limit=limit or _PAGE)
            entries, further = _each(page.entries), page.cursor
        if parquet is not None:
            with _whole(parquet) as out:
                count = await export.write_parquet(entries, out)
            click.echo(f"{count:,} calls written", err=True)
            return further
        lines = export.csv_lines if form == "csv" else export.json_lines
        async for line in lines(entries):
            click.echo(line, nl=False)
        return further

    _tell_more(reading(place, run))


async def _only(store: Store, given: dict[str, Any]) -> Filter:
    """The filter of what was stated, with dates as days of the ledger."""
    calendar = await store.calendar()
    times = {name: instant_in(calendar, given[name]) for name in ("since", "until")}
    return Filter(**{**given, **times})


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which is there when all of it was written, and not before."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(path)
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror or error}")
    finally:
        part.unlink(missing_ok=True)


async def _each(entries: Iterable[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


def _tell_more(cursor: str | None) -> None:
    if cursor is not None:
        click.echo(f"There are more: add --cursor {cursor}", err=True)


def _show_call(call_id: str, place: Stated, form: str | None) -> None:
    if form in ("csv", "json-lines"):
        raise click.UsageError(f"one call is shown as text or with --json, not as {form}")
    found = reading(place, lambda store: store.row(call_id))
    if found is None:
        fail(f"no call {tables.shown(call_id[:128])} is in the ledger")
    click.echo(as_json(tables.entry_json(found)) if form else tables.entry_text(found))


async def _names(store: Store, dimensions: Iterable[Dimension]) -> tables.Names:
    """What keys, teams and users are called, by dimension and id."""
    found: dict[tuple[str, str], str] = {}
    for noun in dimensions:
        if noun in _NAMED:
            for each in await store.entities(noun):
                found[noun, each.id] = str((each.document or {}).get("name", ""))
    return found


def as_json(value: object) -> str:
    """JSON for a person and a program alike."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
