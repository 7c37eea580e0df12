"""``faregate limits``: rate limits that stand alone."""

from typing import Any

import click
from msgspec.structs import replace

from faregate.cli.entity_json import limit_json, page_json
from faregate.cli.entity_text import PlacedLimit, limit_text, limits_table, whom_text
from faregate.cli.holder_options import LimitType, WholeType
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import placed, stated
from faregate.cli.ledger_work import changing, warn_unchecked
from faregate.cli.noun_commands import JSON, YES
from faregate.cli.scope_options import scope_of, scoped
from faregate.control import keys, teams, users
from faregate.control import limits as control
from faregate.control.desk import Desk, Kept
from faregate.control.limits import LimitFields
from faregate.core.budget import RateLimit


@click.group()
def limits() -> None:
    """Rate limits for tags, models, everything.

    Of requests, tokens or calls at once; for deployments, too. Those that a key, team or user
    carries are changed with 'faregate keys' and the like.
    """


@limits.command()
@click.argument("limit", type=LimitType(), metavar="MEASURE=COUNT[/PER]")
@scoped
@click.option("--of-model", default="", help="Only calls of this model count, of that key or team.")
@click.option("--id", "identity", default="", help="Default: made from what it is for.")
@JSON
@placed
def make(limit: LimitFields, of_model: str, identity: str, as_json_: bool, **given: Any) -> None:
    """Make a limit, and print its id: requests=1000/day, tokens=50000/minute, parallel=4.

    Requests, tokens and calls at once (parallel) are counted, the first two per minute, hour or
    day, which look back from now.
    """
    place = stated(given)
    scope, scope_id = scope_of(given)
    wanted = replace(limit, model=of_model or limit.model)

    async def work(desk: Desk) -> Kept[RateLimit]:
        names = [wanted.model, scope_id if scope == "model" else ""]
        warn_unchecked(desk, names, scope_id if scope == "deployment" else "")
        return await control.make_limit(desk, scope, scope_id, wanted, identity=identity)

    made = changing(place, work)
    click.echo(as_json(limit_json(made.entity, made)) if as_json_ else made.id)


@limits.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that keys, teams and users carry.")
@JSON
@placed
def list_(every: bool, as_json_: bool, **given: Any) -> None:
    """Limits, by id. How much of them is used, only a running gateway knows."""
    place = stated(given)

    async def work(desk: Desk) -> list[PlacedLimit]:
        found: list[PlacedLimit] = [(e.entity, e) for e in await control.list_limits(desk)]
        return found + ([(each, None) for each in await _carried(desk)] if every else [])

    found = changing(place, work)
    if as_json_:
        click.echo(as_json(page_json(limit_json(each, kept) for each, kept in found)))
    elif found:
        click.echo(limits_table(found))
    else:
        click.echo("No limit stands alone; --all shows those that keys, teams and users carry.")


@limits.command()
@click.argument("identity", metavar="ID")
@JSON
@placed
def show(identity: str, as_json_: bool, **given: Any) -> None:
    """A limit."""
    place = stated(given)
    _echo(changing(place, lambda desk: control.get_limit(desk, identity)), as_json_=as_json_)


@limits.command()
@click.argument("identity", metavar="ID")
@click.argument("count", type=WholeType())
@JSON
@placed
def update(identity: str, count: int, as_json_: bool, **given: Any) -> None:
    """Change how much a limit lets through. For anything else make another one."""
    place = stated(given)
    kept = changing(place, lambda desk: control.update_limit(desk, identity, count))
    _echo(kept, as_json_=as_json_)


@limits.command()
@click.argument("identity", metavar="ID")
@YES
@placed
def delete(identity: str, yes: bool, **given: Any) -> None:
    """Delete a limit: nothing is refused for it any more."""
    place = stated(given)
    if not yes:
        limit = changing(place, lambda desk: control.get_limit(desk, identity)).entity
        whom = whom_text(limit.scope, limit.scope_id)
        click.confirm(f"Delete the limit {identity}, {limit_text(limit)} for {whom}?", abort=True)
    changing(place, lambda desk: control.delete_limit(desk, identity))
    click.echo(f"limit {identity} is deleted")


def _echo(kept: Kept[RateLimit], *, as_json_: bool) -> None:
    if as_json_:
        click.echo(as_json(limit_json(kept.entity, kept)))
    else:
        click.echo(limits_table([(kept.entity, kept)]))


async def _carried(desk: Desk) -> list[RateLimit]:
    found = [x for each in await keys.every(desk) for x in each.entity.limits]
    found += [x for each in await teams.every(desk) for x in each.entity.limits]
    return found + [x for each in await users.every(desk) for x in each.entity.limits]
