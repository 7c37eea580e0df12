"""In which order deployments are tried."""

from collections import Counter

import pytest

from faregate.core.routing import Limited, Policy, Router
from faregate.core.strategies import ORDERS, Strategy
from faregate.types import Deployment
from tests.core.routed import T0, Member, dice, error, first, members


def order(made: Router[Member], *, roll: object = None, now: float = T0, **asked: object) -> str:
    plan = made.plan("m", now, dice() if roll is None else roll, **asked)  # type: ignore[arg-type]
    assert isinstance(plan, tuple)
    return "".join(member.id for member in plan)


def made(strategy: Strategy, chosen: tuple[Member, ...], **more: object) -> Router[Member]:
    return Router({"m": chosen}, Policy(strategy=strategy), **more)  # type: ignore[arg-type]


def firsts(router: Router[Member], times: int = 6000) -> Counter[str]:
    roll = dice(11)
    return Counter(order(router, roll=roll)[0] for _ in range(times))


@pytest.mark.parametrize("strategy", ORDERS)
def test_every_strategy_orders_everyone_once(strategy: Strategy) -> None:
    router = made(strategy, members("abcdef"))
    for seed in range(50):
        assert sorted(order(router, roll=dice(seed))) == list("abcdef")
    assert order(made(strategy, members("a"))) == "a"


@pytest.mark.parametrize(
    "chosen",
    [
        (Member("a", weight=1), Member("b", weight=2), Member("c", weight=3)),
        (Member("a"), Member("b", weight=2), Member("c", weight=3)),
        (Member("a", rpm=10), Member("b", rpm=20), Member("c", rpm=30)),
        (Member("a", tpm=1000), Member("b", tpm=2000), Member("c", tpm=3000)),
    ],
)
def test_weights_are_honoured(chosen: tuple[Member, ...]) -> None:
    seen = firsts(made("simple-shuffle", chosen))
    assert [round(seen[name] / 6000, 1) for name in "abc"] == [0.2, 0.3, 0.5]


def test_without_weights_all_are_equal() -> None:
    for chosen in (members("abc"), (Member("a", rpm=10), Member("b"), Member("c"))):
        seen = firsts(made("simple-shuffle", chosen))
        assert all(0.3 < seen[name] / 6000 < 0.37 for name in "abc")


def test_every_order_of_equals_is_as_likely() -> None:
    router, roll = made("simple-shuffle", members("abc")), dice(3)
    seen = Counter(order(router, roll=roll) for _ in range(6000))
    assert len(seen) == 6
    assert all(850 < times < 1150 for times in seen.values())


def test_weight_zero_comes_last() -> None:
    chosen = (Member("a", weight=0), Member("b", weight=1), Member("c", weight=5))
    router = made("simple-shuffle", chosen)
    assert {order(router, roll=dice(seed))[-1] for seed in range(200)} == {"a"}
    zeros = made("simple-shuffle", members("ab", weight=0))
    assert {order(zeros, roll=dice(seed)) for seed in range(50)} == {"ab", "ba"}


def test_lower_order_goes_first_whatever_the_strategy() -> None:
    chosen = (Member("a", order=2), Member("b", order=1), Member("c", order=1), Member("d"))
    for strategy in ORDERS:
        orders = {order(made(strategy, chosen), roll=dice(seed)) for seed in range(50)}
        assert orders == {"dbca", "dcba"}


def test_the_next_level_is_used_when_the_first_is_cooling_or_limited() -> None:
    router = made("simple-shuffle", (Member("a", rpm=1), Member("b"), Member("c", order=1)))
    router.conditions["a"].begin(T0)
    router.conditions["b"].failed(T0, error(429, retry_after=30))
    assert order(router) == "cb"


def test_least_busy() -> None:
    router = made("least-busy", members("abc"))
    for name, requests in (("a", 3), ("b", 1), ("c", 2)):
        for _ in range(requests):
            router.conditions[name].begin(T0)
    assert order(router) == "bca"
    router.conditions["b"].end(T0)
    router.conditions["c"].end(T0)
    router.conditions["c"].end(T0)
    assert {order(router, roll=dice(seed))[:2] for seed in range(40)} == {"bc", "cb"}


