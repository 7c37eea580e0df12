"""The commands that keys, teams and users have alike: list, show, block, unblock, delete."""

from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import click
from msgspec import UNSET, Struct

from faregate.cli.entity_json import budget_json, holder_json, limit_json, page_json
from faregate.cli.entity_text import PlacedBudget, PlacedLimit, holder_text, holders_table
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import placed, stated
from faregate.cli.ledger_work import BadInputError, changing
from faregate.cli.standings import Standings, standings
from faregate.control.budgets import list_budgets
from faregate.control.desk import Desk, Kept
from faregate.control.limits import list_limits
from faregate.core.keys import Key, Team, User
from faregate.types import JsonObject

JSON = click.option("--json", "as_json_", is_flag=True, help="As JSON, for programs.")
YES = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

Holders = Kept[Key] | Kept[Team] | Kept[User]


class Noun(NamedTuple):
    """A kind of holder, and what there is to do with it."""

    word: str
    """``key``, ``team`` or ``user``."""
    control: ModuleType
    """Its operations: ``every``, ``get``, ``block``, ``delete``."""
    narrowing: Mapping[str, tuple[str, Callable[[Any, str], bool]]]
    """Options that narrow a list: what they say, and whether an entity fits a value."""
    left: str
    """What stays when one is deleted."""


def add(group: click.Group, noun: Noun) -> None:
    """Give a group the commands of its noun."""
    _add_list(group, noun)
    _add_show(group, noun)
    _add_block(group, noun, blocked=True)
    _add_block(group, noun, blocked=False)
    _add_delete(group, noun)


class Sheet(NamedTuple):
    """A holder, and every budget and limit that is for it alone."""

    kept: Holders
    budgets: list[PlacedBudget]
    limits: list[PlacedLimit]
    known: Standings

    def echo(self, *, as_json_: bool) -> None:
        """Print it."""
        if not as_json_:
            click.echo(holder_text(self.kept.entity, self.budgets, self.limits, self.known))
            return
        click.echo(as_json(self.json()))

    def json(self) -> JsonObject:
        """The fields of the admin API."""
        return holder_json(self.kept) | {
            "budgets": [budget_json(each, self.known, kept) for each, kept in self.budgets],
            "limits": [limit_json(each, kept) for each, kept in self.limits],
        }


async def sheet_of(desk: Desk, word: str, kept: Holders) -> Sheet:
    """What is for a holder, and how it stands."""
    holder = kept.entity
    mine = (word, kept.id)
    budgets: list[PlacedBudget] = [(each, None) for each in holder.budgets]
    budgets += [
        (each.entity, each)
        for each in await list_budgets(desk)
        if (each.entity.scope, each.entity.scope_id) == mine
    ]
    limits: list[PlacedLimit] = [(each, None) for each in holder.limits]
    limits += [
        (each.entity, each)
        for each in await list_limits(desk)
        if (each.entity.scope, each.entity.scope_id) == mine
    ]
    known = await standings(desk, [each for each, _ in budgets])
    return Sheet(kept, budgets, limits, known)


def _add_list(group: click.Group, noun: Noun) -> None:
    plural = f"{noun.word}s"

    def run(search: str, as_json_: bool, **given: Any) -> None:
        place = stated(given)

        async def work(desk: Desk) -> list[Holders]:
            found: list[Holders] = await noun.control.every(desk)
            return [each for each in found if _fits(noun, each, search.lower(), given)]

        found = changing(place, work)
        if as_json_:
            click.echo(as_json(page_json(holder_json(each) for each in found)))
        elif found:
            click.echo(holders_table(found))
        else:
            click.echo(f"There are no {plural} like that.")

    command = placed(JSON(run))
    for name, (meaning, _) in reversed(list(noun.narrowing.items())):
        command = click.option(f"--{name}", help=meaning)(command)
    command = click.option(
        "--search",
        default="",
        help="Only those whose id, name, tags or e-mail address have this text in them.",
    )(command)
    text = f"The {plural}, by id. 'show' tells how the budgets of one stand."
    group.command("list", help=text)(command)


def _fits(noun: Noun, kept: Holders, search: str, given: Mapping[str, Any]) -> bool:
    entity = kept.entity
    email = entity.email if isinstance(entity, User) else ""
    texts = (kept.id, entity.name, email, *getattr(entity, "tags", ()))
    return any(search in each.lower() for each in texts) and all(
        fits(entity, given[name])
        for name, (_, fits) in noun.narrowing.items()
        if given[name] is not None
    )


def _add_show(group: click.Group, noun: Noun) -> None:
    def run(identity: str, as_json_: bool, **given: Any) -> None:
        place = stated(given)

        async def work(desk: Desk) -> Sheet:
            return await sheet_of(desk, noun.word, await noun.control.get(desk, identity))

        changing(place, work).echo(as_json_=as_json_)

    text = (
        f"All there is of a {noun.word}, and how its budgets stand: spent (by the ledger, so"
        " without calls under way), left, and when they reset."
    )
    group.command("show", help=text)(_identified(placed(JSON(run))))


def _add_block(group: click.Group, noun: Noun, *, blocked: bool) -> None:
    def run(identity: str, **given: Any) -> None:
        place = stated(given)
        changing(place, lambda desk: noun.control.block(desk, identity, blocked=blocked))
        click.echo(f"{noun.word} {identity} {'is blocked' if blocked else 'may call again'}")

    whose = "" if noun.word == "key" else " with all its keys"
    text = (
        f"Let a {noun.word}{whose} call no model, until it is unblocked."
        if blocked
        else f"Let a blocked {noun.word} call again."
    )
    group.command("block" if blocked else "unblock", help=text)(_identified(placed(run)))


def _add_delete(group: click.Group, noun: Noun) -> None:
    def run(identity: str, yes: bool, **given: Any) -> None:
        place = stated(given)
        if not yes:
            kept: Holders = changing(place, lambda desk: noun.control.get(desk, identity))
            name = f" ({kept.entity.name})" if kept.entity.name else ""
            click.confirm(f"Delete the {noun.word} {identity}{name}? {noun.left}", abort=True)
        changing(place, lambda desk: noun.control.delete(desk, identity))
        click.echo(f"{noun.word} {identity} is deleted")

    text = f"Delete a {noun.word}, and the budgets and limits that are for it. {noun.left}"
    group.command("delete", help=text)(_identified(YES(placed(run))))


def _identified(run: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("identity", metavar="ID")(run)


def plain(given: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Options whose values are fields as they are; unset where nothing was said."""
    return {name: UNSET if given[name] is None else given[name] for name in names}


def check_changes(changes: Struct) -> None:
    """Refuse a change of nothing, which is a mistake."""
    if all(getattr(changes, name) is UNSET for name in changes.__struct_fields__):
        raise BadInputError("nothing is to be changed: say what, see --help")
