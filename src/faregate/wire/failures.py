"""From the facts of an error to the exception a caller gets: what happened, where, what to do."""

import re
from collections.abc import Mapping

from faregate.errors import APIError, class_for
from faregate.types import ErrorFacts

_NUMERIC = re.compile(r"\d+\Z")
_HINTS: tuple[tuple[int, str, str], ...] = (
    (
        401,
        r"audience",
        "Check the key, or the token's scope (its audience), and that it is this resource's",
    ),
    (401, "", "Check the key and that it belongs to this endpoint"),
    (
        403,
        r"key.?based auth|local.?auth|disableLocalAuth",
        "This resource refuses keys: use Entra ID",
    ),
    (403, "", "Check that the credential's role allows this call"),
    (404, r"deployment|model", "Check the deployment's name and that api_base is its resource"),
    (404, "", "Check the path of api_base: no operation was found there"),
    (408, "", "The upstream gave up waiting; try again or send less"),
    (413, "", "The request is too large for the endpoint"),
    (429, "", "Too much for the deployment's limit: wait, raise its quota or add a fallback"),
)
"""(status, pattern in code or message, what to do); the first that fits is shown."""

_KIND_HINTS = {
    "content_filter": "Change the prompt, or the deployment's content filter",
    "context_window": "Send less, or use models with a larger window",
    "unsupported_param": "Leave the parameter out, or set drop_params",
    "budget": "The account's quota or balance is used up; waiting does not help",
}


def to_exception(
    facts: ErrorFacts,
    provider: str,
    model: str,
    deployment: str,
    headers: Mapping[str, str] | None = None,
) -> APIError:
    """The exception for an upstream's error. ``model`` is the caller's name for it.

    The message reads ``azure_ai deployment 'x' answered 429: <their words>. <what to do>``.
    """
    kind = class_for(facts.status, facts.kind)
    hint = _hint(facts)
    words = facts.message.rstrip()
    if hint and not words.endswith((".", "!", "?", "…")):
        words += "."
    return kind(
        f"{provider} deployment {deployment!r} answered {facts.status}: {words}"
        + (f" {hint}." if hint else ""),
        provider,
        model,
        status_code=None if facts.kind else facts.status,
        code="" if _NUMERIC.match(facts.code) else facts.code,
        param=facts.param or None,
        type=facts.type,
        body=facts.body,
        headers=headers,
        retry_after=facts.retry_after,
    )


def _hint(facts: ErrorFacts) -> str:
    if facts.kind:
        return _KIND_HINTS[facts.kind]
    text = f"{facts.code} {facts.message}"
    for status, pattern, hint in _HINTS:
        if facts.status == status and re.search(pattern, text, re.IGNORECASE):
            return hint
    return ""
