"""Endpoints that follow OpenAI's layout: a base URL and an operation under it."""

from collections.abc import Callable
from urllib.parse import SplitResult, urlunsplit

from faregate.core.endpoints import PLAIN_EXAMPLE, split_base
from faregate.errors import ConfigError
from faregate.providers.auth import bearer_headers
from faregate.types import Deployment

OPERATIONS = ("chat/completions", "embeddings", "completions", "responses")
"""The last path segments by which a whole URL is told from a base URL."""


def ends_with_operation(path: str) -> bool:
    """Whether a path is that of an operation already."""
    return path.lower().endswith(tuple(f"/{operation}" for operation in OPERATIONS))


def swap_operation(base: SplitResult, operation: str) -> SplitResult:
    """A whole URL with its operation exchanged; query kept."""
    for known in OPERATIONS:
        if base.path.lower().endswith(f"/{known}"):
            kept = base.path[: -len(known)]
            return base._replace(path=f"{kept}{operation}")
    return base


def add_operation(base: SplitResult, operation: str) -> SplitResult:
    """A base URL with an operation appended to its path; query kept."""
    return base._replace(path=f"{base.path}/{operation}")


def plain_url(default: str = "", root: str = "") -> Callable[[Deployment, str], str]:
    """A ``chat_url`` for an OpenAI-compatible endpoint whose usual base is ``default``.

    ``root`` is the path that stands for a base without one (``/v1`` on servers that have no other).
    """

    def url(deployment: Deployment, operation: str) -> str:
        api_base = deployment.api_base or default
        if not api_base:
            raise ConfigError(
                f"{deployment.provider} has no usual address: pass api_base, like {PLAIN_EXAMPLE}"
            )
        base = split_base(api_base)
        if not base.path:
            base = base._replace(path=root)
        place = swap_operation if ends_with_operation(base.path) else add_operation
        return urlunsplit(place(base, operation))

    return url


def plain_headers(_deployment: Deployment, key: str) -> dict[str, str]:
    """``Authorization: Bearer``; nothing at all without a key."""
    return bearer_headers(key) if key else {}
