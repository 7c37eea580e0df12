"""A call through the emulator, and a way to lay answers and faults down."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest

from faregate.emulator.serve import running_emulator

Post = Callable[..., None]

HELLO = [{"role": "user", "content": "What is the capital of Denmark?"}]


@pytest.fixture
def own_emulator() -> Iterator[str]:
    """An emulator of the test's own."""
    with running_emulator() as url:
        yield url


@pytest.fixture
def post(own_emulator: str) -> Post:
    """POST to one of the emulator's control routes."""

    def send(name: str, **fields: Any) -> None:
        body = msgspec.json.encode(fields)
        request = Request(f"{own_emulator}/_emulator/{name}", body, method="POST")
        with urlopen(request) as answer:
            assert answer.status == 200

    return send


@pytest.fixture
def routed(emulator_url: str) -> dict[str, Any]:
    """The arguments of a routed call to the shared emulator."""
    return arguments(emulator_url)


@pytest.fixture
def own(own_emulator: str) -> dict[str, Any]:
    """The arguments of a routed call to the test's own emulator."""
    return arguments(own_emulator)


def arguments(url: str) -> dict[str, Any]:
    """A routed call, with no retries so that a fault is met once."""
    return {
        "model": "azure_ai/model_router/azure-model-router",
        "messages": HELLO,
        "api_base": f"{url}/openai/v1",
        "api_key": "emulator-key",
        "num_retries": 0,
    }
