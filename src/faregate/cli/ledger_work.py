"""Work at the ledger, from beginning to end: find it, connect, read or change, let go.

Whatever is wrong ends the command with one line: exit code 2 for what was typed, 1 for the rest.
"""

import asyncio
import logging
import os
import pwd
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from faregate.cli.ledger_place import Place, Stated, fail, find_place
from faregate.control.desk import Desk
from faregate.control.errors import FieldError
from faregate.control.models import known
from faregate.errors import FaregateError
from faregate.store.protocol import Store

T = TypeVar("T")

_OPTIONS = {
    "budgets": "--budget",
    "context_from": "--long-from",
    "effective_from": "--from",
    "effective_to": "--until",
    "identity": "--id",
    "limit": "",
    "limits": "--limit",
    "measure": "",
    "members": "--member",
    "model": "",
    "models": "--model",
    "per": "",
    "provider": "PROVIDER",
    "scope_id": "",
    "secret": "the key",
    "tags": "--tag",
    "usd_per_million": "",
}
"""How a field is stated here, where its option is not its name; nothing: the message says it."""


class BadInputError(click.ClickException):
    """Something typed is wrong, and the message says all there is to say."""

    exit_code = 2


def reading(said: Stated, ask: Callable[[Store], Awaitable[T]]) -> T:
    """Ask the ledger something."""
    return _run(find_place(said), ask)


def changing(said: Stated, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Change something, or read it as changes do: against the models of the configuration."""
    place = find_place(said)
    return at_place(place, work)


def at_place(place: Place, work: Callable[[Desk], Awaitable[T]]) -> T:
    """The same at a place that was found before."""

    async def at_desk(store: Store) -> T:
        return await work(await desk_of(store, place))

    return _run(place, at_desk)


async def desk_of(store: Store, place: Place) -> Desk:
    """Where changes of this command are made."""
    models = deployments = None
    aliases: dict[str, tuple[str, ...]] = {}
    settings = place.settings
    if settings is not None:
        stored = await known(store)
        models = {*settings.names(), *(pattern for pattern, _ in settings.wildcards)}
        names = {each.model_name for each in stored}
        models |= names
        for alias in settings.routing.model_group_alias:
            model = settings.alias_of(alias)
            if model and alias not in names:  # a deployment of that name comes before the alias
                aliases[model] = (*aliases.get(model, ()), alias)
        if not place.missing:
            deployments = {each.id for each in (*settings.deployments(), *stored)}
    return Desk(
        store=store,
        actor=actor(),
        now=time.time(),
        models=models,
        deployments=deployments,
        aliases=aliases,
    )


def asked(place: Place, ask: Callable[[Store], Awaitable[T]]) -> T | None:
    """What the ledger at a place says; None where the gateway has made none yet. Raises
    ClickException when it cannot be asked."""
    with complaining():
        file = _file(place)
    return _run(place, ask) if file is None or file.is_file() else None


def actor() -> str:
    """Who the audit log says it was: ``cli:alice``, by the account the command runs under."""
    try:
        return f"cli:{pwd.getpwuid(os.getuid()).pw_name[:100]}"
    except KeyError:
        return f"cli:{os.getuid()}"


def warn_unchecked(desk: Desk, models: Sequence[str] = (), deployment: str = "") -> None:
    """Say that names could not be checked, where there was nothing to check them against."""
    names = [each for each in models if each and "*" not in each]
    if desk.models is None and names:
        click.echo(
            f"warning: {', '.join(map(repr, names[:5]))} was not checked, since no configuration"
            " was read; --config checks it",
            err=True,
        )
    if desk.deployments is None and deployment:
        click.echo(
            f"warning: the deployment {deployment!r} was not checked, since no configuration was"
            " read; --config checks it",
            err=True,
        )


@contextmanager
def complaining() -> Iterator[None]:
    """Errors of the work as the end of the command."""
    try:
        yield
    except FieldError as error:
        name = option(error.field)
        raise BadInputError(f"{name}: {error.message}" if name else error.message) from None
    except (FaregateError, ValueError) as error:
        fail(str(error))


def option(field: str) -> str:
    """Where the command line states a field such as ``budgets.0.window``; empty: nowhere."""
    names = [each for each in field.split(".") if each and not each.isdigit()]
    for name in reversed(names):
        found = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if found:
            return found
    return ""


def _run(place: Place, ask: Callable[[Store], Awaitable[T]]) -> T:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from faregate.store.places import store_at

    async def run() -> T:
        store = store_at(place.url, place.directory)
        await store.attach()
        try:
            return await ask(store)
        finally:
            await store.close()

    if place.settings is not None and not place.settings.general.ledger:
        fail("this configuration keeps no ledger (general_settings.ledger: false)")
    with complaining():
        file = _file(place)
        if file is not None and not file.is_file():
            fail(
                f"there is no ledger at {file} yet: the gateway makes it when it starts;"
                " --config or --data-dir names another place"
            )
        return asyncio.run(run())


def _file(place: Place) -> Path | None:
    """The file of a ledger that is one; None for a server. Raises :class:`ConfigError`."""
    from faregate.store.address import FILE, parse_address

    address = parse_address(place.url) if place.url else place.directory / FILE
    return address if isinstance(address, Path) else None
