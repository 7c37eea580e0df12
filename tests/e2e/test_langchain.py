"""LangChain's ChatOpenAI, AzureChatOpenAI and OpenAIEmbeddings."""

import json

from tests.e2e.environments import ClientsPython
from tests.e2e.processes import Emulator, Gateway


def test_chat_openai(clients: ClientsPython, gateway: Gateway, emulator: Emulator) -> None:
    found = json.loads(clients.run("langchain_chat.py", gateway.url, gateway.key))
    assert found["text"] == "hello"
    assert found["model"] == "azure_ai/gpt-4.1-nano-2025-04-14"
    assert found["cost"] == float(found["cost_details"]["total"]) > 0
    assert found["cost_details"]["status"] == "priced"
    assert found["tokens"]["total_tokens"] > 0
    assert found["streamed"] == "good morning"
    assert found["streamed_tokens"]["output_tokens"] > 0
    assert found["tool"] == "get_weather"
    assert found["flight"] is True
    assert found["azure"] == "hello"
    assert found["vectors"] == [1536, 1536]
    assert emulator.meter()["total"]["calls"] == 6
