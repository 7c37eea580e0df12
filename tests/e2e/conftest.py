"""Emulator and gateway as processes, one pair for the run; tests that need others start them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.e2e import processes
from tests.e2e.environments import ClientsPython, NodeModules, clients_python, node_modules
from tests.e2e.processes import Emulator, Gateway

CONFIG = """
model_list:
  - model_name: azure-model-router
    litellm_params:
      model: azure_ai/model_router/azure-model-router
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
  - model_name: once
    params:
      model: azure_ai/model_router/model-router
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      max_retries: 0
  - model_name: nano
    params:
      model: azure_ai/gpt-4.1-nano
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
  - model_name: backed
    params:
      model: azure_ai/model_router/first-router
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      max_retries: 0
  - model_name: reserve
    params:
      model: azure_ai/model_router/second-router
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      max_retries: 0
  - model_name: team/nano
    params:
      model: azure_ai/gpt-4.1-nano
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
  - model_name: slow
    params:
      model: azure_ai/gpt-4.1-mini
      api_base: {slow}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      max_retries: 0
  - model_name: slow-cancels
    params:
      model: azure_ai/gpt-4.1-mini
      api_base: {slow}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      on_disconnect: cancel
      max_retries: 0
  - model_name: slow-bounded
    params:
      model: azure_ai/gpt-4.1-mini
      api_base: {slow}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
      drain_seconds: 0.05
      max_retries: 0
  - model_name: text-embedding-3-small
    params:
      model: azure_ai/text-embedding-3-small
      api_base: {base}/openai/v1/
      api_key: os.environ/AZURE_MODEL_ROUTER_API_KEY
    model_info: {{mode: embedding}}
router_settings:
  disable_cooldowns: true
  fallbacks:
    - backed: [reserve]
"""
"""``once`` and the others of the kind are not retried, so that one fault is one error. The
``slow`` ones are behind a resource that takes its time for each token.
"""


@pytest.fixture(scope="session")
def resource(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulated resource behind every gateway here."""
    with processes.emulator(
        tmp_path_factory.mktemp("resource"),
        "--deployment",
        "first-router=model-router",
        "--deployment",
        "second-router=model-router",
    ) as running:
        yield running


@pytest.fixture(scope="session")
def slow_resource(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A resource that takes its time: events come one by one, and a client can leave in between."""
    with processes.emulator(tmp_path_factory.mktemp("slow"), "--latency", "5,5") as running:
        yield running


@pytest.fixture(scope="session")
def shared_gateway(
    resource: Emulator, slow_resource: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The gateway most tests share."""
    config = CONFIG.format(base=resource.url, slow=slow_resource.url)
    with processes.gateway(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running


@pytest.fixture
def emulator(resource: Emulator) -> Emulator:
    """The resource as it was when it started: no fault waits, nothing is metered."""
    resource.reset()
    return resource


@pytest.fixture
def slow_emulator(slow_resource: Emulator) -> Emulator:
    """The slow resource as it was when it started."""
    slow_resource.reset()
    return slow_resource


@pytest.fixture
def gateway(shared_gateway: Gateway, emulator: Emulator) -> Gateway:
    """The gateway with :data:`CONFIG`, in front of a fresh ``emulator``."""
    return shared_gateway


@pytest.fixture
def start_gateway(
    emulator: Emulator, slow_emulator: Emulator, tmp_path: Path
) -> Callable[[str], AbstractContextManager[Gateway]]:
    """A gateway of the test's own: the general settings, beside :data:`CONFIG`."""

    def start(general: str) -> AbstractContextManager[Gateway]:
        config = CONFIG.format(base=emulator.url, slow=slow_emulator.url) + general
        return processes.gateway(tmp_path, config)

    return start


@pytest.fixture(scope="session")
def clients() -> ClientsPython:
    """The Python with other people's clients; skips where they cannot be installed."""
    return clients_python()


@pytest.fixture(scope="session")
def node() -> NodeModules:
    """Node with the openai package; skips where it cannot be had."""
    return node_modules()
