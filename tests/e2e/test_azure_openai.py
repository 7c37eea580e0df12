"""AzureOpenAI clients, with the gateway as their endpoint and their deployment paths."""

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.processes import Emulator, Gateway

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.AzureOpenAI]:
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        api_key=gateway.key,
        api_version="2024-10-21",
        max_retries=0,
    ) as made:
        yield made


def test_the_model_of_the_path_is_asked(client: openai.AzureOpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="azure-model-router", messages=HELLO
    )
    assert "/openai/deployments/azure-model-router/chat/completions" in str(raw.http_response.url)
    assert raw.parse().choices[0].message.content == "hello"
    assert raw.headers["x-faregate-cost-status"] == "priced"


def test_a_stream(client: openai.AzureOpenAI) -> None:
    with client.chat.completions.stream(model="azure-model-router", messages=HELLO) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "hello"
    assert final.model == "azure_ai/gpt-4.1-nano-2025-04-14"


def test_embeddings(client: openai.AzureOpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input="one")
    assert len(answer.data[0].embedding) == 1536


def test_a_deployment_fixed_on_the_client(gateway: Gateway) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        azure_deployment="nano",
        api_key=gateway.key,
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        answer = client.chat.completions.create(model="whatever", messages=HELLO)
    assert answer.model == "azure_ai/gpt-4.1-nano-2025-04-14"


def test_a_name_with_a_slash(client: openai.AzureOpenAI) -> None:
    answer = client.chat.completions.create(model="team/nano", messages=HELLO)
    assert answer.choices[0].message.content == "hello"


def test_a_token_instead_of_a_key(gateway: Gateway) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        azure_ad_token_provider=lambda: gateway.key,
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        answer = client.chat.completions.create(model="nano", messages=HELLO)
    assert answer.choices[0].message.content == "hello"


def test_the_undated_api(gateway: Gateway) -> None:
    with openai.OpenAI(
        base_url=f"{gateway.url}/openai/v1/", api_key=gateway.key, max_retries=0
    ) as client:
        answer = client.chat.completions.create(model="nano", messages=HELLO)
        names = [model.id for model in client.models.list()]
        found = client.embeddings.create(model="text-embedding-3-small", input="one")
        one = client.models.retrieve("nano")
    assert answer.choices[0].message.content == "hello"
    assert "nano" in names
    assert found.data
    assert one.id == "nano"


async def test_asynchronously(gateway: Gateway) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=gateway.url,
        api_key=gateway.key,
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        answer = await client.chat.completions.create(model="nano", messages=HELLO)
    assert answer.choices[0].message.content == "hello"


def test_errors(client: openai.AzureOpenAI, emulator: Emulator) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="not-deployed", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    emulator.fault("content-filter")
    with pytest.raises(openai.BadRequestError) as filtered:
        client.chat.completions.create(model="once", messages=HELLO)
    assert filtered.value.code == "content_filter"
