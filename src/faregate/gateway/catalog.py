"""The deployments in force: those of the configuration's file, and those of the database."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from faregate import providers
from faregate.config.loading import joined
from faregate.config.settings import Settings
from faregate.control.stored_models import Stored, Terms, read_stored
from faregate.core.pricebook import PriceBook, Unpriced
from faregate.store.protocol import Entity
from faregate.types import Deployment

COPY = "models.json"
"""The last deployments known, in the data directory, for a start without the database."""

_SHOWN = 400  # characters of a problem
_copy = msgspec.json.Decoder(list[Entity])


class Catalog(Struct, frozen=True, kw_only=True):
    """A file's settings and the deployments of the database, put together."""

    file: Settings
    """What the configuration's file says alone."""
    entities: tuple[Entity, ...] = ()
    stored: tuple[Stored, ...] = ()
    settings: Settings
    """Both together."""

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each deployment that is left out, and for each name that fallbacks and
        aliases of the file await."""
        left_out = tuple(
            f"the deployment {each.id!r} of {each.document.model_name!r} is left out: "
            f"{each.problem[:_SHOWN]}"
            for each in self.stored
            if each.problem
        )
        return left_out + tuple(each.told for each in self.settings.unmet())

    def secrets(self) -> Iterable[str]:
        """The secrets of deployments that are not in force, too."""
        for each in self.stored:
            if each.entry is not None and not each.serves and not each.problem:
                for secret in each.entry.secrets():
                    yield secret.reveal()


def gathered(
    file: Settings, entities: Sequence[Entity], terms: Terms, before: Catalog | None = None
) -> Catalog:
    """Everything that can be had of both. One bad deployment of the database is left out; the file
    wins where both have an id. What has not changed since ``before`` is not read again."""
    terms = replace(terms, shared=file.shared)
    known: dict[tuple[str, int], Stored] = {}
    if before is not None and before.file.shared == file.shared:
        known = {(each.id, each.version): each for each in before.stored if not each.problem}
    taken = {entry.id for entry in file.deployments()}
    stored = []
    for each in entities:
        found = known.get((each.id, each.version)) or read_stored(terms, each)
        if each.id in taken and not found.problem:
            problem = "the configuration's file has a deployment of the same id; change one of them"
            found = replace(found, problem=problem)
        stored.append(found)
    more = [each.entry for each in stored if each.serves and each.entry is not None]
    return Catalog(
        file=file,
        entities=tuple(entities),
        stored=tuple(stored),
        settings=joined(file, more) if more else file,
    )


def keep_copy(directory: Path, entities: Sequence[Entity]) -> None:
    """Write down what the database has, sealed as it is there, so that nobody ever reads half.
    Raises :class:`OSError`."""
    path = directory / COPY
    fresh = path.with_name(f"{COPY}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(entities))
    fresh.replace(path)


def read_copy(directory: Path) -> tuple[Entity, ...]:
    """What the database had when it was last read on this machine; empty where it never was."""
    try:
        return tuple(_copy.decode((directory / COPY).read_bytes()))
    except (OSError, msgspec.DecodeError):
        return ()


def reasons(book: PriceBook) -> Callable[[Deployment], str | None]:
    """Why calls of a deployment would have no price; None where they have one."""

    def reason(deployment: Deployment) -> str | None:
        if deployment.own_prices is not None or deployment.route == "model_router":
            return None
        price_list = providers.get(deployment.provider).price_list
        name = deployment.base_model or deployment.upstream_model
        found = book.lookup(price_list, name, deployment.scope, at=time.time())
        return found.reason if isinstance(found, Unpriced) else None

    return reason
