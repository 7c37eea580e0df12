"""Azure's preview controls: off unless asked, checked by field; the trace read defensively."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.errors import ConfigError
from faregate.types import Attempted, RouterTrace
from faregate.wire.router_controls import apply_controls, check_controls, parse_trace

FEATURE = {"Foundry-Features": "ModelRouterControls=V1Preview"}
OFF = {"strategy": "none"}


def test_off_unless_asked() -> None:
    body, headers = {"model": "x"}, {"a": "b"}
    assert apply_controls(body, headers) == (body, headers)
    assert apply_controls(body, headers, None) == (body, headers)
    assert apply_controls({"routing_config": None}, {}) == ({"routing_config": None}, {})


@pytest.mark.parametrize("by_caller", [True, False])
def test_asked_by_the_caller_or_the_deployment(by_caller: bool) -> None:
    asked = {"mode": "cost", "models": ["gpt-5-mini"], "require_parameters": True, "new": 1}
    body: dict[str, Any] = {"model": "x"}
    if by_caller:
        body["routing_config"] = asked
    sent, headers = apply_controls(body, {}, None if by_caller else asked)
    assert sent == {"model": "x", "routing_config": {**asked, "session_affinity": OFF}}
    assert headers == FEATURE
    assert "session_affinity" not in asked


def test_the_caller_wins_field_by_field() -> None:
    sent, _ = apply_controls(
        {"routing_config": {"mode": "quality"}}, {}, {"mode": "cost", "models": ("a",)}
    )
    assert sent["routing_config"] == {"mode": "quality", "models": ["a"], "session_affinity": OFF}


def test_an_empty_object_asks_for_the_trace_alone() -> None:
    assert apply_controls({}, {}, {}) == ({"routing_config": {"session_affinity": OFF}}, FEATURE)


def test_affinity_that_is_asked_for_stays() -> None:
    affinity = {"strategy": "sticky", "session_id": "chat-17"}
    sent, _ = apply_controls({}, {}, {"session_affinity": affinity})
    assert sent["routing_config"]["session_affinity"] == affinity
    sent, headers = apply_controls({}, {"X-MS-Session-Id": "chat-17"}, {"mode": "cost"})
    assert sent["routing_config"] == {"mode": "cost"}
    assert headers == {"X-MS-Session-Id": "chat-17", **FEATURE}


def test_other_features_stay_switched_on() -> None:
    _, headers = apply_controls({}, {"foundry-features": "Other=V1"}, {})
    assert headers == {"Foundry-Features": "Other=V1, ModelRouterControls=V1Preview"}
    assert apply_controls({}, headers, {})[1] == headers


@pytest.mark.parametrize(
    ("controls", "field"),
    [
        ("cost", "routing_config must be"),
        (["cost"], "routing_config must be"),
        ({"mode": "cheap"}, r"routing_config\.mode must be one of balanced, cost, quality"),
        ({"mode": None}, r"routing_config\.mode"),
        ({"mode": ["cost"]}, r"routing_config\.mode"),
        ({"models": "gpt-5"}, r"routing_config\.models"),
        ({"models": []}, r"routing_config\.models"),
        ({"models": ["gpt-5", 5]}, r"routing_config\.models"),
        ({"models": [" "]}, r"routing_config\.models"),
        ({"require_parameters": 1}, r"routing_config\.require_parameters"),
        ({"session_affinity": "sticky"}, r"routing_config\.session_affinity must"),
        ({"session_affinity": {"strategy": "glue"}}, r"session_affinity\.strategy"),
        ({"session_affinity": {"mode": 1}}, r"session_affinity\.mode"),
        ({"session_affinity": {"mode": "none", "strategy": "sticky"}}, "two that differ"),
        ({"session_affinity": {"session_id": ""}}, r"session_affinity\.session_id"),
        ({"session_affinity": {"session_id": "x" * 257}}, r"session_affinity\.session_id"),
        ({"session_affinity": {"session_id": 7}}, r"session_affinity\.session_id"),
    ],
)
def test_wrong_shapes_name_the_field(controls: Any, field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        apply_controls({}, {}, controls)
    with pytest.raises(ConfigError, match=field):
        apply_controls({"routing_config": controls}, {})


def test_session_ids_are_counted_in_code_points() -> None:
    longest = {"session_affinity": {"strategy": "sticky", "session_id": "\U0001f600" * 256}}
    assert check_controls(longest) == longest
    for strategy in ("adaptive", "sticky", "none"):
        assert check_controls({"session_affinity": {"mode": strategy}})


TRACE: dict[str, Any] = {
    "model_selection_details": {
        "model_router_details": {
            "mode": "balanced",
            "session_affinity": {
                "mode": "sticky", "source": "session_id_payload", "decision": "retain"
            },
            "routing_trace": [
                {
                    "latency_ms": 51,
                    "attempts": [
                        {
                            "model": "grok-4-1-fast-reasoning",
                            "result": {
                                "status": 404, "error": {"code": "NotFound", "message": "gone"}
                            },
                        },
                        {"model": "gpt-5-mini", "result": {"status": 200}},
                    ],
                }
            ],
        }
    }
}  # fmt: skip


def test_the_documented_trace() -> None:
    assert parse_trace(TRACE) == RouterTrace(
        mode="balanced",
        latency_ms=51,
        attempts=(
            Attempted(model="grok-4-1-fast-reasoning", status=404, error="NotFound: gone"),
            Attempted(model="gpt-5-mini", status=200),
        ),
        affinity="sticky/retain",
    )


def details(**fields: Any) -> RouterTrace | None:
    return parse_trace({"model_selection_details": {"model_router_details": fields}})


def test_answers_without_a_trace() -> None:
    nothing: tuple[Any, ...] = (
        None,
        [],
        "x",
        {},
        {"model_router_details": None},
        {"model_router_details": {}},
    )
    for found in nothing:
        assert parse_trace({"model_selection_details": found}) is None
    assert parse_trace({}) is None


def test_fields_of_another_type_are_left_out() -> None:
    empty = RouterTrace()
    assert details(mode=7, routing_trace="x", session_affinity=[]) == empty
    assert details(routing_trace=[None, 1, {"attempts": {}, "latency_ms": "9"}]) == empty
    assert details(routing_trace=[{"latency_ms": True}, {"latency_ms": -1}]) == empty
    assert details(routing_trace=[{"latency_ms": float("nan")}, {"latency_ms": 10**400}]) == empty
    odd = [{"model": "m", "result": 7}, {"model": 3}, {"model": "n", "result": {"status": "200"}}]
    assert details(routing_trace=[{"attempts": odd}]) == RouterTrace(
        attempts=(Attempted(model="m"), Attempted(model="n"))
    )


def test_two_rounds_add_up() -> None:
    rounds = [{"latency_ms": 51, "attempts": [{"model": "a"}]}, {"latency_ms": 4.6}]
    assert details(routing_trace=rounds) == RouterTrace(
        latency_ms=56, attempts=(Attempted(model="a"),)
    )


def test_sizes_are_bounded() -> None:
    attempt = {"model": "m" * 9999, "result": {"status": 500, "error": "e\n" * 9999}}
    found = details(mode="b" * 9999, routing_trace=[{"attempts": [attempt] * 999}] * 999)
    assert found is not None
    assert len(found.mode) == 40
    assert len(found.attempts) == 32
    assert len(found.attempts[0].model) == 120
    assert len(found.attempts[0].error) == 400
    assert "\n" not in found.attempts[0].error


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mode", "decision", "routing_trace", "attempts", "model", "result", "status",
                 "error", "code", "message", "latency_ms", "session_affinity"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)  # fmt: skip


@given(ANY, ANY)
def test_any_json_parses(found: Any, trace: Any) -> None:
    parse_trace({"model_selection_details": found})
    parse_trace({"model_selection_details": {"model_router_details": found}})
    parsed = details(routing_trace=trace, session_affinity=found)
    assert isinstance(parsed, RouterTrace)
