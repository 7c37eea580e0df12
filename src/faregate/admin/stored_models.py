"""``/api/models``, where it changes something: deployments kept in the database, and whether one
answers."""

import time
from typing import Any, Literal

from fastapi import Response
from msgspec import UNSET
from pydantic import Field

from faregate.admin.desks import Stated, desk, tag
from faregate.admin.exact import ExactFloat
from faregate.admin.explaining import explain
from faregate.admin.models import Deployment, entry_of, show_all
from faregate.admin.office import Tried
from faregate.admin.receipts import Receipt, show_receipt
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Said, Shown, Who
from faregate.config.keys import OWN_PRICES
from faregate.config.loading import joined
from faregate.config.settings import ModelDeployment, Settings
from faregate.control import models as control
from faregate.control.drafts import Draft, ModelFields, check, url_of
from faregate.control.errors import FieldError, UnknownEntityError
from faregate.control.previewing import Preview as Previewed
from faregate.control.previewing import preview
from faregate.control.stored_models import Stored
from faregate.errors import NotFoundError

table = Table("models")

_AMOUNTS = frozenset({*OWN_PRICES, "router_fee", "discount"})


class ModelUpdate(Said):
    """What changes of a deployment. What is left out stays."""

    model_name: str = Field("", max_length=256)
    """What clients are to call it. Several deployments may share a name."""
    params: dict[str, Any] = Field(default_factory=dict)
    """As `params` in the configuration (`docs/reference/config.md`): `model`, `api_base`,
    `api_key`, `scope` … What is left out stays, null takes away. Of `extra_headers` all are stated,
    and null keeps the value a header has."""
    model_info: dict[str, Any] = Field(default_factory=dict)
    """As `model_info` in the configuration; replaced whole."""
    disabled: bool = False


class ModelClone(ModelUpdate):
    """What is to be other in a copy. It is switched off unless `disabled` is false."""

    id: str | None = Field(None, max_length=128)


class ModelCreate(ModelUpdate):
    """A new deployment."""

    id: str | None = Field(None, max_length=128)
    """Letters, digits and . _ @ + : -; null: made from the name."""


class DraftInput(ModelUpdate):
    """What a form holds that is not saved."""

    id: str | None = Field(None, max_length=200)
    """The stored deployment that is edited: its parameters and secrets stand in for those left out.
    Null: a new one."""


class TestInput(Said):
    """Which deployment is to be called: one of these."""

    deployment: str | None = Field(None, max_length=400)
    """The id of a deployment, of the configuration's file or of the database."""
    draft: DraftInput | None = None
    model: str | None = Field(None, max_length=256)
    """The name to call it by, where its own is a pattern."""


class TestProblem(Shown):
    """Why a call failed."""

    code: str
    message: str
    """What happened, to which deployment."""
    provider_message: str
    """The provider's own words; empty where it did not answer."""
    explanation: str
    """What that means."""
    fix: str
    """What to do, most likely."""
    field: str
    """The field to look at, such as `params.api_key`; empty where it is none."""


class TestResult(Shown):
    """What became of one real call. It is in the log like any other, tagged `connection-test`."""

    ok: bool
    call_id: str
    url: str
    """What was called."""
    sent_model: str
    served_model: str
    """What the provider says answered."""
    status: int
    """The provider's; 408 or 502 where it did not answer."""
    seconds: float
    receipt: Receipt | None
    """What it cost; null where nothing is billed."""
    problem: TestProblem | None


class PreviewProblem(Shown):
    """What is wrong with a field, or worth a look."""

    field: str
    message: str
    level: Literal["error", "warning"]


class Preview(Shown):
    """What a draft means. Nothing is called, and nothing is stored."""

    model: str
    """The model string, written out: `azure_ai/model_router/my-router`. Empty while it cannot be
    read."""
    provider: str
    route: Literal["direct", "model_router"] | None
    upstream_model: str
    """What is sent as `model`."""
    named_router: bool
    """Whether the name alone says that it is a model router."""
    url: str
    """What will be called; empty while it is not known."""
    shape: Literal["", "resource", "v1", "project", "models", "deployment", "operation", "other"]
    """What was pasted as the address."""
    deployment_in_url: str
    """The deployment's name in a pasted address; empty where it has none."""
    key_needed: bool
    key_variables: list[str]
    """Under which names other tools know the provider's key."""
    docs: str
    """The provider's own page."""
    problems: list[PreviewProblem]


@table.route("POST", "/api/models", "change", "createModel", status_code=201)
async def create_model(who: Who, body: ModelCreate, response: Response) -> Deployment:
    """Add a deployment. It serves at once where it was added, and within a second elsewhere."""
    made = await control.make(desk(who), who.office.terms(), fields(body), identity=body.id or "")
    return await _changed(who, made, response)


@table.route("POST", "/api/models/preview", "change", "previewModel")
async def preview_model(who: Who, body: DraftInput) -> Preview:
    """What a form means while it is filled in: route, model string, the URL that would be called,
    and what is wrong yet."""
    terms = who.office.terms()
    found: Previewed
    try:
        draft = await _draft(who, body)
    except FieldError as error:
        found = Previewed(problems=((error.field, error.message, "error"),))
    else:
        found = preview(terms, draft)
    provider = found.provider
    return Preview(
        model=found.model,
        provider="" if provider is None else provider.name,
        route=found.route,
        upstream_model=found.upstream_model,
        named_router=found.named_router,
        url=found.url,
        shape=found.shape,
        deployment_in_url=found.deployment_in_url,
        key_needed=provider is not None and provider.needs_key,
        key_variables=[] if provider is None else list(provider.key_env),
        docs="" if provider is None else provider.docs,
        problems=[
            PreviewProblem(field=field, message=message, level=level)
            for field, message, level in found.problems
        ],
    )


