"""``faregate prices add`` and what belongs to it: prices of one's own, kept with the ledger."""

import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import reduce
from typing import Any, NamedTuple

import click

from faregate import providers
from faregate.cli.entity_json import instant
from faregate.cli.entity_text import usd
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import Place, find_place, placed, stated
from faregate.cli.ledger_tables import shown
from faregate.cli.ledger_work import BadInputError, at_place, changing, option
from faregate.cli.noun_commands import JSON, YES
from faregate.cli.price_tables import table
from faregate.control import models as stored_models
from faregate.control import prices as control
from faregate.control import waiting as unfilled
from faregate.control.desk import Desk
from faregate.control.errors import ConflictError, FieldError
from faregate.control.prices import PriceFields
from faregate.control.waiting import Waiting, price_list
from faregate.core.pricebook import PriceBook
from faregate.money import Usd, format_price, format_usd
from faregate.prices.load import TIERS, book_of
from faregate.prices.write import day
from faregate.store.repricing import Learnt
from faregate.types import JsonObject, Price, Unit

_UNITS: dict[Unit, tuple[str, str]] = {
    "input": ("input", "Prompt tokens."),
    "cache_read": ("cached-input", "Prompt tokens read from a cache."),
    "cache_write": ("cache-write", "Prompt tokens written to one."),
    "cache_write_1h": ("cache-write-1h", "The same, kept for an hour."),
    "output": ("output", "Tokens of the answer."),
    "audio_input": ("audio-input", "Audio in prompts."),
    "audio_cache_read": ("cached-audio-input", "Audio read from a cache."),
    "audio_output": ("audio-output", "Audio in answers."),
    "image_input": ("image-input", "Pictures in prompts."),
    "image_cache_read": ("cached-image-input", "Pictures read from a cache."),
    "image_output": ("image-output", "Pictures in answers."),
}
_EVERYTHING = ("everything", "")


class Fill(NamedTuple):
    """What became of calls that waited for a price."""

    filled: int = 0
    waiting: int = 0
    amount: Usd = 0
    """What is known to be spent now and was not before."""
    lacking: str = ""
    """What is needed to fill them: what deployments pay is stated in the configuration."""


def _priced(command: Any) -> Any:
    options = [
        click.option(f"--{name}", unit, metavar="USD", help=f"{text} USD for a million, exact.")
        for unit, (name, text) in _UNITS.items()
    ]
    return reduce(lambda made, each: each(made), reversed(options), command)


@click.command("add")
@click.argument("provider")
@click.argument("model")
@_priced
@click.option("--scope", default="global", show_default=True, help="Where it processes.")
@click.option("--tier", type=click.Choice(TIERS), default="standard", show_default=True)
@click.option(
    "--long-from",
    type=click.IntRange(1),
    help="These are prices of long prompts, from so many tokens on.",
)
@click.option(
    "--from",
    "start",
    default="",
    help="From this day or instant on (UTC). Default: always, so calls that wait get it.",
)
@click.option("--until", default="", help="Up to this day or instant, which is not included.")
@click.option("--source", default="", help="Where it is from, for whoever reads a receipt.")
@JSON
@placed
def add(provider: str, model: str, as_json_: bool, **given: Any) -> None:
    """Add prices of a model to the book, in USD for a million tokens, exact.

    PROVIDER is the one of the model string (azure_ai) or its price list (azure), MODEL the name in
    its answers. A running gateway has the price within a second, and it goes before the bundled
    ones. Calls that waited for it get their cost, where a configuration says what deployments pay.
    """
    place = find_place(stated(given))
    wanted = _wanted(_list_of(provider), model, given)

    async def work(desk: Desk) -> tuple[list[Price], Fill]:
        for each in wanted:
            _check(desk, each)
        taken = {row.id for row in await control.added(desk.store)}
        for each in wanted:
            row = control.of_fields(each, desk.actor, desk.now)
            if row.id in taken:
                raise ConflictError(
                    f"the price {row.id!r} was added before, and a price is never changed: give the"
                    " new one a --from of its own"
                )
        rows = [await control.add(desk, each) for each in wanted]
        return rows, await _fill(desk, place)

    rows, filled = at_place(place, work)
    if as_json_:
        click.echo(
            as_json({"data": [_price_json(each) for each in rows], "fill": _fill_json(filled)})
        )
        return
    click.echo(_table(rows))
    _echo_fill(filled)


@click.command("added")
@JSON
@placed
def added(as_json_: bool, **given: Any) -> None:
    """The prices that were added, by id."""
    rows = changing(stated(given), lambda desk: control.added(desk.store))
    if as_json_:
        click.echo(as_json({"data": [_price_json(each) for each in rows], "next": None}))
    else:
        click.echo(_table(rows) if rows else "No price was added.")


@click.command("remove")
@click.argument("identity", metavar="ID")
@YES
@placed
def remove(identity: str, yes: bool, **given: Any) -> None:
    """Take a price that was added out of the book. Receipts that name it stay as they are."""
    place = stated(given)
    if not yes:
        click.confirm(f"Take the price {identity} out of the book?", abort=True)
    changing(place, lambda desk: control.remove(desk, identity))
    click.echo(f"price {identity} is removed")


@click.command("waiting")
@JSON
@placed
def waiting(as_json_: bool, **given: Any) -> None:
    """Served models without a price, and how many calls wait for one."""
    found = changing(stated(given), lambda desk: unfilled.waiting(desk.store))
    if as_json_:
        names = Waiting.__struct_fields__
        data = [{name: getattr(each, name) for name in names} for each in found]
        click.echo(as_json({"data": data, "next": None}))
    elif found:
        heading = ("price list", "served model", "deployment", "calls")
        lines = [
            (
                each.price_list or "–",
                shown(each.served_model),
                shown(each.deployment),
                f"{each.calls:,}",
            )
            for each in found
        ]
        click.echo(table(heading, lines, left=3))
    else:
        click.echo("No call waits for a price.")


