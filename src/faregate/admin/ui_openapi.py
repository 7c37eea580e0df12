"""``python -m faregate.admin.ui_openapi`` prints what the dashboard's client is generated from: the
admin's OpenAPI document, and ``/api/session`` beside it, which is for browsers only.
"""

import json
import sys
from typing import Any

import msgspec

from faregate.admin.app import routed
from faregate.admin.oidc_pages import SignInOptions
from faregate.admin.session import Opened

_FAILURE = {"$ref": "#/components/schemas/Failure"}


def document() -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = routed().openapi()
    _, schemas = msgspec.json.schema_components(
        [Opened, SignInOptions], ref_template="#/components/schemas/{name}"
    )
    opened = schemas["Opened"]
    opened["properties"]["role"] = {
        **opened["properties"]["role"],
        "enum": ["none", "viewer", "admin"],
    }
    key = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
    return {
        **found,
        "paths": {
            **found["paths"],
            "/api/session": {
                "get": _operation("getSession", _answer("Opened")),
                "post": {
                    **_operation("signIn", _answer("Opened")),
                    "requestBody": {"required": True, "content": _json(key)},
                },
                "delete": _operation("signOut", {"204": {"description": "Signed out"}}),
            },
            "/api/session/options": {
                "get": _operation("getSignInOptions", _answer("SignInOptions", "Beside a key")),
            },
        },
        "components": {
            **found["components"],
            "schemas": {**found["components"]["schemas"], **schemas, "Opened": opened},
        },
    }


def main() -> None:
    """Print it."""
    json.dump(document(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


def _operation(name: str, answers: dict[str, Any]) -> dict[str, Any]:
    failed = {"description": "Refused", "content": _json(_FAILURE)}
    return {"operationId": name, "tags": ["session"], "responses": {**answers, "4XX": failed}}


def _answer(name: str, what: str = "The session") -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"200": {"description": what, "content": _json(reference)}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


if __name__ == "__main__":
    main()
