"""What is held covers whatever a call may cost: any model of the pool, any split of its tokens."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from faregate.core.asking import Ask, ask_of
from faregate.core.model_limits import LIMITS, POOL, UNKNOWN, limits_of
from faregate.core.receipt import Outcome, charge
from faregate.core.worst_case import Policy, WorstCases
from faregate.money import parse_usd
from faregate.prices.load import load_book
from faregate.types import Deployment, OwnPrices, Usage

NOW = 1_795_348_800.0
BOOK = load_book()
CASES = WorstCases(BOOK)
ROUTER = Deployment(
    id="r",
    provider="azure_ai",
    route="model_router",
    upstream_model="prod",
    api_base="",
    scope="global",
)
WORST = Policy()


def direct(model: str, **facts: Any) -> Deployment:
    return Deployment(
        **{
            "id": f"d-{model}-{sorted(facts)}",
            "provider": "azure_ai",
            "route": "direct",
            "upstream_model": model,
            "api_base": "",
            **facts,
        }
    )


def members(**body: Any) -> dict[str, Raw]:
    return {name: Raw(msgspec.json.encode(value)) for name, value in body.items()}


def ask(**body: Any) -> Ask:
    return ask_of(members(**body), len(msgspec.json.encode(body)))


DEPLOYMENTS = [
    ROUTER,
    Deployment(
        id="dz", provider="azure", route="model_router", upstream_model="p", api_base="",
        scope="data_zone_eu", router_fee=999_999,
    ),
    *(direct(model) for model in ("gpt-5-nano", "gpt-6-astra", "claude-sonnet-5", "gpt-4o")),
    direct("gpt-5.5", discount_bp=1234),
    direct("mine", own_prices=OwnPrices(per_token={"input": 7, "cache_write": 9, "output": 50})),
    direct("mine", base_model="gpt-5.6-sol"),
]  # fmt: skip


@settings(max_examples=400)
@given(
    deployment=st.sampled_from(DEPLOYMENTS),
    served=st.sampled_from(POOL),
    size=st.integers(0, 1_200_000),
    split=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    cap=st.none() | st.integers(0, 200_000),
    tier=st.sampled_from(("", "auto", "priority", "flex")),
    choices=st.integers(1, 4),
)
def test_no_charge_exceeds_its_hold(
    *,
    deployment: Deployment,
    served: str,
    size: int,
    split: list[float],
    cap: int | None,
    tier: str,
    choices: int,
) -> None:
    asked = Ask(size=size, output=cap, choices=choices, tier=tier)
    bound = CASES.bound("azure", deployment, asked, NOW, WORST)
    if deployment.route == "direct":
        served = deployment.base_model or deployment.upstream_model
    limits = limits_of(served, "azure")
    prompt = min(size, limits.context)
    cached, written = int(prompt * split[0] * split[1]), int(prompt * split[0] * (1 - split[1]))
    most = limits.output if cap is None else min(cap, limits.output)
    if limits.thinks_beyond and cap != 0:
        most = limits.output
    usage = Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write=written,
        output=int(most * choices * split[2]),
    )
    for billed in {"standard", *({"priority"} if tier == "auto" else {tier} - {""})}:
        outcome = Outcome(
            requested_model="m", served_model=served, usage=usage, tier=billed, at=NOW + 59
        )
        real = charge(BOOK, "azure", deployment, outcome)
        if real.total is not None:
            assert real.total <= bound.amount


def test_the_bound_is_the_dearest_and_no_more() -> None:
    asked = Ask(size=1000, output=100)
    bound = CASES.bound("azure", ROUTER, asked, NOW, WORST)
    totals = {}
    for model in POOL:
        limits = limits_of(model, "azure")
        said = limits.output if limits.thinks_beyond else 100
        for usage in (Usage(input=1000, output=said), Usage(cache_write=1000, output=said)):
            outcome = Outcome(requested_model="m", served_model=model, usage=usage, at=NOW)
            real = charge(BOOK, "azure", ROUTER, outcome).total
            assert real is not None, model
            totals[model, usage] = real
    assert bound.amount == max(totals.values())
    assert bound.model in {model for (model, _), total in totals.items() if total == bound.amount}


def test_a_subset_is_a_smaller_hold() -> None:
    cheap = Ask(size=1000, output=100, subset=("gpt-5-nano", "gpt-4.1-nano"))
    bound = CASES.bound("azure", ROUTER, cheap, NOW, WORST)
    every = CASES.bound("azure", ROUTER, Ask(size=1000, output=100), NOW, WORST)
    assert 0 < bound.amount < every.amount // 20
    assert bound.model in cheap.subset


def test_reasoning_that_max_tokens_does_not_bound_is_held() -> None:
    asked = Ask(size=1000, output=1, subset=("grok-4-1-fast-reasoning", "gpt-6-astra"))
    bound = CASES.bound("azure", ROUTER, asked, NOW, WORST)
    assert bound.model == "grok-4-1-fast-reasoning"
    assert bound.output == limits_of("grok-4-1-fast-reasoning", "azure").output


def test_reasoning_beside_an_answer_is_held_as_far_as_azure_lets_it_go() -> None:
    small = CASES.bound("azure", ROUTER, Ask(size=1000, output=100), NOW, WORST)
    assert small.amount < parse_usd("0.1"), "ten small calls of a router fit into a dollar"
    for name in ("grok-4-1-fast-reasoning", "grok-4.1-fast-reasoning", "Grok-4-1-Fast"):
        assert limits_of(name, "azure").output == 128_000
        assert limits_of(name, "azure").thinks_beyond
        assert limits_of(name, "xai").output == 2_000_000, "elsewhere that limit is not stated"


def test_long_context_is_held_at_its_price() -> None:
    deployment = direct("gpt-5.5")
    below = CASES.bound("azure", deployment, Ask(size=271_999, output=0), NOW, WORST).amount
    above = CASES.bound("azure", deployment, Ask(size=272_001, output=0), NOW, WORST).amount
    assert above > 1.9 * below


def test_what_the_request_does_not_say_is_bounded_by_the_model() -> None:
    bound = CASES.bound("azure", direct("gpt-5-nano"), Ask(size=10**9), NOW, WORST)
    assert (bound.prompt, bound.output) == (400_000, 128_000)
    pictures = CASES.bound("azure", direct("gpt-4o-mini"), Ask(size=0, images=2), NOW, WORST)
    assert pictures.prompt == 2 * 48_200
    stored = CASES.bound("azure", direct("o4-mini"), Ask(size=9, elsewhere=True), NOW, WORST)
    assert stored.prompt == 200_000


def test_an_estimate_is_smaller_than_the_worst_case() -> None:
    asked = Ask(size=4001, output=None)
    policy = Policy(reserve="estimate", typical_output=300)
    bound = CASES.bound("azure", direct("gpt-5-nano"), asked, NOW, policy)
    assert (bound.prompt, bound.output) == (1001, 300)
    counted = CASES.bound("azure", ROUTER, Ask(size=4001, counted=77, output=5), NOW, policy)
    assert (counted.prompt, counted.output) == (77, 5)


def test_a_model_without_a_price() -> None:
    mystery = direct("gpt-9-mystery")
    asked = Ask(size=1000, output=100)
    for rule in ("allow", "refuse_next"):
        bound = CASES.bound("azure", mystery, asked, NOW, Policy(on_unpriced=rule))
        assert (bound.amount, bound.unknown) == (0, ("gpt-9-mystery",))
    bound = CASES.bound("azure", mystery, asked, NOW, Policy(on_unpriced="worst_case"))
    dearest = CASES.bound("azure", ROUTER, asked, NOW, WORST)
    assert bound.unknown == ("gpt-9-mystery",)
    assert 0 < bound.amount <= dearest.amount, "a direct deployment pays no routing fee"
    mixed = Ask(size=1000, output=100, subset=("gpt-5-nano", "gpt-9-mystery"))
    found = CASES.bound("azure", ROUTER, mixed, NOW, WORST)
    assert found.unknown == ("gpt-9-mystery",)
    assert found.model == "gpt-5-nano"
    other = CASES.bound("openai", mystery, asked, NOW, Policy(on_unpriced="worst_case"))
    assert other.amount > 0


def test_embeddings_say_nothing() -> None:
    asked = ask_of(members(input="x" * 100), 120, answers=False)
    assert asked.output == 0
    bound = CASES.bound("azure", direct("text-embedding-3-small"), asked, NOW, WORST)
    assert bound.unknown == ()
    assert bound.amount > 0


@pytest.mark.parametrize("at", [0.0, 1e11, -5.0])
def test_instants_without_prices(at: float) -> None:
    bound = CASES.bound("azure", direct("gpt-5"), Ask(size=1, output=1), at, WORST)
    assert bound.amount >= 0


def test_what_a_request_says() -> None:
    text = [{"role": "user", "content": "hello"}]
    found = ask(messages=text, max_tokens=50, max_completion_tokens=70, n=3)
    assert (found.output, found.choices, found.images, found.elsewhere) == (70, 3, 0, False)
    assert found.size > len("hello") + 64
    assert ask(messages=text).output is None
    assert ask(messages=text, tools=[]).size > ask(messages=text).size + 900
    assert ask(messages=text, service_tier="priority").tier == "priority"


PNG = "data:image/png;base64," + "A" * 100_000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": PNG},
        {"type": "input_image", "image_url": PNG},
        {"type": "image", "source": {"type": "base64", "data": PNG}},
    ],
)
def test_pictures_are_counted_as_pictures(part: dict[str, Any]) -> None:
    found = ask(messages=[{"role": "user", "content": [part, {"type": "text", "text": "hi"}]}])
    assert found.images == 1
    assert found.size < 1000


def test_pictures_cannot_hide() -> None:
    spelled = (
        b'[{"role":"user","content":[{"type":"im\\u0061ge_url","im\\u0061ge_url":{"url":"u"}}]}]'
    )
    found = ask_of({"messages": Raw(spelled)}, len(spelled))
    assert found.images == 1
    nested: Any = {"type": "image_url", "image_url": {"url": "u"}}
    result = [{"type": "tool_result", "content": [nested, nested]}]
    assert ask(messages=[{"role": "user", "content": result}]).images == 2
    for _ in range(9):
        nested = {"content": [nested]}
    assert ask(messages=[nested]).elsewhere


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]},
        {"input": "hi", "previous_response_id": "resp_1"},
        {"messages": [], "data_sources": []},
        {"messages": [], "web_search_options": {}},
    ],
)
def test_what_is_not_in_the_body(body: dict[str, Any]) -> None:
    assert ask(**body).elsewhere


def test_sound_and_long_caches() -> None:
    spoken = [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]
    assert ask(messages=spoken).audio_in
    assert ask(messages=[], modalities=["text", "audio"]).audio_out
    cached = [{"role": "user", "content": "x", "cache_control": {"ttl": "1h"}}]
    assert ask(messages=cached).hour_cache
    assert not ask(messages=[{"role": "user", "content": "x"}]).hour_cache
    plain, hour = (Ask(size=1000, output=0, hour_cache=each) for each in (False, True))
    sonnet = direct("claude-sonnet-5")
    amounts = [CASES.bound("azure", sonnet, each, NOW, WORST).amount for each in (plain, hour)]
    assert amounts[0] < amounts[1]


@given(
    st.dictionaries(
        st.sampled_from(("max_tokens", "n", "messages", "service_tier", "modalities", "input",
                         "routing_config", "max_completion_tokens", "best_of")),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
            max_leaves=6,
        ),
    )
)  # fmt: skip
def test_odd_requests_are_left_to_the_provider(body: dict[str, Any]) -> None:
    found = ask_of(members(**body), 100, controls=True)
    bound = CASES.bound("azure", ROUTER, found, NOW, WORST)
    assert bound.amount >= 0


def test_a_routers_subset_counts_only_where_it_is_heeded() -> None:
    body = members(routing_config={"models": ["gpt-5-nano", {"name": "gpt-5-mini"}, 3]})
    assert ask_of(body, 10).subset == ()
    assert ask_of(body, 10, controls=True).subset == ("gpt-5-nano", "gpt-5-mini")
    many = members(routing_config={"models": ["m"] * 65})
    assert ask_of(many, 10, controls=True).subset == ()


def test_the_table_of_limits() -> None:
    assert limits_of("GPT-4o-mini-2024-07-18").image == 48_200
    assert limits_of("gpt-5.2-chat").output == 16_384
    assert limits_of("nobody-knows") is UNKNOWN
    for model in POOL:
        assert limits_of(model) is not UNKNOWN, model
    assert all(each.output <= each.context for each in LIMITS.values())
