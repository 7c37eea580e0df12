"""The router picks by the look of the prompt, keeps to mode and subset, and tells why if asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from faregate.emulator import Config, DeploymentSpec, running_emulator
from faregate.emulator.choice import PREFERRED, Look, choose, kind_of
from faregate.emulator.config import Latency, parse_deployment, parse_latency
from faregate.emulator.pool import POOL, find
from faregate.errors import ConfigError
from tests.emulator.emulator_api import KEY, PREVIEW, Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    specs = (
        DeploymentSpec(name="cheap", kind="router", mode="cost"),
        DeploymentSpec(name="best", kind="router", mode="quality"),
        DeploymentSpec(name="two", kind="router", subset=("gpt-4o", "claude-haiku-4-5")),
        DeploymentSpec(name="odd", kind="direct", model="gpt-9-mystery"),
    )
    with running_emulator(deployments=specs) as url:
        yield Api(url)


@pytest.mark.parametrize(
    ("text", "more", "kind"),
    [
        ("Hello there", {}, "simple"),
        ("Write a python function that sorts", {}, "code"),
        ("Prove that there are infinitely many primes", {}, "reasoning"),
        ("What is 12 * 14?", {}, "reasoning"),
        ("Hello there", {"effort": "high"}, "reasoning"),
        ("Hello there", {"tokens": 50_000}, "long"),
        ("Hello there", {"images": True}, "image"),
        ("Hello there", {"tokens": 900}, "writing"),
        ("Hello there", {"tools": True}, "writing"),
    ],
)
def test_the_kind_of_a_prompt(text: str, more: dict[str, Any], kind: str) -> None:
    assert kind_of(Look(text=text, **{"tokens": 10, **more})) == kind


def test_every_preferred_model_is_in_the_pool_and_able() -> None:
    for kind, names in PREFERRED.items():
        for name in names:
            model = find(name)
            assert model is not None, name
            assert not model.own_deployment
            assert model.vision or kind != "image"


def test_served_names() -> None:
    names = {model.served for model in POOL}
    assert {"gpt-5-nano-2025-08-07", "DeepSeek-V3.2", "grok-4", "claude-opus-5"} <= names
    assert "claude-haiku-4-5-20251001" in names
    assert len(names) == len(POOL) == 35


def test_balanced_alternates_but_never_for_the_same_prompt() -> None:
    looks = [Look(text=f"Hello number {n}", tokens=10) for n in range(40)]
    first = [choose(look, "balanced") for look in looks]
    assert first == [choose(look, "balanced") for look in looks]
    assert {model.name for model in first if model} == {"gpt-5-nano", "gpt-4.1-nano"}


def test_no_model_for_an_endless_prompt() -> None:
    assert choose(Look(text="", tokens=5_000_000), "balanced") is None


def test_mode_and_subset_of_a_deployment(api: Api) -> None:
    question = "Prove that the square root of two is irrational"
    assert api.served(question, model="best") == "gpt-6-astra-2026-09-03"
    assert api.served(question, model="cheap") == "gpt-5.6-luna-2026-07-09"
    assert api.served("Hello", model="cheap") == "gpt-4.1-nano-2025-04-14"
    assert api.served("Hello", model="two") == "claude-haiku-4-5-20251001"
    picture = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    shown = [{"role": "user", "content": [{"type": "text", "text": "See"}, *picture]}]
    assert api.served(model="two", messages=shown) == "gpt-4o-2024-11-20"


def test_the_same_prompt_gets_the_same_answer(api: Api) -> None:
    for question in ("Hello", "Write some code", "Plan a trip to Rome"):
        one, other = api.chat(question).json, api.chat(question).json
        assert one["model"] == other["model"]
        assert one["choices"] == other["choices"]
        assert one["usage"] == other["usage"]


def test_a_model_no_price_list_has(api: Api) -> None:
    assert api.served(model="odd") == "gpt-9-mystery"
    headers = {**KEY, "x-emulate-served": "gpt-9-mystery"}
    assert api.served(headers=headers) == "gpt-9-mystery"
    assert api.fault("serve;model=gpt-10").json["model"] == "gpt-10"


@pytest.mark.parametrize("stream", [False, True])
def test_the_trace_comes_only_with_the_header(api: Api, stream: bool) -> None:
    def traces(headers: dict[str, str]) -> list[Any]:
        answered = api.chat(headers=headers, stream=stream)
        bodies = answered.chunks if stream else [answered.json]
        return [b["model_selection_details"] for b in bodies if "model_selection_details" in b]

    assert traces(KEY) == []
    (trace,) = traces(PREVIEW)
    details = trace["model_router_details"]
    assert details["mode"] == "balanced"
    (routing,) = details["routing_trace"]
    assert routing["latency_ms"] > 0
    assert routing["attempts"][-1]["result"] == {"status": 200}
    assert find(routing["attempts"][-1]["model"]) is not None
    assert "-2025-" not in routing["attempts"][-1]["model"]


def test_a_direct_deployment_has_no_trace(api: Api) -> None:
    assert "model_selection_details" not in api.chat(model="gpt-4o", headers=PREVIEW).json


def test_routing_config_is_ignored_without_the_header(api: Api) -> None:
    wanted = {"mode": "quality"}
    assert api.served("Hello", routing_config=wanted) == api.served("Hello")
    assert api.chat(routing_config={"mode": "nonsense"}).status == 200


def test_routing_config_is_honoured_with_the_header(api: Api) -> None:
    def with_config(**config: Any) -> str:
        config.setdefault("session_affinity", {"strategy": "none"})
        return api.served("Hello", headers=PREVIEW, routing_config=config)

    assert with_config(mode="quality") == "gpt-6-astra-2026-09-03"
    assert with_config(models=["grok-4", "DeepSeek-V3.2"]) == "DeepSeek-V3.2"
    assert with_config(models=[{"name": "grok-4"}]) == "grok-4"


def test_require_parameters(api: Api) -> None:
    config = {"require_parameters": True, "models": ["gpt-5-nano", "gpt-4o"]}
    affinity = {"session_affinity": {"strategy": "none"}}
    served = api.served(
        "Hello", headers=PREVIEW, temperature=0.1, routing_config={**config, **affinity}
    )
    assert served == "gpt-4o-2024-11-20"
    only = {"require_parameters": True, "models": ["gpt-5-nano"]}
    assert api.chat(headers=PREVIEW, stop="x", routing_config=only).status == 400


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ("balanced", "routing_config"),
        ({"mode": "fast"}, "routing_config.mode"),
        ({"modes": "cost"}, "routing_config.modes"),
        ({"models": []}, "routing_config.models"),
        ({"models": ["gpt-99"]}, "routing_config.models"),
        ({"require_parameters": "yes"}, "routing_config.require_parameters"),
        ({"session_affinity": 1}, "routing_config.session_affinity"),
        ({"session_affinity": {"mode": "x"}}, "routing_config.session_affinity.strategy"),
        ({"session_affinity": {"session_id": ""}}, "routing_config.session_affinity.session_id"),
        (
            {"session_affinity": {"session_id": "x" * 257}},
            "routing_config.session_affinity.session_id",
        ),
    ],
)
def test_senseless_controls_are_refused_before_any_model(api: Api, config: Any, param: str) -> None:
    api.control("POST", "reset")
    answered = api.chat(headers=PREVIEW, routing_config=config)
    assert answered.status == 400
    assert answered.json["error"]["param"] == param
    assert api.meter()["total"]["calls"] == 0


def test_a_sticky_session_keeps_its_model(api: Api) -> None:
    def decision(question: str, strategy: str, session: str) -> tuple[str, str]:
        wanted = {"session_affinity": {"strategy": strategy, "session_id": session}}
        body = api.chat(question, headers=PREVIEW, routing_config=wanted).json
        affinity = body["model_selection_details"]["model_router_details"]["session_affinity"]
        assert affinity["source"] == "session_id_payload"
        assert affinity["mode"] == strategy
        return affinity["decision"], body["model"]

    verdict, first = decision("Hello", "sticky", "s1")
    assert verdict == "initialize"
    assert decision("Prove a theorem", "sticky", "s1") == ("retain", first)
    verdict, first = decision("Hello", "adaptive", "s2")
    assert verdict == "initialize"
    verdict, other = decision("Prove a theorem", "adaptive", "s2")
    assert verdict == "switch"
    assert other != first


def test_adaptive_affinity_is_on_by_itself_and_can_be_turned_off(api: Api) -> None:
    details = api.chat(headers=PREVIEW).json["model_selection_details"]["model_router_details"]
    assert details["session_affinity"]["mode"] == "adaptive"
    wanted = {"session_affinity": {"strategy": "none"}}
    quiet = api.chat(headers=PREVIEW, routing_config=wanted).json["model_selection_details"]
    assert "session_affinity" not in quiet["model_router_details"]


def test_a_failover_shows_in_the_trace(api: Api) -> None:
    headers = {**PREVIEW, "x-emulate-fault": "failover;model=grok-4;status=404"}
    details = api.chat(headers=headers).json["model_selection_details"]["model_router_details"]
    attempts = details["routing_trace"][0]["attempts"]
    assert [one["result"]["status"] for one in attempts] == [404, 200]
    assert attempts[0]["model"] == "grok-4"
    assert attempts[0]["result"]["error"]["code"] == "NotFound"


def test_deployments_from_text() -> None:
    assert parse_deployment("a=model-router") == DeploymentSpec(name="a", kind="router")
    assert parse_deployment("a=model-router:cost:gpt-4o,grok-4") == DeploymentSpec(
        name="a", kind="router", mode="cost", subset=("gpt-4o", "grok-4")
    )
    assert parse_deployment("a=gpt-4o").model == "gpt-4o"
    assert parse_deployment("a=text-embedding-3-small").kind == "embeddings"
    for wrong in ("", "a", "a=", "=x", "a b=gpt-4o", "a=model-router:fast"):
        with pytest.raises(ConfigError):
            parse_deployment(wrong)


def test_latency_from_text() -> None:
    assert parse_latency("250,12") == Latency(first_ms=250, token_ms=12)
    assert parse_latency("0") == Latency()
    for wrong in ("", "fast", "-1", "1,-1", "nan", "inf"):
        with pytest.raises(ConfigError):
            parse_latency(wrong)


def test_a_deployment_replaces_the_default_of_its_name() -> None:
    spec = DeploymentSpec(name="Model-Router", kind="router", mode="quality")
    assert Config(deployments=(spec,)).all_deployments()["model-router"].mode == "quality"
