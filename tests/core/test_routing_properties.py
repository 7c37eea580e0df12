"""What holds for every request, whatever the deployments, errors and settings."""

from hypothesis import given
from hypothesis import strategies as st

from faregate.core.routing import HealthRules, Policy, RetryRules, Router, Stop, Try
from faregate.core.strategies import ORDERS
from faregate.types import ErrorFacts
from tests.core.routed import T0, Member, dice, error

NAMES = ("m", "n", "o", "p", "q", "r", "s")
KINDS = ("", "", "", "content_filter", "context_window", "unsupported_param", "budget")

errors = st.builds(
    error,
    st.sampled_from([400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529]),
    st.sampled_from(KINDS),
    st.none() | st.floats(0, 1000),
)
limits = st.none() | st.integers(1, 5)
lists = st.dictionaries(
    st.sampled_from((*NAMES, "*")), st.lists(st.sampled_from((*NAMES, "gone"))).map(tuple)
)
rules = st.builds(
    RetryRules,
    num_retries=st.integers(0, 6),
    retry_after=st.floats(0, 5),
    fallbacks=lists,
    context_window_fallbacks=lists,
    content_policy_fallbacks=lists,
    default_fallbacks=st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
    max_fallbacks=st.integers(0, 6),
)
policies = st.builds(
    Policy,
    strategy=st.sampled_from(list(ORDERS)),
    retry=rules,
    health=st.builds(HealthRules, allowed_fails=st.integers(0, 3)),
)


@st.composite
def routers(draw: st.DrawFn) -> Router[Member]:
    models = {
        name: tuple(
            Member(
                f"{name}{index}",
                rpm=draw(limits),
                max_parallel_requests=draw(limits),
                weight=draw(st.none() | st.floats(0, 9)),
                order=draw(st.integers(0, 1)),
                max_retries=draw(st.none() | st.integers(0, 3)),
            )
            for index in range(draw(st.integers(1, 3)))
        )
        for name in NAMES[: draw(st.integers(1, len(NAMES)))]
    }
    return Router(models, draw(policies))


@given(
    router=routers(),
    failures=st.lists(errors, min_size=1, max_size=12),
    patience=st.none() | st.floats(0.01, 90),
    seed=st.integers(0, 9),
)
def test_every_request_ends_within_its_bounds(
    router: Router[Member], failures: list[ErrorFacts], patience: float | None, seed: int
) -> None:
    retry, roll, now = router.policy.retry, dice(seed), T0
    deadline = None if patience is None else T0 + patience
    for _ in range(3):
        started, steps, last = now, [], None
        deadline = None if patience is None else started + patience
        attempts = router.attempts("m", deadline=deadline, tokens=10)
        step = attempts.next(None, now, roll)
        while isinstance(step, Try):
            steps.append(step)
            assert len(steps) <= most(router, retry), "more attempts than allowed"
            assert step.wait >= 0
            assert step.wait <= max(60.0, retry.retry_after)
            if deadline is not None and len(steps) > 1:
                assert now + step.wait < deadline, "a wait reaches the deadline"
            now += step.wait + 0.01
            last = failures[len(steps) % len(failures)]
            step = attempts.next(last, now, roll)
        assert isinstance(step, Stop)
        assert step.error is last, "the last real error is what the caller sees"
        assert (step.limited is not None) == (not steps)
        assert attempts.switches <= retry.max_fallbacks
        assert attempts.count == len(steps)
        attempts.close(now)
        assert all(condition.in_flight == 0 for condition in router.conditions.values())
        assert not any(condition.probing for condition in router.conditions.values())


def most(router: Router[Member], retry: RetryRules) -> int:
    """No model gives more than its retries and its deployments; no more models than fallbacks."""
    one = max(retry.num_retries, 3) + 1 + 3
    return one * (retry.max_fallbacks + 1)


@given(failures=st.lists(errors, max_size=40), gaps=st.lists(st.floats(0, 30), max_size=40))
def test_a_sole_deployment_is_always_tried(failures: list[ErrorFacts], gaps: list[float]) -> None:
    router: Router[Member] = Router({"m": (Member("a"),)})
    now = T0
    for failed, gap in zip(failures, gaps, strict=False):
        now += gap
        attempts = router.attempts("m")
        assert isinstance(attempts.next(None, now, dice()), Try)
        attempts.next(failed, now, dice())
        attempts.close(now)


@given(
    times=st.lists(st.floats(0, 200), min_size=1, max_size=60).map(sorted),
    rpm=st.integers(1, 6),
)
def test_no_minute_has_more_than_the_limit(times: list[float], rpm: int) -> None:
    router: Router[Member] = Router({"m": (Member("a", rpm=rpm),)})
    let_in: list[float] = []
    for at in times:
        attempts = router.attempts("m")
        if isinstance(attempts.next(None, T0 + at, dice()), Try):
            let_in.append(at)
        attempts.close(T0 + at)
    for start in let_in:
        assert sum(start <= at < start + 60 for at in let_in) <= rpm
    assert let_in[0] == times[0]


@given(seed=st.integers(0, 10_000), good_after=st.integers(0, 8))
def test_one_healthy_deployment_is_enough(seed: int, good_after: int) -> None:
    """Of three, one answers: with two retries every request gets its answer."""
    router: Router[Member] = Router({"m": tuple(Member(name) for name in "abc")})
    roll, now = dice(seed), T0
    for _ in range(good_after + 1):
        attempts = router.attempts("m")
        step = attempts.next(None, now, roll)
        while isinstance(step, Try) and step.deployment.id != "b":
            now += step.wait
            step = attempts.next(error(503), now, roll)
        assert isinstance(step, Try)
        attempts.answered(now)
        attempts.close(now)
        now += 0.5
