"""Deployments of the database: read by the configuration's rules, sealed, moved with care."""

import json
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from faregate.config.settings import Shared
from faregate.control import models
from faregate.control.desk import Desk
from faregate.control.drafts import ModelFields
from faregate.control.errors import ConflictError, FieldError, UnknownEntityError
from faregate.control.sealing import Sealing
from faregate.control.stored_models import Terms, read_stored
from faregate.gateway.snapshot import unusable
from faregate.store.errors import VersionConflictError
from faregate.types import Deployment
from tests.control.desks import a_desk

KEY = "resource-key-0123456789"
BASE = "https://my-resource.services.ai.azure.com"
TERMS = Terms(sealing=Sealing("a master key"), usable=unusable)


def router(**params: Any) -> ModelFields:
    """A good one, with these parameters."""
    given = {"model": "azure_ai/model_router/prod", "api_base": BASE, "api_key": KEY, **params}
    return ModelFields(model_name="router", params=given)


def params(**changed: Any) -> ModelFields:
    return ModelFields(params=changed)


async def kept_text(desk: Desk) -> str:
    """Everything the store has, the audit log included."""
    changes = [(each.before, each.after) for each in await desk.store.changes(0)]
    return json.dumps([each.document for each in await models.every(desk.store)]) + json.dumps(
        changes
    )


@pytest.mark.parametrize(
    ("model", "more", "route", "sent"),
    [
        ("azure_ai/model_router/prod", {}, "model_router", "prod"),
        ("azure_ai/eu-model-router-2", {}, "model_router", "eu-model-router-2"),
        ("azure/My_Model_Router", {}, "model_router", "My_Model_Router"),
        ("azure_ai/eu-model-router-2", {"route": "direct"}, "direct", "eu-model-router-2"),
        ("azure_ai/gpt-5-mini", {}, "direct", "gpt-5-mini"),
        ("azure_ai/gpt-5-mini", {"route": "model_router"}, "model_router", "gpt-5-mini"),
    ],
)
async def test_it_is_named_as_in_the_configuration(
    model: str, more: dict[str, str], route: str, sent: str
) -> None:
    made = await models.make(await a_desk(), TERMS, router(model=model, **more))
    assert made.entry is not None
    assert (made.entry.deployment.route, made.entry.deployment.upstream_model) == (route, sent)
    assert made.serves


async def test_what_is_made_can_be_read_again_with_its_secrets() -> None:
    desk = await a_desk()
    headers = {"X-Team": "team-secret", "x-plain": "other-secret"}
    wanted = router(extra_headers=headers, rpm=60, temperature=0.5, input_cost_per_token="1.5e-7")
    made = await models.make(desk, TERMS, wanted)
    assert made.id.startswith("router-")
    entry = (await models.get(desk, TERMS, made.id)).entry
    assert entry is not None
    assert entry.id == made.id
    assert entry.credential.api_key is not None
    assert entry.credential.api_key.reveal() == KEY
    assert {name: each.reveal() for name, each in entry.extra_headers.items()} == {
        "x-team": "team-secret",
        "x-plain": "other-secret",
    }
    assert (entry.rpm, entry.defaults["temperature"]) == (60, 0.5)
    assert entry.deployment.own_prices is not None
    assert entry.deployment.own_prices.per_token == {"input": 150_000}
    assert (entry.file, entry.key_name) == (f"database:{made.id}", "")
    text = await kept_text(desk)
    for secret in (KEY, "team-secret", "other-secret"):
        assert secret not in text
        assert secret not in repr(made)
    assert KEY not in repr(wanted)


async def test_texts_of_any_kind_come_back_as_they_were() -> None:
    odd = {"note": 'a "quote", a \\, tab\t, \x7f\x85\u2028 and 🦩: {x: 1} # no', "tiny": 1e-07}
    wanted = replace(router(metadata=odd), model_info={"owner": "yes", "when": "2026-11-22"})
    made = await models.make(await a_desk(), TERMS, wanted)
    assert made.entry is not None
    assert made.entry.defaults["metadata"] == odd
    assert made.entry.details == {"owner": "yes", "when": "2026-11-22"}