def test_quickest_first_the_unmeasured_before_all() -> None:
    router = made("latency-based-routing", members("abc"))
    router.conditions["a"].answered(T0, T0 - 2.0)
    router.conditions["b"].answered(T0, T0 - 0.5)
    assert order(router) == "cba"
    router.conditions["c"].begin(T0)
    assert order(router) == "bac"
    router.conditions["c"].answered(T0, T0 - 1.0)
    assert order(router) == "bca"


def test_near_equals_share_the_load_and_old_figures_are_forgotten() -> None:
    router = made("latency-based-routing", members("abc"))
    for name, seconds in (("a", 1.0), ("b", 1.1), ("c", 1.5)):
        router.conditions[name].answered(T0, T0 - seconds)
    assert {order(router, roll=dice(seed)) for seed in range(60)} == {"abc", "bac"}
    router.conditions["a"].answered(T0 + 200, T0 + 199)
    assert order(router, now=T0 + 400)[-1] == "a"


def test_the_mean_follows_the_newest() -> None:
    condition = made("latency-based-routing", members("a")).conditions["a"]
    condition.answered(T0, T0 - 1.0)
    condition.answered(T0, T0 - 2.0)
    assert condition.latency == pytest.approx(1.3)


def test_cheapest_first_unknown_prices_last() -> None:
    prices = {"a": 900, "b": None, "c": 300, "d": 300}

    def price_of(deployment: Deployment) -> int | None:
        return prices[deployment.id]

    router = made("cost-based-routing", members("abcd"), price_of=price_of)
    assert {order(router, roll=dice(seed)) for seed in range(60)} == {"cdab", "dcab"}
    assert order(made("cost-based-routing", members("a"))) == "a"


def test_least_used_share_first() -> None:
    chosen = (Member("a", rpm=100), Member("b", rpm=10), Member("c", tpm=1000))
    router = made("usage-based-routing", chosen)
    for _ in range(5):
        router.conditions["a"].begin(T0)
    router.conditions["b"].begin(T0)
    router.conditions["c"].begin(T0, 300)
    assert order(router) == "abc"
    free = made("usage-based-routing", members("ab"))
    free.conditions["a"].begin(T0, 10)
    assert order(free) == "ba"


def test_tags_choose_only_where_filtering_is_on() -> None:
    chosen = (Member("a", tags=("eu",)), Member("b", tags=("default",)), Member("c"))
    off = Router({"m": chosen})
    assert sorted(order(off, tags=("eu",))) == list("abc")
    on = Router({"m": chosen}, Policy(tag_filtering=True))
    assert order(on, tags=("eu",)) == "a"
    assert order(on, tags=("us",)) == "b"
    assert order(on) == "b"


def test_a_tag_nobody_has_never_goes_to_an_untagged_one() -> None:
    chosen = (Member("a", tags=("eu", "fast")), Member("c"))
    router = Router({"m": chosen}, Policy(tag_filtering=True))
    found = router.plan("m", T0, first, tags=("us",))
    assert isinstance(found, Limited)
    assert "tags" in found.reason
    assert sorted(order(router)) == ["a", "c"]
    assert order(router, tags=("eu", "slow")) == "a"
    strict = Router({"m": chosen}, Policy(tag_filtering=True, tags_match_any=False))
    assert isinstance(strict.plan("m", T0, first, tags=("eu", "slow")), Limited)
    assert order(strict, tags=("fast", "eu")) == "a"


def test_names_beyond_the_mapping_are_asked_for() -> None:
    found = {"wild/x": members("w")}
    router = Router({"m": members("a")}, find=lambda name: found.get(name, ()))
    plan = router.plan("wild/x", T0, first)
    assert plan == found["wild/x"]
    assert router.plan("other", T0, first) is None
    assert set(router.conditions) == {"a", "w"}
    for _ in range(100):
        router.plan("wild/x", T0, first)
    assert len(router.conditions) == 2
