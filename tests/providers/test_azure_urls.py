"""Azure: where each shape of api_base goes, and how the key travels."""

import pytest

from faregate import providers
from faregate.errors import ConfigError
from faregate.types import Deployment

CHAT, EMBED = "chat/completions", "embeddings"
VERSION = "2024-10-21"


def deployment(
    base: str, version: str = "", name: str = "my-prod", prefix: str = "azure_ai"
) -> Deployment:
    return Deployment(
        id="d",
        provider=prefix,
        route="model_router",
        upstream_model=name,
        api_base=base,
        api_version=version,
    )


def url(base: str, operation: str = CHAT, version: str = "", name: str = "my-prod") -> str:
    here = deployment(base, version, name)
    found = providers.get("azure_ai").chat_url(here, operation)
    assert providers.get("azure").chat_url(here, operation) == found
    return found


HOSTS = [
    "r.cognitiveservices.azure.com",
    "r.openai.azure.com",
    "r.services.ai.azure.com",
    "r.openai.azure.us",
    "r.services.ai.azure.us",
    "r.cognitiveservices.azure.us",
    "r.openai.azure.cn",
    "r.cognitiveservices.azure.cn",
]


@pytest.mark.parametrize("operation", [CHAT, EMBED])
@pytest.mark.parametrize("host", HOSTS)
def test_account_bases(host: str, operation: str) -> None:
    wanted = f"https://{host}/openai/v1/{operation}"
    for base in (
        f"https://{host}/openai/v1",
        f"https://{host}/openai/v1/",
        f"https://{host}/openai/v1//",
        f"https://{host}",
        f"https://{host}/",
        f"https://{host}/openai",
        f"HTTPS://{host.upper()}/",
        f"https://{host}/openai/v1/chat/completions",
        f"https://{host}/openai/v1/embeddings",
    ):
        assert url(base, operation) == wanted
    # The undated surface takes no api-version, whatever the environment says.
    assert url(f"https://{host}/openai/v1", operation, VERSION) == wanted


@pytest.mark.parametrize("operation", [CHAT, EMBED])
@pytest.mark.parametrize("host", HOSTS)
def test_bare_hosts_with_a_version(host: str, operation: str) -> None:
    wanted = f"https://{host}/openai/deployments/my-prod/{operation}?api-version={VERSION}"
    assert url(f"https://{host}", operation, VERSION) == wanted
    assert url(f"https://{host}/", operation, VERSION) == wanted
    assert url(f"https://{host}/openai/", operation, VERSION) == wanted
    assert url(f"https://{host}?api-version={VERSION}", operation) == wanted
    assert url(f"https://{host}?api-version={VERSION}", operation, "2020-01-01") == wanted


@pytest.mark.parametrize("operation", [CHAT, EMBED])
@pytest.mark.parametrize("host", HOSTS)
def test_the_responses_api_of_a_resource(host: str, operation: str) -> None:
    dated = f"https://{host}/openai/deployments/my-prod/{operation}?api-version={VERSION}"
    assert url(f"https://{host}/openai/responses?api-version={VERSION}", operation) == dated
    undated = f"https://{host}/openai/v1/{operation}"
    assert url(f"https://{host}/openai/v1/responses", operation) == undated
    assert url(f"https://{host}/openai/responses", operation) == undated


@pytest.mark.parametrize("operation", [CHAT, EMBED])
def test_projects(operation: str) -> None:
    project = "https://r.services.ai.azure.com/api/projects/P"
    wanted = f"{project}/openai/v1/{operation}"
    for ending in ("", "/", "/openai", "/openai/v1", "/openai/v1/"):
        assert url(project + ending, operation) == wanted
        assert url(project + ending, operation, VERSION) == wanted
    local = "http://127.0.0.1:8080/api/projects/P"
    assert url(local, operation) == f"{local}/openai/v1/{operation}"


def test_whole_deployment_urls() -> None:
    stem = "https://r.openai.azure.com/openai/deployments/D"
    assert url(f"{stem}/chat/completions?api-version=V") == f"{stem}/chat/completions?api-version=V"
    assert url(f"{stem}/chat/completions?api-version=V", EMBED) == (
        f"{stem}/embeddings?api-version=V"
    )
    assert url(f"{stem}/embeddings?api-version=V") == f"{stem}/chat/completions?api-version=V"
    assert url(f"{stem}/chat/completions?api-version=V", version=VERSION).endswith("?api-version=V")
    assert url(f"{stem}/chat/completions?a=b", version=VERSION) == (
        f"{stem}/chat/completions?a=b&api-version={VERSION}"
    )
    assert url(f"{stem}/", version=VERSION) == f"{stem}/chat/completions?api-version={VERSION}"
    assert url("http://127.0.0.1:9/openai/deployments/D/chat/completions?api-version=V") == (
        "http://127.0.0.1:9/openai/deployments/D/chat/completions?api-version=V"
    )


