"""``faregate users``: people, or programs, that own keys."""

from typing import Any

import click

from faregate.cli import noun_commands
from faregate.cli.holder_options import carried, described, limited, metadata, relimited, texts
from faregate.cli.ledger import as_json
from faregate.cli.ledger_place import placed, stated
from faregate.cli.ledger_work import changing, warn_unchecked
from faregate.cli.noun_commands import JSON, Noun, Sheet, sheet_of
from faregate.control import users as control
from faregate.control.desk import Desk
from faregate.control.users import UserFields
from faregate.core.keys import User


@click.group()
def users() -> None:
    """Users: people, or programs, that own keys.

    A call of a key counts against the budgets of its owner, too.
    """


EMAIL = click.option("--email", help="Their address, for people. '' takes it away.")


@users.command()
@click.option("--id", "identity", default="", help="Default: made from the name.")
@described
@EMAIL
@limited
@JSON
@placed
def make(identity: str, as_json_: bool, **given: Any) -> None:
    """Make a user, and print their id."""
    place = stated(given)
    wanted = _fields(given)

    async def work(desk: Desk) -> Sheet:
        warn_unchecked(desk, given["models"])
        return await sheet_of(desk, "user", await control.make(desk, wanted, identity=identity))

    made = changing(place, work)
    click.echo(as_json(made.json()) if as_json_ else made.kept.id)


@users.command()
@click.argument("identity", metavar="ID")
@described
@EMAIL
@relimited
@JSON
@placed
def update(identity: str, as_json_: bool, **given: Any) -> None:
    """Change a user. What is not said stays as it is.

    --model replaces the whole list ('' empties it). A --budget replaces the one of its window and
    keeps what was spent on it; a limit replaces the one of what it counts.
    """
    place = stated(given)

    async def work(desk: Desk) -> Sheet:
        warn_unchecked(desk, given["models"])
        kept = await control.get(desk, identity)
        changes = _fields(given, kept.entity)
        noun_commands.check_changes(changes)
        # What was merged into the user as it was read must not undo what came in between.
        return await sheet_of(
            desk, "user", await control.update(desk, identity, changes, kept.version)
        )

    changing(place, work).echo(as_json_=as_json_)


noun_commands.add(
    users,
    Noun(
        word="user",
        control=control,
        narrowing={},
        left="Their calls stay in the ledger; they must own no keys.",
    ),
)


def _fields(given: dict[str, Any], present: User | None = None) -> UserFields:
    return UserFields(
        **noun_commands.plain(given, ("name", "email")),
        **carried(given, present),
        models=texts(given["models"]),
        metadata=metadata(given["metadata"], {} if present is None else present.metadata),
    )
