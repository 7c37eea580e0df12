"""``/api/models``, where it changes something, and LiteLLM's names for it."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from faregate.admin.office import Tried
from tests.admin.offices import Client, FakeOffice

KEY = "resource-key-0123456789"
BASE = "https://my-resource.services.ai.azure.com"


def body(**params: Any) -> dict[str, Any]:
    """A good deployment, with these parameters."""
    given = {"model": "azure_ai/model_router/prod", "api_base": BASE, "api_key": KEY, **params}
    return {"model_name": "pool", "params": given}


async def add(client: Client, **params: Any) -> dict[str, Any]:
    reply = await client.post("/api/models", body(**params))
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.json
    return found


async def preview(client: Client, **params: Any) -> Any:
    reply = await client.post("/api/models/preview", {"model_name": "x", "params": params})
    assert reply.status == 200
    return reply.json


async def test_what_is_added_is_listed_and_shows_no_secret(client: Client) -> None:
    made = await add(client, extra_headers={"x-team": "team-secret"}, scope="data_zone_eu", rpm=3)
    assert (made["source"], made["editable"], made["problem"]) == ("database", True, "")
    assert (made["route"], made["upstream_model"], made["credential"]) == (
        "model_router", "prod", "key",
    )  # fmt: skip
    assert made["scope"] == "data_zone_eu"
    assert made["prices"][0]["model"] == "model-router"
    stored = made["stored"]
    assert stored["secrets"] == ["api_key", "extra_headers.x-team"]
    assert stored["params"] == {
        "model": "azure_ai/model_router/prod", "api_base": BASE, "scope": "data_zone_eu", "rpm": 3,
    }  # fmt: skip
    listed = (await client.get("/api/models")).json["data"]
    assert [each["source"] for each in listed] == ["config", "config", "database"]
    assert listed[2] == made
    assert [each["stored"] for each in listed[:2]] == [None, None]
    one = await client.get(f"/api/models/{made['id']}")
    assert (one.json, one.headers["etag"]) == (made, '"1"')
    audit = await client.get("/api/audit", kind="model")
    for reply in (await client.get("/api/models"), audit, await client.get("/model/info")):
        assert KEY.encode() not in reply.body
        assert b"team-secret" not in reply.body
    assert "sealed" not in audit.json["data"][0]["after"]


async def test_a_change_is_made_to_a_version(client: Client, office: FakeOffice) -> None:
    made = await add(client)
    path = f"/api/models/{made['id']}"
    changed = await client.patch(path, {"params": {"rpm": 9, "api_key": "another-key"}})
    assert (changed.status, changed.json["rpm"], changed.headers["etag"]) == (200, 9, '"2"')
    (entry,) = [e for e in office.settings().deployments() if e.id == made["id"]]
    assert entry.credential.api_key is not None
    assert entry.credential.api_key.reveal() == "another-key"
    stale = await client.patch(path, {"params": {"rpm": 1}}, if_match='"1"')
    assert (stale.status, stale.code) == (409, "version_conflict")
    audit = (await client.get("/api/audit", kind="model")).json["data"][0]
    assert (audit["action"], audit["changed"]) == ("update", ["params", "secret"])


async def test_it_is_switched_off_on_cloned_and_deleted(client: Client) -> None:
    made = await add(client)
    path = f"/api/models/{made['id']}"
    off = await client.post(f"{path}/disable")
    assert (off.status, off.json["disabled"]) == (200, True)
    assert [e["disabled"] for e in (await client.get("/api/models", q="pool")).json["data"]] == [
        True
    ]
    assert (await client.post(f"{path}/enable")).json["disabled"] is False
    twin = await client.post(f"{path}/clone", {"model_name": "copy", "params": {"rpm": 4}})
    assert twin.status == 201
    assert (twin.json["model_name"], twin.json["rpm"], twin.json["disabled"]) == ("copy", 4, True)
    assert twin.json["stored"]["secrets"] == ["api_key"]
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404
    assert (await client.delete(path)).code == "not_found"


async def test_the_files_deployments_are_not_changed_here(client: Client) -> None:
    listed = (await client.get("/api/models")).json["data"]
    path = f"/api/models/{listed[0]['id']}"
    for reply in (
        await client.patch(path, {"params": {"rpm": 1}}),
        await client.delete(path),
        await client.post(f"{path}/disable"),
        await client.post(f"{path}/clone", {}),
    ):
        assert (reply.status, reply.code) == (409, "conflict")
        assert "configuration file's" in reply.message


async def test_an_error_names_the_field_and_no_secret(client: Client) -> None:
    for wrong, field in (
        ({"api_key": "has a blank"}, "params.api_key"),
        ({"api_base": "http://169.254.169.254/"}, "params.api_base"),
        ({"api_key": None}, "params.api_key"),
    ):
        reply = await client.post("/api/models", body(**wrong))
        assert (reply.status, reply.json["error"]["param"]) == (400, field)
        assert b"has a blank" not in reply.body
    reply = await client.post("/api/models", {**body(), "modelname": "x"})
    assert reply.json["error"]["param"] == "modelname"


async def test_prices_are_kept_to_the_digit(client: Client) -> None:
    sent = json.dumps(body(model="azure_ai/mine", input_cost_per_token=0.5)).replace(
        '"input_cost_per_token": 0.5', '"input_cost_per_token": 0.000000150000'
    )
    reply = await client.post("/api/models", sent.encode())
    assert reply.json["own_prices"] == [{"unit": "input", "usd_per_million": "0.15"}]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"model": "azure_ai/eu-model-router", "api_base": BASE},
            ("azure_ai/model_router/eu-model-router", "model_router", True, "resource",
             f"{BASE}/openai/v1/chat/completions"),
        ),
        (
            {"model": "azure_ai/eu-model-router", "route": "direct",
             "api_base": f"{BASE}/openai/v1/"},
            ("azure_ai/eu-model-router", "direct", True, "v1",
             f"{BASE}/openai/v1/chat/completions"),
        ),
        (
            {"model": "azure_ai/model_router/prod", "api_base": f"{BASE}/api/projects/p1"},
            ("azure_ai/model_router/prod", "model_router", False, "project",
             f"{BASE}/api/projects/p1/openai/v1/chat/completions"),
        ),
        (
            {"model": "azure_ai/prod", "api_base":
             f"{BASE}/openai/deployments/prod/chat/completions?api-version=2024-10-21"},
            ("azure_ai/prod", "direct", False, "operation",
             f"{BASE}/openai/deployments/prod/chat/completions?api-version=2024-10-21"),
        ),
        (
            {"model": "openai/gpt-5"},
            ("openai/gpt-5", "direct", False, "", "https://api.openai.com/v1/chat/completions"),
        ),
        ({"model": ""}, ("", None, False, "", "")),
        ({"api_base": BASE}, ("", None, False, "resource", "")),
    ],
)  # fmt: skip
async def test_a_form_is_understood_while_it_is_filled_in(
    client: Client, params: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = await preview(client, **params)
    said = ("model", "route", "named_router", "shape", "url")
    assert tuple(found[each] for each in said) == expected
    assert "deployments/prod" not in found["url"] or found["deployment_in_url"] == "prod"
    assert any(each["level"] == "error" for each in found["problems"])  # no key yet, at least
    whole = await preview(client, **params, api_key=KEY)
    fields = [each["field"] for each in whole["problems"] if each["level"] == "error"]
    assert fields == ([] if found["url"] else ["params.model"])


async def test_a_preview_says_what_is_wrong_and_keeps_nothing(
    client: Client, office: FakeOffice
) -> None:
    found = await preview(client, model="azure_ai/x", api_base="https://ai.azure.com/build?k=1")
    fields = {each["field"]: each["message"] for each in found["problems"]}
    assert "page of the portal" in fields["params.api_base"]
    assert "is missing" in fields["params.api_key"]
    assert found["key_variables"] == ["AZURE_AI_API_KEY", "AZURE_API_KEY"]
    odd = await preview(client, model="azure_ai/x", apikey="secret-in-the-wrong-place")
    assert [each["field"] for each in odd["problems"]] == ["params.apikey"]
    assert "wrong-place" not in json.dumps(odd)
    assert await office.store().entities("model") == []
    assert office.tried == []


async def test_an_edited_form_has_the_secrets_it_leaves_out(
    client: Client, office: FakeOffice
) -> None:
    made = await add(client)
    draft = {"id": made["id"], "params": {"rpm": 3}}
    seen = (await client.post("/api/models/preview", draft)).json
    assert (seen["problems"], seen["model"]) == ([], "azure_ai/model_router/prod")
    reply = await client.post("/api/models/test", {"draft": draft})
    assert reply.json["ok"] is True
    (entry,) = office.tried
    assert entry.credential.api_key is not None
    assert (entry.id, entry.rpm, entry.credential.api_key.reveal()) == (made["id"], 3, KEY)
    moved = {"id": made["id"], "params": {"api_base": "https://elsewhere.example.com"}}
    refused = await client.post("/api/models/test", {"draft": moved})
    assert (refused.status, refused.json["error"]["param"]) == (400, "params.api_key")
    seen = (await client.post("/api/models/preview", moved)).json
    assert "state it again" in seen["problems"][0]["message"]


@pytest.mark.parametrize(
    ("tried", "field", "explanation"),
    [
        ((401, "upstream_credential_refused", "Unauthorized"), "params.api_key",
         "The key was not accepted."),
        ((403, "upstream_credential_refused", "Key based authentication is disabled"),
         "params.api_key", "This resource takes no keys."),
        ((403, "upstream_credential_refused", "Access denied due to Virtual Network rules"),
         "params.api_base", "The resource's network rules do not let this server in."),
        ((404, "DeploymentNotFound", "The API deployment does not exist"), "params.model",
         "The resource has no deployment of that name."),
        ((404, "", "Resource not found"), "params.api_base",
         "The host answered, but has nothing at this path."),
        ((502, "connect_failed", "h: the name cannot be resolved"), "params.api_base",
         "There is no host of that name."),
        ((502, "connect_failed", "TLS: self-signed certificate"), "params.api_base",
         "The host answered, but its certificate cannot be trusted."),
        ((502, "connect_failed", "connection refused"), "params.api_base",
         "The host is there, but nothing took the connection."),
        ((408, "timeout", "no answer"), "", "No answer came in time."),
        ((502, "bad_gateway", "no usable answer: a page"), "params.api_base",
         "Something answered, but not a model: a page, perhaps, or another service."),
        ((429, "429", "Please retry"), "",
         "Address, key and name are right; the deployment's limit is used up at the moment."),
        ((500, "InternalServerError", "oops"), "",
         "The provider failed, and not for want of anything here."),
    ],
)  # fmt: skip
async def test_a_failure_is_explained(
    client: Client, office: FakeOffice, tried: tuple[int, str, str], field: str, explanation: str
) -> None:
    status, code, message = tried
    office.outcome = Tried(
        call_id="call_2", ok=False, status=status, seconds=1.25, code=code, message=message
    )
    made = await add(client)
    reply = await client.post("/api/models/test", {"deployment": made["id"]})
    found = reply.json
    assert (reply.status, found["ok"], found["status"]) == (200, False, status)
    assert (found["problem"]["field"], found["problem"]["explanation"]) == (field, explanation)
    assert found["problem"]["fix"]


async def test_any_deployment_can_be_tried(client: Client, office: FakeOffice) -> None:
    made = await add(client)
    await client.post(f"/api/models/{made['id']}/disable")
    first = (await client.get("/api/models")).json["data"][0]
    for identity in (first["id"], made["id"]):
        reply = await client.post("/api/models/test", {"deployment": identity})
        assert (reply.status, reply.json["ok"]) == (200, True)
    assert [each.id for each in office.tried] == [first["id"], made["id"]]
    assert (await client.post("/api/models/test", {"deployment": "none"})).status == 404
    for wrong in ({}, {"deployment": first["id"], "draft": body()}):
        assert (await client.post("/api/models/test", wrong)).status == 400


async def test_a_pattern_is_tried_as_one_of_its_models(client: Client, office: FakeOffice) -> None:
    draft = {**body(model="azure_ai/*"), "model_name": "azure/*"}
    reply = await client.post("/api/models/test", {"draft": draft})
    assert (reply.status, reply.json["error"]["param"]) == (400, "model")
    reply = await client.post("/api/models/test", {"draft": draft, "model": "gpt-5"})
    assert "does not fit" in reply.message
    reply = await client.post("/api/models/test", {"draft": draft, "model": "azure/gpt-5"})
    assert (reply.status, reply.json["sent_model"]) == (200, "gpt-5")
    assert office.tried[0].deployment.upstream_model == "gpt-5"


async def test_one_that_is_left_out_is_shown_with_its_reason(
    client: Client, office: FakeOffice
) -> None:
    made = await add(client)
    await office.store().put("model", "odd", {"model_name": 5}, actor="x", at=1.0)
    entity = await office.store().get("model", made["id"])
    assert entity is not None
    assert entity.document is not None
    broken = {**entity.document, "sealed": {"api_key": "garbage"}}
    await office.store().put("model", made["id"], broken, actor="x", at=1.0)
    await office.applied()
    listed = {e["id"]: e for e in (await client.get("/api/models")).json["data"]}
    assert "sealed with another key" in listed[made["id"]]["problem"]
    assert listed[made["id"]]["route"] == "model_router"
    assert "another version" in listed["odd"]["problem"]
    assert len([each for each in listed.values() if not each["problem"]]) == 2
    tried = await client.post("/api/models/test", {"deployment": made["id"]})
    assert (tried.status, tried.json["error"]["param"]) == (400, "deployment")
    mended = await client.patch(f"/api/models/{made['id']}", {"params": {"api_key": KEY}})
    assert (mended.status, mended.json["problem"]) == (200, "")


async def test_litellms_names(client: Client) -> None:
    params = {"model": "azure_ai/eu-model-router", "api_base": BASE, "api_key": KEY, "rpm": None}
    reply = await client.post(
        "/model/new",
        {"model_name": "pool", "litellm_params": params, "model_info": {"id": "mine"}},
    )
    assert (reply.status, reply.json["model_id"]) == (200, "mine")
    assert KEY.encode() not in reply.body
    changed = await client.post(
        "/model/update", {"litellm_params": {"rpm": 5}, "model_info": {"id": "mine"}}
    )
    assert changed.json["litellm_params"]["rpm"] == 5
    shown = (await client.get("/api/models/mine")).json
    assert (shown["rpm"], shown["route"], shown["model_name"]) == (5, "model_router", "pool")
    assert (await client.post("/model/update", {"litellm_params": {}})).status == 400
    patched = await client.patch(
        "/model/mine/update",
        {"litellm_params": {"tpm": 70, "rpm": None}, "model_info": {"id": "another"}},
    )
    assert (patched.status, patched.json["model_id"]) == (200, "mine")  # the path says whose
    assert {"rpm": 5, "tpm": 70}.items() <= patched.json["litellm_params"].items()
    assert (await client.patch("/model/another/update", {"model_name": "x"})).status == 404
    gone = await client.post("/model/delete", {"id": "mine"})
    assert gone.json == {"message": "Model: mine deleted successfully"}
    assert (await client.post("/model/delete", {"id": "mine"})).status == 404


async def test_without_a_database_a_form_still_works(client: Client, office: FakeOffice) -> None:
    office.closed = True
    assert (await client.post("/api/models/preview", body())).json["problems"] == []
    assert (await client.post("/api/models/test", {"draft": body()})).json["ok"] is True
    assert (await client.post("/api/models", body())).code == "ledger_unavailable"


async def test_a_success_shows_what_was_called(client: Client, office: FakeOffice) -> None:
    office.outcome = replace(office.outcome, served_model="gpt-5-mini")
    found = (await client.post("/api/models/test", {"draft": body()})).json
    assert found["url"] == f"{BASE}/openai/v1/chat/completions"
    assert (found["sent_model"], found["served_model"]) == ("prod", "gpt-5-mini")
    assert (found["seconds"], found["problem"], found["receipt"]) == (0.25, None, None)
