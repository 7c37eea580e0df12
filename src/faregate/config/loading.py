"""Files to :class:`~faregate.config.settings.Settings`: the steps, in order."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import structs

from faregate.config.checks import Priced, Usable, Whole, check
from faregate.config.document import Node, Scalar, Table
from faregate.config.entries import read_entry
from faregate.config.files import Gathered, Read, gather
from faregate.config.ids import with_ids
from faregate.config.problems import ConfigProblems, Problem
from faregate.config.reading import Reader
from faregate.config.sections import (
    general_of,
    read_sections,
    redis_of,
    routing_of,
    top_section,
    variables,
)
from faregate.config.settings import Awaited, ModelDeployment, Settings, Shared


def load(
    path: Path,
    environ: Mapping[str, str],
    read: Read,
    *,
    priced: Priced | None = None,
    usable: Usable | None = None,
    shared: Shared | None = None,
) -> Settings:
    """The settings of a file and what it includes.

    ``read`` gives the text of a file, ``environ`` answers ``os.environ/NAME``. ``priced`` says why
    a deployment's calls could not be priced (None: they can); without it prices are not checked.
    ``usable`` says why a deployment cannot be called (empty: it can). ``shared`` stands in for what
    entries take over from the sections of the text.

    Raises :class:`~faregate.config.problems.ConfigProblems` with everything that is wrong, warnings
    included. With warnings alone, they are in ``Settings.warnings``. Models that only the ledger's
    database can have are in ``Settings.awaited``.
    """
    reader = Reader(environ)
    gathered = gather(path, read, reader)
    if not gathered.table.entries and reader.failed:
        raise ConfigProblems(_sorted(reader, gathered))
    top = top_section(gathered.table, reader)
    reader.environ = {**environ, **variables(top, reader)}
    found = read_sections(top, reader)
    general = general_of(found, reader)
    shared = shared or Shared(
        drop_params=found.settings.get("drop_params", False),
        max_parallel_requests=general.max_parallel_requests,
        defaults=found.router.get("default_litellm_params", {}),
    )
    model_list = top.entries.get("model_list")
    nodes = reader.items(model_list.node if model_list is not None else None, "model_list")
    entries = [
        entry
        for index, node in enumerate(nodes)
        if (entry := read_entry(node, f"model_list[{index}]", reader, shared)) is not None
    ]
    models, wildcards = _by_name(with_ids(entries, reader))
    settings = Settings(
        models=models,
        wildcards=wildcards,
        routing=routing_of(found, _stated(nodes), reader),
        general=general,
        redis=redis_of(found),
        shared=shared,
        files=gathered.files,
    )
    awaited = check(Whole(settings, found, _stated(nodes)), reader, priced, usable)
    if reader.failed:
        for each in awaited:
            reader.add(unsure(each, "the ledger's database was not asked"))
        raise ConfigProblems(_sorted(reader, gathered))
    return structs.replace(settings, warnings=_sorted(reader, gathered), awaited=awaited)


def unsure(awaited: Awaited, why: str) -> Problem:
    """A warning of a name that no entry has, while it is not known whether the database has it."""
    message = f"{awaited.problem.message} ({why})"
    return structs.replace(awaited.problem, message=message, level="warning")


def joined(settings: Settings, more: Iterable[ModelDeployment]) -> Settings:
    """The settings with further deployments, which come after those of the same name."""
    models, wildcards = _by_name((*settings.deployments(), *more))
    return structs.replace(settings, models=models, wildcards=wildcards)


def _stated(nodes: tuple[Node, ...]) -> frozenset[str]:
    """The model names of all entries, also of those that could not be read."""
    tables = (node.entries for node in nodes if isinstance(node, Table))
    found = (entries["model_name"].node for entries in tables if "model_name" in entries)
    return frozenset(node.text for node in found if isinstance(node, Scalar))


def _by_name(
    entries: Iterable[ModelDeployment],
) -> tuple[
    dict[str, tuple[ModelDeployment, ...]],
    tuple[tuple[str, tuple[ModelDeployment, ...]], ...],
]:
    """Entries by exact name, and by pattern with the longest literal part first."""
    found: dict[str, tuple[ModelDeployment, ...]] = {}
    for entry in entries:
        found[entry.model_name] = (*found.get(entry.model_name, ()), entry)
    patterns = sorted((name for name in found if "*" in name), key=lambda name: (-len(name), name))
    exact = {name: group for name, group in found.items() if "*" not in name}
    return exact, tuple((name, found[name]) for name in patterns)


def _sorted(reader: Reader, gathered: Gathered) -> tuple[Problem, ...]:
    """In the order of the files and their lines, without repetition."""
    place = {file: index for index, file in enumerate(gathered.files)}
    return tuple(
        sorted(reader.problems, key=lambda each: (place.get(each.file, 0), each.line, each.key))
    )
