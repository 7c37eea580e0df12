"""The file's deployments and the database's, together; and the copy for a start without either."""

import asyncio
import stat
from pathlib import Path

from msgspec.structs import replace

from faregate.config.settings import ModelDeployment
from faregate.control import models
from faregate.control.desk import Desk
from faregate.control.drafts import ModelFields
from faregate.control.sealing import Sealing
from faregate.control.stored_models import Terms
from faregate.core.routing import Router, Try
from faregate.gateway.catalog import COPY, gathered, keep_copy, read_copy, reasons
from faregate.gateway.snapshot import Snapshot, unusable
from faregate.prices.load import load_book
from faregate.store.protocol import Entity
from faregate.types import ErrorFacts
from tests.control.desks import a_desk
from tests.gateway.settings import KEY, settings

TERMS = Terms(sealing=Sealing("a master key"), usable=unusable)
SECRET = "resource-key-0123456789"


async def add(desk: Desk, name: str, model: str, identity: str) -> None:
    given = {"model": model, "api_base": "http://127.0.0.1:1/v1", "api_key": SECRET}
    await models.make(desk, TERMS, ModelFields(model_name=name, params=given), identity=identity)


async def two(*, bad: bool = False) -> list[Entity]:
    """A twin of the file's ``router``, a pattern, and perhaps one that cannot be read."""
    desk = await a_desk()
    await add(desk, "router", "azure_ai/model_router/second", "twin")
    await add(desk, "azure/*", "azure_ai/*", "pattern")
    if bad:
        await desk.store.put("model", "bad", {"model_name": "x"}, actor="x", at=1.0)
    return await models.every(desk.store)


async def test_both_serve_one_name_and_patterns_match() -> None:
    found = gathered(settings(), await two(), TERMS)
    assert [each.deployment.upstream_model for each in found.settings.find("router")] == [
        "my-router",
        "second",
    ]
    (filled,) = found.settings.find("azure/gpt-5-mini")
    assert (filled.id, filled.deployment.upstream_model) == ("pattern", "gpt-5-mini")
    assert found.problems == ()


async def test_a_bad_one_takes_no_other_down() -> None:
    found = gathered(settings(), await two(bad=True), TERMS)
    assert len(found.settings.find("router")) == 2
    (problem,) = found.problems
    assert problem.startswith("the deployment 'bad' of 'x' is left out: params.model: is missing")
    Snapshot(found.settings, load_book(), KEY)


async def test_the_files_id_wins() -> None:
    (entry,) = settings().deployments()
    named = replace(entry, deployment=replace(entry.deployment, id="twin"))
    file = replace(settings(), models={"router": (named,)})
    found = gathered(file, await two(), TERMS)
    assert found.settings.find("router") == (named,)
    (problem,) = found.problems
    assert "'twin' of 'router' is left out: the configuration's file has" in problem


async def test_what_has_not_changed_is_not_read_again() -> None:
    file, entities = settings(), await two(bad=True)
    first = gathered(file, entities, TERMS)
    second = gathered(file, entities, TERMS, first)
    assert [a is b for a, b in zip(first.stored, second.stored, strict=True)] == [
        each.id != "bad" for each in first.stored
    ]
    changed = [replace(each, version=each.version + 1) for each in entities]
    assert gathered(file, changed, TERMS, first).stored[-1] is not first.stored[-1]
    other = settings(litellm_settings={"drop_params": True})
    third = gathered(other, entities, TERMS, first)
    assert all(each.drop_params for each in third.settings.find("router"))


async def test_the_files_fallbacks_lead_to_the_databases_deployments() -> None:
    desk = await a_desk()
    await add(desk, "spare", "azure_ai/model_router/spare-router", "spare-one")
    file = settings(router_settings={"fallbacks": [{"router": ["gone", "spare"]}]})
    empty = gathered(file, [], TERMS)
    assert [each.split(": ")[2] for each in empty.problems] == [
        "no model is named 'gone'. This has no effect until there is one.",
        "no model is named 'spare'. This has no effect until there is one.",
    ]
    found = gathered(file, await models.every(desk.store), TERMS)
    assert [each.split("'")[1] for each in found.problems] == ["gone"]
    for catalog, expected in ((empty, ["my-router"]), (found, ["my-router", "spare-router"])):
        router = Snapshot(catalog.settings, load_book(), KEY).router
        assert tried(router) == expected


def tried(router: Router[ModelDeployment]) -> list[str]:
    """What a call of ``router`` goes to when nothing answers."""
    attempts, names = router.attempts("router"), []
    step = attempts.next(None, 0.0, lambda: 0.0)
    while isinstance(step, Try):
        names.append(step.deployment.deployment.upstream_model)
        error = ErrorFacts(status=404, message="no such deployment")
        step = attempts.next(error, 0.0, lambda: 0.0)
    attempts.close(0.0)
    return names


async def test_with_none_the_files_settings_are_the_settings() -> None:
    file = settings()
    assert gathered(file, [], TERMS).settings is file


def test_the_copy_is_sealed_and_its_owners_alone(tmp_path: Path) -> None:
    assert read_copy(tmp_path) == ()
    entities = asyncio.run(two())
    keep_copy(tmp_path, entities)
    assert read_copy(tmp_path) == tuple(entities)
    path = tmp_path / COPY
    assert SECRET not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [COPY]
    path.write_text("{half")
    assert read_copy(tmp_path) == ()


def test_why_calls_would_be_unpriced() -> None:
    reason = reasons(load_book())
    file = settings({}, {"model": "azure_ai/gpt-5-mini"}, {"model": "azure_ai/mystery-9"})
    router, mini, mystery = (each.deployment for each in file.deployments())
    assert (reason(router), reason(mini)) == (None, None)
    assert "mystery-9" in (reason(mystery) or "")
