"""The llm command, told of the gateway by its extra-openai-models.yaml."""

import json
from pathlib import Path

import pytest

from tests.e2e.environments import ClientsPython, run
from tests.e2e.processes import Gateway, environment

MODELS = """
- model_id: router
  model_name: azure-model-router
  api_base: {url}/v1
  api_key_name: faregate
  supports_tools: true
  supports_schema: true
"""


class Llm:
    """The command with a directory of its own."""

    def __init__(self, program: Path, home: Path, gateway: Gateway) -> None:
        home.mkdir()
        (home / "extra-openai-models.yaml").write_text(MODELS.format(url=gateway.url), "utf-8")
        (home / "keys.json").write_text(json.dumps({"faregate": gateway.key}), "utf-8")
        self._program = str(program)
        self._env = environment(LLM_USER_PATH=str(home))

    def __call__(self, *arguments: str) -> str:
        return run([self._program, *arguments], self._env).strip()


@pytest.fixture
def llm(clients: ClientsPython, gateway: Gateway, tmp_path: Path) -> Llm:
    return Llm(clients.binaries / "llm", tmp_path / "llm", gateway)


def test_streamed(llm: Llm) -> None:
    assert llm("-m", "router", "Say hello from the command line") == "hello from the command line"


def test_whole_and_logged(llm: Llm) -> None:
    assert llm("-m", "router", "--no-stream", "Say hello") == "hello"
    logged = json.loads(llm("logs", "list", "--json", "--count", "1"))
    assert logged[0]["response"] == "hello"
    assert logged[0]["input_tokens"] > 0
    assert logged[0]["output_tokens"] > 0


def test_a_schema(llm: Llm) -> None:
    answer = llm("-m", "router", "--schema", "city, passengers int", "Three people fly to Oslo")
    assert set(json.loads(answer)) == {"city", "passengers"}
