"""Budgets on the data path: what a call may take is held before, what it took is charged after."""

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from faregate.core.budget import Budget
from faregate.core.keys import Team, User
from faregate.core.model_limits import POOL
from faregate.edge.client_connection import ClientConnection
from faregate.types import HttpRequest
from faregate.upstream.transport import Answer
from faregate.upstream.transport_errors import ConnectFailed, ConnectionLost
from tests.gateway.gatehouse import (
    Gatehouse,
    Streamed,
    answer,
    budget,
    chunks,
    failure,
    key,
    limit,
    until,
)
from tests.gateway.settings import snapshot

House = Callable[..., Gatehouse]

NANO = {"model_name": "nano", "model": "azure_ai/gpt-4.1-nano", "max_retries": 0}
MINI = {"model_name": "mini", "model": "azure_ai/gpt-4.1", "max_retries": 0}
ROUTER = {"model_name": "router", "model": "azure_ai/model_router/r", "max_retries": 0}
PLENTY = budget("1000")


def entry(base: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An entry of ``model_list`` like another one."""
    return {**base, **more}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """Makes a gatehouse of model entries and sections of a configuration."""

    def make(*entries: dict[str, Any], gate: dict[str, Any] | None = None, **more: Any) -> Any:
        more.setdefault("router_settings", {"disable_cooldowns": True})
        found = snapshot(*(dict(each) for each in entries), **more)
        return Gatehouse(monkeypatch, found, **(gate or {}))

    return make


PICTURE = [
    {"type": "text", "text": "what is this?"},
    {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}},
]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": (NANO, {"max_tokens": 30}),
    "no limit stated": (NANO, {}),
    "several answers": (NANO, {"max_tokens": 30, "n": 4}),
    "the larger limit of two": (NANO, {"max_tokens": 9, "max_completion_tokens": 900}),
    "tools": (NANO, {"max_tokens": 30, "tools": TOOLS}),
    "a picture": (NANO, {"max_tokens": 30, "messages": [{"role": "user", "content": PICTURE}]}),
    "a dearer tier": (NANO, {"max_tokens": 30, "service_tier": "priority"}),
    "the deployment asks for more answers": (
        entry(NANO, default_params={"n": 5}),
        {"max_tokens": 30},
    ),
    "the deployment states a limit": (entry(NANO, default_params={"max_tokens": 70}), {}),
    "the deployment is not sent the limit": (
        entry(NANO, additional_drop_params=["max_tokens"]),
        {"max_tokens": 30},
    ),
    "a wildcard": (
        {"model_name": "any/*", "model": "azure_ai/*"},
        {"model": "any/gpt-4.1", "max_tokens": 30},
    ),
    "a router": (ROUTER, {"model": "router", "max_tokens": 30}),
    "a router with a subset": (
        ROUTER,
        {
            "model": "router",
            "max_tokens": 30,
            "routing_config": {"models": ["gpt-5-nano", "gpt-4.1-mini"]},
        },
    ),
    "a router whose subset nobody knows": (
        ROUTER,
        {"model": "router", "max_tokens": 30, "routing_config": {"models": ["gpt-99"]}},
    ),
    "a subset too long to look at": (
        entry(ROUTER, routing_config={"models": ["gpt-5-nano"]}),
        {
            "model": "router",
            "max_tokens": 30,
            "routing_config": {"models": [*POOL, *(f"{name}-x" for name in POOL)]},
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_no_answer_costs_more_than_was_held(house: House, case: str) -> None:
    """Whatever model answers with as much as the request allows."""
    deployed, body = CASES[case]
    gatehouse = house(deployed)
    gatehouse.know(key(PLENTY))
    held: list[int] = []
    routed = "model_router" in deployed["model"]
    subset = body.get("routing_config", {}).get("models", ())
    few = 0 < len(subset) < 5 and "gpt-99" not in subset
    models = (subset if few else POOL) if routed else ("gpt-4.1-nano",)
    if case == "a wildcard":
        models = ("gpt-4.1",)

    async def most(model: str, request: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        sent = msgspec.json.decode(request.body)
        caps = [sent[name] for name in ("max_tokens", "max_completion_tokens") if name in sent]
        said = max(caps, default=32_768) * sent.get("n", 1)
        read = len(request.body) + (20_000 if case == "a picture" else 0)
        return answer(model, prompt_tokens=read, completion_tokens=said)

    before = 0
    for model in models:
        gatehouse.upstream.play = functools.partial(most, model)
        answered = await gatehouse.call(**{"model": "nano", **body})
        assert answered.status == 200, answered.body
        spent = await gatehouse.spent(PLENTY)
        assert 0 < spent - before <= held[-1], model
        assert spent == gatehouse.charged()
        before = spent


async def test_embeddings_hold_what_they_read(house: House) -> None:
    gatehouse = house({"model_name": "embed", "model": "azure_ai/text-embedding-3-small"})
    gatehouse.know(key(PLENTY))
    held: list[int] = []

    async def most(request: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        used = {"prompt_tokens": len(request.body), "total_tokens": len(request.body)}
        body = {"object": "list", "data": [], "model": "text-embedding-3-small", "usage": used}
        return Answer(200, {"content-type": "application/json"}, msgspec.json.encode(body))

    gatehouse.upstream.play = most
    many = ["word " * 1000] * 40
    assert (await gatehouse.call("embed", path="/v1/embeddings", input=many)).status == 200
    assert 0 < await gatehouse.spent(PLENTY) <= held[0]


async def test_a_call_that_does_not_fit_is_told_so_and_not_sent(house: House) -> None:
    gatehouse = house(NANO)
    small = budget("0.00001")
    gatehouse.know(key(small))
    refused = await gatehouse.call(max_tokens=30_000)
    assert (refused.status, refused.code) == (429, "budget_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    assert refused.headers["x-faregate-budget"] == "key/k1/1mo"
    assert refused.headers["x-faregate-budget-left"] == "0.00001"
    assert "lower max_tokens" in refused.json["error"]["message"]
    assert gatehouse.upstream.requests == []
    assert gatehouse.rows == []
    assert await gatehouse.spent(small) == 0


async def test_a_thousand_at_once_spend_no_more_than_there_is(house: House) -> None:
    gatehouse = house(NANO)
    one = 10 * 100_000 + 5 * 400_000  # what the answer costs; what is held is more
    tight = budget("0.0003", id="tight")
    gatehouse.know(key(tight))
    waiting = asyncio.Event()

    async def later(_: HttpRequest) -> Answer:
        await waiting.wait()
        return answer()

    gatehouse.upstream.play = later
    calls = [asyncio.create_task(gatehouse.call(max_tokens=5)) for _ in range(1000)]
    await asyncio.sleep(0)
    waiting.set()
    codes = [each.status for each in await asyncio.gather(*calls)]
    served = codes.count(200)
    assert 0 < served < 100
    assert codes.count(429) == 1000 - served
    while (await gatehouse.call(max_tokens=5)).status == 200:
        served += 1
    assert await gatehouse.spent(tight) == served * one <= tight.limit
    assert gatehouse.charged() == served * one


async def test_a_dearer_fallback_is_held_too(house: House) -> None:
    gatehouse = house(
        NANO, MINI, router_settings={"fallbacks": [{"nano": ["mini"]}], "num_retries": 0}
    )
    gatehouse.know(key(PLENTY))
    held: list[int] = []

    async def reply(request: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        if len(held) == 1:
            return failure(500)
        return answer("gpt-4.1", prompt_tokens=len(request.body), completion_tokens=50)

    gatehouse.upstream.play = reply
    assert (await gatehouse.call(max_tokens=50)).status == 200
    assert held[0] < await gatehouse.spent(PLENTY) <= held[1]


async def test_a_fallback_the_budget_does_not_cover_is_passed_over(house: House) -> None:
    last = entry(NANO, model_name="last", model="azure_ai/gpt-4.1-nano")
    gatehouse = house(
        NANO, MINI, last,
        router_settings={"fallbacks": [{"nano": ["mini", "last"]}], "num_retries": 0},
    )  # fmt: skip
    tight = budget("0.0001")
    gatehouse.know(key(tight))
    gatehouse.upstream.says(failure(500), answer())
    assert (await gatehouse.call(max_tokens=50)).status == 200
    sent = [each["model"] for each in gatehouse.upstream.requests]
    assert sent == ["gpt-4.1-nano", "gpt-4.1-nano"]  # and not gpt-4.1
    assert await gatehouse.spent(tight) == gatehouse.charged() > 0


async def test_the_first_deployment_that_is_asked_may_be_a_fallback(house: House) -> None:
    """The model's own was never asked, so nothing dearer was held for it."""
    gatehouse = house(
        NANO, MINI,
        router_settings={"fallbacks": [{"nano": ["mini"]}], "num_retries": 0},
    )  # fmt: skip
    deployment = gatehouse.app.snapshot.settings.find("nano")[0].id
    empty = budget("0", "deployment", deployment)
    gatehouse.know(key(PLENTY), budgets=[empty])
    held: list[int] = []

    async def reply(request: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        return answer("gpt-4.1", prompt_tokens=len(request.body), completion_tokens=50)

    gatehouse.upstream.play = reply
    assert (await gatehouse.call(max_tokens=50)).status == 200
    assert 0 < await gatehouse.spent(PLENTY) <= held[0]
    tight = budget("0.0001")
    gatehouse.know(key(tight), budgets=[empty])
    refused = await gatehouse.call(max_tokens=50)
    assert (refused.status, refused.code) == (429, "budget_exceeded")
    assert len(gatehouse.upstream.requests) == 1


async def test_a_retry_after_a_billed_failure_is_held_beside_it(house: House) -> None:
    gatehouse = house(entry(NANO, max_retries=1), router_settings={"retry_after": 0})
    gatehouse.know(key(PLENTY))
    held: list[int] = []

    async def reply(_: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        if len(held) == 1:
            raise ConnectionLost("host: cut off", sent=True, begun=True)
        return answer()

    gatehouse.upstream.play = reply
    assert (await gatehouse.call(max_tokens=50)).status == 200
    (row,) = gatehouse.rows
    assert row.receipt is not None
    first, second = row.receipt.charges
    assert first.total
    assert second.total
    assert held[1] == held[0] + first.total
    assert await gatehouse.spent(PLENTY) == first.total + second.total


async def test_a_limit_the_provider_refuses_no_longer_bounds_the_answer(house: House) -> None:
    gatehouse = house(entry(NANO, drop_params=True))
    gatehouse.know(key(PLENTY))
    held: list[int] = []

    async def reply(request: HttpRequest) -> Answer:
        held.append((await gatehouse.standing(PLENTY)).held)
        if b"max_tokens" in request.body:
            return failure(400, code="unsupported_parameter", param="max_tokens")
        return answer(prompt_tokens=len(request.body), completion_tokens=30_000)

    gatehouse.upstream.play = reply
    assert (await gatehouse.call(max_tokens=5)).status == 200
    assert held[0] < await gatehouse.spent(PLENTY) <= held[1]


async def test_nothing_is_kept_for_a_call_that_never_went_out(house: House) -> None:
    gatehouse = house(NANO)
    asked = limit("requests", 1)
    gatehouse.know(key(PLENTY, limits=(asked,)))
    gatehouse.upstream.says(ConnectFailed("host: refused"), answer(), answer())
    assert (await gatehouse.call()).status == 502
    assert await gatehouse.spent(PLENTY) == 0
    assert (await gatehouse.call()).status == 200  # its request was given back
    assert (await gatehouse.call()).status == 429


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("manner", ["drain", "cancel"])
async def test_a_client_that_leaves_pays_for_what_was_made(
    house: House, manner: str, stream: bool
) -> None:
    gatehouse = house(entry(NANO, on_disconnect=manner))
    gatehouse.know(key(PLENTY, limits=(limit("parallel", 1),)))
    loop = asyncio.get_running_loop()
    going: asyncio.Future[None] = loop.create_future()
    begun = asyncio.Event()

    async def reply(_: HttpRequest) -> Any:
        begun.set()
        if stream:
            first, *rest = chunks()
            return Streamed(first, going, *rest)
        await going
        return answer()

    gatehouse.upstream.play = reply
    client = ClientConnection()
    call = asyncio.create_task(gatehouse.call(client=client, stream=stream, max_tokens=50))
    await begun.wait()
    await asyncio.sleep(0.01)
    client.gone = True
    assert client.on_gone is not None
    client.on_gone()
    if manner == "drain":
        going.set_result(None)
    await call
    (row,) = gatehouse.rows
    assert row.outcome == "cancelled"
    assert await gatehouse.spent(PLENTY) == gatehouse.charged() > 0
    gatehouse.upstream.play = lambda _: answer()
    assert (await gatehouse.call()).status == 200  # no call is in flight any more


async def test_a_stream_that_is_cut_off_is_charged_for_what_it_said(house: House) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(PLENTY))
    first, *_ = chunks()
    gatehouse.upstream.says(Streamed(first, ConnectionLost("host: gone", True, True)))
    answered = await gatehouse.call(stream=True)
    assert b"error" in answered.body
    assert await gatehouse.spent(PLENTY) == gatehouse.charged() > 0


async def test_a_fault_of_ours_leaves_no_hold_and_charges_the_model(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(PLENTY))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("faregate.gateway.whole.openai_chat.facts_of", broken)
    with caplog.at_level(logging.CRITICAL, "faregate"):
        assert (await gatehouse.call()).status == 500
    (row,) = gatehouse.rows
    assert row.error == "internal_error"
    assert await gatehouse.spent(PLENTY) == gatehouse.charged() > 0


async def test_a_deployment_without_budget_is_passed_over(house: House) -> None:
    first = entry(NANO, order=0)
    second = entry(NANO, model="azure_ai/gpt-4.1-mini", order=1)
    gatehouse = house(first, second)
    one, two = (each.id for each in gatehouse.app.snapshot.settings.find("nano"))
    empty, other = budget("0", "deployment", one), budget("1", "deployment", two)
    gatehouse.know(key(), budgets=[empty, other])
    gatehouse.upstream.play = lambda _: answer("gpt-4.1-mini")
    answered = await gatehouse.call()
    assert answered.status == 200
    assert answered.headers["x-faregate-deployment"] == two
    assert answered.headers["x-faregate-attempts"] == "1"
    assert await gatehouse.spent(other) == gatehouse.charged() > 0
    gatehouse.know(key(), budgets=[empty, budget("0", "deployment", two)])
    refused = await gatehouse.call()
    assert (refused.status, refused.code) == (429, "budget_exceeded")
    assert refused.headers["x-should-retry"] == "false"
    assert [row.outcome for row in gatehouse.rows] == ["completed", "refused"]


async def test_every_payer_pays(house: House) -> None:
    gatehouse = house(NANO)
    deployment = gatehouse.app.snapshot.settings.find("nano")[0].id
    payers = [
        ("key", "k1"), ("team", "t1"), ("user", "u1"), ("tag", "blue"), ("tag", "asked"),
        ("model", "nano"), ("deployment", deployment), ("everything", ""),
    ]  # fmt: skip
    windows = ("1h", "1mo", "total", "rolling 1d")
    budgets = [
        budget("1", scope, name, window=window, id=f"{scope}/{name}/{window}")
        for scope, name in payers
        for window in windows
    ]
    gatehouse.know(
        key(team="t1", user="u1", tags=("blue",)),
        teams=[Team(id="t1")],
        users=[User(id="u1")],
        budgets=budgets,
    )
    assert (await gatehouse.call(headers={"x-faregate-tags": "asked"})).status == 200
    charged = gatehouse.charged()
    assert [await gatehouse.spent(each) for each in budgets] == [charged] * len(budgets)
    for scope, name in payers:
        barred = [*budgets, budget("0", scope, name, id="barred")]
        gatehouse.know(
            key(team="t1", user="u1", tags=("blue",)),
            teams=[Team(id="t1")],
            users=[User(id="u1")],
            budgets=barred,
        )
        refused = await gatehouse.call(headers={"x-faregate-tags": "asked"})
        assert (refused.status, refused.headers["x-faregate-budget"]) == (429, "barred"), scope
    assert [await gatehouse.spent(each) for each in budgets] == [charged] * len(budgets)


async def test_an_estimate_is_held_where_that_is_wanted(house: House) -> None:
    gatehouse = house(NANO)
    likely, most = budget("1", reserve="estimate"), budget("1", window="1d")
    gatehouse.know(key(likely, most))
    held: list[tuple[int, int]] = []

    async def reply(_: HttpRequest) -> Answer:
        standings = [await gatehouse.standing(each) for each in (likely, most)]
        held.append((standings[0].held, standings[1].held))
        return answer(completion_tokens=3_000)

    gatehouse.upstream.play = reply
    assert (await gatehouse.call(max_tokens=4_000)).status == 200
    assert (await gatehouse.call()).status == 200
    assert held[0][0] < held[0][1]  # a quarter of the bytes are tokens
    assert held[1][0] < held[1][1] / 20  # and 1,000 tokens are an answer
    assert await gatehouse.spent(likely) == await gatehouse.spent(most) == gatehouse.charged()


async def test_a_budget_made_while_a_call_is_under_way_counts_it(house: House) -> None:
    gatehouse = house(NANO)
    deployment = gatehouse.app.snapshot.settings.find("nano")[0].id
    late, team = budget("1"), budget("1", "team", "t1")
    placed = budget("1", "deployment", deployment)
    moved = budget("1", "team", "t2")
    teams = [Team(id="t1"), Team(id="t2")]
    gatehouse.know(key(team="t1"), teams=teams)
    for each in (late, team, placed, moved):  # known to be empty, as if somebody had looked
        await gatehouse.standing(each)

    async def reply(_: HttpRequest) -> Answer:
        # The key is in another team by now; its call is not.
        gatehouse.know(key(late, team="t2"), teams=teams, budgets=[team, placed, moved])
        return answer()

    gatehouse.upstream.play = reply
    assert (await gatehouse.call()).status == 200
    assert await gatehouse.spent(late) == gatehouse.charged() > 0
    assert await gatehouse.spent(team) == gatehouse.charged()
    assert await gatehouse.spent(placed) == gatehouse.charged()
    assert await gatehouse.spent(moved) == 0


async def test_a_lowered_budget_binds_calls_that_come_after(house: House) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(PLENTY))

    async def reply(_: HttpRequest) -> Answer:
        gatehouse.know(key(budget("0")))
        return answer()

    gatehouse.upstream.play = reply
    assert (await gatehouse.call()).status == 200
    assert await gatehouse.spent(budget("0")) == gatehouse.charged()
    assert (await gatehouse.call()).status == 429


async def test_soft_limits_warn_once_and_refuse_nothing(house: House) -> None:
    gatehouse = house(NANO)
    soft: Budget = budget("1", soft_limit=5_000_000, window="1h")
    gatehouse.know(key(soft))
    for _ in range(4):
        assert (await gatehouse.call()).status == 200
    (warning,) = gatehouse.warnings
    assert warning.account.id == "usd/key/k1/1h"
    assert 5_000_000 <= warning.spent <= gatehouse.charged()
    gatehouse.clock.now += 3600
    for _ in range(4):
        await gatehouse.call()
    assert len(gatehouse.warnings) == 2  # once a window


async def test_calls_beyond_the_end_of_a_window_count_where_they_began(house: House) -> None:
    gatehouse = house(NANO)
    hourly = budget("1", window="1h")
    gatehouse.know(key(hourly))

    async def reply(_: HttpRequest) -> Answer:
        gatehouse.clock.now += 3600
        return answer()

    gatehouse.upstream.play = reply
    assert (await gatehouse.call()).status == 200
    assert await gatehouse.spent(hourly) == 0
    gatehouse.clock.now -= 3600
    assert await gatehouse.spent(hourly) == gatehouse.charged()


async def test_several_processes_that_count_alone_let_nothing_limited_in(house: House) -> None:
    gatehouse = house(NANO, gate={"alone": False})
    deployment = gatehouse.app.snapshot.settings.find("nano")[0].id
    gatehouse.know(key(PLENTY))
    refused = await gatehouse.call()
    assert (refused.status, refused.code) == (503, "counters_unavailable")
    gatehouse.know(key(), budgets=[budget("1", "deployment", deployment)])
    refused = await gatehouse.call()
    assert (refused.status, refused.code) == (503, "counters_unavailable")
    assert "redis_url" in refused.json["error"]["message"]
    gatehouse.know(key())
    assert (await gatehouse.call()).status == 200


@pytest.mark.parametrize("policy", ["allow", "refuse_next", "worst_case"])
async def test_models_without_a_price(house: House, policy: str) -> None:
    gatehouse = house(entry(NANO, on_unpriced=policy))
    gatehouse.know(key(PLENTY))
    gatehouse.upstream.play = lambda _: answer("gpt-99-mystery")
    assert (await gatehouse.call(max_tokens=50)).status == 200
    (row,) = gatehouse.rows
    assert row.receipt is not None
    assert row.receipt.total is None
    spent = await gatehouse.spent(PLENTY)
    assert (spent > 0) == (policy == "worst_case")
    again = await gatehouse.call(max_tokens=50)
    if policy != "refuse_next":
        assert again.status == 200
        return
    assert (again.status, again.code) == (429, "unpriced_model")
    assert again.headers["x-should-retry"] == "false"
    deployment = gatehouse.app.snapshot.settings.find("nano")[0].id
    await gatehouse.gate.reopen(deployment)  # somebody added the price
    assert (await gatehouse.call(max_tokens=50)).status == 200


async def test_a_tier_without_a_price_is_no_way_around_a_budget(house: House) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(PLENTY))
    body = answer().body.replace(b'"id"', b'"service_tier":"priority","id"', 1)
    gatehouse.upstream.play = lambda _: Answer(200, {"content-type": "application/json"}, body)
    assert (await gatehouse.call(max_tokens=50, service_tier="priority")).status == 200
    (row,) = gatehouse.rows
    assert row.receipt is not None
    assert row.receipt.status == "unpriced"
    assert await gatehouse.spent(PLENTY) > 0


