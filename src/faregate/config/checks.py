"""What can only be said of a configuration as a whole."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from faregate.config.kinds import Placed
from faregate.config.problems import Problem
from faregate.config.reading import Reader, nearest
from faregate.config.sections import LISTS, Sections
from faregate.config.settings import Awaited, ModelDeployment, Settings
from faregate.types import Deployment

Priced = Callable[[Deployment], str | None]
"""Why a deployment's calls could not be priced; None when they can."""

Usable = Callable[[ModelDeployment], str]
"""Why a deployment cannot be called; empty when it can."""


class Whole(Struct, frozen=True):
    """What is checked: the settings, the sections they come from, every name that is stated."""

    settings: Settings
    found: Sections
    stated: frozenset[str]
    """Model names of entries that could not be read are among them."""


def check(
    whole: Whole, reader: Reader, priced: Priced | None, usable: Usable | None = None
) -> tuple[Awaited, ...]:
    """Note what does not fit together; give the names that only a ledger's database can have."""
    settings = whole.settings
    if not settings.deployments() and not reader.failed:
        file = settings.files[0]
        message = "names no model: every call is refused until a deployment is added"
        reader.add(Problem(file, 0, "model_list", message, "warning"))
    _check_own(whole, reader)
    _check_aliases(whole, reader)
    awaited = tuple(dict.fromkeys((*_strange_fallbacks(whole), *_strange_aliases(whole))))
    if not settings.general.ledger:
        for strange in awaited:
            reader.add(strange.problem)
        awaited = ()
    for entry in settings.deployments():
        if priced is not None:
            _check_price(entry, priced, reader)
    if usable is not None:
        _check_usable(settings.deployments(), usable, reader)
    for name, entries in settings.models.items():
        _check_group(name, entries, reader)
    return awaited


def _check_own(whole: Whole, reader: Reader) -> None:
    for name in LISTS:
        section = whole.found.routing(name)
        for model, others in section.get(name, ()):
            for other in others:
                if other.name == model.name:
                    path = f"{section.path}.{name}"
                    message = f"{model.name!r} is its own fallback, which is passed over"
                    reader.add(Problem(other.file, other.line, path, message, "warning"))


def _check_aliases(whole: Whole, reader: Reader) -> None:
    section = whole.found.routing("model_group_alias")
    path = f"{section.path}.model_group_alias"
    for alias, _, _ in section.get("model_group_alias", ()):
        if alias.name in whole.stated:
            message = f"{alias.name!r} is a model of its own, so the alias is never used"
            reader.add(Problem(alias.file, alias.line, path, message, "warning"))


def _strange_fallbacks(whole: Whole) -> Iterator[Awaited]:
    for name in LISTS:
        section = whole.found.routing(name)
        path = f"{section.path}.{name}"
        for model, others in section.get(name, ()):
            if model.name != "*":
                yield from _strange(model, whole, path, "no request can reach this list: ")
            for other in others:
                yield from _strange(other, whole, path)
    section = whole.found.routing("default_fallbacks")
    for other in section.get("default_fallbacks", ()):
        yield from _strange(other, whole, f"{section.path}.default_fallbacks")


def _strange_aliases(whole: Whole) -> Iterator[Awaited]:
    section = whole.found.routing("model_group_alias")
    aliases = whole.settings.routing.model_group_alias
    for alias, target, _ in section.get("model_group_alias", ()):
        if alias.name not in whole.stated and alias.name in aliases and target.name not in aliases:
            yield from _strange(target, whole, f"{section.path}.model_group_alias")


def _strange(placed: Placed, whole: Whole, path: str, because: str = "") -> Iterator[Awaited]:
    if placed.name in whole.stated or whole.settings.find(placed.name):
        return
    hint = nearest(placed.name, (*whole.settings.names(), *whole.stated))
    message = f"{because}no model is named {placed.name[:80]!r}{hint}"
    yield Awaited(placed.name, Problem(placed.file, placed.line, path, message))


def _check_price(entry: ModelDeployment, priced: Priced, reader: Reader) -> None:
    if "*" in entry.deployment.upstream_model or entry.deployment.own_prices is not None:
        return
    reason = priced(entry.deployment)
    if reason:
        key = f"model {entry.model_name!r}"
        message = f"its calls will be unpriced: {reason}"
        reader.add(Problem(entry.file, entry.line, key, message, "warning"))


def _check_usable(entries: tuple[ModelDeployment, ...], usable: Usable, reader: Reader) -> None:
    """Entries in which nothing is wrong yet; a variable that is not set is said once."""
    wrong = {(each.file, each.line) for each in reader.problems if each.level == "error"}
    for entry in entries:
        after = [other.line for other in entries if other.file == entry.file]
        end = min((line for line in after if line > entry.line), default=entry.line + 10_000)
        if any(file == entry.file and entry.line <= line < end for file, line in wrong):
            continue
        reason = usable(entry)
        if reason:
            reader.add(Problem(entry.file, entry.line, f"model {entry.model_name!r}", reason))


def _check_group(name: str, entries: tuple[ModelDeployment, ...], reader: Reader) -> None:
    modes = sorted({entry.mode for entry in entries})
    if len(modes) > 1:
        entry = entries[-1]
        message = f"its entries differ in mode ({', '.join(modes)}); give them names of their own"
        reader.add(Problem(entry.file, entry.line, f"model {name!r}", message, "warning"))
