"""Which deployment comes next, after how long, and when to stop."""

import pytest

from faregate.core.routing import HealthRules, Policy, RetryRules, Stop, Try
from faregate.types import ErrorFacts
from tests.core.routed import T0, Member, dice, error, first, members, router, run


def path(steps: list[Try[Member] | Stop]) -> str:
    """The ids tried, in order."""
    return "".join(step.deployment.id for step in steps if isinstance(step, Try))


def failing(*statuses: int) -> list[ErrorFacts | None]:
    return [error(status) for status in statuses]


def test_a_good_answer_needs_one_attempt() -> None:
    steps = list(run(router({"m": members("a")}).attempts("m"), lambda _: None))
    assert [(s.wait, s.number, s.why, s.model) for s in steps if isinstance(s, Try)] == [
        (0.0, 1, "first", "m")
    ]


def test_the_same_deployment_again_waits_longer_each_time() -> None:
    made = router({"m": members("a")}, num_retries=6)
    steps = list(run(made.attempts("m"), lambda _: error(500), roll=lambda: 0.999999))
    waits = [round(step.wait, 2) for step in steps if isinstance(step, Try)]
    assert waits == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    stop = steps[-1]
    assert isinstance(stop, Stop)
    assert stop.error == error(500)


def test_jitter_takes_a_quarter_at_most() -> None:
    made = router({"m": members("a")}, num_retries=3)
    steps = list(run(made.attempts("m"), lambda _: error(500), roll=first))
    assert [step.wait for step in steps if isinstance(step, Try)] == [0.0, 0.375, 0.75, 1.5]


@pytest.mark.parametrize(("asked", "waited"), [(3.0, 3.0), (0.02, 0.02), (7.5, 7.5), (500.0, 60.0)])
def test_the_upstreams_own_delay_is_followed(asked: float, waited: float) -> None:
    made = router({"m": members("a")}, num_retries=1)
    steps = list(run(made.attempts("m"), lambda _: error(429, retry_after=asked)))
    second = steps[1]
    assert isinstance(second, Try)
    assert second.wait == pytest.approx(waited)
    assert second.why == "retry"


def test_retry_after_of_the_settings_is_the_least_wait() -> None:
    made = router({"m": members("a")}, num_retries=1, retry_after=4.0)
    steps = list(run(made.attempts("m"), lambda _: error(503, retry_after=0.5)))
    assert isinstance(steps[1], Try)
    assert steps[1].wait == 4.0


def test_another_deployment_comes_at_once() -> None:
    made = router({"m": members("ab")})
    steps = list(run(made.attempts("m"), lambda step: error(429) if step.number == 1 else None))
    assert {path(steps)} <= {"ab", "ba"}
    assert isinstance(steps[1], Try)
    assert (steps[1].wait, steps[1].why) == (0.0, "other")


def test_all_are_tried_before_any_again() -> None:
    made = router({"m": members("abc")}, num_retries=5)
    tried = path(list(run(made.attempts("m"), lambda _: error(500))))
    assert len(tried) == 6
    assert set(tried[:3]) == set(tried[3:]) == set("abc")


def test_no_retries_is_one_attempt() -> None:
    made = router({"m": members("ab")}, num_retries=0)
    assert len(path(list(run(made.attempts("m"), lambda _: error(500))))) == 1


def test_a_deployment_states_its_own_retries() -> None:
    one = router({"m": members("a", max_retries=4)}, num_retries=1)
    assert path(list(run(one.attempts("m"), lambda _: error(500)))) == "aaaaa"
    none = router({"m": (Member("a", max_retries=0),)}, num_retries=5)
    assert path(list(run(none.attempts("m"), lambda _: error(500)))) == "a"


@pytest.mark.parametrize("status", [400, 409, 413, 422, 451])
def test_a_request_nobody_likes_stops(status: int) -> None:
    made = router({"m": members("ab"), "n": members("c")}, fallbacks={"m": ("n",)})
    steps = list(run(made.attempts("m"), lambda _: error(status)))
    assert len(steps) == 2
    assert steps[1] == Stop(error(status))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_misconfigured_one_is_passed_over_without_costing_a_retry(status: int) -> None:
    made = router({"m": members("abcd")}, num_retries=0)
    steps = list(run(made.attempts("m"), lambda _: error(status)))
    assert sorted(path(steps)) == list("abcd")
    assert steps[-1] == Stop(error(status))


