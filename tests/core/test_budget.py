"""Budgets and limits as nouns: what is refused, who pays, what a refusal and the headers say."""

from datetime import UTC

import pytest

from faregate.core.budget import (
    MOST,
    Account,
    Actual,
    Budget,
    Caller,
    Claim,
    RateLimit,
    Refused,
    Standing,
    accounts_of,
    check,
    check_limit,
    duration,
    explain,
    index_accounts,
    rate_headers,
    settled_amount,
    unpriced_gate,
)
from faregate.core.windows import HOUR, TOTAL, parse_window
from faregate.errors import ConfigError
from faregate.money import PICO

MONTH = parse_window("1mo")


def budget(**facts: object) -> Budget:
    return Budget(**{"id": "b1", "scope": "key", "scope_id": "k1", "limit": 10 * PICO, **facts})  # type: ignore[arg-type]


def test_a_budget_becomes_an_account() -> None:
    account = check(budget(window=MONTH, soft_limit=8 * PICO))
    assert account == Account(
        id="usd/b1",
        measure="usd",
        limit=10 * PICO,
        window=MONTH,
        zone=UTC,
        soft_limit=8 * PICO,
        scope="key",
        scope_id="k1",
    )
    assert account.title == "the budget of key k1 (1mo)"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"limit": -1}, r"limit \$-0.000000000001 is negative"),
        ({"limit": MOST + 1}, r"limit is more than \$1000000000000"),
        ({"limit": 1.5}, "limit is a whole number of pico-dollars, not 1.5"),
        ({"limit": True}, "limit is a whole number of pico-dollars, not True"),
        ({"soft_limit": -5}, "soft_limit .* is negative"),
        ({"scope": "planet"}, "scope 'planet' is none of key, team"),
        ({"scope_id": ""}, "scope key needs the id of a key"),
        ({"scope": "everything"}, "scope everything has no id"),
        ({"scope_id": "x" * 201}, "an id is 1 to 200 printable characters"),
        ({"id": "a\x1eb"}, "an id is 1 to 200 printable characters"),
        ({"id": ""}, "an id is 1 to 200 printable characters"),
    ],
)
def test_absurd_budgets_are_refused(facts: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(budget(**facts))


def test_a_budget_of_nothing_is_a_budget() -> None:
    assert check(budget(limit=0)).limit == 0


def test_limits_have_names_of_their_own() -> None:
    limits = [
        RateLimit(scope="key", scope_id="a/b", measure="requests", limit=5),
        RateLimit(scope="key", scope_id="a", measure="requests", limit=5, model="b"),
        RateLimit(scope="key", scope_id="a%2Fb", measure="requests", limit=5),
        RateLimit(scope="key", scope_id="a", measure="requests", limit=5, window=HOUR),
        RateLimit(scope="key", scope_id="a", measure="tokens", limit=5),
        RateLimit(scope="key", scope_id="a", measure="parallel", limit=5),
        RateLimit(scope="team", scope_id="a", measure="parallel", limit=5),
    ]
    assert len({check_limit(each).id for each in limits}) == len(limits)
    assert check_limit(limits[5]).window is TOTAL


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (RateLimit(scope="key", scope_id="k", measure="requests", limit=-1), "-1 is no count"),
        (RateLimit(scope="key", scope_id="k", measure="tokens", limit=10**16), "is no count"),
        (
            RateLimit(scope="key", scope_id="k", measure="tokens", limit=1, window=MONTH),
            "counts per minute, hour or day, not per 1mo",
        ),
        (RateLimit(scope="key", measure="tokens", limit=1), "needs the id of a key"),
    ],
)
def test_absurd_limits_are_refused(limit: RateLimit, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_limit(limit)


def test_everyone_who_pays_is_found_once() -> None:
    def of(scope: str, name: str = "") -> Account:
        return check(budget(id=f"{scope}-{name}", scope=scope, scope_id=name))

    made = [of("key", "k"), of("team", "t"), of("user", "u"), of("tag", "a"), of("tag", "b"),
            of("deployment", "d"), of("model", "m"), of("everything")]  # fmt: skip
    index = index_accounts([*made, of("key", "other")])
    caller = Caller(key="k", team="t", user="u", tags=("b", "a", "b"), deployment="d", model="m")
    found = list(accounts_of(caller, index))
    assert sorted(each.id for each in found) == sorted(each.id for each in made)
    assert found[0].scope == "key"
    assert found[-1].scope == "everything"
    assert [each.scope for each in accounts_of(Caller(), index)] == ["everything"]


def test_a_limit_for_one_model_leaves_the_others_alone() -> None:
    limit = check_limit(
        RateLimit(scope="key", scope_id="k", measure="requests", limit=5, model="gpt-5")
    )
    index = index_accounts([limit])
    assert accounts_of(Caller(key="k", model="gpt-5"), index) == [limit]
    assert accounts_of(Caller(key="k", model="gpt-5-mini"), index) == []
    assert limit.title == "the limit of requests of key k for model gpt-5 (rolling 1m)"


def refused(account: Account, spent: int, held: int, asked: int) -> Refused:
    standing = Standing(account=account, spent=spent, held=held, resets_at=1_796_083_200.0)
    return Refused(standing=standing, asked=asked, free_at=1_796_083_200.0)


def test_a_refusal_says_which_how_much_and_when() -> None:
    account = check(budget(window=MONTH))
    assert explain(refused(account, 9 * PICO, PICO // 2, PICO)) == (
        "the budget of key k1 (1mo) has $0.50 left of $10.00 ($9.00 spent, $0.50 held by calls in "
        "flight); this call may take up to $1.00; it resets at 2026-12-01T00:00:00Z"
    )


def test_a_call_dearer_than_the_whole_budget_is_told_so() -> None:
    said = explain(refused(check(budget(window=MONTH)), 0, 0, 11 * PICO))
    assert "more than all of it: lower max_tokens or raise the limit" in said
    assert "resets" not in said


def test_refusals_of_other_kinds() -> None:
    total = check(budget())
    standing = Standing(account=total, spent=10 * PICO, held=0, resets_at=None)
    assert "it does not reset" in explain(Refused(standing=standing, asked=1, free_at=None))
    limit = check_limit(RateLimit(scope="team", scope_id="t", measure="tokens", limit=100))
    said = explain(refused(limit, 90, 0, 20))
    assert "the limit of tokens of team t (rolling 1m) has 10 left of 100" in said
    assert "there is room again from 2026-12-01T00:00:00Z" in said
    many = check_limit(RateLimit(scope="key", scope_id="k", measure="parallel", limit=3))
    assert explain(refused(many, 0, 3, 1)) == (
        "the limit of calls at once of key k is reached: 3 are in flight"
    )
    assert "on_unpriced: refuse_next" in explain(refused(unpriced_gate("d"), 1, 0, 0))


def test_headers_are_those_of_the_tightest_limit() -> None:
    def standing(measure: str, limit: int, spent: int, resets: float) -> Standing:
        made = RateLimit(scope="key", scope_id="k", measure=measure, limit=limit)  # type: ignore[arg-type]
        return Standing(account=check_limit(made), spent=spent, held=0, resets_at=resets)

    rows = [
        standing("requests", 100, 1, 1060.0),
        standing("requests", 60, 59, 1001.0),
        standing("tokens", 1000, 2000, 1000.02),
        Standing(account=check(budget()), spent=0, held=0, resets_at=None),
    ]
    assert rate_headers(rows, 1000.0) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "20ms",
    }
    assert rate_headers([], 0.0) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (0, "0s"), (0.0001, "1ms"), (0.02, "20ms"), (1, "1s"), (1.2, "2s"), (60, "1m0s"),
     (360, "6m0s"), (3723, "1h2m3s"), (86_400, "24h0m0s")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_a_settled_call_counts_for() -> None:
    actual = Actual(usd=7, tokens=30, unpriced=1)
    money = Claim(check(budget()), 100)
    tokens, requests, parallel = (
        Claim(check_limit(RateLimit(scope="key", scope_id="k", measure=measure, limit=9)), 2)
        for measure in ("tokens", "requests", "parallel")
    )
    gate = Claim(unpriced_gate("d"), 0)
    every = (money, tokens, requests, parallel, gate)
    assert [settled_amount(each, actual) for each in every] == [7, 30, 2, 0, 1]
    assert [settled_amount(each, None) for each in every] == [0] * 5