@pytest.mark.parametrize(
    ("wanted", "field", "said"),
    [
        (router(api_key=None), "params.api_key", "is missing: state it"),
        (router(api_key="with a blank"), "params.api_key", "a blank"),
        (router(api_key=""), "params.api_key", "not empty"),
        (router(api_key="os.environ/AZURE_API_KEY"), "params.api_key", "configuration's file"),
        (router(api_base="os.environ/HOME"), "params.api_base", "configuration's file"),
        (router(default_params={"a": [{"b": "os.environ/SEALED_0"}]}), "params.default_params", ""),
        (router(api_base=None), "params.api_base", "needs the address of your resource"),
        (router(api_base="my-resource"), "params.api_base", "has no scheme"),
        (router(api_base="http://api.example.com/v1"), "params.api_base", "in clear"),
        (router(api_base="https://169.254.169.254/v1"), "params.api_base", "cloud's own services"),
        (router(api_base="https://ai.azure.com/build"), "params.api_base", "page of the portal"),
        (
            router(api_base="https://r.services.ai.azure.com/anthropic/v1/messages"),
            "params.api_base",
            "write https://r.services.ai.azure.com for",
        ),
        (router(model="azure_ia/x/y"), "params.model", "azure_ia"),
        (router(scope="moon"), "params.scope", "must be one of"),
        (router(rpn=4), "params.rpn", "did you mean 'rpm'?"),
        (router(aws_region_name="eu"), "params.aws_region_name", "not supported"),
        (router(ssl_verify="/etc/passwd"), "params.ssl_verify", "true or false"),
        (replace(router(), model_name=""), "model_name", "must be a name"),
        (replace(router(), model_name="a b"), "model_name", "without blanks"),
        (replace(router(), model_name=UNSET), "model_name", "must be a name"),
    ],
)
async def test_what_is_wrong_is_said_of_its_field(
    wanted: ModelFields, field: str, said: str
) -> None:
    desk = await a_desk()
    with pytest.raises(FieldError) as caught:
        await models.make(desk, TERMS, wanted)
    assert caught.value.field == field
    assert said in caught.value.message
    assert "os.environ/SEALED" not in caught.value.message
    assert "AZURE_AI_API" not in caught.value.message
    assert await models.every(desk.store) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, ""),
        ({"azure_scope": "https://ai.azure.com/.default"}, ""),
        ({"azure_scope": "https://management.azure.com/.default"}, "params.azure_scope"),
        ({"api_base": "https://elsewhere.example.com/v1"}, "params.api_base"),
    ],
)
async def test_the_servers_own_identity_is_lent_to_azure_alone(
    more: dict[str, str], field: str
) -> None:
    terms = replace(TERMS, usable=lambda _: "")
    wanted = router(api_key=None, azure_credential="managed_identity", **more)
    if not field:
        made = await models.make(await a_desk(), terms, wanted)
        assert made.entry is not None
        assert made.entry.credential.entra
        return
    with pytest.raises(FieldError) as caught:
        await models.make(await a_desk(), terms, wanted)
    assert caught.value.field == field
    assert "own identity" in caught.value.message


async def test_a_secret_of_ones_own_may_sign_in_for_anything() -> None:
    terms = replace(TERMS, usable=lambda _: "")
    own = {"tenant_id": "t", "client_id": "c", "client_secret": "own-client-secret"}
    scope = {"azure_scope": "api://mine/.default", "api_base": "https://llm.example.com/v1"}
    desk = await a_desk()
    made = await models.make(desk, terms, router(api_key=None, **own, **scope))
    assert sorted(made.document.sealed) == ["client_secret"]
    with pytest.raises(FieldError, match="state it again"):  # it would go to another tenant
        await models.update(desk, terms, made.id, params(tenant_id="other"))


