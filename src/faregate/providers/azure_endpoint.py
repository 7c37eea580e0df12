"""Where an Azure AI resource is called and how its key is carried; shared by its two prefixes."""

import re
from urllib.parse import SplitResult, parse_qsl, quote, urlunsplit

from faregate.core.endpoints import AZURE_EXAMPLE, is_azure_base, is_azure_host, split_base
from faregate.core.naming import AUTO
from faregate.errors import ConfigError
from faregate.providers.auth import bearer_headers, check_secret
from faregate.providers.openai_endpoint import (
    OPERATIONS,
    add_operation,
    ends_with_operation,
    swap_operation,
)
from faregate.types import Deployment

MODELS_VERSION = "2024-05-01-preview"
"""The api-version of ``/models``, which does not answer without one."""

_V1_VERSIONS = ("v1", "latest", "preview")
"""Values of api_version that mean the undated ``/openai/v1`` surface."""

_DATED_OPERATIONS = tuple(f"/openai/{each}" for each in OPERATIONS)
"""As the portal shows a deployment's Responses API, ``/openai/responses?api-version=…``: the other
operations are not there, but under the deployment."""

_PROJECT = re.compile(r"/api/projects/[^/]+(/openai)?\Z", re.IGNORECASE)
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+\Z", re.IGNORECASE)


def azure_url(deployment: Deployment, operation: str) -> str:
    """The URL of an operation (``chat/completions``, ``embeddings``) on a deployment.

    The base may be a bare resource, ``/openai/v1``, a project, ``/models``, a whole deployment URL
    or any other endpoint; docs/reference/model-strings-and-urls.md has the table.
    Raises :class:`ConfigError` for a base that is no URL.
    """
    if not deployment.api_base:
        raise ConfigError(
            f"{deployment.provider} needs the address of your resource: pass api_base or set "
            f"AZURE_AI_API_BASE, such as {AZURE_EXAMPLE}"
        )
    base = split_base(deployment.api_base, AZURE_EXAMPLE)
    return urlunsplit(_placed(base, deployment, operation))


def azure_key_headers(
    deployment: Deployment, key: str, *, elsewhere_bearer: bool
) -> dict[str, str]:
    """The header of a resource key: ``api-key`` on Azure, elsewhere as the prefix has it."""
    if elsewhere_bearer and not is_azure_base(deployment.api_base):
        return bearer_headers(key)
    return {"api-key": check_secret(key)}


def _placed(base: SplitResult, deployment: Deployment, operation: str) -> SplitResult:
    path = base.path
    version = deployment.api_version
    dated = version if version not in _V1_VERSIONS else ""
    on_azure = is_azure_host(base.hostname or "")
    if on_azure and path.lower() in _DATED_OPERATIONS:
        return _on_resource(base, deployment, operation)
    if ends_with_operation(path):
        swapped = swap_operation(base, operation)
        return swapped if "/deployments/" not in path.lower() else _versioned(swapped, dated)
    if _DEPLOYMENT.search(path):
        return _versioned(add_operation(base, operation), dated)
    if _PROJECT.search(path):
        return add_operation(_under(base, _openai_v1(path)), operation)
    if path.lower().endswith("/models"):
        return _versioned(add_operation(base, operation), dated or (MODELS_VERSION * on_azure))
    if on_azure and path.lower() in ("", "/openai"):
        return _on_resource(base, deployment, operation)
    return add_operation(base, operation)


def _on_resource(base: SplitResult, deployment: Deployment, operation: str) -> SplitResult:
    """A bare resource: the dated deployment path where a version is given, else ``/openai/v1``."""
    version = _query_version(base) or deployment.api_version
    name = deployment.upstream_model
    if not version or version in _V1_VERSIONS or name.lower() == AUTO:
        query = "api-version=preview" if version == "preview" else ""
        return add_operation(_under(base, "/openai/v1")._replace(query=query), operation)
    if name in (".", ".."):
        raise ConfigError(f"{name!r} is no deployment name")
    placed = _under(base, f"/openai/deployments/{quote(name, safe='')}")
    return _versioned(add_operation(placed, operation), version)


def _openai_v1(path: str) -> str:
    return f"{path}/v1" if path.lower().endswith("/openai") else f"{path}/openai/v1"


def _under(base: SplitResult, path: str) -> SplitResult:
    return base._replace(path=path)


def _query_version(base: SplitResult) -> str:
    for name, value in parse_qsl(base.query):
        if name.lower() == "api-version":
            return value
    return ""


def _versioned(base: SplitResult, version: str) -> SplitResult:
    """With an api-version in the query; one that is there already stays."""
    if not version or _query_version(base):
        return base
    added = f"api-version={quote(version, safe='')}"
    return base._replace(query=f"{base.query}&{added}" if base.query else added)