@click.command("fill")
@JSON
@placed
def fill(as_json_: bool, **given: Any) -> None:
    """Give calls that wait the prices that were in force when they were made, where there are any.

    'faregate prices add' does so by itself. The row keeps what was known before.
    """
    place = find_place(stated(given))
    found = at_place(place, lambda desk: _fill(desk, place))
    if as_json_:
        click.echo(as_json(_fill_json(found)))
    else:
        _echo_fill(found)


def with_added(book: PriceBook, place: Any) -> PriceBook:
    """A book with the prices that were added to a ledger."""
    rows: list[Price] = changing(place, lambda desk: control.added(desk.store))
    return _beside(book, rows)


def _beside(book: PriceBook, rows: Sequence[Price]) -> PriceBook:
    known = {row.id for row in book.prices()}
    return book.with_prices([row for row in rows if row.id not in known])


def _list_of(provider: str) -> str:
    """The price list that a provider, or the list itself, is named by."""
    name = provider.strip().lower()
    lists = {providers.get(each).price_list for each in providers.names()}
    found = price_list(name)
    if found or name in lists:
        return found or name
    near = get_close_matches(name, [*providers.names(), *lists], 1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(lists))}"
    raise BadInputError(f"PROVIDER: {provider[:40]!r} is unknown{hint}")


def _wanted(listed: str, model: str, given: dict[str, Any]) -> list[PriceFields]:
    amounts = {unit: given[unit] for unit in _UNITS if given[unit] is not None}
    if not amounts:
        raise click.UsageError("no price is stated: give --input, --output or another one")
    return [
        PriceFields(
            provider=listed,
            model=model,
            unit=unit,
            usd_per_million=amount,
            scope=given["scope"],
            tier=given["tier"],
            context="long" if given["long_from"] else "short",
            context_from=given["long_from"] or 0,
            effective_from=given["start"],
            effective_to=given["until"],
            source=given["source"],
        )
        for unit, amount in amounts.items()
    ]


def _check(desk: Desk, wanted: PriceFields) -> None:
    """Raise before anything is written; the error names the option."""
    try:
        control.of_fields(wanted, desk.actor, desk.now)
    except FieldError as error:
        names = {"usd_per_million": f"--{_UNITS[wanted.unit][0]}", "model": "MODEL"}  # type: ignore[index]
        name = names.get(error.field) or option(error.field)
        raise BadInputError(f"{name}: {error.message}") from None


async def _fill(desk: Desk, place: Place) -> Fill:
    """Fill what waits, and tell running gateways that budgets have spent more than they know."""
    if place.settings is None or place.missing:
        waits = sum(each.calls for each in await unfilled.waiting(desk.store))
        lacking = f"{', '.join(place.missing)} set" if place.missing else "--config FILE"
        return Fill(waiting=waits, lacking=lacking)
    book = _beside(book_of(os.environ), await control.added(desk.store))
    every = (*await stored_models.known(desk.store), *place.settings.deployments())
    deployments = {each.id: each.deployment for each in every}
    amounts: list[Usd] = []

    async def learnt(found: Learnt) -> None:
        amounts.append(sum(v for payer, v in found.amounts.items() if payer == _EVERYTHING))

    filled = waits = 0
    cursor: str | None = None
    while True:
        found = await unfilled.fill(desk, book, deployments, learnt, cursor)
        filled, waits, cursor = filled + found.filled, waits + found.waiting, found.cursor
        if cursor is None:
            break
    if amounts:
        from faregate.service import REPRICED

        document: JsonObject = {"calls": len(amounts), "usd": format_usd(sum(amounts))}
        await desk.store.put(REPRICED, "added-prices", document, actor=desk.actor, at=desk.now)
    return Fill(filled, waits, sum(amounts))


def _echo_fill(found: Fill) -> None:
    if found.lacking:
        if found.waiting:
            click.echo(
                f"{_calls(found.waiting)} may wait for this: 'faregate prices fill', with"
                f" {found.lacking}, gives them their cost (what deployments pay is in the"
                " configuration)"
            )
        return
    waits = "waits" if found.waiting == 1 else "wait"
    rest = f"; {_calls(found.waiting)} still {waits} for a price" if found.waiting else ""
    if found.filled or found.amount:
        click.echo(f"{_calls(found.filled)} filled, {usd(found.amount)} more is known{rest}")
    else:
        click.echo(f"No call was filled{rest}." if rest else "No call waited for a price.")


def _calls(count: int) -> str:
    return f"{count:,} call{'s' * (count != 1)}"


def _fill_json(found: Fill) -> JsonObject:
    return {
        "filled": found.filled,
        "waiting": found.waiting,
        "usd": format_usd(found.amount),
        "asked": not found.lacking,
    }


def _table(rows: Iterable[Price]) -> str:
    lines = [
        (
            row.id,
            day(row.effective_from) if row.effective_from else "always",
            "–" if row.effective_to is None else day(row.effective_to),
            row.source,
            format_price(row.per_token),
        )
        for row in rows
    ]
    return table(("price", "from", "until", "source", "USD/M"), lines, left=4)


def _price_json(row: Price) -> JsonObject:
    return {
        "id": row.id,
        "provider": row.provider,
        "model": row.model,
        "scope": row.scope,
        "tier": row.tier,
        "context": row.context,
        "context_from": row.context_from,
        "unit": row.unit,
        "usd_per_million": format_price(row.per_token),
        "effective_from": instant(row.effective_from),
        "effective_to": instant(row.effective_to),
        "source": row.source,
        "observed_at": instant(row.observed_at),
    }