async def test_an_id_is_chosen_once() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router(), identity="mine")
    assert made.id == "mine"
    for taken in ("mine", "main"):  # here already; in the configuration's file
        with pytest.raises(ConflictError, match="already"):
            await models.make(desk, TERMS, router(), identity=taken)
    with pytest.raises(FieldError, match="begins"):
        await models.make(desk, TERMS, router(), identity="a/b")
    with pytest.raises(ConflictError, match="configuration file's"):
        await models.update(desk, TERMS, "main", params(rpm=1))
    with pytest.raises(UnknownEntityError):
        await models.delete(desk, "nobody")


async def test_a_change_keeps_what_it_does_not_name() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router(rpm=5, extra_headers={"a": "1-secret"}))
    changed = await models.update(desk, TERMS, made.id, params(rpm=None, tpm=7))
    assert changed.entry is not None
    assert (changed.version, changed.entry.rpm, changed.entry.tpm) == (2, None, 7)
    assert changed.document.sealed == made.document.sealed  # not even sealed anew
    same = await models.update(desk, TERMS, made.id, params(tpm=7))
    assert same.version == 2
    headers = {"a": None, "b": "2-secret"}
    changed = await models.update(desk, TERMS, made.id, params(extra_headers=headers))
    assert changed.entry is not None
    assert {n: s.reveal() for n, s in changed.entry.extra_headers.items()} == {
        "a": "1-secret",
        "b": "2-secret",
    }
    with pytest.raises(FieldError, match="no such header"):
        await models.update(desk, TERMS, made.id, params(extra_headers={"c": None}))
    with pytest.raises(VersionConflictError, match="at version 3, not 1"):
        await models.update(desk, TERMS, made.id, params(tpm=8), 1)


@pytest.mark.parametrize(
    "moved",
    [
        {"api_base": "https://elsewhere.example.com/v1"},
        {"api_base": "https://my-resource.services.ai.azure.com:8443"},
        {"ssl_verify": False},
        {"model": "openai/gpt-5", "api_base": None},
        {"custom_llm_provider": "groq", "model": "x", "api_base": None},
    ],
)
async def test_a_secret_only_goes_where_it_was_meant_for(moved: dict[str, Any]) -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router())
    with pytest.raises(FieldError, match="state it again") as caught:
        await models.update(desk, TERMS, made.id, params(**moved))
    assert caught.value.field == "params.api_key"
    with pytest.raises(FieldError, match="state it again"):
        await models.clone(desk, TERMS, made.id, params(**moved))
    with pytest.raises(FieldError, match="state it again"):
        await models.draft_of(desk, TERMS, params(**moved), made.id)
    changed = await models.update(desk, TERMS, made.id, params(**moved, api_key="another-key"))
    assert changed.entry is not None
    assert changed.entry.credential.api_key is not None
    assert changed.entry.credential.api_key.reveal() == "another-key"


async def test_the_path_of_an_address_may_change_without_its_key() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router())
    changed = await models.update(desk, TERMS, made.id, params(api_base=f"{BASE}/openai/v1/"))
    assert changed.problem == ""


async def test_a_header_that_stays_does_not_move_either() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router(extra_headers={"a": "1-secret"}))
    moved = {"api_base": "https://elsewhere.example.com/v1", "api_key": "another-key"}
    for headers in ({}, {"extra_headers": {"a": None}}):
        with pytest.raises(FieldError, match="state it again") as caught:
            await models.update(desk, TERMS, made.id, params(**moved, **headers))
        assert caught.value.field == "params.extra_headers.a"
    await models.update(desk, TERMS, made.id, params(**moved, extra_headers={"a": "1-secret"}))


