"""What a gateway tells of its calls: logs, metrics, health; and what it never tells."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e import lives, wire
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator

ROUTER, DIRECT = "azure-model-router", "gpt-4.1-nano"
SERVED = "gpt-4.1-nano-2025-04-14"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
FAULTS = (
    "401", "429;retry-after-ms=1", "500", "html-200", "bad-json", "content-filter", "truncate",
    "error-in-stream", "reset",
)  # fmt: skip
DETAILS = {"prompt_tokens_details": {"cached_tokens": 400}}


def config(emulator: Emulator, **general: Any) -> str:
    return lives.config(
        entry("routed", f"model_router/{ROUTER}", emulator.url, id="routed", max_retries=0),
        entry("backed", "model_router/first-router", emulator.url, id="backed", max_retries=0),
        entry("spare", DIRECT, emulator.url, id="spare", max_retries=0),
        router={"fallbacks": [{"backed": ["spare"]}], "disable_cooldowns": True},
        general=general,
    )


@pytest.fixture
def life(emulator: Emulator, tmp_path: Path) -> Iterator[Life]:
    """A gateway that has counted nothing yet, with a log in JSON."""
    with lives.started(tmp_path, config(emulator, log={"format": "json"})) as running:
        yield running


def line_of(life: Life, call_id: str) -> dict[str, Any]:
    """The log's line of a call."""
    return wire.soon(lambda: next((x for x in life.lines() if x.get("call_id") == call_id), None))


def test_a_line_a_call_in_json(life: Life, emulator: Emulator) -> None:
    emulator.script(SERVED, USAGE, ROUTER)
    _, _, headers = life.ask_model("routed", user="someone")
    line = line_of(life, headers["x-faregate-call-id"])
    assert line["time"].endswith("Z")
    shown = ("event", "level", "model", "served_model", "deployment", "provider", "status",
             "outcome", "attempts", "stream", "input_tokens", "output_tokens", "cost",
             "cost_status", "key", "operation")  # fmt: skip
    assert {name: line[name] for name in shown} == {
        "event": "request",
        "level": "info",
        "model": "routed",
        "served_model": SERVED,
        "deployment": "routed",
        "provider": "azure_ai",
        "status": 200,
        "outcome": "completed",
        "attempts": 1,
        "stream": False,
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost": "0.00028",  # 1000 × (0.10 + 0.14) and 100 × 0.40 USD a million
        "cost_status": "priced",
        "key": "master",
        "operation": "chat/completions",
    }
    assert headers["x-faregate-cost"] == line["cost"]


def test_failures_and_streams_in_json(life: Life, emulator: Emulator) -> None:
    emulator.fault("500", ROUTER)
    _, _, headers = life.ask_model("routed")
    line = line_of(life, headers["x-faregate-call-id"])
    assert (line["level"], line["status"], line["outcome"]) == ("warning", 500, "failed")
    assert "cost" not in line
    emulator.fault("503", "first-router")
    _, _, headers = life.ask_model("backed", stream=True)
    line = line_of(life, headers["x-faregate-call-id"])
    assert (line["attempts"], line["fallbacks"], line["deployment"]) == (2, 1, "spare")
    assert line["stream"] is True
    assert 0 < line["first_chunk_ms"] <= line["duration_ms"]


def test_every_line_is_json(life: Life) -> None:
    life.ask_model("nobody")
    life.write("model_list: 7")
    wire.soon(lambda: any(x["event"] == "log" for x in life.lines()))
    assert all(line.startswith("{") for line in life.printed().splitlines())
    (said,) = [x for x in life.lines() if x["event"] == "log"]
    assert (said["level"], said["logger"]) == ("error", "faregate")
    assert "config.yaml:1: error: model_list" in said["message"]