def test_a_sole_misconfigured_one_stops_with_its_error_or_falls_back() -> None:
    alone = router({"m": members("a")}, num_retries=5)
    assert path(list(run(alone.attempts("m"), lambda _: error(401)))) == "a"
    made = router({"m": members("a"), "n": members("b")}, fallbacks={"m": ("n",)})
    steps = list(run(made.attempts("m"), lambda s: error(404) if s.model == "m" else None))
    assert path(steps) == "ab"


def test_a_used_up_quota_is_not_asked_again() -> None:
    made = router({"m": members("ab")}, num_retries=5)
    tried = path(list(run(made.attempts("m"), lambda _: error(429, kind="budget"))))
    assert sorted(tried) == ["a", "b"]


def test_a_timeout_is_not_repeated_on_the_same_deployment() -> None:
    alone = router({"m": members("a")}, num_retries=5)
    assert path(list(run(alone.attempts("m"), lambda _: error(408)))) == "a"
    two = router({"m": members("ab")}, num_retries=5)
    assert sorted(path(list(run(two.attempts("m"), lambda _: error(408))))) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "lists", "expected"),
    [
        ("context_window", "context_window_fallbacks", "al"),
        ("content_filter", "content_policy_fallbacks", "al"),
        ("context_window", "content_policy_fallbacks", "a"),
        ("content_filter", "fallbacks", "a"),
        ("unsupported_param", "fallbacks", "a"),
    ],
)
def test_special_refusals_have_their_own_lists(kind: str, lists: str, expected: str) -> None:
    made = router({"m": members("a"), "long": members("l")}, None, **{lists: {"m": ("long",)}})
    steps = list(run(made.attempts("m"), lambda s: error(400, kind) if s.model == "m" else None))
    assert path(steps) == expected
    if expected == "a":
        assert steps[-1] == Stop(error(400, kind))


def test_fallbacks_follow_in_order_with_attempts_of_their_own() -> None:
    models = {"m": members("a"), "n": members("b"), "o": members("c")}
    made = router(models, num_retries=1, fallbacks={"m": ("n", "o")})
    steps = list(run(made.attempts("m"), lambda _: error(500)))
    assert path(steps) == "aabbcc"
    whys = [step.why for step in steps if isinstance(step, Try)]
    assert whys == ["first", "retry", "fallback", "retry", "fallback", "retry"]
    assert isinstance(steps[2], Try)
    assert steps[2].wait == 0.0


def test_a_fallbacks_fallback_comes_before_the_next_one() -> None:
    models = {"m": members("a"), "n": members("b"), "o": members("c"), "p": members("d")}
    made = router(models, num_retries=0, fallbacks={"m": ("n", "o"), "n": ("p",)})
    assert path(list(run(made.attempts("m"), lambda _: error(500)))) == "abdc"


def test_cycles_end() -> None:
    models = {"m": members("a"), "n": members("b")}
    made = router(models, num_retries=0, fallbacks={"m": ("n", "m"), "n": ("m", "n")})
    steps = list(run(made.attempts("m"), lambda _: error(500)))
    assert path(steps) == "ab"
    assert steps[-1] == Stop(error(500))


def test_changes_to_a_fallback_are_bounded() -> None:
    models = {str(n): members(str(n)) for n in range(9)}
    chain = {str(n): (str(n + 1),) for n in range(8)}
    made = router(models, num_retries=0, fallbacks=chain)
    assert path(list(run(made.attempts("0"), lambda _: error(500)))) == "012345"
    none = router(models, num_retries=0, fallbacks=chain, max_fallbacks=0)
    assert path(list(run(none.attempts("0"), lambda _: error(500)))) == "0"


def test_the_star_and_the_default_fallbacks() -> None:
    models = {"m": members("a"), "n": members("b"), "d": members("z")}
    star = router(models, num_retries=0, fallbacks={"*": ("n",)}, default_fallbacks=("d",))
    assert path(list(run(star.attempts("m"), lambda _: error(500)))) == "ab"
    default = router(models, num_retries=0, fallbacks={"n": ("m",)}, default_fallbacks=("d",))
    assert path(list(run(default.attempts("m"), lambda _: error(500)))) == "az"


def test_a_fallback_nobody_knows_is_passed_over() -> None:
    models = {"m": members("a"), "n": members("b")}
    made = router(models, num_retries=0, fallbacks={"m": ("gone", "n")})
    assert path(list(run(made.attempts("m"), lambda _: error(500)))) == "ab"


def test_a_fallback_is_taken_rather_than_a_long_wait() -> None:
    models = {"m": members("a"), "n": members("b")}
    made = router(models, num_retries=3, fallbacks={"m": ("n",)})
    asked = error(429, retry_after=30)
    steps = list(run(made.attempts("m"), lambda s: asked if s.model == "m" else None))
    assert path(steps) == "ab"
    alone = router({"m": members("a")}, num_retries=1)
    waited = list(run(alone.attempts("m"), lambda s: asked if s.number == 1 else None))
    assert [step.wait for step in waited if isinstance(step, Try)] == [0.0, pytest.approx(30)]


