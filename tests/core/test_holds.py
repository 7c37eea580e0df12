"""Reserve before, settle after: whatever happens, no more than the limit and nothing twice."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from faregate.core.budget import (
    Account,
    Actual,
    Budget,
    Claim,
    Hold,
    RateLimit,
    Refused,
    Spend,
    Unrestored,
    check,
    check_limit,
    unpriced_gate,
)
from faregate.core.holds import Accounts
from faregate.core.windows import TOTAL, BudgetWindow, parse_window

NOON = 1_795_348_800.0
"""2026-11-22, twelve o'clock."""
MONTH = parse_window("1mo")


def money(
    name: str = "b", limit: int = 100, window: BudgetWindow = TOTAL, soft: int | None = None
) -> Account:
    return check(
        Budget(id=name, scope="key", scope_id=name, limit=limit, window=window, soft_limit=soft)
    )


def rate(measure: str, limit: int) -> Account:
    return check_limit(
        RateLimit(scope="key", scope_id="k", measure=measure, limit=limit)  # type: ignore[arg-type]
    )


def known(*accounts: Account, now: float = NOON, spends: tuple[Spend, ...] = ()) -> Accounts:
    made = Accounts()
    made.restore(accounts, spends, now)
    return made


def admit(book: Accounts, call: str, *claims: Claim, now: float = NOON, steady: float = 0) -> Hold:
    hold = book.reserve(call, claims, now, steady)
    assert isinstance(hold, Hold), hold
    return hold


def used(book: Accounts, account: Account, now: float = NOON) -> tuple[int, int]:
    standing = book.standing(account, now)
    assert standing is not None
    return standing.spent, standing.held


def test_a_hold_counts_until_it_is_settled() -> None:
    account = money()
    book = known(account)
    hold = admit(book, "c1", Claim(account, 80))
    assert used(book, account) == (0, 80)
    refused = book.reserve("c2", [Claim(account, 30)], NOON)
    assert isinstance(refused, Refused)
    assert (refused.standing.left, refused.asked, refused.free_at) == (20, 30, None)
    assert book.settle(hold, Actual(usd=50)) == ()
    assert used(book, account) == (50, 0)
    admit(book, "c2", Claim(account, 50))


def test_a_call_is_settled_once() -> None:
    account = money()
    book = known(account)
    hold = admit(book, "c1", Claim(account, 80))
    assert book.settle(hold, Actual(usd=50)) is not None
    assert book.settle(hold, Actual(usd=50)) is None
    assert book.release(hold) is False
    assert used(book, account) == (50, 0)


def test_all_or_nothing() -> None:
    wide, narrow, third = money("wide", 1000), money("narrow", 10), money("third")
    book = known(wide, narrow, third)
    refused = book.reserve("c", [Claim(wide, 11), Claim(narrow, 11), Claim(third, 11)], NOON)
    assert isinstance(refused, Refused)
    assert refused.account is narrow
    assert [used(book, each) for each in (wide, narrow, third)] == [(0, 0)] * 3
    assert book.open_calls() == ()


def test_a_call_that_took_more_than_its_hold_is_recorded_as_it_is() -> None:
    account = money()
    book = known(account)
    hold = admit(book, "c1", Claim(account, 10))
    book.settle(hold, Actual(usd=500))
    assert used(book, account) == (500, 0)
    assert isinstance(book.reserve("c2", [Claim(account, 0)], NOON), Refused)


def test_a_call_is_charged_to_the_window_of_its_admission() -> None:
    account = money(window=MONTH)
    book = known(account)
    hold = admit(book, "c1", Claim(account, 80))
    december = NOON + 10 * 86_400
    assert used(book, account, december) == (0, 0)
    book.settle(hold, Actual(usd=70))
    assert used(book, account, december) == (0, 0)
    assert used(book, account, NOON) == (70, 0)


