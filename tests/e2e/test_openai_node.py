"""The openai package for Node."""

import json

from tests.e2e.environments import NODE, NodeModules
from tests.e2e.processes import Emulator, Gateway, environment


def test_everything(node: NodeModules, gateway: Gateway, emulator: Emulator) -> None:
    emulator.fault("content-filter", deployment="model-router")
    code = (NODE / "chat.mjs").read_text("utf-8")
    env = environment(GATEWAY=gateway.url, KEY=gateway.key)
    found = json.loads(node.run(code, env))
    assert found["text"] == "hello"
    assert found["model"] == "azure_ai/gpt-4.1-nano-2025-04-14"
    assert found["cost"] == float(found["details"]["total"]) > 0
    assert found["header"] == found["details"]["total"]
    assert found["requestId"] == found["details"]["call_id"]
    assert found["streamed"] == "good morning"
    assert found["streamedDetails"]["status"] == "priced"
    assert found["usages"] == 1
    assert found["tool"] == "get_weather"
    assert set(found["arguments"]) == {"city"}
    assert found["vector"] == 1536
    assert found["azure"] == "hello"
    assert "azure-model-router" in found["models"]
    assert found["errors"] == [
        ["AuthenticationError", 401, "invalid_api_key"],
        ["NotFoundError", 404, "model_not_found"],
        ["BadRequestError", 400, "content_filter"],
    ]
