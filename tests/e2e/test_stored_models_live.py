"""A deployment added while the gateway runs: tried, called, kept over a restart, sealed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import ledgers, lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import MASTER_KEY, Emulator

OTHER_MASTER = "sk-fg-Qp9wE4nJ7sKd2VtR8xBz5LyA"
ROUTERS = (
    ("azure_ai/model_router/first-router", "first-router"),
    ("azure_ai/azure-model-router", "azure-model-router"),
)
"""The two ways to name a router deployment, and what is sent."""


class Desk:
    """Somebody in the dashboard of a gateway."""

    def __init__(self, life: Life, master: str = MASTER_KEY) -> None:
        self.life = life
        self._bearer = {"authorization": f"Bearer {master}"}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, found, _ = self.life.ask(method, path, body, self._bearer)
        return status, found

    def add(self, name: str, model: str, base: str, **params: Any) -> dict[str, Any]:
        given = {"model": model, "api_base": base, "api_key": lives.UPSTREAM_KEY, **params}
        body = {"model_name": name, "params": given}
        status, made = wire.soon(lambda: self.made("/api/models", body))
        assert status == 201, made
        assert isinstance(made, dict)
        return made

    def made(self, path: str, body: Any) -> tuple[int, Any] | None:
        """An answer, once the ledger's database is open."""
        status, found = self.ask("POST", path, body)
        return None if status == 503 else (status, found)

    def chat(self, model: str) -> tuple[int, Any, dict[str, str]]:
        body = {"model": model, "messages": [{"role": "user", "content": lives.PROMPT}]}
        return self.life.ask("POST", "/v1/chat/completions", body, self._bearer)


@pytest.fixture(scope="module")
def config(resource: Emulator) -> str:
    return lives.config(entry("nano", "gpt-4.1-nano", resource.url, id="nano"))


@pytest.fixture
def life(config: str, resource: Emulator, tmp_path: Path) -> Iterator[Life]:
    resource.reset()
    with lives.started(tmp_path, config) as running:
        yield running


def test_a_router_is_added_tried_and_called(life: Life, resource: Emulator) -> None:
    desk = Desk(life)
    for number, (model, sent) in enumerate(ROUTERS):
        base = f"{resource.url}/openai/v1/"
        draft = {
            "model_name": f"router-{number}",
            "params": {"model": model, "api_base": base, "api_key": lives.UPSTREAM_KEY},
        }
        status, seen = desk.ask("POST", "/api/models/preview", draft)
        assert (status, seen["problems"]) == (200, [])
        assert seen["model"] == f"azure_ai/model_router/{sent}"
        assert (seen["route"], seen["upstream_model"]) == ("model_router", sent)
        status, tried = desk.ask("POST", "/api/models/test", {"draft": draft})
        assert (status, tried["ok"], tried["problem"]) == (200, True, None)
        assert tried["sent_model"] == sent
        assert tried["url"] == seen["url"] == f"{resource.url}/openai/v1/chat/completions"
        kinds = {line["kind"] for line in tried["receipt"]["charges"][0]["lines"]}
        assert kinds == {"model", "router_fee"}
        assert tried["receipt"]["charges"][0]["served_model"] == tried["served_model"] != sent
        # The call is in the log, and nothing is saved.
        assert life.receipt(tried["call_id"])["total"] == tried["receipt"]["total"]
        assert life.models() == ["nano", *(f"router-{n}" for n in range(number))]
        made = desk.add(f"router-{number}", model, base)
        assert (made["source"], made["route"], made["problem"]) == ("database", "model_router", "")
        status, answer, headers = desk.chat(f"router-{number}")
        assert status == 200
        assert answer["model"].startswith("azure_ai/")
        assert headers["x-faregate-deployment"] == made["id"]
        assert "x-faregate-router-fee" in headers


@pytest.mark.parametrize(
    ("changed", "status", "field", "said"),
    [
        ({"api_key": "a-wrong-key"}, 401, "params.api_key", "key was not accepted"),
        ({"model": "azure_ai/none-such"}, 404, "params.model", "no deployment of that name"),
        ({"api_base": "http://127.0.0.1:9"}, 502, "params.api_base", "took the connection"),
        (
            {"api_base": "https://faregate-test.invalid"},
            502,
            "params.api_base",
            "no host of that name",
        ),
    ],
)
def test_what_is_wrong_is_explained(
    life: Life, resource: Emulator, changed: dict[str, str], status: int, field: str, said: str
) -> None:
    params = {
        "model": "azure_ai/model_router/first-router",
        "api_base": f"{resource.url}/openai/v1",
        "api_key": lives.UPSTREAM_KEY,
        **changed,
    }
    draft = {"model_name": "new", "params": params}
    _, found = Desk(life).ask("POST", "/api/models/test", {"draft": draft})
    assert (found["ok"], found["status"]) == (False, status)
    problem = found["problem"]
    assert problem["field"] == field
    assert said in problem["explanation"]
    assert problem["fix"]
    assert bool(problem["provider_message"]) is (status != 502)
    assert found["receipt"] is None
    assert params["api_key"] not in json.dumps(found)


