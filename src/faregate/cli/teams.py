"""``faregate teams``: people and keys with budgets, limits and models in common."""

from typing import Any

import click
from msgspec import UNSET

from faregate.cli import noun_commands
from faregate.cli.holder_options import (
    carried,
    described,
    limited,
    metadata,
    relimited,
    tagged,
    texts,
)
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import placed, stated
from faregate.cli.ledger_work import BadInputError, changing, warn_unchecked
from faregate.cli.noun_commands import JSON, Noun, Sheet, sheet_of
from faregate.control import teams as control
from faregate.control.desk import Desk
from faregate.control.teams import TeamFields
from faregate.core.keys import Team


@click.group()
def teams() -> None:
    """Teams: keys with budgets in common.

    And with people, limits and models in common. A call of a key counts against the budgets
    of its team, too.
    """


@teams.command()
@click.option("--id", "identity", default="", help="Default: made from the name.")
@described
@tagged
@click.option("--member", "members", multiple=True, help="The id of a user.")
@limited
@JSON
@placed
def make(identity: str, members: tuple[str, ...], as_json_: bool, **given: Any) -> None:
    """Make a team, and print its id."""
    place = stated(given)
    wanted = _fields(given, list(members))

    async def work(desk: Desk) -> Sheet:
        warn_unchecked(desk, given["models"])
        return await sheet_of(desk, "team", await control.make(desk, wanted, identity=identity))

    made = changing(place, work)
    click.echo(as_json(made.json()) if as_json_ else made.kept.id)


@teams.command()
@click.argument("identity", metavar="ID")
@described
@tagged
@click.option("--add-member", "joining", multiple=True, help="The id of a user.")
@click.option("--remove-member", "leaving", multiple=True, help="The id of a user.")
@relimited
@JSON
@placed
def update(
    identity: str,
    joining: tuple[str, ...],
    leaving: tuple[str, ...],
    as_json_: bool,
    **given: Any,
) -> None:
    """Change a team. What is not said stays as it is.

    --model and --tag replace the whole list ('' empties it). A --budget replaces the one of its
    window and keeps what was spent on it; a limit replaces the one of what it counts.
    """
    place = stated(given)

    async def work(desk: Desk) -> Sheet:
        warn_unchecked(desk, given["models"])
        kept = await control.get(desk, identity)
        present = kept.entity.members
        for each in leaving:
            if each not in present:
                raise BadInputError(f"--remove-member: {each!r} is no member of {identity}")
        members = [each for each in (*present, *joining) if each not in leaving]
        changes = _fields(given, members if joining or leaving else None, kept.entity)
        noun_commands.check_changes(changes)
        # What was merged into the team as it was read must not undo what came in between.
        return await sheet_of(
            desk, "team", await control.update(desk, identity, changes, kept.version)
        )

    changing(place, work).echo(as_json_=as_json_)


noun_commands.add(
    teams,
    Noun(
        word="team",
        control=control,
        narrowing={"member": ("Only those of this user.", lambda team, v: v in team.members)},
        left="Its calls stay in the ledger; it must have no keys.",
    ),
)


def _fields(
    given: dict[str, Any], members: list[str] | None, present: Team | None = None
) -> TeamFields:
    return TeamFields(
        **noun_commands.plain(given, ("name",)),
        **carried(given, present),
        members=UNSET if members is None else members,
        models=texts(given["models"]),
        tags=texts(given["tags"]),
        metadata=metadata(given["metadata"], {} if present is None else present.metadata),
    )
