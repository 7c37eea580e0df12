"""``faregate prices``: look into the price book, and bring it up to date."""

import sys
import time
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from faregate.cli import Lazy
from faregate.cli.ledger_place import Stated, placed, stated
from faregate.cli.price_tables import list_table, model_text, report_text
from faregate.core.pricebook import PriceBook
from faregate.errors import PriceBookError
from faregate.prices.importer import MeterRow, import_meters, read_meters
from faregate.prices.load import load_book, parse_instant, read_text
from faregate.prices.write import append_rows

T = TypeVar("T")

_AT = "The instant that counts: a date or a date and time, UTC. Default: now."
_INTO = Path("azure-prices.csv")
_NOWHERE = Stated()


class Instant(click.ParamType[float]):
    """An ISO date or date and time, as Unix seconds."""

    name = "date"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_instant(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; write 2026-09-01 or 2026-09-01T12:00Z", param, ctx)


class WithOwn(Lazy):
    """The commands below, and those for prices of one's own, which need the ledger."""

    modules = dict.fromkeys(
        ("add", "added", "fill", "remove", "waiting"), "faregate.cli.own_prices"
    )


@click.group(cls=WithOwn)
@click.option(
    "--book",
    "books",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A price file to read beside the bundled ones. May be given more than once.",
)
@click.pass_context
def prices(ctx: click.Context, books: tuple[Path, ...]) -> None:
    """The price book, and prices of one's own.

    list, show and explain tell of the bundled prices, and with --config or --data-dir of those that
    were added there.
    """
    ctx.obj = books


@prices.command("list")
@click.option("--provider", help="Only this provider.")
@click.option("--scope", default="global", show_default=True, help="The scope, or 'all'.")
@click.option("--tier", default="standard", show_default=True, help="The tier, or 'all'.")
@click.option("--at", type=Instant(), help=_AT)
@placed
@click.pass_obj
def list_prices(
    books: tuple[Path, ...],
    /,
    provider: str | None,
    scope: str,
    tier: str,
    at: float | None,
    **given: Any,
) -> None:
    """A line for each model priced: USD for 1M tokens, short context."""
    book = _book(books, stated(given))
    keys = sorted(
        {
            (row.provider, row.model, row.scope, row.tier)
            for row in book.prices()
            if provider in (None, row.provider)
            and scope in ("all", row.scope)
            and tier in ("all", row.tier)
        }
    )
    text = list_table(book, keys, _now(at))
    if not text:
        _fail("no model has a price there; see 'faregate prices list --scope all --tier all'")
    click.echo(text)


@prices.command()
@click.argument("model")
@click.option("--provider", help="Only this provider.")
@click.option("--scope", help="Only this scope.")
@click.option("--at", type=Instant(), help=_AT)
@placed
@click.pass_obj
def show(
    books: tuple[Path, ...],
    /,
    model: str,
    provider: str | None,
    scope: str | None,
    at: float | None,
    **given: Any,
) -> None:
    """Everything the book has on MODEL: its prices, where they are from, what they were before."""
    book = _book(books, stated(given))
    providers = (provider,) if provider else book.providers()
    having = [name for name in providers if book.find(name, model)]
    if not having:
        _fail(_unknown(book, model, providers))
    texts = [model_text(book, name, model, _now(at), scope) for name in having]
    click.echo("\n\n\n".join(texts))


@prices.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--apply", is_flag=True, help="Append the rows. Without it nothing is written.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_INTO,
    show_default=True,
    help="The price file to append to; made if it does not exist.",
)
@click.option("--observed", type=Instant(), help="When FILE was fetched (UTC). Default: now.")
@click.pass_obj
def import_file(
    books: tuple[Path, ...], file: Path, apply: bool, into: Path, observed: float | None
) -> None:
    """Compare Azure meters in FILE (CSV, or JSON of the Retail Prices API) with the book."""
    rows = _checked(lambda: read_meters(read_text(file), str(file)))
    _merge(rows, _now(observed), books, into, apply=apply)


