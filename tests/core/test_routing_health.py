"""When a deployment is put aside, and when it comes back."""

import pytest

from faregate.core.condition import Condition, HealthRules, Limits
from faregate.core.routing import Limited, Policy, Router, Try
from faregate.core.window import Window
from tests.core.routed import T0, Member, error, first, members, router, run


def fail(condition: Condition, times: int, status: int = 500, *, at: float = T0) -> None:
    for _ in range(times):
        condition.failed(at, error(status))


def test_more_than_the_allowed_failures_put_it_aside_for_the_cooldown() -> None:
    condition = Condition()
    fail(condition, 3)
    assert condition.state(T0) == "closed"
    fail(condition, 1)
    assert condition.state(T0) == "open"
    assert condition.until == T0 + 5
    assert not condition.available(T0 + 4.9)
    assert condition.state(T0 + 5) == "half_open"


def test_requests_under_way_since_before_do_not_lengthen_the_cooldown() -> None:
    condition = Condition()
    fail(condition, 40)
    assert condition.until == T0 + 5


def test_a_success_between_starts_the_row_anew() -> None:
    condition = Condition()
    for _ in range(3):
        fail(condition, 3, at=T0)
        for _ in range(30):
            condition.answered(T0, T0)
    assert condition.state(T0) == "closed"


def test_half_of_the_outcomes_is_too_much_even_with_successes_between() -> None:
    condition = Condition()
    for _ in range(3):
        fail(condition, 1)
        condition.answered(T0, T0)
    assert condition.state(T0) == "closed"
    fail(condition, 1)
    assert condition.state(T0) == "open"


def test_failures_of_an_earlier_minute_are_forgotten() -> None:
    condition = Condition()
    fail(condition, 3)
    fail(condition, 3, at=T0 + 61)
    assert condition.state(T0 + 61) == "closed"


@pytest.mark.parametrize("status", [400, 404, 401, 403, 413, 422])
def test_a_4xx_says_nothing_about_a_sole_deployment(status: int) -> None:
    condition = Condition()
    for _ in range(50):
        condition.failed(T0, error(status), alone=True)
    assert condition.state(T0) == "closed"


@pytest.mark.parametrize(
    ("status", "counts"), [(401, True), (403, True), (404, True), (400, False)]
)
def test_a_misconfigured_one_among_several_counts(status: int, counts: bool) -> None:
    condition = Condition()
    fail(condition, 4, status)
    assert (condition.state(T0) == "open") is counts


@pytest.mark.parametrize("status", [408, 500, 502, 503, 529])
def test_timeouts_and_5xx_count_for_a_sole_one_too(status: int) -> None:
    condition = Condition()
    for _ in range(4):
        condition.failed(T0, error(status), alone=True)
    assert condition.state(T0) == "open"


def test_a_refusal_by_content_never_counts() -> None:
    condition = Condition()
    for _ in range(9):
        condition.failed(T0, error(500, kind="content_filter"))
    assert condition.state(T0) == "closed"


@pytest.mark.parametrize(
    ("asked", "cooldown", "aside"),
    [(None, 5.0, 5.0), (2.0, 5.0, 2.0), (30.0, 5.0, 30.0), (999.0, 5.0, 60.0), (999.0, 90.0, 90.0)],
)
def test_a_429_puts_it_aside_at_once(asked: float | None, cooldown: float, aside: float) -> None:
    condition = Condition(None, HealthRules(cooldown_time=cooldown))
    condition.failed(T0, error(429, retry_after=asked))
    assert condition.until == T0 + aside


def test_cooldowns_double_up_to_a_minute_and_a_success_ends_them() -> None:
    condition = Condition(None, HealthRules(allowed_fails=0))
    now, lengths = T0, []
    for _ in range(6):
        condition.begin(now)
        condition.failed(now, error(500))
        condition.end(now, probe=condition.probing)
        lengths.append(condition.until - now)
        now = condition.until
    assert lengths == [5, 10, 20, 40, 60, 60]
    assert condition.begin(now)
    condition.answered(now + 1, now)
    condition.end(now + 1, probe=True)
    assert condition.state(now + 1) == "closed"
    fail(condition, 1, at=now + 2)
    assert condition.until == now + 7


def test_one_request_at_a_time_tries_it_after_the_cooldown() -> None:
    condition = Condition(None, HealthRules(allowed_fails=0))
    fail(condition, 1)
    later = T0 + 6
    assert condition.available(later)
    assert condition.begin(later) is True
    assert not condition.available(later)
    assert condition.begin(later) is False
    condition.end(later, probe=True)
    assert condition.available(later)


def test_a_success_begun_before_the_cooldown_does_not_end_it() -> None:
    condition = Condition()
    condition.failed(T0, error(429, retry_after=20))
    condition.answered(T0 + 1, T0 - 3)
    assert condition.state(T0 + 1) == "open"
    condition.answered(T0 + 2, T0 + 1)
    assert condition.state(T0 + 2) == "closed"


