"""Ids of deployments: readable, unique, and the same whatever the order of the file."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence

from msgspec import structs

from faregate.config.reading import Reader
from faregate.config.settings import ModelDeployment

_UNFIT = re.compile(r"[^A-Za-z0-9._/:@+*-]+")


def with_ids(entries: Sequence[ModelDeployment], reader: Reader) -> tuple[ModelDeployment, ...]:
    """The entries, each with an id. An id stated twice is noted.

    Without a stated id it is ``<model_name>/<upstream model>``. Where several entries would have
    the same, each gets the start of a hash of what sets it apart; of entries that nothing sets
    apart, the later ones get a number.
    """
    stated: dict[str, ModelDeployment] = {}
    for entry in entries:
        if not entry.id:
            continue
        first = stated.setdefault(entry.id, entry)
        if first is not entry:
            message = f"the id {entry.id!r} is that of the entry at {first.file}:{first.line}"
            reader.note_line(entry.file, entry.line, "model_info.id", message)
    alike: dict[str, list[ModelDeployment]] = defaultdict(list)
    for entry in entries:
        if not entry.id:
            alike[_readable(entry)].append(entry)
    taken = set(stated)
    made = []
    for entry in entries:
        chosen = entry.id
        if not chosen:
            chosen = _readable(entry)
            if len(alike[chosen]) > 1 or chosen in taken:
                chosen = f"{chosen}-{_hash(entry)}"
            chosen = _free(chosen, taken)
            taken.add(chosen)
        made.append(structs.replace(entry, deployment=structs.replace(entry.deployment, id=chosen)))
    return tuple(made)


def _readable(entry: ModelDeployment) -> str:
    text = f"{entry.model_name}/{entry.deployment.upstream_model}"
    return _UNFIT.sub("-", text)[:150]


def _hash(entry: ModelDeployment) -> str:
    where = entry.deployment
    facts = (entry.model_name, entry.model, where.api_base, where.api_version, where.route)
    more = (where.scope, str(entry.order), ",".join(entry.tags), entry.key_name)
    return hashlib.sha256("\n".join((*facts, *more)).encode()).hexdigest()[:6]


def _free(wanted: str, taken: set[str]) -> str:
    chosen, number = wanted, 2
    while chosen in taken:
        chosen, number = f"{wanted}-{number}", number + 1
    return chosen
