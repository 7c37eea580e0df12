"""What the emulated models answer: text, JSON for a schema, tool calls, and the bill for it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from faregate.emulator import running_emulator
from faregate.emulator.counting import PrefixCache
from faregate.emulator.pool import find_or_invent
from faregate.emulator.schema import instance
from faregate.tokenizer import count_messages, count_text
from tests.emulator.emulator_api import Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running_emulator() as url:
        yield Api(url)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 2},
            },
            "required": ["city"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "description": "The time."}}


def call_of(body: Any) -> tuple[str, Any, str]:
    choice = body["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["message"]["content"] is None
    assert call["type"] == "function"
    function = call["function"]
    return function["name"], json.loads(function["arguments"]), choice["finish_reason"]


def test_a_question_for_a_tool_gets_a_call(api: Api) -> None:
    body = api.chat("What is the weather like in Paris today?", tools=[TIME, WEATHER]).json
    name, arguments, finish = call_of(body)
    assert (name, finish) == ("get_weather", "tool_calls")
    assert arguments == {"city": "Paris", "unit": "celsius", "days": 2}


def test_tools_are_not_called_for_nothing(api: Api) -> None:
    question = "What is the weather like in Paris?"
    plain = api.chat("Say hello", tools=[WEATHER]).json["choices"][0]
    assert plain["message"]["content"] == "hello"
    none = api.chat(question, tools=[WEATHER], tool_choice="none").json["choices"][0]
    assert none["finish_reason"] == "stop"
    assert "tool_calls" not in none["message"]


def test_tools_can_be_forced(api: Api) -> None:
    body = api.chat("Say hello", tools=[TIME], tool_choice="required").json
    assert call_of(body) == ("get_time", {}, "tool_calls")
    forced = {"type": "function", "function": {"name": "get_time"}}
    body = api.chat("The weather?", tools=[WEATHER, TIME], tool_choice=forced).json
    assert call_of(body) == ("get_time", {}, "stop")


def test_after_a_tools_result_comes_text(api: Api) -> None:
    question = "What is the weather like in Paris?"
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    choice = api.chat(messages=messages, tools=[WEATHER]).json["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "Paris" in choice["message"]["content"]


def test_a_streamed_call_is_the_same_call(api: Api) -> None:
    question = "What is the weather like in Paris today?"
    plain = api.chat(question, tools=[WEATHER]).json["choices"][0]["message"]["tool_calls"][0]
    chunks = api.chat(question, tools=[WEATHER], stream=True).chunks
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert calls[0]["function"]["name"] == "get_weather"
    assert all("id" not in call for call in calls[1:])
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert arguments == plain["function"]["arguments"]
    finishes = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert finishes[-1] == "tool_calls"
    assert set(finishes[:-1]) == {None}


def test_response_formats(api: Api) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["name", "age"],
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    body = api.chat("Tell me about Marie Curie", response_format=wanted).json
    found = json.loads(body["choices"][0]["message"]["content"])
    assert found == {"name": "Marie Curie", "age": 18}
    body = api.chat("Hello", response_format={"type": "json_object"}).json
    assert json.loads(body["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "w"),
        ({"type": "string", "minLength": 3}, "wxx"),
        ({"type": "string", "format": "date"}, "2026-01-15"),
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "minimum": 5, "multipleOf": 4}, 8),
        ({"type": ["null", "boolean"]}, True),
        ({"type": "null"}, None),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["w", "w"]),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 0}, []),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "w"),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"required": ["a"]}]}, {"a": 1}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "boolean"}}}, True),
        ({}, "w"),
        (True, "w"),
    ],
)
def test_an_instance_of_a_schema(schema: Any, value: Any) -> None:
    assert instance(schema, "w") == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "id": {"type": "string"}}}
    assert instance({**node, "required": ["id"]})["next"]["id"] == "text"
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(instance(endless), dict)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}, "minItems": 10**12},
        {"type": "string", "minLength": 10**12},
        {"properties": {c: {"$ref": "#"} for c in "abcdefgh"}, "required": list("abcdefgh")},
        {"type": "integer", "minimum": "x"},
        {"allOf": [{"$ref": "#"}]},
    ],
)
def test_a_schema_beyond_all_bounds_is_refused(api: Api, schema: Any) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answered = api.chat(response_format=wanted)
    assert answered.status == 400
    assert answered.json["error"]["code"] == "invalid_schema"


def test_several_choices(api: Api) -> None:
    body = api.chat("Say hi", n=3).json
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    chunks = api.chat("Say hi", n=3, stream=True).chunks
    finished = [
        choice["index"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["finish_reason"]
    ]
    assert finished == [0, 1, 2]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_limits_are_honoured(api: Api, name: str) -> None:
    limit: dict[str, Any] = {name: 3}
    body = api.chat("Say one two three four five", model="gpt-4.1", **limit).json
    assert body["choices"][0]["message"]["content"] == "one two three"
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3


def test_a_limit_can_leave_a_reasoner_nothing_to_say(api: Api) -> None:
    body = api.chat("Say hello", model="gpt-5", max_completion_tokens=20).json
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 20
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20


def test_stop_sequences(api: Api) -> None:
    def say(model: str) -> str:
        body = api.chat("Say one two three", model=model, stop=["two"]).json
        return str(body["choices"][0]["message"]["content"])

    assert say("gpt-4.1") == "one "
    assert say("o4-mini") == "one two three"


def test_usage_counts_what_was_said(api: Api) -> None:
    question = "Say the quick brown fox jumps over the lazy dog"
    body = api.chat(question, model="gpt-4o").json
    usage = body["usage"]
    assert usage["prompt_tokens"] == count_messages([{"role": "user", "content": question}])
    said = body["choices"][0]["message"]["content"]
    assert usage["completion_tokens"] == count_text(said, "gpt-4o") == 9
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_reasoning_is_inside_completion_for_openai_and_outside_for_xai(api: Api) -> None:
    usage = api.chat("Say hi", model="gpt-5").json["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning >= 64
    assert usage["completion_tokens"] == 1 + reasoning
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    usage = api.chat("Say hi", model="grok-4-1-fast-reasoning").json["usage"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert reasoning >= 64
    assert usage["completion_tokens"] == 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + 1 + reasoning


def test_effort_decides_how_long_a_model_reasons(api: Api) -> None:
    def reasoning(effort: str) -> int:
        usage = api.chat("Say hi", model="gpt-5", reasoning_effort=effort).json["usage"]
        return int(usage["completion_tokens_details"]["reasoning_tokens"])

    assert 0 == reasoning("minimal") < reasoning("low") < reasoning("medium") < reasoning("high")


def test_a_repeated_prefix_is_cached_in_steps_of_128(api: Api) -> None:
    api.control("POST", "reset")
    long = "A manual of many words. " * 400
    first = api.chat(f"{long} One?", model="gpt-4.1").json["usage"]
    second = api.chat(f"{long} Two?", model="gpt-4.1").json["usage"]
    other = api.chat(f"{long} Two?", model="gpt-4.1-mini").json["usage"]
    cached = second["prompt_tokens_details"]["cached_tokens"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert cached % 128 == 0
    assert 1024 <= cached <= second["prompt_tokens"]
    assert second["prompt_tokens"] - cached < 300
    assert other["prompt_tokens_details"]["cached_tokens"] == 0
    assert "cache_write_tokens" not in first["prompt_tokens_details"]


def test_a_short_prompt_is_never_cached(api: Api) -> None:
    for _ in range(2):
        usage = api.chat("word " * 900, model="gpt-4.1").json["usage"]
        assert usage["prompt_tokens"] < 1024
        assert usage["prompt_tokens_details"]["cached_tokens"] == 0


def test_newer_models_report_what_they_wrote_to_the_cache(api: Api) -> None:
    api.control("POST", "reset")
    long = "Another manual of many words. " * 500
    first, second = (api.chat(long, model="gpt-5.6-luna").json["usage"] for _ in range(2))
    assert first["prompt_tokens_details"]["cache_write_tokens"] == first["prompt_tokens"] - 3
    assert second["prompt_tokens_details"]["cached_tokens"] >= 1024
    assert second["prompt_tokens_details"]["cache_write_tokens"] < 128


def test_the_prefix_cache_forgets() -> None:
    cache, model = PrefixCache(remembered=16), find_or_invent("gpt-4.1")
    one = {"messages": [{"role": "user", "content": "word " * 2000}]}
    two = {"messages": [{"role": "user", "content": "thing " * 2000}]}
    assert cache.look(model, one, 2007) == (0, 0)
    assert cache.look(model, one, 2007)[0] >= 1024
    assert cache.look(model, two, 2007) == (0, 0)
    assert cache.look(model, one, 2007) == (0, 0)
    assert len(cache._blocks) <= 16


def test_service_tiers_are_echoed(api: Api) -> None:
    assert "service_tier" not in api.chat().json
    assert api.chat(service_tier="flex").json["service_tier"] == "flex"
    assert api.chat(service_tier="auto").json["service_tier"] == "default"
    assert api.fault("downgrade", service_tier="priority").json["service_tier"] == "default"


def test_text_of_every_script_survives_a_stream(api: Api) -> None:
    question = "Say お誕生日 😀 naïve e\u0301 \U0001f468\u200d\U0001f469"
    plain = api.chat(question, model="gpt-4.1").json["choices"][0]["message"]["content"]
    assert api.chat(question, model="gpt-4.1", stream=True).text == plain
    assert plain == question.removeprefix("Say ")