@prices.command()
@click.option("--azure", is_flag=True, required=True, help="Azure's public Retail Prices API.")
@click.option("--url", help="Another address that answers like that API.")
@click.option("--apply", is_flag=True, help="Append the rows. Without it nothing is written.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_INTO,
    show_default=True,
    help="The price file to append to; made if it does not exist.",
)
@click.pass_obj
def refresh(books: tuple[Path, ...], azure: bool, url: str | None, apply: bool, into: Path) -> None:
    """Fetch today's meters and compare them with the book."""
    from faregate.prices.refresh import URL, fetch_meters

    del azure  # the only list there is to fetch; the flag says so
    rows = _checked(lambda: fetch_meters(url or URL))
    _merge(rows, _now(None), books, into, apply=apply)


@prices.command()
@click.argument("model")
@click.option(
    "--input", "prompt", type=click.IntRange(0), required=True, help="Prompt tokens, all."
)
@click.option("--cached", type=click.IntRange(0), default=0, help="Of them read from a cache.")
@click.option("--cache-write", type=click.IntRange(0), default=0, help="Of them written to one.")
@click.option("--output", type=click.IntRange(0), default=0, help="Tokens of the answer.")
@click.option(
    "--route",
    type=click.Choice(["direct", "model_router"]),
    default="direct",
    show_default=True,
    help="model_router adds the router's fee.",
)
@click.option("--provider", default="azure", show_default=True, help="Whose prices.")
@click.option("--scope", default="global", show_default=True)
@click.option("--tier", default="standard", show_default=True)
@click.option("--at", type=Instant(), help=_AT)
@click.option("--json", "as_json", is_flag=True, help="The receipt as JSON.")
@placed
@click.pass_obj
def explain(books: tuple[Path, ...], /, model: str, **given: Any) -> None:
    """What a call served by MODEL costs, line by line. Exit code 1 when it cannot be said."""
    import json

    from faregate.core import receipt, receipt_text
    from faregate.types import Deployment, Usage

    place = stated(given)
    fresh = given["prompt"] - given["cached"] - given["cache_write"]
    if fresh < 0:
        raise click.UsageError("--cached and --cache-write are parts of --input, not beside it")
    usage = Usage(
        input=fresh,
        cache_read=given["cached"],
        cache_write=given["cache_write"],
        output=given["output"],
    )
    deployment = Deployment(
        id=given["route"],
        provider=given["provider"],
        route=given["route"],
        upstream_model="model-router" if given["route"] == "model_router" else model,
        api_base="",
        scope=given["scope"],
    )
    outcome = receipt.Outcome(
        requested_model=deployment.upstream_model,
        served_model=model,
        usage=usage,
        tier=given["tier"],
        at=_now(given["at"]),
    )
    charge = receipt.charge(_book(books, place), given["provider"], deployment, outcome)
    told = receipt.total("explain", [charge])
    if given["as_json"]:
        click.echo(json.dumps(receipt_text.as_json(told), indent=2))
    else:
        click.echo(receipt_text.as_text(told))
    if told.total is None:
        sys.exit(1)


def _merge(
    rows: list[MeterRow], observed: float, books: tuple[Path, ...], into: Path, *, apply: bool
) -> None:
    """Report on ``rows``, and append what is new if asked to."""
    beside = tuple(dict.fromkeys((*books, into) if into.exists() else books))
    book = _book(beside)
    report = _checked(lambda: import_meters(rows, observed, book))
    click.echo(report_text(report))
    click.echo()
    if not report.rows:
        click.echo("Nothing to add.")
    elif not apply:
        click.echo(f"Nothing was written. Add --apply to append {len(report.rows):,} rows.")
    else:
        count = _checked(lambda: append_rows(into, report.rows))
        click.echo(f"{count:,} rows appended to {into}. Use them with --book {into}.")


def _book(books: Sequence[Path], place: Stated = _NOWHERE) -> PriceBook:
    """The book; with what was added to a ledger, where one is named."""
    book = _checked(lambda: load_book(books))
    if place == _NOWHERE:
        return book
    from faregate.cli.own_prices import with_added

    return with_added(book, place)


def _checked(work: Callable[[], T]) -> T:
    try:
        return work()
    except PriceBookError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    raise click.ClickException(message)


def _now(at: float | None) -> float:
    return time.time() if at is None else at


def _unknown(book: PriceBook, model: str, providers: Sequence[str]) -> str:
    known = sorted({name for provider in providers for name in book.models(provider)})
    near = get_close_matches(model.lower(), known, n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see 'faregate prices list'"
    return f"the price book does not know {model!r}{hint}"
