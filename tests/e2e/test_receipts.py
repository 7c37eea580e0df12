"""One fare for a call, wherever it is read: header, body, stream, receipt, SDK, the meter."""

from typing import Any

import pytest

import faregate
from faregate.core.receipt_text import as_json
from tests.e2e.processes import Emulator, Gateway

ROUTER = "azure-model-router"

SCRIPTS: dict[str, tuple[str, dict[str, Any], str]] = {
    # Served by gpt-5-nano: 15 × $0.05/M + 78 × $0.40/M + the fee of 15 × $0.14/M.
    "recorded": (
        "gpt-5-nano-2025-08-07",
        {
            "prompt_tokens": 15,
            "completion_tokens": 78,
            "total_tokens": 93,
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
        "0.00003405",
    ),
    # 1,000 × $0.10/M + 1,024 × $0.025/M + 7 × $0.40/M + 2,024 × $0.14/M.
    "cached": (
        "gpt-4.1-nano-2025-04-14",
        {
            "prompt_tokens": 2024,
            "completion_tokens": 7,
            "total_tokens": 2031,
            "prompt_tokens_details": {"cached_tokens": 1024},
        },
        "0.00041176",
    ),
}


def charges(receipt: dict[str, Any]) -> list[dict[str, Any]]:
    """The charges without what differs from call to call and from caller to caller."""
    own = ("at", "deployment", "requested_model")
    return [
        {name: value for name, value in charge.items() if name not in own}
        for charge in receipt["charges"]
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_to_the_last_digit(gateway: Gateway, emulator: Emulator, name: str) -> None:
    served, usage, total = SCRIPTS[name]
    for _ in range(4):
        emulator.script(served, usage, ROUTER)
    status, whole, headers = gateway.chat(ROUTER)
    assert status == 200
    streamed = gateway.stream(
        ROUTER, stream_options={"include_usage": True, "include_receipt": True}
    )
    quiet = gateway.stream(ROUTER)
    told = faregate.completion(
        model=f"azure_ai/model_router/{ROUTER}",
        messages=[{"role": "user", "content": "Say hello"}],
        api_base=f"{emulator.url}/openai/v1",
        api_key="emulator-key",
    )
    assert told.receipt is not None
    by_sdk = as_json(told.receipt)
    receipts = [
        gateway.receipt(headers["x-faregate-call-id"]),
        gateway.receipt(streamed.call_id),
        gateway.receipt(quiet.call_id),
        streamed.chunks[-1]["receipt"],
    ]
    for receipt in receipts:
        assert receipt["total"] == by_sdk["total"] == total
        assert receipt["status"] == "priced"
        assert charges(receipt) == charges(by_sdk)
    assert headers["x-faregate-cost"] == whole["usage"]["cost_details"]["total"] == total
    assert whole["usage"]["cost"] == float(total)
    assert streamed.usage is not None
    assert streamed.usage["cost"] == float(total)
    assert streamed.usage["cost_details"]["total"] == total
    assert quiet.usage is None
    assert headers["x-faregate-router-fee"] == receipts[0]["router_fee"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_providers_own_fields_pass(gateway: Gateway, emulator: Emulator, stream: bool) -> None:
    served, usage, _ = SCRIPTS["recorded"]
    emulator.script(served, usage, ROUTER)
    if stream:
        streamed = gateway.stream(ROUTER, stream_options={"include_usage": True})
        found, answer = streamed.usage, streamed.chunks[0]
    else:
        _, answer, _ = gateway.chat(ROUTER)
        found = answer["usage"]
    assert found is not None
    assert {name: found[name] for name in usage} == usage
    assert answer["prompt_filter_results"]


def test_a_receipt_says_what_happened(gateway: Gateway) -> None:
    _, _, headers = gateway.chat(ROUTER)
    receipt = gateway.receipt(headers["x-faregate-call-id"])
    assert receipt["requested_model"] == ROUTER
    assert receipt["deployment"] == headers["x-faregate-deployment"]
    assert receipt["http_status"] == 200
    assert receipt["outcome"] == "completed"
    assert receipt["key"] == "master"
    assert receipt["stream"] is False
    assert [attempt["status"] for attempt in receipt["attempts"]] == [200]
    assert receipt["started"] <= receipt["first_byte"] <= receipt["ended"]


def test_receipts_need_the_key(gateway: Gateway) -> None:
    _, _, headers = gateway.chat(ROUTER)
    path = f"/v1/receipts/{headers['x-faregate-call-id']}"
    status, said = gateway.get(path)
    assert (status, said["error"]["code"]) == (401, "missing_api_key")
    status, said = gateway.get("/v1/receipts/call_nobody", **gateway.bearer)
    assert (status, said["error"]["code"]) == (404, "receipt_not_found")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_model_without_a_price_costs_nothing_known(
    gateway: Gateway, emulator: Emulator, stream: bool
) -> None:
    emulator.fault("serve;model=gpt-9-mystery")
    if stream:
        streamed = gateway.stream(ROUTER, stream_options={"include_usage": True})
        found, headers = streamed.usage or {}, streamed.headers
    else:
        _, answer, headers = gateway.chat(ROUTER)
        found = answer["usage"]
        assert headers["x-faregate-cost-status"] == "unpriced"
        assert headers["x-faregate-router-fee"] == found["cost_details"]["router_fee"]
    assert "x-faregate-cost" not in headers
    assert "cost" not in found
    assert "total" not in found["cost_details"]
    assert found["cost_details"]["status"] == "unpriced"
    receipt = gateway.receipt(headers["x-faregate-call-id"])
    assert receipt["total"] is None
    assert receipt["status"] == "unpriced"
    assert receipt["router_fee"] == found["cost_details"]["router_fee"]


def test_usage_that_never_came_is_estimated(gateway: Gateway, emulator: Emulator) -> None:
    for stream in (False, True):
        emulator.fault("no-usage")
        if stream:
            streamed = gateway.stream(ROUTER, stream_options={"include_usage": True})
            found, call_id = streamed.usage or {}, streamed.call_id
        else:
            _, answer, headers = gateway.chat(ROUTER)
            found, call_id = answer["usage"], headers["x-faregate-call-id"]
            assert headers["x-faregate-cost-status"] == "estimated"
        assert found["cost_details"]["status"] == "estimated"
        assert found["prompt_tokens"] > 0
        assert gateway.receipt(call_id)["status"] == "estimated"


def test_embeddings_have_a_receipt(gateway: Gateway) -> None:
    body = {"model": "text-embedding-3-small", "input": ["one", "two"]}
    status, answer, headers = gateway.ask("POST", "/v1/embeddings", body, gateway.bearer)
    assert status == 200
    receipt = gateway.receipt(headers["x-faregate-call-id"])
    assert receipt["total"] == headers["x-faregate-cost"]
    assert answer["usage"]["cost_details"]["total"] == receipt["total"]
    assert receipt["router_fee"] is None
    assert receipt["operation"] == "embeddings"


def test_the_bill_is_the_meters(gateway: Gateway, emulator: Emulator) -> None:
    """Every token the resource billed is on a receipt, and no other."""
    questions = ["Say hello", "Write Python code that sorts a list", "Prove that 17 is prime"]
    receipts = []
    for number in range(12):
        question = questions[number % 3] + (" please" * 1100 if number % 4 == 3 else "")
        if number % 2:
            receipts.append(gateway.receipt(gateway.stream(ROUTER, question).call_id))
        else:
            _, _, headers = gateway.chat(ROUTER, question)
            receipts.append(gateway.receipt(headers["x-faregate-call-id"]))
    used = [charge["usage"] for receipt in receipts for charge in receipt["charges"]]
    total = emulator.meter()["total"]
    assert total["calls"] == 12
    for unit in ("input", "cache_read", "cache_write", "output", "reasoning"):
        assert sum(each.get(unit, 0) for each in used) == total[unit], unit
