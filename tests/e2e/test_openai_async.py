"""The openai package, asynchronous: many calls at once over few connections."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest

from tests.e2e.processes import Emulator, Gateway


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0
    ) as made:
        yield made


async def test_an_answer(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="azure-model-router", messages=[{"role": "user", "content": "Say hello"}]
    )
    assert answer.choices[0].message.content == "hello"


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    text = ""
    usages = []
    async with await client.chat.completions.create(
        model="azure-model-router",
        messages=[{"role": "user", "content": "Say good morning to everybody"}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        async for chunk in stream:
            usages.append(chunk.usage)
            for choice in chunk.choices:
                text += choice.delta.content or ""
    assert text == "good morning to everybody"
    assert [usage is not None for usage in usages] == [False] * (len(usages) - 1) + [True]


async def test_many_at_once(client: openai.AsyncOpenAI, emulator: Emulator) -> None:
    async def ask(number: int) -> None:
        question = f"Say number {number}"
        if number % 2:
            answer = await client.chat.completions.create(
                model="azure-model-router", messages=[{"role": "user", "content": question}]
            )
            assert answer.choices[0].message.content == f"number {number}"
            return
        async with client.chat.completions.stream(
            model="azure-model-router", messages=[{"role": "user", "content": question}]
        ) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == f"number {number}"

    await asyncio.gather(*(ask(number) for number in range(60)))
    assert emulator.meter()["total"]["calls"] == 60


async def test_embeddings(client: openai.AsyncOpenAI) -> None:
    answer = await client.embeddings.create(model="text-embedding-3-small", input="one")
    assert len(answer.data[0].embedding) == 1536
