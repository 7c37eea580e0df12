"""Model strings: every documented row, and the malformed ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate import providers
from faregate.core.naming import parse_model
from faregate.errors import ConfigError
from faregate.types import Target

AZURE = "https://r.services.ai.azure.com"
PROXY = "http://127.0.0.1:4000/v1"


def parse(model: str, **choices: str) -> Target:
    return parse_model(model, known=providers.known, names=providers.names, **choices)


ROUTERS = [
    ("azure_ai/model_router/my-prod", "azure_ai", "my-prod"),
    ("azure_ai/MODEL_ROUTER/my-prod", "azure_ai", "my-prod"),
    ("azure_ai/Model_Router/My-Prod", "azure_ai", "My-Prod"),
    ("AZURE_AI/model_router/my-prod", "azure_ai", "my-prod"),
    ("azure_ai/model-router/my-prod", "azure_ai", "my-prod"),
    ("azure/model_router/my-prod", "azure", "my-prod"),
    ("azure/MODEL-ROUTER/my-prod", "azure", "my-prod"),
    ("azure_ai/model_router/gpt-4o", "azure_ai", "gpt-4o"),
    ("azure_ai/model_router/claude-router", "azure_ai", "claude-router"),
    ("azure_ai/model_router/agents/foo", "azure_ai", "agents/foo"),
    ("azure_ai/model_router/model-router", "azure_ai", "model-router"),
    ("azure_ai/model_router/auto", "azure_ai", "auto"),
    ("azure_ai/model-router", "azure_ai", "model-router"),
    ("azure_ai/my-Model_Router-2", "azure_ai", "my-Model_Router-2"),
    ("azure/prod-MODEL-ROUTER", "azure", "prod-MODEL-ROUTER"),
    ("azure_ai/agents/my-model-router", "azure_ai", "agents/my-model-router"),
    ("azure_ai/auto", "azure_ai", "auto"),
    ("azure/auto", "azure", "auto"),
    ("azure_ai/AUTO", "azure_ai", "auto"),
    ("model-router", "azure_ai", "model-router"),
    ("model_router/my-prod", "azure_ai", "my-prod"),
]


@pytest.mark.parametrize(("model", "provider", "sent"), ROUTERS)
def test_router_strings(model: str, provider: str, sent: str) -> None:
    assert parse(model) == Target(provider, "model_router", sent)


@pytest.mark.parametrize(
    ("model", "provider", "sent"),
    [
        ("azure_ai/my-prod", "azure_ai", "my-prod"),
        ("azure_ai/automatic", "azure_ai", "automatic"),
        ("azure/gpt-4o", "azure", "gpt-4o"),
        ("openai/gpt-5", "openai", "gpt-5"),
        ("OpenAI/gpt-5", "openai", "gpt-5"),
        ("openai/model-router", "openai", "model-router"),
        ("groq/openai/gpt-oss-120b", "groq", "openai/gpt-oss-120b"),
        ("openrouter/openrouter/auto", "openrouter", "openrouter/auto"),
        ("fireworks_ai/accounts/fireworks/models/x", "fireworks_ai", "accounts/fireworks/models/x"),
        ("gpt-4o", "openai", "gpt-4o"),
        ("GPT-4o", "openai", "GPT-4o"),
        ("chatgpt-4o-latest", "openai", "chatgpt-4o-latest"),
        ("o1", "openai", "o1"),
        ("o3-mini", "openai", "o3-mini"),
        ("o4-mini-2025-04-16", "openai", "o4-mini-2025-04-16"),
        ("text-embedding-3-small", "openai", "text-embedding-3-small"),
        ("codex-mini-latest", "openai", "codex-mini-latest"),
        ("ft:gpt-4o-mini-2024-07-18:acme::x", "openai", "ft:gpt-4o-mini-2024-07-18:acme::x"),
        ("claude-haiku-4-5", "anthropic", "claude-haiku-4-5"),
    ],
)
def test_direct_strings(model: str, provider: str, sent: str) -> None:
    assert parse(model) == Target(provider, "direct", sent)


def test_an_explicit_route_wins() -> None:
    assert parse("azure_ai/my-prod-router", route="model_router") == Target(
        "azure_ai", "model_router", "my-prod-router"
    )
    assert parse("azure_ai/model_router/x", route="direct") == Target("azure_ai", "direct", "x")
    assert parse("azure_ai/model-router", route="direct").route == "direct"
    assert parse("azure_ai/auto", route="direct") == Target("azure_ai", "direct", "auto")
    assert parse("openai/x", route="Model-Router").route == "model_router"


@pytest.mark.parametrize(
    ("model", "base", "provider", "route", "sent"),
    [
        ("gpt-4o", AZURE, "azure_ai", "direct", "gpt-4o"),
        ("my-prod", AZURE, "azure_ai", "direct", "my-prod"),
        ("my-model-router", AZURE, "azure_ai", "model_router", "my-model-router"),
        ("model_router/my-prod", AZURE, "azure_ai", "model_router", "my-prod"),
        ("auto", AZURE, "azure_ai", "model_router", "auto"),
        ("meta-llama/Llama-3", AZURE, "azure_ai", "direct", "meta-llama/Llama-3"),
        ("my-prod", "https://R.OPENAI.AZURE.US/", "azure_ai", "direct", "my-prod"),
        ("anything", PROXY, "openai", "direct", "anything"),
        ("claude-haiku-4-5", PROXY, "openai", "direct", "claude-haiku-4-5"),
        ("meta-llama/Llama-3", PROXY, "openai", "direct", "meta-llama/Llama-3"),
        ("azure_ai/model_router/x", PROXY, "azure_ai", "model_router", "x"),
        ("openai/x", AZURE, "openai", "direct", "x"),
    ],
)
def test_the_base_decides_for_bare_names(
    model: str, base: str, provider: str, route: str, sent: str
) -> None:
    target = parse(model, api_base=base)
    assert (target.provider, target.route, target.upstream_model) == (provider, route, sent)


def test_an_explicit_provider_wins() -> None:
    assert parse("model_router/x", provider="azure_ai") == Target("azure_ai", "model_router", "x")
    assert parse("azure_ai/model_router/x", provider="Azure_AI").upstream_model == "x"
    assert parse("gpt-4o", provider="azure") == Target("azure", "direct", "gpt-4o")
    assert parse("openai/gpt-oss-120b", provider="groq").upstream_model == "openai/gpt-oss-120b"
    assert parse("groq/llama", provider="groq") == Target("groq", "direct", "llama")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("", "empty"),
        ("azure_ai/", "empty part"),
        ("azure_ai/model_router/", "empty part"),
        ("azure_ai//x", "empty part"),
        ("/x", "no known provider"),
        ("azure_ai", "provider's name without a model"),
        ("azure_ai/my prod", "blank"),
        (" gpt-4o", "blank"),
        ("gpt-4o\r\nX: y", "control"),
        ("gpt\x00", "control"),
        ("gpt\u2028", "blank"),
        ("g" * 257, "256"),
        ("llama3", "names no provider"),
        ("azure-ai/x", "did you mean 'azure_ai'"),
        ("azureai/x", "did you mean 'azure_ai'"),
        ("opnai/gpt-5", "did you mean 'openai'"),
        ("meta-llama/Llama-3", "api_base"),
        ("auth/x", "no known provider"),
        ("azure_endpoint/x", "no known provider"),
        ("../x", "no known provider"),
    ],
)
def test_malformed_strings(model: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(model)
    assert words in str(caught.value)
    assert "azure_ai/model_router/my-deployment" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_no_text_at_all() -> None:
    with pytest.raises(ConfigError, match="not NoneType"):
        parse(None)  # type: ignore[arg-type]


def test_unknown_provider_and_route() -> None:
    with pytest.raises(ConfigError, match="did you mean 'groq'"):
        parse("x", provider="grok")
    with pytest.raises(ConfigError, match="route 'router' is unknown"):
        parse("azure_ai/x", route="router")


@given(st.text(max_size=300), st.sampled_from(["", "azure_ai", "groq"]))
def test_any_text_is_a_target_or_a_config_error(model: str, provider: str) -> None:
    try:
        target = parse(model, provider=provider)
    except ConfigError:
        return
    assert target.provider
    assert target.upstream_model
    assert model.lower().endswith(target.upstream_model.lower())
