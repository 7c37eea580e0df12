"""A deployment as a form has it: what it says, with its secrets in clear, before it is sealed."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from faregate import providers
from faregate.config import foreign
from faregate.config.keys import BODY_FIELDS, PARAMS
from faregate.config.reading import nearest
from faregate.config.settings import ModelDeployment
from faregate.control.addresses import trouble
from faregate.control.errors import FieldError, about
from faregate.control.stored_models import (
    HEADERS,
    REFERENCE,
    SECRETS,
    StoredModel,
    Terms,
    read_document,
)
from faregate.core.endpoints import is_azure_base
from faregate.errors import ConfigError

OWN_SCOPES = frozenset(
    f"https://{service}.azure.{cloud}/.default"
    for service in ("ai", "cognitiveservices")
    for cloud in ("com", "us", "cn")
)
"""Scopes that stored deployments may ask for with the server's own identity."""

_MOST = 64 * 1024
_LONGEST_NAME = 256
_NO_REFERENCE = (
    "os.environ/ is for the configuration's file: a stored deployment has its own secrets, and "
    "sees none of the server's variables"
)


class ModelFields(Struct, frozen=True, kw_only=True):
    """What is said of a deployment: of a new one, or what changes."""

    model_name: str | UnsetType = UNSET
    params: Mapping[str, Any] | UnsetType = UNSET
    """Parameters that change; None takes one away. Of ``extra_headers`` all are stated, and a value
    of None keeps what the header was."""
    model_info: Mapping[str, Any] | UnsetType = UNSET
    """All of it."""
    disabled: bool | UnsetType = UNSET

    def __repr__(self) -> str:
        return "ModelFields(…)"


class Draft(Struct, frozen=True, kw_only=True):
    """A deployment that is not stored, or not stored like this."""

    document: StoredModel
    secrets: Mapping[str, str] = {}
    """In clear, by field."""

    def __repr__(self) -> str:
        return f"Draft({self.document.model_name})"


def check(terms: Terms, identity: str, draft: Draft) -> ModelDeployment:
    """The deployment that a draft is. Raises :class:`FieldError`."""
    read = read_document(terms, identity, draft.document, draft.secrets)
    entry = read.entry
    with about("params.api_base"):
        said = trouble(url_of(entry))
        if said:
            raise ConfigError(said)
    _check_identity(entry)
    if entry.ca_file:
        raise FieldError(
            "params.ssl_verify", "is true or false here; a CA file is for the configuration's file"
        )
    return entry


def _check_identity(entry: ModelDeployment) -> None:
    """The server's own identity at Entra ID is lent for what it is there for, and nothing else."""
    credential = entry.credential
    if not credential.entra or credential.entra_kind == "client_secret":
        return
    if not is_azure_base(url_of(entry)):
        raise FieldError(
            "params.api_base",
            "the server's own identity only signs in to Azure AI resources; state a key, or "
            "tenant_id, client_id and client_secret",
        )
    if credential.azure_scope and credential.azure_scope not in OWN_SCOPES:
        raise FieldError(
            "params.azure_scope",
            "the server's own identity only asks for tokens of Azure AI, such as "
            "https://cognitiveservices.azure.com/.default; leave it out",
        )


def drafted(before: Draft, changes: ModelFields, now: float) -> Draft:
    """A draft with changes made to it. Raises :class:`FieldError` for what cannot be kept."""
    document, secrets = before.document, dict(before.secrets)
    if changes.model_name is not UNSET:
        if len(changes.model_name) > _LONGEST_NAME:
            raise FieldError("model_name", f"has at most {_LONGEST_NAME} characters")
        document = replace(document, model_name=changes.model_name)
    if changes.model_info is not UNSET:
        kept = {name: each for name, each in changes.model_info.items() if name != "id"}
        document = replace(document, model_info=_plain("model_info", kept))
    if changes.disabled is not UNSET:
        document = replace(document, disabled=changes.disabled)
    if changes.params is not UNSET:
        params, secrets = _with_params(document.params, secrets, changes.params)
        document = replace(document, params=_plain("params", params))
    return Draft(document=replace(document, updated_at=now), secrets=secrets)


def keeps(field: str, params: Mapping[str, Any]) -> bool:
    section, _, header = field.partition(".")
    stated = next((each for name, each in params.items() if proper(name) == HEADERS), None)
    if section != HEADERS or not isinstance(stated, Mapping):
        return False
    return any(name.lower() == header and value is None for name, value in stated.items())


