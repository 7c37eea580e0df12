"""How long a client is told to wait, and whether to ask again at all."""

import pytest

from faregate.core.budget import Account, Claim, Hold, Refused, Standing
from faregate.core.windows import DAY, HOUR, MINUTE, BudgetWindow
from faregate.gateway.refusals import refusal, remaining

NOW = 1_795_348_800.0


def refused(window: BudgetWindow, free_in: float, asked: int = 1) -> Refused:
    """A limit of ten requests that has room again so many seconds from now."""
    account = Account(id="l", measure="requests", limit=10, window=window)
    standing = Standing(account=account, spent=10, held=0, resets_at=NOW + free_in)
    return Refused(standing=standing, asked=asked, free_at=NOW + free_in)


@pytest.mark.parametrize(
    ("window", "free_in", "retry", "wait"),
    [
        (MINUTE, 5.0, "true", 5.0),
        (MINUTE, 61.0, "true", 60.0),  # OpenAI's clients wait no longer than that
        (HOUR, 50.0, "true", 50.0),
        (HOUR, 3_660.0, "false", 3_660.0),
        (DAY, 86_400.0, "false", 86_400.0),
        (DAY, 30.0, "true", 30.0),
    ],
)
def test_asking_again_is_advised_only_where_a_client_waits_for_it(
    window: BudgetWindow, free_in: float, retry: str, wait: float
) -> None:
    error = refusal(refused(window, free_in), NOW)
    assert (error.headers["x-should-retry"], error.retry_after) == (retry, wait)


def test_what_never_fits_is_not_asked_for_again() -> None:
    error = refusal(refused(MINUTE, 5.0, asked=11), NOW)
    assert (error.headers["x-should-retry"], error.retry_after) == ("false", None)


def test_an_answer_says_what_is_left_of_the_tightest_limits() -> None:
    claims = [
        Claim(Account(id="a", measure="requests", limit=100, window=DAY), 1),
        Claim(Account(id="b", measure="requests", limit=60, window=MINUTE), 1),
        Claim(Account(id="c", measure="tokens", limit=1000, window=HOUR), 50),
        Claim(Account(id="d", measure="parallel", limit=9, window=MINUTE), 1),
        Claim(Account(id="e", measure="usd", limit=10**12, window=DAY), 5),
    ]
    hold = Hold(call_id="c", claims=tuple(claims), slots=(), used=(1, 59, 2000, 1, 5), at=NOW)
    assert dict(remaining(hold)) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"1",
        b"x-ratelimit-reset-requests": b"1m0s",
        b"x-ratelimit-limit-tokens": b"1000",
        b"x-ratelimit-remaining-tokens": b"0",
        b"x-ratelimit-reset-tokens": b"1h0m0s",
    }
    assert (
        remaining(Hold(call_id="c", claims=tuple(claims[3:]), slots=(), used=(1, 5), at=NOW)) == []
    )