def test_clocks_that_jump_find_what_was_spent() -> None:
    account, rolling = money(window=MONTH), money("r", window=parse_window("rolling 1h"))
    book = known(account, rolling)
    for at in (NOON, NOON + 400 * 86_400, NOON - 400 * 86_400, NOON + 2e9, NOON - 3.0):
        book.standing(account, at)
        book.standing(rolling, at)
        if at == NOON:
            book.settle(admit(book, "c", Claim(account, 9), Claim(rolling, 9)), Actual(usd=9))
    assert used(book, account, NOON - 3.0) == (9, 0)
    assert used(book, rolling, NOON - 3.0) == (9, 0)
    assert used(book, rolling, NOON + 3700) == (0, 0)


def test_a_small_step_back_gives_no_second_budget() -> None:
    account = rate("requests", 2)
    book = Accounts()
    admit(book, "a", Claim(account, 1), now=NOON)
    admit(book, "b", Claim(account, 1), now=NOON + 5)
    assert isinstance(book.reserve("c", [Claim(account, 1)], NOON - 20), Refused)
    assert isinstance(book.reserve("c", [Claim(account, 1)], NOON + 59), Refused)
    admit(book, "c", Claim(account, 1), now=NOON + 61)


def test_a_rolling_limit_says_when_there_is_room() -> None:
    account = rate("tokens", 100)
    book = Accounts()
    for index in range(10):
        admit(book, f"c{index}", Claim(account, 10), now=NOON + index)
    refused = book.reserve("late", [Claim(account, 25)], NOON + 30)
    assert isinstance(refused, Refused)
    assert refused.free_at == NOON + 63  # three calls of ten have slid out by then
    assert refused.standing.resets_at == NOON + 70
    admit(book, "late", Claim(account, 25), now=refused.free_at)


def test_tokens_are_corrected_and_requests_are_not_given_back() -> None:
    requests, tokens, parallel = rate("requests", 5), rate("tokens", 100), rate("parallel", 1)
    book = Accounts()
    claims = Claim(requests, 1), Claim(tokens, 60), Claim(parallel, 1)
    hold = admit(book, "c", *claims)
    assert hold.used == (1, 60, 1)
    assert isinstance(book.reserve("d", [Claim(parallel, 1)], NOON), Refused)
    book.settle(hold, Actual(tokens=25))
    assert [used(book, each.account) for each in claims] == [(1, 0), (25, 0), (0, 0)]
    assert book.release(admit(book, "d", *claims))
    assert [used(book, each.account) for each in claims] == [(1, 0), (25, 0), (0, 0)]


def test_an_expired_hold_is_given_back_and_can_still_be_settled() -> None:
    account, requests, parallel = money(), rate("requests", 5), rate("parallel", 1)
    book = Accounts(hold_seconds=10)
    book.restore([account], [], NOON)
    claims = Claim(account, 80), Claim(requests, 1), Claim(parallel, 1)
    hold = admit(book, "c", *claims, steady=100.0)
    assert book.expire(109.9) == ()
    assert book.expire(110.0) == (hold,)
    assert [used(book, each.account) for each in claims] == [(0, 0), (1, 0), (0, 0)]
    assert book.settle(hold, Actual(usd=33)) is not None
    assert [used(book, each.account) for each in claims] == [(33, 0), (1, 0), (0, 0)]
    assert book.settle(hold, Actual(usd=33)) is None


def test_a_soft_limit_warns_once() -> None:
    account = money(soft=50, window=MONTH)
    book = known(account)
    warned = []
    for index in range(10):
        hold = admit(book, f"c{index}", Claim(account, 10))
        warned.append([each.spent for each in book.settle(hold, Actual(usd=10)) or ()])
    assert [each for each in warned if each] == [[50]]