def _with_params(
    before: Mapping[str, Any], secrets: dict[str, str], stated: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters and secrets with changes made to them."""
    params = dict(before)
    for given, value in stated.items():
        name = proper(given)
        if name == HEADERS:
            secrets = _with_headers(secrets, value)
        elif name in SECRETS:
            secrets.pop(name, None)
            if value is not None:
                secrets[name] = _secret(name, value)
        elif value is None:
            params.pop(name, None)
        elif name in PARAMS or name in BODY_FIELDS:
            params[name] = value
        elif name not in foreign.PARAMS:
            near = nearest(name, PARAMS)
            raise FieldError(f"params.{name[:80]}", f"there is no such parameter{near}")
        elif value not in ("", False):
            advice = foreign.PARAMS[name]
            raise FieldError(f"params.{name}", f"is LiteLLM's and not supported: {advice}")
    return params, secrets


def check_place(
    terms: Terms, identity: str, before: Draft, after: Draft, changes: ModelFields
) -> None:
    """Raise :class:`FieldError` where a secret that was not stated again would go elsewhere."""
    stated = set() if changes.params is UNSET else {proper(each) for each in changes.params}
    kept = [
        field
        for field, secret in after.secrets.items()
        if before.secrets.get(field) == secret
        and field not in stated
        and not (field.partition(".")[0] == HEADERS and _restated(field, changes))
    ]
    if not kept:
        return
    was = _reach(terms, identity, before)
    if was is None or was != _reach(terms, identity, after):
        raise FieldError(
            f"params.{kept[0]}",
            "state it again: the address changes, and a secret only goes where it was meant for",
        )


def _restated(field: str, changes: ModelFields) -> bool:
    params = {} if changes.params is UNSET else changes.params
    return any(proper(name) == HEADERS for name in params) and not keeps(field, params)


def _reach(terms: Terms, identity: str, draft: Draft) -> tuple[object, ...] | None:
    """Who gets to see the secrets of a draft: the server, and whether it is made sure of."""
    try:
        loose = replace(terms, usable=lambda _: "", priced=None)
        secrets = {"api_key": "unknown", **draft.secrets}
        entry = read_document(loose, identity, draft.document, secrets).entry
        parts = urlsplit(url_of(entry))
    except (ConfigError, ValueError):
        return None
    credential = entry.credential
    return parts.scheme, parts.netloc, entry.ssl_verify, credential.tenant_id


def url_of(entry: ModelDeployment) -> str:
    """Where calls go. A pattern's part that a client fills in is not of the host."""
    deployment = replace(
        entry.deployment, upstream_model=entry.deployment.upstream_model.replace("*", "x")
    )
    operation = "embeddings" if entry.mode == "embedding" else "chat/completions"
    return providers.get(deployment.provider).chat_url(deployment, operation)


def proper(name: str) -> str:
    """The name of a parameter of which this may be another spelling."""
    known = PARAMS.get(name)
    return (known.same_as or name) if known is not None else name


def _secret(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise FieldError(f"params.{field}", "must be a text that is not empty, or null for none")
    if value.startswith(REFERENCE):
        raise FieldError(f"params.{field}", _NO_REFERENCE)
    return value


def _with_headers(secrets: dict[str, str], value: Any) -> dict[str, str]:
    """Secrets with other headers; a header whose value is None stays as it is."""
    others = {name: each for name, each in secrets.items() if name.partition(".")[0] != HEADERS}
    if value is None:
        return others
    if not isinstance(value, Mapping):
        raise FieldError(f"params.{HEADERS}", "must be an object of header names and texts")
    for given, each in value.items():
        field = f"{HEADERS}.{given.lower()}"
        text = secrets.get(field) if each is None else _secret(field, each)
        if text is None:
            raise FieldError(f"params.{field}", "there is no such header yet; state its value")
        others[field] = text
    return others


def _plain(field: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object without references. Raises :class:`FieldError`."""
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
        found: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise FieldError(field, "must be a JSON object") from None
    if len(text) > _MOST:
        raise FieldError(field, f"{len(text):,} bytes are too many; {_MOST:,} are the most")
    for name, each in found.items():
        if _refers(each):
            raise FieldError(f"{field}.{name[:80]}", _NO_REFERENCE)
    return found


def _refers(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith(REFERENCE)
    if isinstance(value, dict):
        return any(_refers(each) for each in value.values())
    return isinstance(value, list) and any(_refers(each) for each in value)