@table.route("POST", "/api/models/test", "change", "testModel")
async def test_model(who: Who, body: TestInput) -> TestResult:
    """Make one small real call, whether or not the deployment is saved, enabled or well. It costs
    what it costs, and is charged to whoever asks."""
    entry = await _entry(who, body)
    model = body.model or entry.model_name
    if "*" in model:
        raise FieldError("model", f"{entry.model_name!r} is a pattern: say which model to call")
    found = joined(Settings(), [entry]).find(model)
    if not found:
        raise FieldError("model", f"{model[:80]!r} does not fit the pattern {entry.model_name!r}")
    tried = await who.office.try_deployment(found[0], model, who.holder)
    return _result(who, found[0], tried)


@table.route("PATCH", "/api/models/{deployment_id:path}", "change", "updateModel")
async def update_model(
    who: Who,
    deployment_id: str,
    body: ModelUpdate,
    response: Response,
    version: Stated,
) -> Deployment:
    """Change a deployment of the database. A secret has to be stated again when the address
    changes: it only goes where it was meant for."""
    terms, at = who.office.terms(), version
    kept = await control.update(desk(who), terms, deployment_id, fields(body), at)
    return await _changed(who, kept, response)


@table.route("POST", "/api/models/{deployment_id:path}/disable", "change", "disableModel")
async def disable_model(who: Who, deployment_id: str, response: Response) -> Deployment:
    """Let no further call go to a deployment of the database."""
    terms = who.office.terms()
    kept = await control.switch(desk(who), terms, deployment_id, disabled=True)
    return await _changed(who, kept, response)


@table.route("POST", "/api/models/{deployment_id:path}/enable", "change", "enableModel")
async def enable_model(who: Who, deployment_id: str, response: Response) -> Deployment:
    """Let calls go to it again."""
    terms = who.office.terms()
    kept = await control.switch(desk(who), terms, deployment_id, disabled=False)
    return await _changed(who, kept, response)


@table.route(
    "POST", "/api/models/{deployment_id:path}/clone", "change", "cloneModel", status_code=201
)
async def clone_model(
    who: Who, deployment_id: str, body: ModelClone, response: Response
) -> Deployment:
    """A copy of a deployment of the database, with its secrets; it is switched off unless
    `disabled` is false."""
    at, terms = desk(who), who.office.terms()
    made = await control.clone(at, terms, deployment_id, fields(body), identity=body.id or "")
    return await _changed(who, made, response)


@table.route("DELETE", "/api/models/{deployment_id:path}", "change", "deleteModel", status_code=204)
async def delete_model(who: Who, deployment_id: str, version: Stated) -> None:
    """Delete a deployment of the database, with its secrets. Its calls stay."""
    await control.delete(desk(who), deployment_id, version)
    await who.office.applied()


def fields(body: ModelUpdate) -> ModelFields:
    """What a body states, for control."""

    def said(name: str) -> Any:
        return getattr(body, name) if name in body.model_fields_set else UNSET

    params, about = said("params"), said("model_info")
    return ModelFields(
        model_name=said("model_name"),
        params=UNSET if params is UNSET else exact(params),
        model_info=UNSET if about is UNSET else exact(about),
        disabled=said("disabled"),
    )


def exact(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters with their prices as they were written, digit for digit."""
    return {
        name: each.text if name in _AMOUNTS and isinstance(each, ExactFloat) else each
        for name, each in params.items()
    }


async def _draft(who: Asked, body: DraftInput) -> Draft:
    if not body.id:  # which needs no database
        return control.fresh(fields(body), time.time())
    return await control.draft_of(desk(who), who.office.terms(), fields(body), body.id)


async def _entry(who: Asked, body: TestInput) -> ModelDeployment:
    """The deployment that is to be called. Raises :class:`FieldError` for one that cannot be."""
    if (body.deployment is None) is (body.draft is None):
        raise FieldError("deployment", "state either the id of a deployment or a draft")
    if body.draft is not None:
        identity = body.draft.id or "draft"
        return check(who.office.terms(), identity, await _draft(who, body.draft))
    for each in who.office.settings().deployments():
        if each.id == body.deployment:
            return each
    for stored in who.office.stored_models():
        if stored.id == body.deployment:
            if stored.problem:
                raise FieldError("deployment", f"cannot be called: {stored.problem}")
            return entry_of(stored)
    raise NotFoundError(f"there is no deployment {str(body.deployment)[:128]!r}", code="not_found")


def _result(who: Asked, entry: ModelDeployment, tried: Tried) -> TestResult:
    problem = None
    if not tried.ok:
        found = explain(entry, tried)
        problem = TestProblem(
            code=tried.code,
            message=tried.message,
            provider_message=tried.provider_message,
            explanation=found.explanation,
            fix=found.fix,
            field=found.field,
        )
    receipt = tried.receipt
    return TestResult(
        ok=tried.ok,
        call_id=tried.call_id,
        url=url_of(entry),
        sent_model=entry.deployment.upstream_model,
        served_model=tried.served_model,
        status=tried.status,
        seconds=round(tried.seconds, 3),
        receipt=None if receipt is None else show_receipt(receipt, who.office.book()),
        problem=problem,
    )


async def _changed(who: Asked, stored: Stored, response: Response) -> Deployment:
    await who.office.applied()
    tag(response, stored.version)
    for each in who.office.settings().deployments():
        if each.id == stored.id:
            return show_all(who, [each])[0]
    known = next((e for e in who.office.stored_models() if e.id == stored.id), None)
    if known is None:
        raise UnknownEntityError(f"the deployment {stored.id!r} was deleted meanwhile")
    return show_all(who, [entry_of(known)])[0]
