"""The openai package, synchronous, as its users write it."""

import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from tests.e2e.processes import Gateway

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Flight(BaseModel):
    """What a structured answer is to hold."""

    city: str
    passengers: int


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


def test_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="azure-model-router", messages=HELLO)
    assert answer.choices[0].message.content == "hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "azure_ai/gpt-4.1-nano-2025-04-14"
    assert answer.usage is not None
    extra = answer.usage.model_extra or {}
    assert extra["cost_details"]["status"] == "priced"
    assert extra["cost"] == float(extra["cost_details"]["total"]) > 0


def test_the_models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["azure-model-router", "once"]
    assert client.models.retrieve("once").id == "once"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody-has-this")


def test_a_stream_without_usage(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="azure-model-router", messages=HELLO, stream=True
    ) as stream:
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hello"
    assert all(chunk.usage is None for chunk in chunks)
    assert {chunk.model for chunk in chunks} == {"", "azure_ai/gpt-4.1-nano-2025-04-14"}
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_with_usage(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="azure-model-router",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    assert [chunk.usage is not None for chunk in chunks].count(True) == 1
    last = chunks[-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens
    assert (last.usage.model_extra or {})["cost_details"]["status"] == "priced"


def test_the_stream_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="azure-model-router", messages=HELLO) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in events
    assert events[-1] == "content.done"
    assert final.choices[0].message.content == "hello"


def test_tools_to_the_end(client: openai.OpenAI) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": "What is the weather in Paris?"}
    ]
    first = client.chat.completions.create(
        model="azure-model-router", messages=messages, tools=[WEATHER]
    )
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls or []
    assert [call.type for call in calls] == ["function"]
    call = calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    messages += [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 21 °C"},
    ]
    second = client.chat.completions.create(
        model="azure-model-router", messages=messages, tools=[WEATHER]
    )
    assert second.choices[0].message.content


def test_a_streamed_tool_call(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="azure-model-router",
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ["get_weather"]
    assert set(json.loads(calls[0].function.arguments)) == {"city"}


def test_a_structured_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="azure-model-router",
        messages=[{"role": "user", "content": "Three people fly to Oslo"}],
        response_format=Flight,
    )
    assert isinstance(answer.choices[0].message.parsed, Flight)
    assert answer.model.startswith("azure_ai/")


def test_a_streamed_structured_answer(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="azure-model-router",
        messages=[{"role": "user", "content": "Three people fly to Oslo"}],
        response_format=Flight,
    ) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Flight)


def test_embeddings(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [each.index for each in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == 1536
    assert answer.usage.prompt_tokens > 0
    assert (answer.usage.model_extra or {})["cost"] > 0


def test_embeddings_as_numbers(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small", input="one", encoding_format="float", dimensions=256
    )
    assert len(answer.data[0].embedding) == 256


def test_raw_headers(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="azure-model-router", messages=HELLO
    )
    headers = raw.headers
    answer = raw.parse()
    assert answer.usage is not None
    details = (answer.usage.model_extra or {})["cost_details"]
    assert headers["x-faregate-model"] == "gpt-4.1-nano-2025-04-14"
    assert headers["x-faregate-deployment"] == "azure-model-router/azure-model-router"
    assert headers["x-faregate-cost-status"] == "priced"
    assert headers["x-faregate-cost"] == details["total"]
    assert headers["x-faregate-router-fee"] == details["router_fee"]
    assert headers["x-faregate-call-id"] == details["call_id"]
    assert headers["x-faregate-attempts"] == "1"
    assert int(headers["x-faregate-overhead-us"]) > 0
    assert int(headers["x-ratelimit-remaining-requests"]) > 0
    assert answer._request_id == raw.request_id == headers["x-request-id"]


def test_the_callers_request_id_comes_back(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="azure-model-router", messages=HELLO, extra_headers={"x-request-id": "mine-7"}
    )
    assert raw.request_id == "mine-7"


def test_a_streams_headers_claim_no_cost(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="azure-model-router", messages=HELLO, stream=True
    ) as raw:
        headers = raw.headers
        raw.read()
    assert "x-faregate-cost" not in headers
    assert headers["x-faregate-model"] == "gpt-4.1-nano-2025-04-14"


def test_other_headers_for_the_key(gateway: Gateway) -> None:
    body = {"model": "once", "messages": HELLO}
    for headers in ({"x-api-key": gateway.key}, {"api-key": gateway.key}, gateway.bearer):
        status, _, _ = gateway.ask("POST", "/chat/completions", body, headers)
        assert status == 200
