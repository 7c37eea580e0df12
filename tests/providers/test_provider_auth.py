"""Keys: from the environment, required before sending, refused when they cannot be sent."""

import pytest

from faregate import providers
from faregate.errors import AuthenticationError, ConfigError
from faregate.providers.auth import (
    bearer_headers,
    check_secret,
    from_environment,
    require_key,
    resolve_secret,
)


def test_azure_ai_reads_its_own_variables_first() -> None:
    provider = providers.get("azure_ai")
    both = {
        "AZURE_AI_API_KEY": "a",
        "AZURE_API_KEY": "b",
        "AZURE_AI_API_BASE": "https://a",
        "AZURE_API_BASE": "https://b",
        "AZURE_API_VERSION": "v",
    }
    assert from_environment(provider, both) == ("a", "https://a", "v")
    second = {name: value for name, value in both.items() if "_AI_" not in name}
    assert from_environment(provider, second) == ("b", "https://b", "v")
    assert from_environment(provider, {**both, "AZURE_AI_API_KEY": "  "}).key == "b"
    assert from_environment(provider, {}) == ("", "", "")


def test_azure_reads_azure_openai_too() -> None:
    provider = providers.get("azure")
    openai = {
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_ENDPOINT": "https://e",
        "OPENAI_API_VERSION": "v",
    }
    assert from_environment(provider, openai) == ("k", "https://e", "v")
    first = {"AZURE_API_KEY": "1", "AZURE_API_BASE": "https://1", "AZURE_API_VERSION": "2"}
    assert from_environment(provider, openai | first) == ("1", "https://1", "2")


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("groq", "GROQ_API_KEY"),
        ("together", "TOGETHERAI_API_KEY"),
        ("perplexity", "PERPLEXITYAI_API_KEY"),
        ("nvidia", "NVIDIA_NIM_API_KEY"),
        ("fireworks", "FIREWORKS_AI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
    ],
)
def test_other_providers(name: str, variable: str) -> None:
    provider = providers.get(name)
    assert from_environment(provider, {variable: "k"}) == ("k", provider.api_base, "")


def test_the_environment_hides_the_key_in_its_repr() -> None:
    found = from_environment(providers.get("openai"), {"OPENAI_API_KEY": "sk-very-secret"})
    assert "very-secret" not in repr(found)


def test_a_missing_key_is_an_error_that_names_the_variables() -> None:
    with pytest.raises(AuthenticationError) as caught:
        require_key(providers.get("azure_ai"), "", "azure_ai/x")
    assert str(caught.value) == (
        "no API key for azure_ai: pass api_key or set AZURE_AI_API_KEY or AZURE_API_KEY; "
        "nothing was sent"
    )
    assert caught.value.status_code == 401
    assert caught.value.llm_provider == "azure_ai"
    assert caught.value.model == "azure_ai/x"
    assert require_key(providers.get("ollama"), "") == ""
    assert require_key(providers.get("azure_ai"), "k") == "k"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("s3cr3t\n", "line break"),
        ("s3cr3t\r\nX-Evil: 1", "line break"),
        ("s3 cr3t", "blank"),
        ("s3cr3t\u20ac", "cannot stand in a header"),
        ("s3cr3t\x00", "cannot stand in a header"),
        ("", "empty"),
    ],
)
def test_keys_that_cannot_be_sent(key: str, words: str) -> None:
    for check in (check_secret, bearer_headers):
        with pytest.raises(ConfigError, match=words) as caught:
            check(key)
        assert "cr3t" not in str(caught.value)


def test_a_key_that_is_no_text() -> None:
    with pytest.raises(ConfigError, match="must be a text, not int"):
        check_secret(1234)  # type: ignore[arg-type]


def test_latin_1_can_be_sent() -> None:
    assert check_secret("k\u00e9y") == "k\u00e9y"


def test_references_to_the_environment() -> None:
    assert resolve_secret("os.environ/MY_KEY", {"MY_KEY": "k"}) == "k"
    assert resolve_secret("plain", {}) == "plain"
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        resolve_secret("os.environ/MY_KEY", {"MY_KEY": ""})
    for broken in ("os.environ/", "os.environ/A B", "os.environ/1A"):
        with pytest.raises(ConfigError, match="variable's name"):
            resolve_secret(broken, {})