def test_it_outlives_a_restart_but_not_another_master_key(
    config: str, resource: Emulator, tmp_path: Path
) -> None:
    base = f"{resource.url}/openai/v1/"
    with lives.started(tmp_path, config) as first:
        desk = Desk(first)
        team = {"x-team": "s3cr3t-team"}
        identity = desk.add("kept", ROUTERS[0][0], base, extra_headers=team)["id"]
        assert desk.chat("kept")[0] == 200
    with lives.started(tmp_path, config) as second:
        assert wire.soon(lambda: Desk(second).chat("kept")[0] == 200)
        assert "s3cr3t-team" not in second.printed()
    others = lives.variables(tmp_path, FAREGATE_MASTER_KEY=OTHER_MASTER)
    with lives.started(tmp_path, config, env=others) as third:
        desk = Desk(third, OTHER_MASTER)
        found = wire.soon(lambda: desk.ask("GET", "/api/status")[1]["problems"])
        assert f"{identity!r} of 'kept' is left out" in found[0]
        assert "master key" in found[0]
        assert desk.chat("kept")[0] == 404
        assert desk.chat("nano")[0] == 200
        shown = desk.ask("GET", f"/api/models/{identity}")[1]
        assert shown["stored"]["secrets"] == ["api_key", "extra_headers.x-team"]
        assert "was sealed with another key" in shown["problem"]
        # Stating the secrets again mends it.
        again = {"params": {"api_key": lives.UPSTREAM_KEY, "extra_headers": {"x-team": "b"}}}
        status, mended = desk.ask("PATCH", f"/api/models/{identity}", again)
        assert (status, mended["problem"]) == (200, "")
        assert desk.chat("kept")[0] == 200


def test_a_fallback_of_the_file_waits_for_it(resource: Emulator, tmp_path: Path) -> None:
    resource.reset()
    nano = entry("nano", "gpt-4.1-nano", resource.url, max_retries=0)
    fallbacks = {"fallbacks": [{"nano": ["later"]}]}
    with lives.started(tmp_path, lives.config(nano, router=fallbacks)) as life:
        desk = Desk(life)
        told = "no model is named 'later'. This has no effect until there is one."
        assert wire.soon(lambda: told in life.printed())
        (problem,) = wire.soon(lambda: desk.ask("GET", "/api/status")[1].get("problems"))
        assert problem.endswith(told)
        resource.fault("404", "gpt-4.1-nano")
        assert desk.chat("nano")[0] == 404
        later = desk.add("later", ROUTERS[0][0], f"{resource.url}/openai/v1/")["id"]
        assert desk.ask("GET", "/api/status")[1]["problems"] == []
        resource.fault("404", "gpt-4.1-nano")
        status, _, headers = desk.chat("nano")
        assert (status, headers["x-faregate-deployment"]) == (200, later)


def test_a_salt_key_outlives_the_master_key(
    config: str, resource: Emulator, tmp_path: Path
) -> None:
    salted = {"FAREGATE_SALT_KEY": "a salt of one's own"}
    with lives.started(tmp_path, config, env=lives.variables(tmp_path, **salted)) as first:
        Desk(first).add("kept", ROUTERS[0][0], f"{resource.url}/openai/v1/")
    others = lives.variables(tmp_path, FAREGATE_MASTER_KEY=OTHER_MASTER, **salted)
    with lives.started(tmp_path, config, env=others) as second:
        assert wire.soon(lambda: Desk(second, OTHER_MASTER).chat("kept")[0] == 200)