@pytest.mark.parametrize("operation", [CHAT, EMBED])
def test_models(operation: str) -> None:
    base = "https://r.services.ai.azure.com/models"
    assert url(base, operation, VERSION) == f"{base}/{operation}?api-version={VERSION}"
    assert url(f"{base}/?api-version=V", operation, VERSION) == f"{base}/{operation}?api-version=V"
    assert url(f"{base}/chat/completions?api-version=V", operation) == (
        f"{base}/{operation}?api-version=V"
    )
    assert url(base, operation) == f"{base}/{operation}?api-version=2024-05-01-preview"
    assert url("http://127.0.0.1:9/models", operation) == f"http://127.0.0.1:9/models/{operation}"


@pytest.mark.parametrize("operation", [CHAT, EMBED])
@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/v1",
        "https://gateway.example.com/azure/v1",
        "https://gateway.example.com:8443/team-a",
        "http://[::1]:8080/v1",
    ],
)
def test_other_bases(base: str, operation: str) -> None:
    for given in (base, f"{base}/", f"{base}/{CHAT}"):
        assert url(given, operation) == f"{base}/{operation}"
        assert url(given, operation, VERSION) == f"{base}/{operation}"
    assert url(f"{base}?tenant=a%20b", operation) == f"{base}/{operation}?tenant=a%20b"


def test_ports_on_azure_hosts_are_kept() -> None:
    assert url("https://r.openai.azure.com:8443") == (
        "https://r.openai.azure.com:8443/openai/v1/chat/completions"
    )


def test_versions_that_mean_the_undated_surface() -> None:
    stem = "https://r.openai.azure.com/openai/v1/chat/completions"
    assert url("https://r.openai.azure.com", version="v1") == stem
    assert url("https://r.openai.azure.com", version="latest") == stem
    assert url("https://r.openai.azure.com", version="preview") == f"{stem}?api-version=preview"


def test_auto_has_no_deployment_path() -> None:
    assert url("https://r.services.ai.azure.com", version=VERSION, name="auto") == (
        "https://r.services.ai.azure.com/openai/v1/chat/completions"
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("../admin", "..%2Fadmin"),
        ("\u00fc", "%C3%BC"),
        ("gpt-4.1_x", "gpt-4.1_x"),
    ],
)
def test_deployment_names_are_quoted(name: str, quoted: str) -> None:
    assert url("https://r.openai.azure.com", version=VERSION, name=name) == (
        f"https://r.openai.azure.com/openai/deployments/{quoted}/chat/completions"
        f"?api-version={VERSION}"
    )


def test_a_dot_is_no_deployment() -> None:
    with pytest.raises(ConfigError, match="no deployment name"):
        url("https://r.openai.azure.com", version=VERSION, name="..")


def test_a_version_cannot_add_to_the_query() -> None:
    assert url("https://r.openai.azure.com", version="1&x=2").endswith("?api-version=1%26x%3D2")


def test_no_base() -> None:
    with pytest.raises(ConfigError, match=r"AZURE_AI_API_BASE.*services\.ai\.azure\.com"):
        url("")


@pytest.mark.parametrize(
    ("prefix", "base", "header"),
    [
        ("azure_ai", "https://r.openai.azure.com/openai/v1", {"api-key": "K"}),
        ("azure_ai", "https://R.COGNITIVESERVICES.AZURE.COM", {"api-key": "K"}),
        ("azure_ai", "https://r.services.ai.azure.us", {"api-key": "K"}),
        ("azure", "https://r.services.ai.azure.com", {"api-key": "K"}),
        ("azure", "http://127.0.0.1:8080/v1", {"api-key": "K"}),
        ("azure_ai", "http://127.0.0.1:8080/v1", {"Authorization": "Bearer K"}),
        ("azure_ai", "https://openai.azure.com.evil.example", {"Authorization": "Bearer K"}),
    ],
)
def test_how_the_key_travels(prefix: str, base: str, header: dict[str, str]) -> None:
    here = deployment(base, prefix=prefix)
    assert providers.get(prefix).auth_headers(here, "K") == header
