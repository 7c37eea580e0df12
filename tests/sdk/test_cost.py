"""completion_cost, cost_per_token, token_counter, get_llm_provider, stream_chunk_builder."""

import json
from typing import Any

import pytest

import faregate
from faregate.money import format_usd
from tests.sdk.conftest import Post

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 800},
}
AZURE_ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_762_317_021,
    "model": "gpt-4.1-nano-2025-04-14",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}],
    "usage": USAGE,
}
ROUTED = 0.00022


@pytest.fixture
def response(own: dict[str, Any], post: Post) -> faregate.ModelResponse:
    post("script", served="gpt-4.1-nano-2025-04-14", usage=USAGE)
    found: faregate.ModelResponse = faregate.completion(**own)
    return found


def test_of_a_response(response: faregate.ModelResponse) -> None:
    assert faregate.completion_cost(response) == ROUTED
    assert faregate.completion_cost(completion_response=response) == ROUTED


def test_of_a_dict_and_of_json_read_back_the_fee_is_not_lost(
    response: faregate.ModelResponse,
) -> None:
    plain = response.model_dump()
    assert faregate.completion_cost(plain) == ROUTED
    assert faregate.completion_cost(json.loads(response.model_dump_json())) == ROUTED
    assert faregate.completion_cost(faregate.ModelResponse(**plain)) == ROUTED
    assert faregate.completion_cost(faregate.ModelResponse.model_validate(plain)) == ROUTED


def test_of_another_librarys_object(response: faregate.ModelResponse) -> None:
    from openai.types.chat import ChatCompletion

    theirs = ChatCompletion.model_validate(response.model_dump())
    assert faregate.completion_cost(theirs) == ROUTED


def test_of_a_providers_own_answer_the_model_says_it_was_routed() -> None:
    routed = faregate.completion_cost(AZURE_ANSWER, model="azure_ai/model_router/my-router")
    direct = faregate.completion_cost(AZURE_ANSWER, model="azure_ai/my-gpt")
    assert (routed, direct) == (ROUTED, 0.00008)


def test_of_a_providers_own_answer_with_our_prefix() -> None:
    prefixed = AZURE_ANSWER | {"model": "azure_ai/gpt-4.1-nano-2025-04-14"}
    assert faregate.completion_cost(prefixed) == 0.00008
    assert faregate.completion_cost(prefixed, model="azure_ai/model_router/x") == ROUTED


@pytest.mark.parametrize("include_usage", [True, False])
def test_of_a_stream_put_together_again(
    own: dict[str, Any], post: Post, include_usage: bool
) -> None:
    post("script", served="gpt-4.1-nano-2025-04-14", usage=USAGE, content="Copenhagen it is.")
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if include_usage else {}
    chunks = list(faregate.completion(**own, stream=True, **options))
    rebuilt = faregate.stream_chunk_builder(chunks)
    assert rebuilt.choices[0].message.content == "Copenhagen it is."
    assert rebuilt.choices[0].finish_reason == "stop"
    assert rebuilt.model == "azure_ai/gpt-4.1-nano-2025-04-14"
    assert rebuilt.usage is not None
    assert rebuilt.usage.prompt_tokens == 1000
    assert faregate.completion_cost(rebuilt) == ROUTED
    assert faregate.completion_cost(rebuilt.model_dump()) == ROUTED
    assert rebuilt._hidden_params["response_cost"] == ROUTED
    plain = [chunk.model_dump() for chunk in chunks]
    assert faregate.completion_cost(faregate.stream_chunk_builder(plain)) == ROUTED


def test_of_texts_it_is_an_estimate() -> None:
    found = faregate.completion_cost(
        model="openai/gpt-4.1-nano", prompt="word " * 1000, completion="word " * 100
    )
    assert 0.0001 < found < 0.0002


def test_of_nothing_it_says_what_is_missing() -> None:
    with pytest.raises(faregate.ConfigError, match="a model with texts"):
        faregate.completion_cost()
    with pytest.raises(faregate.UnpricedError, match="no usage"):
        faregate.completion_cost({"model": "gpt-4o"})
    with pytest.raises(TypeError, match="expected an answer"):
        faregate.completion_cost(42)
    with pytest.raises(faregate.UnpricedError):
        faregate.completion_cost(AZURE_ANSWER | {"model": "gpt-9"}, model="azure_ai/model_router/x")


def test_cost_per_token() -> None:
    prompt, completion = faregate.cost_per_token("azure_ai/gpt-4.1-nano-2025-04-14", 1000, 100)
    assert (prompt, completion) == (0.0001, 0.00004)
    cached, _ = faregate.cost_per_token("gpt-4.1-nano", 1000, 0, cache_read_input_tokens=800)
    assert cached == 0.00004
    with pytest.raises(faregate.UnpricedError, match="gpt-9"):
        faregate.cost_per_token("azure_ai/gpt-9", 1000, 100)
    with pytest.raises(faregate.ConfigError, match="do not fit"):
        faregate.cost_per_token("gpt-4.1-nano", 10, 0, cache_read_input_tokens=800)


def test_token_counter() -> None:
    assert faregate.token_counter("gpt-4o", text="Hello, world!") == 4
    one = faregate.token_counter("azure_ai/gpt-4o", messages=[{"role": "user", "content": "Hi"}])
    two = faregate.token_counter(
        "azure_ai/gpt-4o", messages=[{"role": "user", "content": "Hi you"}]
    )
    assert 0 < one < two
    with pytest.raises(faregate.ConfigError, match="text or messages"):
        faregate.token_counter("gpt-4o")


def test_get_llm_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AI_API_KEY", "k")
    assert faregate.get_llm_provider("azure_ai/model_router/x") == ("x", "azure_ai", "k", None)
    model, provider, key, base = faregate.get_llm_provider("gpt-4o")
    assert (model, provider, key) == ("gpt-4o", "openai", None)
    assert base == "https://api.openai.com/v1"


def test_the_number_is_the_receipts(response: faregate.ModelResponse) -> None:
    assert response.receipt is not None
    assert format_usd(response.receipt.total or 0) == "0.00022"
