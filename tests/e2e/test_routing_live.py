"""Routing as clients see it: which deployment answers, after what, and what the receipt says."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e import lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

RULES: dict[str, Any] = {
    "allowed_fails": 1,
    "cooldown_time": 0.5,
    "num_retries": 1,
    "enable_tag_filtering": True,
    "fallbacks": [{"primary": ["reserve"]}, {"strict": ["reserve"]}],
    "context_window_fallbacks": [{"strict": ["large"]}],
    "content_policy_fallbacks": [{"strict": ["lenient"]}],
}
NANO, MINI = "gpt-4.1-nano", "gpt-4.1-mini"
FIRST, SECOND = "model_router/first-router", "model_router/second-router"


def entries(base: str) -> list[dict[str, Any]]:
    """Every model of these tests."""

    def pair(name: str, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            entry(name, FIRST, base, id=f"{name}-a", **first),
            entry(name, SECOND, base, id=f"{name}-b", **second),
        ]

    return [
        *pair("weighted", {"weight": 4}, {"weight": 1}),
        *pair("spare", {"weight": 1}, {"weight": 0}),
        *pair("ordered", {"order": 1}, {"order": 2}),
        *pair("cools", {"order": 1}, {"order": 2}),
        *pair("limited", {"order": 1, "rpm": 2}, {"order": 2}),
        *pair("tagged", {"tags": ["red"]}, {"tags": ["blue", "default"]}),
        entry("sole", FIRST, base, id="sole"),
        entry("sole-rpm", FIRST, base, id="sole-rpm", rpm=2),
        entry("sole-one", FIRST, base, id="sole-one", max_parallel_requests=1),
        entry("primary", FIRST, base, id="primary", max_retries=0),
        entry("strict", FIRST, base, id="strict", max_retries=0),
        *(entry(name, SECOND, base, id=name) for name in ("reserve", "large", "lenient")),
        entry("cheap", FIRST, base, id="cheap", routing_config={"mode": "cost"}),
        entry("sticky", FIRST, base, id="sticky", session_affinity="sticky"),
        entry("auto", "auto", base, id="auto"),
        entry("plain", NANO, base, id="plain"),
    ]


@pytest.fixture(scope="module")
def running(resource: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    text = lives.config(*entries(resource.url), router=RULES)
    with lives.started(tmp_path_factory.mktemp("routing"), text) as life:
        yield life


@pytest.fixture
def life(running: Life, emulator: Emulator) -> Life:
    """The gateway, in front of a fresh emulator."""
    del emulator
    return running


def served_by(life: Life, model: str, **more: Any) -> str:
    """The deployment that answered a call which must succeed."""
    status, found, headers = life.ask_model(model, **more)
    assert status == 200, found
    return headers["x-faregate-deployment"]


def attempts(life: Life, call_id: str) -> list[tuple[str, int, str]]:
    """(deployment, status, error) of each attempt, as the receipt has them."""
    row = life.receipt(call_id)
    return [(each["deployment"], each["status"], each["error"]) for each in row["attempts"]]


def ask_with(life: Life, model: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """A call with headers of its own."""
    body = {"model": model, "messages": [{"role": "user", "content": lives.PROMPT}]}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return life.ask("POST", "/v1/chat/completions", body, {**life.bearer, **sent})


def test_weights_are_shares(life: Life) -> None:
    found = [served_by(life, "weighted") for _ in range(60)]
    assert found.count("weighted-a") > found.count("weighted-b") > 0


def test_weight_0_is_only_used_when_no_other_can_be(life: Life, emulator: Emulator) -> None:
    assert {served_by(life, "spare") for _ in range(10)} == {"spare-a"}
    emulator.fault("500", "first-router")
    assert served_by(life, "spare") == "spare-b"


def test_the_first_level_goes_first(life: Life, emulator: Emulator) -> None:
    assert {served_by(life, "ordered") for _ in range(5)} == {"ordered-a"}
    emulator.fault("503", "first-router")
    status, _, headers = life.ask_model("ordered")
    assert (status, headers["x-faregate-attempts"]) == (200, "2")
    assert attempts(life, headers["x-faregate-call-id"]) == [
        ("ordered-a", 503, "ServiceUnavailable"),
        ("ordered-b", 200, ""),
    ]


def test_cooldown_and_recovery(life: Life, emulator: Emulator) -> None:
    emulator.fault("500", "first-router", times=2)
    assert [served_by(life, "cools") for _ in range(2)] == ["cools-b"] * 2
    _, health = life.get("/health", **life.bearer)
    (cooling,) = [x for x in health["unhealthy_endpoints"] if x["deployment"] == "cools-a"]
    assert cooling["state"] == "cooling"
    assert 0 < cooling["cooldown_seconds"] <= 0.5
    assert life.total("faregate_deployment_state", deployment="cools-a") == 1
    status, _, headers = life.ask_model("cools")
    assert (status, headers["x-faregate-attempts"]) == (200, "1")
    assert headers["x-faregate-deployment"] == "cools-b"
    wire.soon(lambda: served_by(life, "cools") == "cools-a", seconds=3)
    assert life.total("faregate_deployment_state", deployment="cools-a") == 0


CASES = {
    "a 500": ("primary", "500", "reserve", 500, None),
    "a 429": ("primary", "429;retry-after-ms=100", "reserve", 429, None),
    "a 503": ("strict", "503", "reserve", 503, None),
    "too long": ("strict", "context-length", "large", 400, "context_length_exceeded"),
    "refused": ("strict", "content-filter", "lenient", 400, "content_filter"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("case", CASES)
def test_fallback_lists(life: Life, emulator: Emulator, case: str, stream: bool) -> None:
    model, fault, to, status, code = CASES[case]
    emulator.fault(fault, "first-router")
    got, found, headers = life.ask_model(model, stream=stream)
    assert got == 200, found
    assert headers["x-faregate-deployment"] == to
    assert headers["x-faregate-attempts"] == "2"
    row = life.receipt(headers["x-faregate-call-id"])
    assert row["requested_model"] == model
    first, second = row["attempts"]
    assert (first["deployment"], first["status"]) == (model, status)
    assert code is None or first["error"] == code
    assert (second["deployment"], second["status"], second["error"]) == (to, 200, "")
    assert [charge["deployment"] for charge in row["charges"]] == [to]
    _wait_until_well(life, model)


def _wait_until_well(life: Life, name: str) -> None:
    """A 429 puts a deployment aside; the next test wants it back."""

    def look() -> bool:
        _, health = life.get("/health", **life.bearer)
        found = health["unhealthy_endpoints"]
        return not any(x["deployment"] == name and x["cooldown_seconds"] for x in found)

    wire.soon(look, seconds=5)


def test_a_general_list_is_not_for_prompts(life: Life, emulator: Emulator) -> None:
    emulator.fault("content-filter", "first-router")
    status, found, headers = life.ask_model("primary")
    assert (status, found["error"]["code"]) == (400, "content_filter")
    assert headers["x-faregate-attempts"] == "1"


@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_a_sole_deployment_is_never_put_aside_for_a_4xx(
    life: Life, emulator: Emulator, fault: str
) -> None:
    emulator.fault(fault, "first-router", times=6)
    for _ in range(6):
        status, found, headers = life.ask_model("sole")
        assert status == int(fault)
        assert headers["x-faregate-deployment"] == "sole"
        assert headers["x-faregate-attempts"] == "1"
        assert "no deployment" not in found["error"]["message"].lower() or fault == "404"
    assert served_by(life, "sole") == "sole"


def test_the_last_real_error_is_seen(life: Life, emulator: Emulator) -> None:
    emulator.fault("503", "first-router", times=2)
    status, found, headers = life.ask_model("sole")
    assert status == 503
    assert "sole" in found["error"]["message"]
    assert headers["x-faregate-attempts"] == "2"
    # Even while it is put aside: there is no other, so it is asked.
    emulator.fault("500", "first-router", times=4)
    assert [life.ask_model("sole")[0] for _ in range(2)] == [500, 500]
    assert served_by(life, "sole") == "sole"


def test_a_limit_of_its_own(life: Life, emulator: Emulator) -> None:
    assert [served_by(life, "sole-rpm") for _ in range(2)] == ["sole-rpm"] * 2
    status, found, headers = life.ask_model("sole-rpm")
    assert (status, found["error"]["code"]) == (429, "deployment_limit")
    assert 0 < int(headers["retry-after"]) <= 65  # a minute, in steps
    assert headers["x-faregate-attempts"] == "0"
    assert emulator.meter()["total"]["calls"] == 2
    assert "cost" not in " ".join(headers)
    assert [served_by(life, "limited") for _ in range(4)] == ["limited-a"] * 2 + ["limited-b"] * 2


def test_one_at_a_time(life: Life, emulator: Emulator) -> None:
    emulator.fault("stall-in-stream;after=3;seconds=5", "first-router")
    with life.open_stream("sole-one") as stream:
        status, found, _ = life.ask_model("sole-one")
        assert (status, found["error"]["code"]) == (429, "deployment_limit")
        stream.abort()
    # It is read on to the end, and counts until then.
    assert life.ask_model("sole-one")[0] == 429
    emulator.reset()


def test_the_upstreams_delay_is_respected(life: Life, emulator: Emulator) -> None:
    emulator.fault("429;retry-after=1", "first-router")
    began = time.monotonic()
    status, _, headers = life.ask_model("sole")
    assert lives.waited(began) >= 0.95
    assert (status, headers["x-faregate-attempts"]) == (200, "2")
    assert int(headers["x-faregate-overhead-us"]) < 500_000  # the wait is not ours


def test_a_delay_the_caller_cannot_wait_for(life: Life, emulator: Emulator) -> None:
    emulator.fault("429;retry-after=7", "first-router")
    began = time.monotonic()
    status, _, headers = ask_with(life, "sole", x_faregate_timeout="2")
    assert lives.waited(began) < 1.5
    assert (status, headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("header", ["x_faregate_timeout", "x_stainless_read_timeout"])
def test_the_callers_patience(life: Life, emulator: Emulator, header: str) -> None:
    emulator.fault("stall;seconds=20", "second-router")
    began = time.monotonic()
    status, found, headers = ask_with(life, "reserve", **{header: "0.4"})
    assert 0.3 < lives.waited(began) < 3
    assert (status, found["error"]["code"]) == (408, "timeout")
    assert headers["x-faregate-attempts"] == "1"


def test_tags(life: Life) -> None:
    assert {served_by(life, "tagged") for _ in range(6)} == {"tagged-b"}
    asked = [ask_with(life, "tagged", x_faregate_tags="red") for _ in range(6)]
    assert {headers["x-faregate-deployment"] for _, _, headers in asked} == {"tagged-a"}
    _, _, headers = ask_with(life, "tagged", x_litellm_tags="blue, green")
    assert headers["x-faregate-deployment"] == "tagged-b"


def details(found: dict[str, Any]) -> dict[str, Any]:
    """What the router says of its decision."""
    trace: dict[str, Any] = found["model_selection_details"]["model_router_details"]
    return trace


def test_routing_config_of_a_deployment_and_of_a_request(life: Life) -> None:
    assert details(life.ask_model("cheap")[1])["mode"] == "cost"
    asked = life.ask_model("cheap", routing_config={"mode": "quality"})[1]
    assert details(asked)["mode"] == "quality"
    asked = life.ask_model("sole", routing_config={"models": [NANO]})[1]
    assert asked["model"].startswith(f"azure_ai/{NANO}")
    assert "model_selection_details" not in life.ask_model("sole")[1]
    status, found, _ = life.ask_model("cheap", routing_config={"mode": "best"})
    assert status == 400
    assert "balanced, cost, quality" in found["error"]["message"]


def test_session_affinity(life: Life) -> None:
    first = details(life.ask_model("sticky")[1])["session_affinity"]
    assert (first["mode"], first["decision"]) == ("sticky", "initialize")
    assert details(life.ask_model("sticky")[1])["session_affinity"]["decision"] == "retain"
    one = {"session_affinity": {"strategy": "sticky", "session_id": "chat-1"}}
    assert details(life.ask_model("sole", routing_config=one)[1])["session_affinity"][
        "decision"
    ] == ("initialize")
    assert details(life.ask_model("sole", routing_config=one)[1])["session_affinity"] == {
        "mode": "sticky",
        "decision": "retain",
        "source": "session_id_payload",
    }


def test_auto_needs_no_deployment(life: Life) -> None:
    status, found, headers = life.ask_model("auto")
    assert status == 200
    assert found["model"].startswith("azure_ai/")
    assert "x-faregate-router-fee" in headers


def test_router_controls_stay_with_routers(life: Life) -> None:
    assert life.ask_model("plain", routing_config={"mode": "cost"})[0] == 200


STRATEGIES = ["least-busy", "latency-based-routing", "cost-based-routing", "usage-based-routing"]


@pytest.fixture(scope="module")
def by_strategy(resource: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with lives.started(tmp_path_factory.mktemp("strategy"), lives.config()) as life:
        life.base = resource.url
        yield life


def use(life: Life, strategy: str) -> None:
    """Two deployments, one dear, by a strategy, with nothing learnt before."""
    made = [
        entry("pair", each, life.base, id=f"{each}-{strategy}") for each in ("gpt-5.6-sol", NANO)
    ]
    made.append(entry(strategy, NANO, life.base))
    life.write(lives.config(*made, router={"routing_strategy": strategy}))
    wire.soon(lambda: strategy in life.models(), seconds=3)


def test_the_cheapest(by_strategy: Life, emulator: Emulator) -> None:
    del emulator
    use(by_strategy, "cost-based-routing")
    found = {served_by(by_strategy, "pair") for _ in range(8)}
    assert found == {f"{NANO}-cost-based-routing"}


def test_the_least_busy(by_strategy: Life, emulator: Emulator) -> None:
    use(by_strategy, "least-busy")
    emulator.fault("stall-in-stream;after=3;seconds=1")
    with by_strategy.open_stream("pair") as stream:
        busy = wire.parsed(stream.received)[1]["x-faregate-deployment"]
        assert busy not in {served_by(by_strategy, "pair") for _ in range(6)}
        stream.until(b"[DONE]")


def test_the_quickest(by_strategy: Life, emulator: Emulator) -> None:
    use(by_strategy, "latency-based-routing")
    emulator.fault("stall;seconds=0.4", NANO)
    first = {served_by(by_strategy, "pair") for _ in range(2)}
    assert len(first) == 2
    found = [served_by(by_strategy, "pair") for _ in range(10)]
    assert found.count("gpt-5.6-sol-latency-based-routing") >= 8


def test_the_least_used(by_strategy: Life, emulator: Emulator) -> None:
    del emulator
    use(by_strategy, "usage-based-routing")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: served_by(by_strategy, "pair"), range(12)))
    assert len(set(found)) == 2
