"""What a budget or limit that stands alone is for, as options: one of them is to be given."""

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import click

from faregate.core.budget import PAYERS

Command = TypeVar("Command", bound=Callable[..., Any])

_MEANINGS = {
    "key": "For a key, by its id. It may carry budgets and limits itself: see 'faregate keys'.",
    "team": "For a team, by its id.",
    "user": "For a user, by their id.",
    "tag": "For every call with this tag.",
    "deployment": "For a deployment, by its id.",
    "model": "For every call of this model, as clients name it.",
}


class Scope(NamedTuple):
    """Who or what."""

    scope: str
    identity: str


def scoped(command: Command) -> Command:
    """An option for each scope there is."""
    options = [click.option(f"--{name}", help=text) for name, text in _MEANINGS.items()]
    options.append(click.option("--everything", is_flag=True, help="For every call there is."))
    return reduce(lambda made, option: option(made), reversed(options), command)


def scope_of(given: dict[str, Any]) -> Scope:
    """The one scope that was stated, taken out of a command's options."""
    stated = {name: given.pop(name) for name in PAYERS}
    found = [name for name, value in stated.items() if value not in (None, False)]
    if len(found) != 1:
        names = ", ".join(f"--{name}" for name in PAYERS)
        raise click.UsageError(f"say what it is for: one of {names}")
    return Scope(found[0], "" if found[0] == "everything" else str(stated[found[0]]))
