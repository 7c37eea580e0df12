"""Refusals by budgets and limits, as the client is told of them."""

import math
from functools import lru_cache

from faregate.core.budget import Account, Hold, Refused, duration, explain, rate_headers
from faregate.errors import APIError, BudgetExceededError, RateLimitError, ServiceUnavailableError
from faregate.money import format_usd

SHOULD_RETRY = "x-should-retry"
"""OpenAI's clients read it: whether asking again can help."""

_SAID = ("limit", "remaining", "reset")

_PATIENCE = 60.0
"""Seconds OpenAI's clients wait at most: told to wait longer, they ask again at once instead."""

_SOON = 62.0
"""A full minute's limit is free again after its last slot: worth asking for, a little early."""

_RATE_HEADERS = {
    measure: tuple(f"x-ratelimit-{said}-{measure}".encode() for said in _SAID)
    for measure in ("requests", "tokens")
}

TOLD = (SHOULD_RETRY, "x-ratelimit-", "x-faregate-budget")
"""How the headers begin that an error hands on to the client."""


def refusal(refused: Refused, now: float) -> APIError:
    """The error of a claim that does not fit: 429, with which limit, what is left and until when.

    A budget is not worth asking again; a limit is, after ``retry-after``, where that is within
    what clients wait.
    """
    account, standing = refused.account, refused.standing
    message = explain(refused)
    if account.measure == "unpriced":
        headers = {SHOULD_RETRY: "false"}
        return BudgetExceededError(
            message, code="unpriced_model", type="budget_exceeded", headers=headers
        )
    if account.measure == "usd":
        headers = {
            SHOULD_RETRY: "false",
            "x-faregate-budget": account.id.removeprefix("usd/"),
            "x-faregate-budget-limit": format_usd(account.limit, places=2),
            "x-faregate-budget-left": format_usd(standing.left, places=2),
        }
        if standing.resets_at is not None:
            headers["x-faregate-budget-resets"] = str(math.ceil(standing.resets_at))
        return BudgetExceededError(message, headers=headers)
    hopeless = refused.asked > account.limit
    headers = rate_headers([standing], now)
    wait = None
    if not hopeless:
        wait = 1.0 if account.measure == "parallel" else max((refused.free_at or now) - now, 0.001)
    soon = wait is not None and wait <= _SOON
    headers[SHOULD_RETRY] = "true" if soon else "false"
    if soon and wait is not None:
        wait = min(wait, _PATIENCE)
    return RateLimitError(message, headers=headers, retry_after=wait)


def remaining(hold: Hold) -> list[tuple[bytes, bytes]]:
    """OpenAI's headers of what is left of the limits a call touches, this call included.

    The same as :func:`rate_headers` would say, without its steps between: every answer has them.
    """
    tightest: dict[str, tuple[int, Account]] = {}
    for claim, used in zip(hold.claims, hold.used, strict=False):
        account = claim.account
        measure = account.measure
        if measure in _RATE_HEADERS:
            left = max(account.limit - used, 0)
            rival = tightest.get(measure)
            if rival is None or left < rival[0]:
                tightest[measure] = left, account
    found = []
    for name, (left, account) in tightest.items():
        limit_name, left_name, reset_name = _RATE_HEADERS[name]
        found.append((limit_name, b"%d" % account.limit))
        found.append((left_name, b"%d" % left))
        # All that is used now, this call included, has slid out a window from now.
        found.append((reset_name, _reset(account.window.seconds)))
    return found


@lru_cache(maxsize=256)
def _reset(seconds: float) -> bytes:
    return duration(seconds).encode()


def unknown(reason: str) -> ServiceUnavailableError:
    """Budgets or limits apply, and nobody can say how they stand."""
    return ServiceUnavailableError(
        f"this call counts against a budget or limit, and how that stands cannot be known: {reason}"
        " (on_counters_outage: refuse)",
        code="counters_unavailable",
        retry_after=1.0,
    )
