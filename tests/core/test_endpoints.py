"""Base URLs: Azure hosts, and the ones refused."""

import pytest

from faregate.core.endpoints import is_azure_base, is_azure_host, split_base
from faregate.errors import ConfigError


@pytest.mark.parametrize(
    "host",
    [
        "r.openai.azure.com",
        "R.OPENAI.AZURE.COM",
        "r.services.ai.azure.com",
        "northeurope.api.cognitive.microsoft.com",
        "usgovvirginia.api.cognitive.microsoft.us",
        "r.cognitiveservices.azure.com",
        "r.openai.azure.us",
        "r.services.ai.azure.us",
        "r.cognitiveservices.azure.us",
        "r.openai.azure.cn",
        "r.cognitiveservices.azure.cn",
        "r.openai.azure.com.",
    ],
)
def test_azure_hosts(host: str) -> None:
    assert is_azure_host(host)
    assert is_azure_base(f"https://{host}/openai/v1")


@pytest.mark.parametrize(
    "host",
    [
        "openai.azure.com.evil.example",
        "evilopenai.azure.com",
        "openai.azure.com",
        "r.azure.com",
        "localhost",
        "",
    ],
)
def test_other_hosts(host: str) -> None:
    assert not is_azure_host(host)
    assert not is_azure_base(f"https://{host}/r.openai.azure.com")


def test_no_url_is_no_azure_base() -> None:
    assert not is_azure_base("http://[")


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("", "is empty"),
        ("r.openai.azure.com", "no scheme"),
        ("//r.openai.azure.com", "no scheme"),
        ("ftp://r.openai.azure.com", "neither https:// nor http://"),
        ("https://", "no valid host"),
        ("https:///v1", "no valid host"),
        ("https://:443/v1", "no valid host"),
        ("https://us_er:pass-w0rd@host/v1", "user name or password"),
        ("https://host/v1#part", "fragment"),
        ("https://host /v1", "blank"),
        ("https://host/v1\r\nX-Evil: 1", "line break"),
        ("https://host\\@evil/v1", "backslash"),
        ("https://h\u00f6st/v1", "outside ASCII"),
        ("https://host:99999/v1", "not a URL"),
        ("https://host:abc/v1", "not a URL"),
        ("https://host:0/v1", "port 0"),
        ("https://ho%20st/v1", "no valid host"),
        ("https://[::1/v1", "not a URL"),
        ("https://host/" + "a" * 2048, "longer"),
    ],
)
def test_refused_bases(base: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_base(base)
    assert words in str(caught.value)
    assert "https://llm.example.com/v1" in str(caught.value)
    assert "pass-w0rd" not in str(caught.value)


def test_parts_are_normalised() -> None:
    parts = split_base("HTTPS://R.Example.COM:8443/V1//?a=b")
    assert parts.geturl() == "https://r.example.com:8443/V1?a=b"
    assert split_base("http://[::1]:8080/v1/").geturl() == "http://[::1]:8080/v1"
