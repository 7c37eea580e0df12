"""LiteLLM's ``/model/new``, ``/model/update``, ``/model/{id}/update`` and ``/model/delete``."""

from typing import Any

from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field

from faregate.admin.desks import desk
from faregate.admin.stored_models import exact
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Who, instant
from faregate.control import models as control
from faregate.control.drafts import ModelFields
from faregate.control.stored_models import Stored
from faregate.errors import BadRequestError

table = Table("litellm")

_HIDDEN = {"include_in_schema": False, "response_model": None}
_TOLD = frozenset({"id", "db_model", "created_at", "updated_at", "created_by", "updated_by"})
"""Fields of ``model_info`` that are LiteLLM's own account of the row."""


class ModelBody(BaseModel):
    """The body of /model/new and of both updates."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: str | None = None
    litellm_params: dict[str, Any] | None = None
    model_info: dict[str, Any] | None = None


class ModelId(BaseModel):
    """The body of /model/delete."""

    id: str = Field(max_length=256)


@table.route("POST", "/model/new", "change", "litellmModelNew", **_HIDDEN)
async def new(who: Who, body: ModelBody) -> dict[str, Any]:
    """Add a deployment; ``model_info.id`` is its id."""
    identity = str((body.model_info or {}).get("id") or "")
    made = await control.make(desk(who), who.office.terms(), _fields(body), identity=identity)
    await who.office.applied()
    return _shown(who, made)


@table.route("POST", "/model/update", "change", "litellmModelUpdate", **_HIDDEN)
async def update(who: Who, body: ModelBody) -> dict[str, Any]:
    """Change the deployment whose id ``model_info`` states; null changes nothing."""
    identity = (body.model_info or {}).get("id")
    if not isinstance(identity, str) or not identity:
        raise BadRequestError(
            "model_info.id: is missing", code="invalid_request", param="model_info.id"
        )
    return await _updated(who, identity, body)


@table.route("PATCH", "/model/{model_id}/update", "change", "litellmModelPatch", **_HIDDEN)
async def patch(who: Who, model_id: str, body: ModelBody) -> dict[str, Any]:
    """Change the deployment of the path, whatever id ``model_info`` states; null changes
    nothing."""
    return await _updated(who, model_id, body)


@table.route("POST", "/model/delete", "change", "litellmModelDelete", **_HIDDEN)
async def delete(who: Who, body: ModelId) -> dict[str, Any]:
    """Delete a deployment."""
    await control.delete(desk(who), body.id)
    await who.office.applied()
    return {"message": f"Model: {body.id} deleted successfully"}


async def _updated(who: Asked, identity: str, body: ModelBody) -> dict[str, Any]:
    kept = await control.update(desk(who), who.office.terms(), identity, _fields(body))
    await who.office.applied()
    return _shown(who, kept)


def _fields(body: ModelBody) -> ModelFields:
    params = {name: each for name, each in (body.litellm_params or {}).items() if each is not None}
    about = {name: each for name, each in (body.model_info or {}).items() if name not in _TOLD}
    return ModelFields(
        model_name=UNSET if body.model_name is None else body.model_name,
        params=exact(params) if params else UNSET,
        model_info=exact(about) if about else UNSET,
    )


def _shown(who: Asked, stored: Stored) -> dict[str, Any]:
    document = stored.document
    return {
        "model_id": stored.id,
        "model_name": document.model_name,
        "litellm_params": dict(document.params),
        "model_info": {**document.model_info, "id": stored.id, "db_model": True},
        "created_at": instant(document.created_at),
        "updated_at": instant(document.updated_at),
        "updated_by": who.holder.id,
    }
