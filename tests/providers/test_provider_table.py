"""Providers by name: the modules, the table and its aliases."""

from pathlib import Path

import pytest

from faregate import providers
from faregate.core.endpoints import split_base
from faregate.errors import ConfigError
from faregate.providers.compatible import TABLE
from faregate.types import Deployment

URLS = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "xai": "https://api.x.ai/v1",
    "together": "https://api.together.xyz/v1",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
    "nvidia": "https://integrate.api.nvidia.com/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "ollama": "http://localhost:11434/v1",
    "vllm": "http://localhost:8000/v1",
    "lmstudio": "http://localhost:1234/v1",
}


def deployment(name: str, base: str = "") -> Deployment:
    return Deployment(id="d", provider=name, route="direct", upstream_model="org/m", api_base=base)


@pytest.mark.parametrize(("name", "base"), URLS.items())
def test_where_they_are(name: str, base: str) -> None:
    provider = providers.get(name)
    assert provider.api_base == base
    assert provider.chat_url(deployment(name), "chat/completions") == f"{base}/chat/completions"
    assert provider.chat_url(deployment(name), "embeddings") == f"{base}/embeddings"
    moved = deployment(name, "http://127.0.0.1:9/x/?a=b")
    assert provider.chat_url(moved, "chat/completions") == (
        "http://127.0.0.1:9/x/chat/completions?a=b"
    )
    whole = deployment(name, "http://127.0.0.1:9/x/chat/completions")
    assert provider.chat_url(whole, "embeddings") == "http://127.0.0.1:9/x/embeddings"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("together", "together_ai"),
        ("fireworks", "fireworks_ai"),
        ("nvidia", "nvidia_nim"),
        ("lmstudio", "lm_studio"),
        ("vllm", "hosted_vllm"),
        ("custom", "openai_like"),
        ("GROQ", "groq"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert providers.get(alias).name == name
    assert providers.known(alias)


def test_every_value_is_sound() -> None:
    for name in providers.names():
        provider = providers.get(name)
        assert provider.price_list
        assert provider.key_env
        assert providers.get(provider.name) is provider
        if provider.api_base:
            parts = split_base(provider.api_base)
            assert parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1")
    assert {"azure", "azure_ai", "openai", *TABLE} == set(providers.names())


@pytest.mark.parametrize(
    "name",
    ["", "nobody", "auth", "azure_endpoint", "openai_endpoint", "compatible", "os", "../openai",
     "openai.x", "__init__", "x" * 60, "meta-llama"],
)  # fmt: skip
def test_unknown_names(name: str) -> None:
    assert not providers.known(name)
    with pytest.raises(ConfigError, match="azure_ai"):
        providers.get(name)


def test_keys_travel_as_bearer_and_may_be_absent_locally() -> None:
    groq, ollama = providers.get("groq"), providers.get("ollama")
    assert groq.auth_headers(deployment("groq"), "K") == {"Authorization": "Bearer K"}
    assert ollama.auth_headers(deployment("ollama"), "") == {}
    assert ollama.auth_headers(deployment("ollama"), "K") == {"Authorization": "Bearer K"}


def test_an_endpoint_without_a_usual_address_asks_for_one() -> None:
    with pytest.raises(ConfigError, match="api_base"):
        providers.get("openai_like").chat_url(deployment("openai_like"), "chat/completions")


@pytest.mark.parametrize("name", ["ollama", "vllm", "lmstudio", "llamafile"])
def test_a_local_servers_bare_address_means_v1(name: str) -> None:
    for base in ("http://10.0.0.7:1234", "http://10.0.0.7:1234/", "http://10.0.0.7:1234/v1"):
        found = providers.get(name).chat_url(deployment(name, base), "chat/completions")
        assert found == "http://10.0.0.7:1234/v1/chat/completions"


def test_mistral_is_not_asked_for_usage() -> None:
    assert not providers.get("mistral").asks_stream_usage
    assert providers.get("groq").asks_stream_usage


def test_every_provider_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "providers.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    for name in providers.names():
        provider = providers.get(name)
        row = next(line for line in rows if line.startswith(f"| `{provider.name}` |"))
        for text in (name, provider.api_base, *provider.key_env):
            assert not text or f"`{text}`" in row
