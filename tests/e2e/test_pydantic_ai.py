"""pydantic-ai agents: plain, typed, with a tool, streamed."""

import json

from tests.e2e.environments import ClientsPython
from tests.e2e.processes import Gateway


def test_agents(clients: ClientsPython, gateway: Gateway) -> None:
    found = json.loads(clients.run("pydantic_ai_agent.py", gateway.url, gateway.key))
    assert found["text"] == "hello"
    assert found["model"] == "azure_ai/gpt-4.1-nano-2025-04-14"
    assert found["typed"] is True
    assert len(found["asked"]) == 1
    assert found["told"]
    assert found["streamed"] == "good morning"
    assert found["streamed_tokens"] > 0
