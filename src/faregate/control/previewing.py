"""What a draft of a deployment means: its model string written out, its route, the URL it calls."""

import re
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from faregate import providers
from faregate.config.problems import ConfigProblems, Problem
from faregate.control.addresses import trouble
from faregate.control.drafts import Draft
from faregate.control.stored_models import StoredModel, Terms, load_document
from faregate.core.endpoints import is_azure_base
from faregate.core.naming import AUTO, AZURE_PROVIDERS, names_router, parse_model
from faregate.errors import ConfigError
from faregate.providers.openai_endpoint import ends_with_operation
from faregate.types import Deployment, Provider, Route, Target

Shape: TypeAlias = Literal[
    "", "resource", "v1", "project", "models", "deployment", "operation", "other"
]
Level: TypeAlias = Literal["error", "warning"]
Note: TypeAlias = tuple[str, str, Level]
"""Field, message, level."""

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)", re.IGNORECASE)
_PROJECT = re.compile(r"/api/projects/[^/]+", re.IGNORECASE)


class Preview(Struct, frozen=True, kw_only=True):
    """What a draft means; each field is empty as long as it is not known."""

    model: str = ""
    """``azure_ai/model_router/my-router``."""
    provider: Provider | None = None
    route: Route | None = None
    upstream_model: str = ""
    named_router: bool = False
    url: str = ""
    shape: Shape = ""
    deployment_in_url: str = ""
    problems: tuple[Note, ...] = ()


def preview(terms: Terms, draft: Draft) -> Preview:
    """What a draft means, with everything that is wrong with it yet. Nothing is called."""
    document = draft.document
    base = _text(document, "api_base")
    named = _DEPLOYMENT.search(_path(base))
    problems = _problems(terms, draft)
    found = Preview(
        shape=shape_of(base),
        deployment_in_url=unquote(named[1]) if named else "",
        problems=tuple(problems),
    )
    target = _target(document)
    if target is None:
        return found
    provider = providers.get(target.provider)
    deployment = Deployment(
        id="draft",
        provider=provider.name,
        route=target.route,
        upstream_model=target.upstream_model,
        api_base=base or provider.api_base,
        api_version=_text(document, "api_version"),
    )
    url = _url(provider, deployment, document)
    if url:
        said = trouble(url)
        note: Note = ("params.api_base", said, "error")
        problems += [note] if said else []
    return Preview(
        model=model_string(target),
        provider=provider,
        route=target.route,
        upstream_model=target.upstream_model,
        named_router=target.provider in AZURE_PROVIDERS and names_router(target.upstream_model),
        url=url,
        shape=found.shape,
        deployment_in_url=found.deployment_in_url,
        problems=tuple(problems),
    )


def model_string(target: Target) -> str:
    """A target written out, so that whoever reads it sees the route."""
    if target.route == "model_router" and target.upstream_model.lower() != AUTO:
        return f"{target.provider}/model_router/{target.upstream_model}"
    return f"{target.provider}/{target.upstream_model}"


def shape_of(base: str) -> Shape:
    """What somebody pasted as the address."""
    path = _path(base).rstrip("/").lower()
    if not base:
        return ""
    if ends_with_operation(path):
        return "operation"
    if _DEPLOYMENT.search(path):
        return "deployment"
    if _PROJECT.search(path):
        return "project"
    if path.endswith("/openai/v1"):
        return "v1"
    if path.endswith("/models"):
        return "models"
    return "resource" if is_azure_base(base) and path in ("", "/openai") else "other"


def _problems(terms: Terms, draft: Draft) -> list[Note]:
    document = draft.document
    try:
        read = load_document(terms, "draft", document, draft.secrets)
    except ConfigProblems as problems:
        return [_note(each) for each in problems.problems]
    return [_note(each) for each in read.warnings]


def _note(problem: Problem) -> Note:
    return problem.key, problem.message, problem.level


def _target(document: StoredModel) -> Target | None:
    try:
        return parse_model(
            _text(document, "model"),
            known=providers.known,
            provider=_text(document, "custom_llm_provider"),
            route=_text(document, "route"),
            api_base=_text(document, "api_base"),
        )
    except ConfigError:
        return None  # which is among the problems


def _url(provider: Provider, deployment: Deployment, document: StoredModel) -> str:
    operation = "embeddings" if document.model_info.get("mode") == "embedding" else ""
    try:
        return provider.chat_url(deployment, operation or "chat/completions")
    except ConfigError:
        return ""


def _text(document: StoredModel, name: str) -> str:
    found = document.params.get(name)
    return found if isinstance(found, str) else ""


def _path(base: str) -> str:
    try:
        return urlsplit(base).path
    except ValueError:
        return ""
