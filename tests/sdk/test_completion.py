"""Routed calls through the SDK, against an emulated Azure resource in a process-wide server."""

import asyncio
import copy
import pickle
from typing import Any

import pytest

import faregate
from faregate.core.receipt_text import as_json
from faregate.money import format_usd, parse_usd
from tests.sdk.conftest import HELLO, Post

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def test_a_routed_call_says_who_served_it_and_what_it_cost(routed: dict[str, Any]) -> None:
    response = faregate.completion(**routed)
    assert response.model.startswith("azure_ai/")
    assert response.choices[0].message.content
    assert response["usage"]["prompt_tokens"] == response.usage.prompt_tokens
    receipt = response.receipt
    assert receipt is not None
    assert receipt.status == "priced"
    assert receipt.total == sum(line.amount for line in receipt.lines)
    assert receipt.charge.requested_model == routed["model"]
    assert receipt.charge.sent_model == "azure-model-router"
    assert response.model == f"azure_ai/{receipt.charge.served_model}"


async def test_awaited_and_not_awaited_calls_are_the_same(routed: dict[str, Any]) -> None:
    awaited = await faregate.acompletion(**routed)
    plain = await asyncio.to_thread(lambda: faregate.completion(**routed))
    assert awaited.receipt is not None
    assert plain.receipt is not None
    assert (awaited.receipt.total, awaited.model) == (plain.receipt.total, plain.model)


async def test_a_synchronous_call_works_inside_a_running_loop(routed: dict[str, Any]) -> None:
    assert faregate.completion(**routed).receipt is not None


def test_hidden_params_have_the_keys_people_read(routed: dict[str, Any]) -> None:
    hidden = faregate.completion(**routed)._hidden_params
    assert hidden["response_cost"] > 0
    assert hidden["custom_llm_provider"] == "azure_ai"
    assert hidden["api_base"] == routed["api_base"]
    assert hidden["model_id"] == "azure-model-router"
    assert "llm_provider-x-ms-region" in hidden["additional_headers"]
    assert format_usd(hidden["receipt"].total) == as_json(hidden["receipt"])["total"]


SCRIPTED = [
    ("gpt-4.1-nano-2025-04-14", {"prompt_tokens": 1000, "completion_tokens": 100}, "0.00028"),
    (
        "gpt-5-nano-2025-08-07",
        {
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "completion_tokens_details": {"reasoning_tokens": 400},
        },
        "0.00039",
    ),
    (
        "grok-4-1-fast-reasoning",
        {"prompt_tokens": 92, "completion_tokens": 79, "total_tokens": 706},
        "0.00033828",
    ),
    ("claude-haiku-4-5-20251001", {"prompt_tokens": 1000, "completion_tokens": 100}, "0.00164"),
    ("DeepSeek-V3.2", {"prompt_tokens": 1000, "completion_tokens": 100}, "0.000888"),
]


@pytest.mark.parametrize(("served", "usage", "total"), SCRIPTED)
async def test_streamed_or_not_the_receipt_is_the_same_to_the_last_digit(
    own: dict[str, Any], post: Post, served: str, usage: dict[str, int], total: str
) -> None:
    post("script", served=served, usage=usage)
    post("script", served=served, usage=usage)
    whole = (await faregate.acompletion(**own)).receipt
    stream = await faregate.acompletion(stream=True, **own)
    async for chunk in stream:
        last = chunk
    assert whole is not None
    assert last.receipt is not None
    assert [format_usd(each.total or 0) for each in (whole, last.receipt)] == [total, total]
    assert whole.lines == last.receipt.lines
    assert stream.receipt is last.receipt


