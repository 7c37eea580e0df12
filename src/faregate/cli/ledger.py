"""``faregate spend`` and ``faregate log``: what the ledger says. They only read."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import click
import msgspec

from faregate.cli import ledger_tables as tables
from faregate.cli.ledger_place import Amount, Day, When, fail, find_place, narrowed, placed
from faregate.errors import FaregateError
from faregate.store.protocol import DIMENSIONS, Dimension, Filter, Page, RowStatus, SpendLine, Store
from faregate.types import Outcome

T = TypeVar("T")

_OUTCOMES = get_args(Outcome)
_STATUSES = get_args(RowStatus)
_HTTP = range(100, 600)
_JSON = click.option("--json", "form", flag_value="json", help="As JSON.")
_CSV = click.option("--csv", "form", flag_value="csv", help="As CSV.")


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
@click.option("--since", type=Day(), help="From this day on (UTC): 7d, 4w or 2026-11-01.")
@click.option("--until", type=Day(), help="Up to this day, which is not included.")
@narrowed
@_JSON
@_CSV
@placed
def spend(
    by: tuple[Dimension, ...],
    since: date | None,
    until: date | None,
    form: str | None,
    config: Path | None,
    **given: Any,
) -> None:
    """What was spent, and on what.

    Reads the ledger's daily sums while the gateway runs. A call whose cost is not known is counted,
    and the amount it is in is then marked as a minimum (≥).
    """
    directory = given.pop("data_dir")
    only = Filter(**given)

    async def ask(store: Store) -> tuple[list[SpendLine], SpendLine]:
        lines = await store.spend(by, only=only, since=since, until=until) if by else []
        return lines, (await store.spend((), only=only, since=since, until=until))[0]

    lines, total = _read(config, directory, ask)
    if form == "json":
        click.echo(
            _json(
                {
                    "since": None if since is None else since.isoformat(),
                    "until": None if until is None else until.isoformat(),
                    "by": list(by),
                    "groups": [tables.spend_json(by, each) for each in lines],
                    "total": tables.spend_json((), total),
                }
            )
        )
    elif form == "csv":
        click.echo(tables.spend_csv(by, lines if by else [total]))
    elif not total.calls and not lines:
        click.echo("No call is in the ledger for that.")
    else:
        click.echo(tables.spend_table(by, lines, total))
        for remark in tables.remarks(total, by):
            click.echo(remark)


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
@click.option("--until", type=When(), help="Started before this instant (UTC).")
@click.option("--min-cost", type=Amount(), help="Only calls for which so many USD were spent.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--cursor", help="Where to go on: the page before says it.")
@_JSON
@_CSV
@placed
def log(
    call_id: str | None,
    limit: int,
    cursor: str | None,
    form: str | None,
    config: Path | None,
    **given: Any,
) -> None:
    """The calls in the ledger, newest first; with CALL_ID all that is known of one.

    With a call id: its receipt line by line with the price rows, every attempt, and every later
    adjustment. A row is in the ledger a moment after its call has ended.
    """
    directory = given.pop("data_dir")
    if call_id:
        _show_call(call_id, config, directory, form)
        return
    only = Filter(**given)

    async def ask(store: Store) -> Page:
        return await store.rows(only, cursor=cursor, limit=limit)

    page = _read(config, directory, ask)
    if form == "json":
        calls = [tables.entry_json(each) for each in page.entries]
        click.echo(_json({"calls": calls, "cursor": page.cursor}))
        return
    if form == "csv":
        click.echo(tables.log_csv(page.entries))
    elif not page.entries:
        click.echo("No call is in the ledger for that.")
    else:
        click.echo(tables.log_table(page.entries))
    if page.cursor is not None:
        click.echo(f"There are more: add --cursor {page.cursor}", err=True)


def _show_call(call_id: str, config: Path | None, directory: Path | None, form: str | None) -> None:
    found = _read(config, directory, lambda store: store.row(call_id))
    if found is None:
        fail(f"no call {tables.shown(call_id[:128])} is in the ledger")
    if form == "json":
        click.echo(_json(tables.entry_json(found)))
    elif form == "csv":
        click.echo(tables.log_csv([found]))
    else:
        click.echo(tables.entry_text(found))


def _read(config: Path | None, directory: Path | None, ask: Callable[[Store], Awaitable[T]]) -> T:
    """Ask the ledger. Whatever keeps it from answering ends the command with a message."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from faregate.store.address import parse_address
    from faregate.store.places import store_at

    url, where = find_place(config, directory)

    async def run() -> T:
        store = store_at(url, where)
        await store.attach()
        try:
            return await ask(store)
        finally:
            await store.close()

    try:
        place = parse_address(url) if url else where / "ledger.sqlite3"
        if isinstance(place, Path) and not place.is_file():
            fail(
                f"there is no ledger at {place} yet: the gateway makes it when it starts; --config"
                " or --data-dir names another place"
            )
        return asyncio.run(run())
    except (FaregateError, ValueError) as error:
        fail(str(error))


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