def test_budgets_must_be_restored_and_limits_need_not() -> None:
    account, other, requests = money("a"), money("o"), rate("requests", 5)
    book = known(account, spends=(Spend("usd/a", NOON, 40), Spend("usd/elsewhere", NOON, 9)))
    assert used(book, account) == (40, 0)
    claims = [Claim(account, 1), Claim(other, 1), Claim(requests, 1)]
    assert book.reserve("c", claims, NOON) == Unrestored(("usd/o",))
    assert used(book, account) == (40, 0)
    book.restore([account, other], [Spend("usd/a", NOON, 40), Spend("usd/o", NOON, 5)], NOON)
    assert used(book, account) == (40, 0), "what was known already is not added again"
    assert used(book, other) == (5, 0)
    assert book.standing(money("nobody"), NOON) is None


def test_spending_of_other_windows_is_restored_to_them() -> None:
    account = money(window=MONTH)
    october = NOON - 40 * 86_400
    book = known(account, spends=(Spend("usd/b", october, 7), Spend("usd/b", NOON, 2)))
    assert used(book, account) == (2, 0)
    assert used(book, account, october) == (7, 0)


def test_calls_in_flight_are_held_in_a_budget_restored_meanwhile() -> None:
    account = money()
    book = known(account)
    hold = admit(book, "c", Claim(account, 30))
    book.forget(account.id)
    assert isinstance(book.reserve("d", [Claim(account, 1)], NOON), Unrestored)
    book.restore([account], [Spend("usd/b", NOON, 5)], NOON)
    assert used(book, account) == (5, 30)
    book.settle(hold, Actual(usd=20))
    assert used(book, account) == (25, 0)


def test_a_changed_limit_holds_at_once_and_a_changed_window_is_restored() -> None:
    account = money(limit=100)
    book = known(account)
    hold = admit(book, "c", Claim(account, 60))
    lower = money(limit=50)
    assert isinstance(book.reserve("d", [Claim(lower, 0)], NOON), Refused)
    monthly = money(limit=50, window=MONTH)
    assert isinstance(book.reserve("d", [Claim(monthly, 1)], NOON), Unrestored)
    book.restore([monthly], [], NOON)
    assert used(book, monthly) == (0, 60)
    book.settle(hold, Actual(usd=10))
    assert used(book, monthly) == (10, 0)


def test_a_gate_closes_after_an_unpriced_call() -> None:
    gate = unpriced_gate("d1")
    book = Accounts()
    first, second = (admit(book, name, Claim(gate, 0)) for name in ("a", "b"))
    book.settle(first, Actual(unpriced=1))
    book.settle(second, Actual())
    assert isinstance(book.reserve("c", [Claim(gate, 0)], NOON), Refused)
    book.forget(gate.id)
    admit(book, "c", Claim(gate, 0))


def test_a_later_price_is_charged_to_its_day() -> None:
    account = money(window=parse_window("1d"))
    book = known(account)
    book.charge(account, 12, NOON - 86_400)
    book.charge(account, 5, NOON)
    book.charge(account, -2, NOON)
    book.charge(money("unknown"), 5, NOON)
    assert used(book, account) == (3, 0)
    assert used(book, account, NOON - 86_400) == (12, 0)


def test_mistakes_of_the_caller_are_loud() -> None:
    account = money()
    book = known(account)
    with pytest.raises(ValueError, match="negative"):
        book.reserve("c", [Claim(account, -1)], NOON)
    with pytest.raises(ValueError, match="add them up"):
        book.reserve("c", [Claim(account, 1), Claim(account, 1)], NOON)
    admit(book, "c", Claim(account, 1))
    with pytest.raises(ValueError, match="has a hold already"):
        book.reserve("c", [Claim(account, 1)], NOON)
    assert used(book, account) == (0, 1)


def test_a_thousand_calls_for_a_budget_of_a_hundred() -> None:
    account = money(limit=100 * 10**12)
    book = known(account)
    found = [book.reserve(f"c{i}", [Claim(account, 10**12)], NOON) for i in range(1000)]
    assert sum(isinstance(each, Hold) for each in found) == 100


