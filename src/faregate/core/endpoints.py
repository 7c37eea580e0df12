"""Base URLs: what a valid one is, and which of them are Azure resources."""

import re
from urllib.parse import SplitResult, urlsplit

from faregate.errors import ConfigError

AZURE_EXAMPLE = "https://my-resource.services.ai.azure.com"
PLAIN_EXAMPLE = "https://llm.example.com/v1"

_AZURE_SERVICES = ("openai", "services.ai", "cognitiveservices")
_AZURE_CLOUDS = ("azure.com", "azure.us", "azure.cn")
_AZURE_SUFFIXES = tuple(
    f".{service}.{cloud}" for service in _AZURE_SERVICES for cloud in _AZURE_CLOUDS
)
_AZURE_REGIONS = (
    ".api.cognitive.microsoft.com",
    ".api.cognitive.microsoft.us",
    ".api.cognitive.azure.cn",
)
"""Addresses of regions, where a resource has no name of its own."""
_PLAIN_ASCII = re.compile(r"[!-~]+\Z")
_HOST = re.compile(r"[a-z0-9._-]+\Z|[0-9a-f:.]+\Z", re.IGNORECASE)
_LONGEST = 2048


def is_azure_host(host: str) -> bool:
    """Whether a host name is an Azure AI resource's, in the public or a sovereign cloud."""
    return host.lower().rstrip(".").endswith(_AZURE_SUFFIXES + _AZURE_REGIONS)


def is_azure_base(api_base: str) -> bool:
    """Whether a base URL points at an Azure AI resource. False for text that is no URL."""
    try:
        return is_azure_host(urlsplit(api_base).hostname or "")
    except ValueError:
        return False


def split_base(api_base: str, example: str = PLAIN_EXAMPLE) -> SplitResult:
    """The parts of a base URL: scheme and host in lower case, no trailing slashes in the path.

    Raises :class:`ConfigError` for a URL that cannot be one. The message shows ``example`` and
    never the URL itself, which may hold a secret.
    """
    trouble = _trouble(api_base)
    if trouble:
        raise ConfigError(f"api_base {trouble}; write it like {example}")
    parts = urlsplit(api_base)
    host = (parts.hostname or "").lower()
    netloc = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        netloc = f"{netloc}:{parts.port}"
    return parts._replace(netloc=netloc, path=parts.path.rstrip("/"))


def _trouble(api_base: str) -> str:
    """What is wrong with a base URL, or an empty text."""
    if not api_base:
        return "is empty"
    if len(api_base) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if not _PLAIN_ASCII.match(api_base) or "\\" in api_base:
        return "holds a blank, a line break, a backslash or a character outside ASCII"
    if "://" not in api_base:
        return "has no scheme (https://)"
    try:
        parts = urlsplit(api_base)
        port = parts.port
    except ValueError:
        return "is not a URL"
    return _trouble_in(parts, port)


def _trouble_in(parts: SplitResult, port: int | None) -> str:
    if parts.scheme not in ("https", "http"):
        return "is neither https:// nor http://"
    if "@" in parts.netloc:
        return "holds a user name or password; pass the key as api_key"
    if not parts.hostname or not _HOST.match(parts.hostname):
        return "names no valid host"
    if port == 0:
        return "names port 0"
    if parts.fragment:
        return "holds a fragment (#)"
    return ""