def test_the_captured_stream_costs_exactly_this(routed: dict[str, Any]) -> None:
    stream = faregate.completion(
        **routed | {"model": "azure_ai/model_router/captured-stream"}, stream=True
    )
    chunks = list(stream)
    receipt = chunks[-1].receipt
    assert receipt is not None
    assert format_usd(receipt.total or 0) == "0.00003405"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.cost == 0.00003405
    assert chunks[-1].usage.cost_details is not None
    assert chunks[-1].usage.cost_details["total"] == "0.00003405"
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Capital of Denmark."
    )
    assert {chunk.model for chunk in chunks if chunk.model} == {"azure_ai/gpt-5-nano-2025-08-07"}
    assert chunks[0]["prompt_filter_results"]


def test_usage_asked_for_comes_in_a_chunk_without_choices(routed: dict[str, Any]) -> None:
    chunks = list(
        faregate.completion(**routed, stream=True, stream_options={"include_usage": True})
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0
    assert chunks[-1].receipt is not None
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_without_asking_every_chunk_can_be_indexed(routed: dict[str, Any]) -> None:
    chunks = list(faregate.completion(**routed, stream=True))
    assert all(isinstance(chunk.choices[0].delta, dict) for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


def test_tools_reach_the_router_and_their_calls_come_back(routed: dict[str, Any]) -> None:
    asked: dict[str, Any] = {
        **routed,
        "messages": [{"role": "user", "content": "What is the weather in Oslo?"}],
        "tools": [TOOL],
        "tool_choice": "required",
    }
    response = faregate.completion(**asked)
    calls = response.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"
    rebuilt = faregate.stream_chunk_builder(list(faregate.completion(**asked, stream=True)))
    again = rebuilt.choices[0].message.tool_calls
    assert again is not None
    assert again[0].function == calls[0].function


def test_messages_of_an_answer_can_be_sent_again(routed: dict[str, Any]) -> None:
    message = faregate.completion(**routed).choices[0].message
    more = [*HELLO, message, {"role": "user", "content": "And of Norway?"}]
    assert faregate.completion(**routed | {"messages": more}).receipt is not None


def test_a_model_without_a_price_has_no_cost_and_says_so(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="serve;model=gpt-9-mystery")
    response = faregate.completion(**own)
    assert response.receipt is not None
    assert (response.receipt.status, response.receipt.total) == ("unpriced", None)
    assert response.receipt.router_fee
    assert response._hidden_params["response_cost"] is None
    assert response.usage is not None
    assert response.usage.cost is None
    with pytest.raises(faregate.UnpricedError, match="gpt-9-mystery"):
        faregate.completion_cost(response)
    with pytest.raises(faregate.UnpricedError, match="gpt-9-mystery"):
        faregate.completion_cost(response.model_dump())


def test_usage_left_out_is_counted_and_marked(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="no-usage", times=2)
    whole = faregate.completion(**own).receipt
    streamed = list(faregate.completion(**own, stream=True))[-1].receipt
    for receipt in (whole, streamed):
        assert receipt is not None
        assert receipt.status == "estimated"
        assert receipt.total


def test_contradicting_usage_is_marked(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="bad-usage")
    receipt = faregate.completion(**own).receipt
    assert receipt is not None
    assert receipt.status == "inconsistent"
    assert receipt.charge.reason


def test_the_routing_trace_is_kept_where_it_was_asked_for(routed: dict[str, Any]) -> None:
    without = faregate.completion(**routed).receipt
    asked = faregate.completion(**routed, routing_config={"mode": "cost"}).receipt
    assert without is not None
    assert without.charge.trace is None
    assert asked is not None
    assert asked.charge.trace is not None
    assert asked.charge.trace.mode == "cost"
    assert asked.charge.trace.attempts[-1].status == 200
    last = list(faregate.completion(**routed, routing_config={"mode": "cost"}, stream=True))[-1]
    assert last.receipt is not None
    assert last.receipt.charge.trace == asked.charge.trace


def test_auto_needs_no_deployment(routed: dict[str, Any]) -> None:
    receipt = faregate.completion(**routed | {"model": "azure_ai/auto"}).receipt
    assert receipt is not None
    assert (receipt.charge.route, receipt.charge.sent_model) == ("model_router", "auto")
    assert receipt.router_fee


def test_a_deployment_in_a_data_zone_pays_its_prices(own: dict[str, Any], post: Post) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    post("script", served="gpt-5-nano-2025-08-07", usage=usage)
    receipt = faregate.completion(**own, scope="data_zone_us").receipt
    assert receipt is not None
    assert receipt.total == parse_usd("0.000415")


def test_own_prices_discount_and_fee(own: dict[str, Any], post: Post) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    for _ in range(3):
        post("script", served="gpt-4.1-nano-2025-04-14", usage=usage)
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": "0.000002"}
    totals = [
        faregate.completion(**own, **how).receipt.total
        for how in (prices, {"discount": 0.1}, {"router_fee": False})
    ]
    assert totals == [parse_usd("0.00134"), parse_usd("0.000266"), parse_usd("0.00014")]


def test_embeddings_have_a_receipt(emulator_url: str) -> None:
    response = faregate.embedding(
        "azure/text-embedding-3-small",
        ["one", "two"],
        api_base=f"{emulator_url}/openai/v1",
        api_key="emulator-key",
    )
    assert len(response.data) == 2
    assert len(response.data[0].embedding) > 100
    assert response.receipt is not None
    assert response.receipt.status == "priced"
    assert response.receipt.total


def test_an_answer_can_be_dumped_copied_and_pickled(routed: dict[str, Any]) -> None:
    response = faregate.completion(**routed)
    plain = response.model_dump()
    assert type(plain) is dict
    assert type(plain["choices"][0]["message"]) is dict
    again = faregate.ModelResponse(**plain)
    assert again.choices[0].message.content == response.choices[0].message.content
    for twin in (copy.deepcopy(response), pickle.loads(pickle.dumps(response))):
        assert twin == response
        assert twin.receipt == response.receipt
        assert twin._hidden_params == response._hidden_params


def test_unknown_provider_fields_are_kept_and_absent_ones_are_none(routed: dict[str, Any]) -> None:
    response = faregate.completion(**routed)
    assert response.prompt_filter_results
    assert response.choices[0].content_filter_results
    assert response.choices[0].message.tool_calls is None
    with pytest.raises(AttributeError, match="no field 'nonsense'"):
        _ = response.nonsense


def test_everything_a_caller_sends_reaches_the_deployment() -> None:
    from tests.sdk.capture import captured_request

    content = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    sent = {
        "messages": [{"role": "user", "content": content}],
        "tools": [TOOL],
        "tool_choice": "auto",
        "reasoning_effort": "high",
        "verbosity": "low",
        "thinking": {"type": "enabled"},
        "response_format": {"type": "json_object"},
        "user": "u1",
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "a_field_of_tomorrow": [1, {"x": None}],
    }
    _, headers, body = captured_request(
        model="azure_ai/model_router/my-prod", extra_body={"more": 1}, temperature=None, **sent
    )
    assert body == {"model": "my-prod", **sent, "more": 1}
    assert headers["content-type"] == "application/json"
    assert "foundry-features" not in headers


def test_additional_drop_params_are_left_out() -> None:
    from tests.sdk.capture import captured_request

    _, _, body = captured_request(
        model="azure_ai/model_router/my-prod",
        messages=HELLO,
        user="u1",
        response_format={"type": "json_schema", "strict": True},
        additional_drop_params=["user", "response_format.strict", "not_there"],
    )
    assert "user" not in body
    assert body["response_format"] == {"type": "json_schema"}


def test_a_refused_parameter_is_left_out_where_that_is_asked(own: dict[str, Any]) -> None:
    direct = own | {"model": "azure_ai/o4-mini", "max_tokens": 50}
    with pytest.raises(faregate.UnsupportedParamsError):
        faregate.completion(**direct)
    assert faregate.completion(**direct, drop_params=True).receipt is not None