AMOUNTS = st.integers(0, 60) | st.just(10**22)


class Model(RuleBasedStateMachine):
    """Random lives of calls against the plainest bookkeeping there is: a list of entries."""

    @initialize(scale=st.sampled_from((1, 10**13, 10**21)))
    def start(self, scale: int) -> None:
        self.scale = scale
        self.budgets = [
            money("total", 150 * scale),
            money("hour", 80 * scale, parse_window("1h")),
            money("rolling", 70 * scale, parse_window("rolling 10m")),
        ]
        self.now, self.steady, self.calls = NOON, 0.0, 0
        self.ledger: list[tuple[str, float, int]] = []
        self.open: dict[str, Hold] = {}
        self.expired: dict[str, Hold] = {}
        self.late = False  # a call was charged after its hold had expired
        self.book = Accounts(hold_seconds=500)
        self.book.restore(self.budgets, [], self.now)

    @rule(amounts=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), some=st.integers(1, 7))
    def reserve(self, amounts: tuple[int, int, int], some: int) -> None:
        claims = [
            Claim(account, amount * self.scale)
            for index, (account, amount) in enumerate(zip(self.budgets, amounts, strict=True))
            if some >> index & 1
        ]
        self.calls += 1
        found = self.book.reserve(f"c{self.calls}", claims, self.now, self.steady)
        if isinstance(found, Hold):
            self.open[found.call_id] = found
        else:
            assert isinstance(found, Refused)
            assert found.standing.spent + found.standing.held + found.asked > found.account.limit

    @precondition(lambda self: self.open or self.expired)
    @rule(pick=st.randoms(use_true_random=False), share=st.floats(0, 1))
    def settle(self, pick: object, share: float) -> None:
        call = pick.choice([*self.open, *self.expired])  # type: ignore[attr-defined]
        self.late |= call in self.expired
        hold = self.open.pop(call, None) or self.expired.pop(call)
        least = min(claim.amount for claim in hold.claims)
        usd = int(least * share)
        assert self.book.settle(hold, Actual(usd=usd)) is not None
        assert self.book.settle(hold, Actual(usd=usd)) is None
        self.ledger.extend((claim.account.id, hold.at, usd) for claim in hold.claims)

    @precondition(lambda self: self.open)
    @rule(pick=st.randoms(use_true_random=False))
    def release(self, pick: object) -> None:
        hold = self.open.pop(pick.choice([*self.open]))  # type: ignore[attr-defined]
        assert self.book.release(hold)
        assert not self.book.release(hold)

    @rule(seconds=st.sampled_from((1, 59, 601, 3600)))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds
        for hold in self.book.expire(self.steady):
            self.expired[hold.call_id] = self.open.pop(hold.call_id)

    @rule()
    def restart(self) -> None:
        """The process dies: its holds are gone, its ledger is not; every call left is lost."""
        self.open.clear()
        self.expired.clear()
        self.book = Accounts(hold_seconds=500)
        self.book.restore(self.budgets, [Spend(*entry) for entry in self.ledger], self.now)

    @invariant()
    def never_over_the_limit(self) -> None:
        for account in self.budgets:
            standing = self.book.standing(account, self.now)
            assert standing is not None
            if not self.late:
                assert standing.spent + standing.held <= account.limit
            assert standing.held >= 0

    @invariant()
    def sums_are_exact(self) -> None:
        account = self.budgets[0]
        standing = self.book.standing(account, self.now)
        assert standing is not None
        assert standing.spent == sum(usd for name, _, usd in self.ledger if name == account.id)
        held = [claim.amount for hold in self.open.values() for claim in hold.claims
                if claim.account is account]  # fmt: skip
        assert standing.held == sum(held)

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        for hold in self.open.values():
            self.book.release(hold)
        for account in self.budgets:
            standing = self.book.standing(account, self.now)
            assert standing is not None
            assert standing.held == 0


TestLives = Model.TestCase
TestLives.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