def test_a_reload_of_the_file_keeps_it_and_both_serve_one_name(
    resource: Emulator, tmp_path: Path
) -> None:
    text = lives.config(entry("nano", "gpt-4.1-nano", resource.url, id="nano"))
    with lives.started(tmp_path, text) as life:
        desk = Desk(life)
        made = desk.add("kept", ROUTERS[0][0], f"{resource.url}/openai/v1/")
        more = entry("mini", "gpt-4.1-mini", resource.url, id="mini")
        life.write(lives.config(entry("nano", "gpt-4.1-nano", resource.url, id="nano"), more))
        wire.soon(lambda: life.models() == ["nano", "mini", "kept"])
        assert desk.chat("kept")[0] == 200
        # Another one of the same name as one of the file: both serve.
        twin = desk.add("nano", "azure_ai/gpt-4.1-nano", f"{resource.url}/openai/v1/", order=5)
        assert desk.ask("GET", "/api/models?model=nano")[1]["data"][1]["id"] == twin["id"]
        assert desk.ask("POST", f"/api/models/{made['id']}/disable")[1]["disabled"] is True
        assert desk.chat("kept")[0] == 404
        assert desk.ask("POST", f"/api/models/{made['id']}/enable")[0] == 200
        assert desk.chat("kept")[0] == 200
        assert desk.ask("DELETE", f"/api/models/{made['id']}")[0] == 204
        assert desk.chat("kept")[0] == 404


def test_every_worker_follows(config: str, resource: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, config, "--num_workers", "2") as life:
        desk = Desk(life)
        made = desk.add("kept", ROUTERS[0][0], f"{resource.url}/openai/v1/")
        # Each call is a connection of its own, so both workers are asked.
        wire.soon(lambda: [desk.chat("kept")[0] for _ in range(12)] == [200] * 12)
        assert desk.ask("DELETE", f"/api/models/{made['id']}")[0] == 204
        wire.soon(lambda: [desk.chat("kept")[0] for _ in range(12)] == [404] * 12)


def test_a_trial_is_one_call_and_puts_nothing_aside(
    config: str, resource: Emulator, tmp_path: Path
) -> None:
    resource.reset()
    with lives.started(tmp_path, config) as life:
        desk = Desk(life)
        called = resource.meter()
        resource.fault("500", "gpt-4.1-nano", times=6)
        for _ in range(6):
            _, tried = desk.ask("POST", "/api/models/test", {"deployment": "nano"})
            assert (tried["ok"], tried["status"]) == (False, 500)
            assert tried["problem"]["explanation"].startswith("The provider failed")
        assert resource.meter() == called
        assert desk.ask("GET", "/api/models/nano")[1]["condition"]["state"] == "healthy"
        assert desk.chat("nano")[0] == 200
        _, tried = desk.ask("POST", "/api/models/test", {"deployment": "nano"})
        assert tried["ok"] is True
        assert tried["served_model"].startswith("gpt-4.1-nano")
        ledgers.wait_until_stored(life)
        tagged = desk.ask("GET", "/api/calls?tag=connection-test")[1]["data"]
        assert [each["outcome"] for each in tagged] == ["completed", *["failed"] * 6]
        assert {each["key"] for each in tagged} == {"master"}
        assert tagged[0]["call_id"] == tried["call_id"]


def test_a_trial_is_paid_by_whoever_asks(config: str, resource: Emulator, tmp_path: Path) -> None:
    resource.reset()
    with lives.started(tmp_path, config) as life:
        desk = Desk(life)
        tight = {"role": "admin", "budgets": [{"limit": "0", "window": "1mo"}]}
        _, made = wire.soon(lambda: desk.made("/api/keys", tight))
        poor = Desk(life, made["secret"])
        status, refused = poor.ask("POST", "/api/models/test", {"deployment": "nano"})
        assert (status, refused["error"]["code"]) == (429, "budget_exceeded")
        assert desk.ask("POST", "/api/models/test", {"deployment": "nano"})[1]["ok"] is True


def test_it_serves_while_the_database_is_away(
    config: str, resource: Emulator, tmp_path: Path
) -> None:
    pytest.importorskip("asyncpg")
    with lives.started(tmp_path, config) as first:
        Desk(first).add("kept", ROUTERS[0][0], f"{resource.url}/openai/v1/")
        assert lives.UPSTREAM_KEY not in (tmp_path / "state" / "models.json").read_text("utf-8")
    nano = entry("nano", "gpt-4.1-nano", resource.url, id="nano")
    away = lives.config(nano, general={"database_url": "postgresql://nobody@127.0.0.1:9/none"})
    with lives.started(tmp_path, away) as second:
        desk = Desk(second)
        assert desk.chat("kept")[0] == 200
        status, answer, headers = desk.chat("never-heard-of")
        assert (status, answer["error"]["code"]) == (503, "models_unknown")
        assert headers["retry-after"] == "1"


def test_a_gateway_may_begin_with_no_model_at_all(resource: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, lives.config()) as life:
        assert "names no model: every call is refused until a deployment is added" in life.printed()
        desk = Desk(life)
        desk.add("first", ROUTERS[1][0], f"{resource.url}/openai/v1/")
        assert life.models() == ["first"]
        assert desk.chat("first")[0] == 200