async def test_a_clone_is_switched_off_and_has_its_own_seal() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router())
    twin = await models.clone(desk, TERMS, made.id, ModelFields(model_name="copy"))
    assert (twin.document.disabled, twin.serves, twin.problem) == (True, False, "")
    assert twin.entry is not None
    assert twin.entry.credential.api_key is not None
    assert twin.entry.credential.api_key.reveal() == KEY
    assert twin.id != made.id
    assert twin.document.sealed["api_key"] != made.document.sealed["api_key"]
    awake = await models.clone(desk, TERMS, made.id, ModelFields(disabled=False), identity="own")
    assert (awake.id, awake.serves) == ("own", True)


async def test_off_and_on_and_gone() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router())
    assert not (await models.switch(desk, TERMS, made.id, disabled=True)).serves
    assert (await models.switch(desk, TERMS, made.id, disabled=True)).version == 2
    assert (await models.switch(desk, TERMS, made.id, disabled=False)).serves
    with pytest.raises(VersionConflictError):
        await models.delete(desk, made.id, 1)
    await models.delete(desk, made.id)
    assert await models.every(desk.store) == []


async def test_with_another_key_it_is_left_out_shown_and_can_be_mended() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router(extra_headers={"a": "1-secret"}))
    other = replace(TERMS, sealing=Sealing("another master key"))
    (entity,) = await models.every(desk.store)
    found = read_stored(other, entity)
    assert not found.serves
    assert "was sealed with another key" in found.problem
    assert "FAREGATE_SALT_KEY" in found.problem
    assert found.entry is not None  # to be shown
    assert found.entry.deployment.route == "model_router"
    with pytest.raises(FieldError, match="sealed with another key"):
        await models.update(desk, other, made.id, params(rpm=1))
    assert not (await models.switch(desk, other, made.id, disabled=True)).serves
    again = params(api_key="new-key-1", extra_headers={"a": "2"})
    mended = await models.update(desk, other, made.id, again)
    assert mended.problem == ""


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"model_name": 5},
        {"model_name": "x", "params": []},
        {"model_name": "x", "params": {"model": "azure_ai/x"}},
        {"model_name": "x", "params": {"model": "nobody/x", "api_base": 7}},
        {"model_name": "x", "params": {}, "sealed": {"api_key": "garbage"}},
    ],
)
async def test_a_document_that_cannot_be_read_says_so(document: dict[str, Any]) -> None:
    desk = await a_desk()
    entity = await desk.store.put("model", "odd", document, actor="x", at=1.0)
    found = read_stored(TERMS, entity)
    assert found.problem
    assert not found.serves
    await models.delete(desk, "odd")


async def test_it_takes_over_what_the_configuration_shares() -> None:
    desk = await a_desk()
    shared = Shared(drop_params=True, max_parallel_requests=9, defaults={"temperature": 0})
    made = await models.make(desk, replace(TERMS, shared=shared), router())
    assert made.entry is not None
    assert made.entry.drop_params is True
    assert made.entry.max_parallel_requests == 9
    assert made.entry.defaults == {"temperature": 0}


async def test_warnings_are_kept_with_it() -> None:
    def dear(_: Deployment) -> str:
        return "no price row"

    terms = replace(TERMS, priced=dear)
    made = await models.make(await a_desk(), terms, router(model="azure_ai/mystery"))
    assert [each.message for each in made.warnings] == ["its calls will be unpriced: no price row"]


async def test_beside_the_server_it_is_known_without_its_secrets() -> None:
    desk = await a_desk()
    made = await models.make(desk, TERMS, router(discount="0.1", scope="data_zone_eu"))
    await models.switch(desk, TERMS, made.id, disabled=True)
    await desk.store.put("model", "odd", {"model_name": 5}, actor="x", at=1.0)
    (found,) = await models.known(desk.store)
    assert (found.id, found.model_name) == (made.id, "router")
    assert (found.deployment.discount_bp, found.deployment.scope) == (1000, "data_zone_eu")
    assert found.credential.api_key is not None
    assert found.credential.api_key.reveal() != KEY
