"""Deployments that the database keeps, read by the same rules as those of the configuration.

A document is written out as the text of a configuration with this one entry, its secrets as
``os.environ/NAME``, and read by :func:`faregate.config.loading.load`. So every check, every naming
rule and every message is the configuration's own. Nothing of the server's environment can be had
that way: the only names there are those of the deployment's own secrets.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from faregate.config.checks import Priced, Usable
from faregate.config.loading import load
from faregate.config.problems import ConfigProblems, Problem
from faregate.config.settings import ModelDeployment, Shared
from faregate.control.errors import FieldError
from faregate.control.sealing import Sealing
from faregate.errors import ConfigError
from faregate.store.protocol import Entity
from faregate.types import JsonObject

NOUN = "model"
"""The kind of entity."""

SECRETS = ("api_key", "azure_ad_token", "client_secret")
"""Parameters that are sealed, beside the values of ``extra_headers``."""

HEADERS = "extra_headers"

REFERENCE = "os.environ/"

_ENTRY = "model_list[0]."
_SUGGESTED = re.compile(r",? or set [A-Z][A-Z0-9_]+(?: or [A-Z][A-Z0-9_]+)*")
_UNWRITABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class StoredModel(Struct, frozen=True, kw_only=True):
    """The document of a deployment. Fields are only ever added, with defaults."""

    model_name: str
    params: Mapping[str, Any] = {}
    """As in ``params`` of the configuration, without what is secret."""
    model_info: Mapping[str, Any] = {}
    disabled: bool = False
    sealed: Mapping[str, str] = {}
    """Sealed secrets by their field: ``api_key``, ``extra_headers.x-team`` …"""
    created_at: float = 0.0
    updated_at: float = 0.0


class Terms(Struct, frozen=True, kw_only=True):
    """What stored deployments are read with, in the process that serves."""

    sealing: Sealing
    usable: Usable
    priced: Priced | None = None
    shared: Shared = Shared()
    """What entries take over from the configuration in force."""


class Stored(Struct, frozen=True, kw_only=True):
    """A stored deployment as it was found."""

    id: str
    version: int = 0
    document: StoredModel
    entry: ModelDeployment | None = None
    """None where it cannot be read at all. One with a ``problem`` is to be shown, not called."""
    problem: str = ""
    """Why it is left out; empty when it is not."""
    warnings: tuple[Problem, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether calls may go to it."""
        return self.entry is not None and not self.problem and not self.document.disabled


class Read(Struct, frozen=True, kw_only=True):
    """A good deployment."""

    entry: ModelDeployment
    warnings: tuple[Problem, ...]


def read_stored(terms: Terms, found: Entity) -> Stored:
    """A deployment out of the database. Never raises: what is wrong with it is its ``problem``."""
    try:
        document = msgspec.convert(found.document, StoredModel)
    except msgspec.ValidationError as error:
        unread = StoredModel(model_name=_name_in(found.document))
        problem = f"it was stored by another version and cannot be read: {error}"
        return Stored(id=found.id, version=found.version, document=unread, problem=problem)
    try:
        secrets = opened(terms.sealing, found.id, document)
        read = read_document(terms, found.id, document, secrets)
    except ConfigError as error:
        return Stored(
            id=found.id,
            version=found.version,
            document=document,
            entry=without_secrets(found.id, document, terms.shared),
            problem=str(error),
        )
    return Stored(
        id=found.id,
        version=found.version,
        document=document,
        entry=read.entry,
        warnings=read.warnings,
    )


def read_document(
    terms: Terms, identity: str, document: StoredModel, secrets: Mapping[str, str]
) -> Read:
    """The deployment of a document and its secrets in clear. Raises :class:`FieldError`."""
    try:
        return load_document(terms, identity, document, secrets)
    except ConfigProblems as problems:
        wrong = [each for each in problems.problems if each.level == "error"]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise FieldError(wrong[0].key, f"{wrong[0].message}{more}") from None


def load_document(
    terms: Terms, identity: str, document: StoredModel, secrets: Mapping[str, str]
) -> Read:
    """The same, raising :class:`ConfigProblems` with everything that is wrong, by field."""
    try:
        return _load(terms, identity, document, secrets)
    except ConfigProblems as problems:
        raise ConfigProblems(said(problems.problems)) from None


def opened(sealing: Sealing, identity: str, document: StoredModel) -> dict[str, str]:
    """The secrets of a document in clear, by field. Raises :class:`FieldError`."""
    found = {}
    for field, sealed in document.sealed.items():
        try:
            found[field] = sealing.open(identity, field, sealed)
        except ConfigError as error:
            raise FieldError(f"params.{field}", str(error)) from None
    return found


def said(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by the fields of a document, with what to do about them here."""
    return tuple(
        Problem(
            each.file,
            0,
            each.key.removeprefix(_ENTRY) if each.key.startswith(_ENTRY) else "",
            _SUGGESTED.sub("", each.message).replace("pass api_base", "state api_base"),
            each.level,
        )
        for each in problems
    )


def _load(terms: Terms, identity: str, document: StoredModel, secrets: Mapping[str, str]) -> Read:
    file = f"database:{identity}"
    names = {field: f"SEALED_{number}" for number, field in enumerate(sorted(secrets))}
    params: dict[str, Any] = dict(document.params)
    headers = {}
    for field, name in names.items():
        section, _, header = field.partition(".")
        if section == HEADERS:
            headers[header] = REFERENCE + name
        else:
            params[field] = REFERENCE + name
    if headers:
        params[HEADERS] = headers
    entry = {
        "model_name": document.model_name,
        "params": params,
        "model_info": {**document.model_info, "id": identity},
    }
    text = _yaml({"model_list": [entry]})
    settings = load(
        Path(file),
        {names[field]: secret for field, secret in secrets.items()},
        lambda _: text,
        priced=terms.priced,
        usable=terms.usable,
        shared=terms.shared,
    )
    (made,) = settings.deployments()
    return Read(
        entry=msgspec.structs.replace(made, key_name="", file=file, line=0),
        warnings=said(settings.warnings),
    )


def without_secrets(
    identity: str, document: StoredModel, shared: Shared | None = None
) -> ModelDeployment | None:
    """What can be said of a deployment without opening its secrets; None where it cannot be read.
    It is not fit to be called."""
    loose = Terms(sealing=Sealing(""), usable=lambda _: "", shared=shared or Shared())
    try:
        return _load(loose, identity, document, dict.fromkeys(document.sealed, "unknown")).entry
    except ConfigError:
        return None


def _name_in(document: JsonObject | None) -> str:
    name = (document or {}).get("model_name")
    return name if isinstance(name, str) else ""


def _yaml(value: Any) -> str:
    """A value as JSON that YAML reads as the same value."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(k))}: {_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        digits, mark, power = repr(float(value)).partition("e")
        # YAML takes 1e-07 for a text.
        return f"{digits}{'' if '.' in digits or not mark else '.0'}{mark}{power}"
    return json.dumps(value)


def _text(value: str) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
