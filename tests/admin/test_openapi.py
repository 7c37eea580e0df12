"""The OpenAPI document: whole, the same every time, and fit to generate a client from."""

import json
import re
import subprocess
import sys
from typing import Any

from faregate.admin.app import routed
from tests.admin.offices import Client


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, found in routed().openapi()["paths"].items()
        for method, operation in found.items()
    ]


def printed() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "faregate.admin.openapi"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return done.stdout.decode()


async def test_the_command_and_the_route_agree(client: Client) -> None:
    text = printed()
    assert json.loads(text) == (await client.get("/api/openapi.json")).json
    assert text == printed()


def test_operations_have_short_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) > 50
    assert all(re.fullmatch(r"[a-z][A-Za-z]{2,24}", name) for name in names)
    for _, path, operation in operations():
        assert path.startswith("/api/")
        assert operation["x-permission"] in ("own", "read", "change")
        assert operation.get("description"), path


def test_answers_are_typed_and_errors_have_one_shape() -> None:
    for method, path, operation in operations():
        good = next(iter(operation["responses"]))
        assert good in ("200", "201", "204"), (method, path)
        assert "422" not in operation["responses"]
        failure = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
        assert failure == {"$ref": "#/components/schemas/Failure"}
        if good == "204" or path in ("/api/openapi.json", "/api/calls/export"):
            continue
        schema = operation["responses"][good]["content"]["application/json"]["schema"]
        assert set(schema) == {"$ref"}, (method, path)


def test_whatever_is_answered_is_always_there() -> None:
    document = routed().openapi()
    schemas = document["components"]["schemas"]
    bodies = {
        each["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for _, _, each in operations()
        if "requestBody" in each
    }
    asked = bodies | {"BudgetInput", "LimitInput", "PriceInput"}
    for name, schema in schemas.items():
        if name in asked:
            assert not any("default" in each for each in schema["properties"].values()), name
        elif schema.get("type") == "object":
            assert set(schema["required"]) == set(schema["properties"]), name
    for reference in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert reference in schemas


def test_money_is_text_and_no_answer_has_a_number_for_it() -> None:
    schemas = routed().openapi()["components"]["schemas"]
    money = {"spend", "spent", "held", "left", "total", "router_fee", "usd_per_million", "amount",
             "soft_limit", "would_cost", "saved", "per_1000_calls", "projected"}  # fmt: skip
    seen = 0
    for name, schema in schemas.items():
        if name.endswith(("Input", "Create", "Update")) or name == "LimitStanding":
            continue
        for field, each in schema.get("properties", {}).items():
            if field in money and "$ref" not in each:
                kinds = each.get("anyOf", [each])
                assert {kind["type"] for kind in kinds} <= {"string", "null"}, (name, field)
                seen += 1
    assert seen > 15
