"""Refusals by budgets and limits, as the client is told of them."""

import math

from faregate.core.budget import Hold, Refused, Standing, explain, rate_headers
from faregate.errors import APIError, BudgetExceededError, RateLimitError, ServiceUnavailableError
from faregate.money import format_usd

SHOULD_RETRY = "x-should-retry"
"""OpenAI's clients read it: whether asking again can help."""

_PATIENCE = 60.0
"""Seconds OpenAI's clients wait at most: told to wait longer, they ask again at once instead."""

_SOON = 62.0
"""A full minute's limit is free again after its last slot: worth asking for, a little early."""

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


def remaining(hold: Hold, now: float) -> dict[str, str]:
    """OpenAI's headers of what is left of the limits a call touches, this call included."""
    standings = [
        Standing(
            account=claim.account,
            spent=used,
            held=0,
            # All that is used now, this call included, has slid out a window from now.
            resets_at=now + claim.account.window.seconds,
        )
        for claim, used in zip(hold.claims, hold.used, strict=False)
        if claim.account.measure in ("requests", "tokens")
    ]
    return rate_headers(standings, now) if standings else {}


def unknown(reason: str) -> ServiceUnavailableError:
    """Budgets or limits apply, and nobody can say how they stand."""
    return ServiceUnavailableError(
        f"this call counts against a budget or limit, and how that stands cannot be known: {reason}"
        " (on_counters_outage: refuse)",
        code="counters_unavailable",
        retry_after=1.0,
    )