async def test_limits_that_are_reached_say_until_when(house: House) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(limits=(limit("requests", 2), limit("tokens", 1_000))))
    answered = await gatehouse.call(max_tokens=100)
    assert answered.headers["x-ratelimit-limit-requests"] == "2"
    assert answered.headers["x-ratelimit-remaining-requests"] == "1"
    assert answered.headers["x-ratelimit-limit-tokens"] == "1000"
    assert 0 < int(answered.headers["x-ratelimit-remaining-tokens"]) < 900
    refused = await gatehouse.call(max_tokens=5_000)
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["x-should-retry"] == "false"  # it never fits
    assert (await gatehouse.call(max_tokens=100)).status == 200
    refused = await gatehouse.call(max_tokens=100)
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["x-should-retry"] == "true"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert int(refused.headers["retry-after"]) > 0
    gatehouse.clock.now += 62
    assert (await gatehouse.call(max_tokens=100)).status == 200


@pytest.mark.parametrize("scope", ["key", "team", "model"])
async def test_calls_at_once(house: House, scope: str) -> None:
    gatehouse = house(NANO)
    name = {"key": "k1", "team": "t1", "model": "nano"}[scope]
    gatehouse.know(
        key(team="t1"), teams=[Team(id="t1")], limits=[limit("parallel", 2, scope, name)]
    )
    waiting = asyncio.Event()

    async def later(_: HttpRequest) -> Answer:
        await waiting.wait()
        return answer()

    gatehouse.upstream.play = later
    calls = [asyncio.create_task(gatehouse.call()) for _ in range(2)]
    await until(lambda: len(gatehouse.upstream.requests) == 2)
    refused = await gatehouse.call()
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "1"
    waiting.set()
    assert [each.status for each in await asyncio.gather(*calls)] == [200, 200]
    assert (await gatehouse.call()).status == 200


async def test_keys_that_may_not_call(house: House) -> None:
    gatehouse = house(NANO)
    gatehouse.know(key(blocked=True))
    assert ((await gatehouse.call()).status, (await gatehouse.call()).code) == (401, "key_blocked")
    gatehouse.know(key(expires_at=1.0))
    assert (await gatehouse.call()).code == "key_expired"
    gatehouse.know(key(team="t1"), teams=[Team(id="t1", blocked=True)])
    assert ((await gatehouse.call()).status, (await gatehouse.call()).code) == (401, "key_blocked")
    gatehouse.know(key(models=("other",)))
    refused = await gatehouse.call()
    assert (refused.status, refused.code) == (403, "model_not_allowed")
    assert gatehouse.rows == []