def test_a_line_a_call_for_a_person(emulator: Emulator, tmp_path: Path) -> None:
    with lives.started(tmp_path, config(emulator)) as life:
        emulator.script(SERVED, USAGE, ROUTER)
        _, _, headers = life.ask_model("routed")
        call_id = headers["x-faregate-call-id"]
        wire.soon(lambda: call_id in life.printed())
        (line,) = [x for x in life.printed().splitlines() if call_id in x]
        assert f" routed → {SERVED} 200 $0.00028 " in line
        assert " 1000+100 tok " in line


def samples(life: Life) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of /metrics, as Prometheus reads it."""
    _, text, _ = life.ask("GET", "/metrics")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_after_known_traffic(life: Life, emulator: Emulator) -> None:
    cached = {**USAGE, **DETAILS}
    for _ in range(3):
        emulator.script(SERVED, USAGE, ROUTER)
        assert life.ask_model("routed")[0] == 200
    emulator.script(SERVED, cached, ROUTER)
    life.stream("routed", lives.PROMPT)
    emulator.script("gpt-9-mystery", USAGE, ROUTER)
    assert life.ask_model("routed")[0] == 200
    emulator.fault("500", ROUTER)
    assert life.ask_model("routed")[0] == 500
    emulator.fault("503", "first-router")
    emulator.script(SERVED, USAGE, DIRECT)
    assert life.ask_model("backed")[0] == 200
    assert life.ask_model("nobody")[0] == 404
    assert life.get("/v1/models", authorization="Bearer sk-wrong")[0] == 401
    found = samples(life)

    def value(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    routed = {"model": "routed", "deployment": "routed"}
    backed = {"model": "backed", "deployment": "spare"}
    done = {"status": "2xx", "outcome": "completed"}
    assert value("faregate_requests_total", **routed, **done) == 5
    assert value("faregate_requests_total", **routed, status="5xx", outcome="failed") == 1
    assert value("faregate_requests_total", **backed, **done) == 1
    assert value("faregate_refusals_total", status="404", code="model_not_found") == 1
    assert value("faregate_refusals_total", status="401", code="invalid_api_key") == 1
    assert value("faregate_attempts_total", deployment="routed", error="none") == 5
    assert value("faregate_fallbacks_total", model="backed") == 1
    tokens = {**routed, "served_model": SERVED}
    assert value("faregate_tokens_total", **tokens, unit="input") == 3600
    assert value("faregate_tokens_total", **tokens, unit="cache_read") == 400
    assert value("faregate_tokens_total", **tokens, unit="output") == 400
    assert value("faregate_tokens_total", **backed, served_model=SERVED, unit="input") == 1000
    assert value("faregate_unpriced_calls_total", deployment="routed",
                 served_model="gpt-9-mystery") == 1  # fmt: skip
    # 3 × 0.00028, one with 400 of its tokens from the cache (at 0.025), and the other's fee alone
    whole, with_cache, fee = 0.00028, 0.00006 + 0.00001 + 0.00004 + 0.00014, 0.00014
    assert value("faregate_spend_usd_total", **tokens) == pytest.approx(
        3 * whole + with_cache, abs=1e-12
    )
    assert value("faregate_router_fee_usd_total", **routed) == pytest.approx(5 * fee, abs=1e-12)
    assert value("faregate_in_flight_requests") == 0
    assert value("faregate_overhead_seconds_count") == 6
    assert value("faregate_time_to_first_chunk_seconds_count", deployment="routed") == 1
    assert value("faregate_charges_total", deployment="routed", status="unpriced") == 1


def test_metrics_behind_the_key(emulator: Emulator, tmp_path: Path) -> None:
    general = {"metrics": {"require_auth": True, "labels": ["key"]}}
    with lives.started(tmp_path, config(emulator, **general)) as life:
        assert life.ask_model("routed")[0] == 200
        assert life.get("/metrics")[0] == 401
        status, text, _ = life.ask("GET", "/metrics", headers=life.bearer)
        assert status == 200
        assert 'key="master"' in text
        lives.check_no_secrets(text)


def test_nothing_shows_a_secret(emulator: Emulator, tmp_path: Path) -> None:
    """Errors of every kind, and everything that can be read afterwards."""
    with lives.started(tmp_path, config(emulator, log={"level": "debug"})) as life:
        shown: list[str] = []
        for fault in FAULTS:
            for stream in (False, True):
                emulator.fault(fault, ROUTER)
                _, found, headers = life.ask_model("routed", stream=stream)
                # A stream's text is an answer to the prompt; its error event is what counts.
                text = found if isinstance(found, str) else json.dumps(found)
                shown += [x for x in text.splitlines() if '"error"' in x] + [str(headers)]
        wrong = {"authorization": f"Basic {life.key}"}
        for path in ("/v1/models", f"/v1/{life.key}", "/health"):
            shown.append(str(life.ask("GET", path, headers=wrong)[1]))
        bad = f'{{"model": "routed", "messages": "{lives.PROMPT}"'.encode()
        shown.append(str(life.ask("POST", "/v1/chat/completions", bad, life.bearer)))
        for path in ("/metrics", "/health", "/v1/models"):
            shown.append(str(life.ask("GET", path, headers=life.bearer)))
        text = "\n".join(each for each in shown if f"/v1/{life.key}" not in each)
        assert len(text) > 2000
        lives.check_no_secrets(text)


def test_active_checks(emulator: Emulator, tmp_path: Path) -> None:
    general = {"background_health_checks": True, "health_check_interval": 0.3}
    with lives.started(tmp_path, config(emulator, **general, log={"format": "json"})) as life:
        well = wire.soon(lambda: checked(life, 3))
        assert all(each["last_check"]["ok"] for each in well)
        calls = wire.soon(lambda: at_least(3, by_checks(life)))
        assert {x["model"] for x in calls} == {"routed", "backed", "spare"}
        assert all(x["cost_status"] == "priced" and x["output_tokens"] <= 16 for x in calls)
        emulator.fault("404", DIRECT, times=1000)
        wire.soon(lambda: any(each["state"] == "failing" for each in checked(life, 3)))
        (ill,) = [each for each in checked(life, 3) if each["state"] == "failing"]
        assert ill["deployment"] == "spare"
        assert ill["last_check"]["error"]
        life.write(config(emulator, log={"format": "json"}))
        wire.soon(lambda: not checked(life, 1), seconds=3)
        emulator.reset()
        billed = emulator.meter()["total"]["calls"]
        until = time.monotonic() + 0.7
        wire.soon(lambda: time.monotonic() > until)
        assert emulator.meter()["total"]["calls"] == billed


def by_checks(life: Life) -> list[dict[str, Any]]:
    """The log's lines of calls made by checks."""
    return [each for each in life.lines() if each.get("key") == "health-check"]


def at_least(count: int, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list once it is so long, else an empty one."""
    return found if len(found) >= count else []


def checked(life: Life, least: int) -> list[dict[str, Any]]:
    """The deployments that were checked, once there are so many; else none."""
    _, found = life.get("/health", **life.bearer)
    every = [*found["healthy_endpoints"], *found["unhealthy_endpoints"]]
    known = [each for each in every if "last_check" in each]
    return known if len(known) >= least else []


def test_one_worker_checks(emulator: Emulator, tmp_path: Path) -> None:
    general = {"background_health_checks": True, "health_check_interval": 60}
    text = config(emulator, **general)
    with lives.started(tmp_path, text, "--num_workers", "3") as life:
        for _ in range(8):  # whichever worker answers knows
            wire.soon(lambda: checked(life, 3))
        assert emulator.meter()["total"]["calls"] == 3


def test_checks_are_off_unless_asked_for(life: Life, emulator: Emulator) -> None:
    assert checked(life, 1) == []
    assert emulator.meter()["total"]["calls"] == 0