def test_no_wait_reaches_the_deadline() -> None:
    made = router({"m": members("a")}, num_retries=9)
    steps = list(run(made.attempts("m", deadline=T0 + 2), lambda _: error(500)))
    assert path(steps) == "aaa"
    assert steps[-1] == Stop(error(500))
    asked = list(run(made.attempts("m", deadline=T0 + 9), lambda _: error(429, retry_after=10)))
    assert path(asked) == "a"


def test_a_fallback_within_the_deadline_is_taken_instead_of_a_wait_beyond_it() -> None:
    models = {"m": members("a"), "n": members("b")}
    made = router(models, fallbacks={"m": ("n",)})
    attempts = made.attempts("m", deadline=T0 + 2)
    asked = error(429, retry_after=5)
    assert path(list(run(attempts, lambda s: asked if s.model == "m" else None))) == "ab"


def test_after_the_deadline_nothing_is_tried() -> None:
    made = router({"m": members("ab"), "n": members("c")}, fallbacks={"m": ("n",)})
    steps = list(run(made.attempts("m", deadline=T0 + 1), lambda _: error(500), took=1.5))
    assert len(path(steps)) == 1
    assert steps[-1] == Stop(error(500))


def test_an_unknown_model_is_told_from_a_limited_one() -> None:
    made = router({"m": members("a", max_parallel_requests=1)})
    assert made.attempts("gone").next(None, T0, first) == Stop(None, None)
    busy = made.attempts("m")
    assert isinstance(busy.next(None, T0, first), Try)
    stop = made.attempts("m").next(None, T0, first)
    assert isinstance(stop, Stop)
    assert stop.error is None
    assert stop.limited is not None
    assert stop.limited.wait == 1.0
    busy.close(T0 + 1)
    assert isinstance(made.attempts("m").next(None, T0 + 1, first), Try)


def test_a_limited_model_falls_back() -> None:
    models = {"m": members("a", rpm=1), "n": members("b")}
    made = router(models, fallbacks={"m": ("n",)})
    tried = [path(list(run(made.attempts("m"), lambda _: None))) for _ in range(3)]
    assert tried == ["a", "b", "b"]


def test_the_last_real_error_wins_over_a_limit() -> None:
    models = {"m": members("a"), "n": members("b", max_parallel_requests=1)}
    made = router(models, num_retries=0, fallbacks={"m": ("n",)})
    made.conditions["b"].begin(T0)
    steps = list(run(made.attempts("m"), lambda _: error(503)))
    assert steps[-1] == Stop(error(503))


def test_the_last_error_is_the_one_that_is_told() -> None:
    made = router({"m": members("ab")}, num_retries=1)
    answers = iter(failing(500, 429))
    steps = list(run(made.attempts("m"), lambda _: next(answers)))
    assert steps[-1] == Stop(error(429))


def test_closing_gives_everything_back_and_twice_is_once() -> None:
    made = router({"m": members("a", tpm=1000)})
    condition = made.conditions["a"]
    for end in ("hang-up", "answer", "failure"):
        attempts = made.attempts("m", tokens=100)
        assert isinstance(attempts.next(None, T0, first), Try)
        assert condition.in_flight == 1
        if end == "answer":
            attempts.answered(T0 + 1)
        if end == "failure":
            attempts.next(error(400), T0 + 1, first)
        attempts.close(T0 + 1, tokens=None if end == "failure" else 40)
        attempts.close(T0 + 1, tokens=9_999)
        assert condition.in_flight == 0
    assert condition.tokens is not None
    assert condition.tokens.used(T0 + 1) == 80


def test_an_upstream_that_dies_midway_counts_against_its_health() -> None:
    made = router({"m": members("ab")}, Policy(health=HealthRules(allowed_fails=0)))
    attempts = made.attempts("m")
    step = attempts.next(None, T0, first)
    assert isinstance(step, Try)
    attempts.answered(T0 + 1)
    attempts.broke(error(502), T0 + 2)
    attempts.close(T0 + 2)
    condition = made.conditions[step.deployment.id]
    assert condition.state(T0 + 2) == "open"
    assert condition.in_flight == 0


def test_retry_rules_have_bounds_of_their_own() -> None:
    steps = list(run(router({"m": members("a")}).attempts("m"), lambda _: error(500), roll=dice()))
    assert len(path(steps)) == 1 + RetryRules().num_retries
