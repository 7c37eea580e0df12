"""``faregate keys``: who may call, for how much. A running gateway follows within a second."""

import os
import sys
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
from faregate.cli.master_key import VARIABLES
from faregate.cli.noun_commands import JSON, Noun, Sheet, sheet_of
from faregate.control import keys as control
from faregate.control.desk import Desk
from faregate.control.keys import Issued, KeyFields
from faregate.core.keys import Key

_ROLES = ("none", "viewer", "admin")
_SECRET = click.option(
    "--secret-stdin",
    is_flag=True,
    help="Take the key from the standard input, such as one that clients have already, instead of"
    " making one: 20 to 256 printable characters.",
)


@click.group()
def keys() -> None:
    """Give out keys with budgets and limits.

    Change, rotate, block and delete them. A running gateway knows of a change within a second.
    """


def _owned(command: Any) -> Any:
    """Options for what only a key has."""
    for option in (
        click.option(
            "--role",
            type=click.Choice(_ROLES),
            help="Beside calling models: viewer reads everything in the admin API, admin changes"
            " it. Default: none.",
        ),
        click.option(
            "--expires", help="A span from now on (30d), an instant (2026-12-31), or 'never'."
        ),
        click.option("--user", help="The id of its owner; '' for none."),
        click.option("--team", help="The id of its team; '' for none."),
    ):
        command = option(command)
    return described(tagged(command))


@keys.command()
@_owned
@limited
@_SECRET
@JSON
@placed
def make(secret_stdin: bool, as_json_: bool, **given: Any) -> None:
    """Make a key, and print it: this once, and never again.

    The key alone goes to the standard output, its id and the rest to the standard error.
    """
    place = stated(given)
    secret = _secret(stated=secret_stdin)
    wanted = _fields(given)

    async def work(desk: Desk) -> tuple[Issued, Sheet]:
        warn_unchecked(desk, given["models"])
        made = await control.make(desk, wanted, secret=secret)
        return made, await sheet_of(desk, "key", made.kept)

    _echo(*changing(place, work), as_json_=as_json_, said="made the key")


@keys.command()
@click.argument("identity", metavar="ID")
@_owned
@relimited
@JSON
@placed
def update(identity: str, as_json_: bool, **given: Any) -> None:
    """Change a key. What is not said stays as it is.

    --model and --tag replace the whole list ('' empties it). A --budget replaces the one of its
    window and keeps what was spent on it; a limit replaces the one of what it counts.
    """
    place = stated(given)

    async def work(desk: Desk) -> Sheet:
        warn_unchecked(desk, given["models"])
        kept = await control.get(desk, identity)
        changes = _fields(given, kept.entity)
        noun_commands.check_changes(changes)
        # What was merged into the key as it was read must not undo what came in between.
        return await sheet_of(
            desk, "key", await control.update(desk, identity, changes, kept.version)
        )

    changing(place, work).echo(as_json_=as_json_)


@keys.command()
@click.argument("identity", metavar="ID")
@click.option(
    "--overlap", default="0", help="How long the key before stays good: 24h. Default: not at all."
)
@_SECRET
@JSON
@placed
def rotate(identity: str, overlap: str, secret_stdin: bool, as_json_: bool, **given: Any) -> None:
    """Give a key a new secret, and print it: this once, and never again.

    Its id, budgets and what was spent on them stay.
    """
    place = stated(given)
    secret = _secret(stated=secret_stdin)

    async def work(desk: Desk) -> tuple[Issued, Sheet]:
        made = await control.rotate(desk, identity, overlap=overlap, secret=secret)
        return made, await sheet_of(desk, "key", made.kept)

    _echo(*changing(place, work), as_json_=as_json_, said="rotated the key")


noun_commands.add(
    keys,
    Noun(
        word="key",
        control=control,
        narrowing={
            "team": (
                "Only those of this team; '' for those of none.",
                lambda key, v: key.team == v,
            ),
            "user": ("Only those of this user.", lambda key, v: key.user == v),
        },
        left="Its calls stay in the ledger.",
    ),
)


def _fields(given: dict[str, Any], present: Key | None = None) -> KeyFields:
    role, expires = given.pop("role"), given.pop("expires")
    return KeyFields(
        **noun_commands.plain(given, ("name", "team", "user")),
        **carried(given, present),
        role=UNSET if role is None else "" if role == "none" else role,
        expires=UNSET if expires is None else None if expires == "never" else expires,
        models=texts(given["models"]),
        tags=texts(given["tags"]),
        metadata=metadata(given["metadata"], {} if present is None else present.metadata),
    )


def _secret(*, stated: bool) -> str:
    """A key from the standard input; empty where one is to be made."""
    if not stated:
        return ""
    if sys.stdin.isatty():
        found = click.prompt("The key", hide_input=True, err=True)
    else:
        found = sys.stdin.buffer.readline().decode("utf-8", "replace")
    secret = str(found).strip()
    if not secret:
        raise BadInputError("--secret-stdin: there is no key on the standard input")
    if any(secret == os.environ.get(name) for name in VARIABLES):
        raise BadInputError("--secret-stdin: this is the master key; a key must be another one")
    return secret


def _echo(issued: Issued, sheet: Sheet, *, as_json_: bool, said: str) -> None:
    if as_json_:
        click.echo(as_json({"key": sheet.json(), "secret": issued.secret}))
        return
    click.echo(
        f"{said} {issued.kept.id}, in force within a second; it is shown this once:", err=True
    )
    click.echo(issued.secret)
