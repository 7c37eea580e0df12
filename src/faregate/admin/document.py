"""The OpenAPI document, as a client is generated from it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from faregate.admin.failures import Failure

_UNUSED = ("HTTPValidationError", "ValidationError")
_METHODS = ("get", "post", "patch", "delete")
_ABOUT = (
    "Keys, teams, users, budgets, limits, models, prices, calls and spend. Money is decimal text "
    "in USD, exact; instants are ISO 8601 in UTC; lists have `data` and `next`, a cursor. "
    "`x-permission` says who may call an operation: `own` any key (it sees what is its own), "
    "`read` the roles viewer and admin, `change` the role admin; the master key may do everything."
)


def document(app: FastAPI) -> dict[str, Any]:
    """The document; the same one for the same routes."""
    if app.openapi_schema:
        return app.openapi_schema
    found = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas = found["components"]["schemas"]
    for name in _UNUSED:
        schemas.pop(name, None)
    failure = Failure.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(failure.pop("$defs"))
    schemas["Failure"] = failure
    for schema in schemas.values():
        _without_defaults(schema)
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"key": []}]
    for path in found["paths"].values():
        for method in _METHODS:
            if method in path:
                _answers(path[method]["responses"])
    app.openapi_schema = found
    return found


def _answers(responses: dict[str, Any]) -> None:
    """Errors are all of one shape."""
    responses.pop("422", None)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
    responses["4XX"] = {"description": "Refused", "content": content}
    responses["5XX"] = {"description": "Failed", "content": content}


def _without_defaults(schema: dict[str, Any]) -> None:
    """A default makes generators think that a field is always there; of a change it would say that
    a field left out becomes the default, where it stays as it is."""
    for each in schema.get("properties", {}).values():
        each.pop("default", None)
        each.pop("title", None)
    schema.pop("title", None)