def test_cooldowns_can_be_switched_off() -> None:
    condition = Condition(None, HealthRules(disable_cooldowns=True))
    fail(condition, 50)
    condition.failed(T0, error(429))
    assert condition.state(T0) == "closed"


def test_a_cooling_one_is_passed_over_and_tried_last() -> None:
    made = router({"m": members("abc")})
    made.conditions["b"].failed(T0, error(429, retry_after=30))
    plan = made.plan("m", T0, first)
    assert isinstance(plan, tuple)
    assert plan[-1].id == "b"


def test_when_all_are_cooling_the_one_that_ends_first_is_tried() -> None:
    made = router({"m": members("abc")})
    for name, seconds in (("a", 30), ("b", 10), ("c", 20)):
        made.conditions[name].failed(T0, error(429, retry_after=seconds))
    plan = made.plan("m", T0, first)
    assert isinstance(plan, tuple)
    assert [member.id for member in plan] == ["b", "c", "a"]
    step = made.attempts("m").next(None, T0, first)
    assert isinstance(step, Try)
    assert step.deployment.id == "b"


def test_a_sole_deployment_is_never_starved() -> None:
    made = router({"m": members("a")}, num_retries=0)
    for _ in range(50):
        steps = list(run(made.attempts("m"), lambda _: error(500)))
        assert isinstance(steps[0], Try)
    assert made.conditions["a"].state(T0 + 1) == "open"


def test_a_hang_up_gives_the_trial_back() -> None:
    made = router({"m": members("ab")}, Policy(health=HealthRules(allowed_fails=0)))
    condition = made.conditions["a"]
    condition.failed(T0, error(500))
    condition.failed(T0, error(500))
    made.conditions["b"].failed(T0, error(429, retry_after=50))
    attempts = made.attempts("m")
    step = attempts.next(None, T0 + 6, first)
    assert isinstance(step, Try)
    assert step.deployment.id == "a"
    assert condition.probing
    attempts.close(T0 + 7)
    assert not condition.probing


def test_limits_hold_and_say_when_they_end() -> None:
    made = router({"m": members("a", rpm=2)})
    for _ in range(2):
        made.conditions["a"].begin(T0)
    found = made.plan("m", T0, first)
    assert isinstance(found, Limited)
    assert 60 <= found.wait <= 65
    assert isinstance(made.plan("m", T0 + found.wait, first), tuple)


def test_the_earliest_end_of_several_limits_is_told() -> None:
    made = router({"m": (Member("a", rpm=1), Member("b", max_parallel_requests=1))})
    for condition in made.conditions.values():
        condition.begin(T0)
    found = made.plan("m", T0, first)
    assert isinstance(found, Limited)
    assert found.wait == 1.0


def test_tokens_count_as_estimated_and_are_put_right() -> None:
    condition = Condition(Limits(tpm=100))
    condition.begin(T0, 60)
    assert condition.free_at(T0, 41) > T0
    assert condition.free_at(T0, 40) == T0
    condition.end(T0 + 1, tokens=-50)
    assert condition.free_at(T0 + 1, 90) == T0 + 1


def test_a_request_larger_than_the_limit_is_let_in_alone() -> None:
    condition = Condition(Limits(tpm=100))
    assert condition.free_at(T0, 5_000) == T0
    condition.begin(T0, 5_000)
    assert condition.free_at(T0, 1) > T0


def test_the_window_never_says_too_little() -> None:
    window = Window()
    for second in range(200):
        window.add(T0 + second)
        assert window.used(T0 + second) >= min(second + 1, 60)
        assert window.used(T0 + second) <= 65
    assert window.used(T0 + 199 + 66) == 0
    assert window.used(T0 + 10_000) == 0


def test_the_window_knows_when_it_is_free() -> None:
    window = Window()
    window.add(T0, 5)
    window.add(T0 + 30, 5)
    for most, least in ((9, T0 + 60), (4, T0 + 90), (0, T0 + 90)):
        at = window.free_at(T0 + 31, most)
        assert least <= at <= least + 6
        fresh = Window()
        fresh.add(T0, 5)
        fresh.add(T0 + 30, 5)
        assert fresh.used(at) <= most
    assert window.free_at(T0 + 31, 10) == T0 + 31


def test_a_reload_keeps_what_was_learnt() -> None:
    old = router({"m": members("ab", rpm=5)})
    old.conditions["a"].failed(T0, error(429, retry_after=30))
    old.conditions["b"].begin(T0)
    new = Router({"m": members("abc", rpm=9)}, old.policy, previous=old)
    assert new.conditions["a"].state(T0 + 1) == "open"
    assert new.conditions["b"].requests is not None
    assert new.conditions["b"].requests.used(T0) == 1
    assert new.conditions["b"].limits == Limits(rpm=9)
    assert new.conditions["c"].state(T0) == "closed"
    assert set(Router({"m": members("a")}, previous=new).conditions) == {"a"}
