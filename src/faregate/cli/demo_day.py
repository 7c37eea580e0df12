"""A day of traffic for the dashboard of ``faregate demo --serve``.

Every call is made now and served by the emulator, which says what it used; only the instants they
are entered at are spread over the last 24 hours.
"""

import asyncio
import contextlib
import logging
import math
import random
import secrets
import time
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from faregate.cli.demo_live import Caller
from faregate.control import keys, teams
from faregate.control.budgets import BudgetFields
from faregate.control.desk import Desk
from faregate.core import receipt as receipts
from faregate.core.keys import Key
from faregate.errors import APIError
from faregate.store.places import store_at
from faregate.types import Attempt, Charge, Receipt, Row

CALLS = 800
_AT_ONCE = 16
_DAY = 86_400.0
_FAILING = 0.02

_ROUTER = ("azure-model-router", "azure_ai/model_router/azure-model-router")
_NANO = ("nano", "azure_ai/gpt-5-nano")

PROMPTS = (
    "Translate into Danish: the train leaves at noon.",
    "Prove that the sum of two odd numbers is even, step by step.",
    "Write a SQL query for the ten largest invoices of each month.",
    "Summarise this ticket in one sentence: the card reader refuses every second card.",
    "What is the capital of Denmark?",
    "Refactor this function so that it can be tested: def f(x): return g(h(x))",
    "Classify the sentiment: I waited for an hour and nobody came.",
    "Plan a three-day trip to Oslo with children, rain included.",
)
_TEAMS = (("Search", "200"), ("Support", "50"), ("Research", "500"))
_KEYS = (
    ("search-prod", 0, 0.45, "prod"),
    ("search-batch", 0, 0.15, "batch"),
    ("support-bot", 1, 0.28, "prod"),
    ("notebooks", 2, 0.12, "experiment"),
)


class Given(NamedTuple):
    """A key of the demo and how much of the traffic is its."""

    key: Key
    secret: str
    share: float


class Day(NamedTuple):
    """What a day was filled with."""

    calls: int
    callers: list[Caller]
    """Who made them, and may go on."""


def seed(base: str, upstream_key: str, directory: Path, calls: int = CALLS) -> Day:
    """Put a day of calls into the ledger of a data directory."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return asyncio.run(_seed(base, upstream_key, directory, calls))


async def _seed(base: str, upstream_key: str, directory: Path, calls: int) -> Day:
    store = store_at("", directory)
    await store.open()
    try:
        given = await _keys(Desk(store=store, actor="demo", now=time.time() - _DAY))
        limit = asyncio.Semaphore(_AT_ONCE)
        dice = random.Random(7)  # noqa: S311 - the same day every time
        now = time.time()

        async def one(at: float, holder: Key) -> Row:
            async with limit:
                return await _call(base, upstream_key, at, holder, dice)

        holders = [each.key for each in given]
        shares = [each.share for each in given]
        rows = await asyncio.gather(
            *(
                one(now - age, dice.choices(holders, shares)[0])
                for age in sorted((_age(dice) for _ in range(calls)), reverse=True)
            )
        )
        await store.append(rows)
    finally:
        await store.close()
    callers = [Caller(each.secret, _model(each.key)[0], each.share) for each in given]
    return Day(len(rows), callers)


async def _keys(desk: Desk) -> list[Given]:
    made = []
    for name, budget in _TEAMS:
        wanted = teams.TeamFields(name=name, budgets=(BudgetFields(limit=budget, window="1mo"),))
        made.append(await teams.make(desk, wanted))
    found = []
    for name, team, share, tag in _KEYS:
        fields = keys.KeyFields(
            name=name,
            team=made[team].id,
            tags=(tag,),
            budgets=(BudgetFields(limit="25", window="1d", soft_limit="20"),),
        )
        issued = await keys.make(desk, fields)
        found.append(Given(issued.kept.entity, issued.secret, share))
    return found


def _model(key: Key) -> tuple[str, str]:
    """What a key calls: the gateway's name of it, and the SDK's."""
    return _NANO if key.name == "search-batch" else _ROUTER


def _age(dice: random.Random) -> float:
    """Seconds before now: more in the afternoon than at night."""
    while True:
        age = dice.random() * _DAY
        hour = ((time.time() - age) / 3600.0) % 24
        if dice.random() < 0.35 + 0.65 * max(0.0, math.sin((hour - 6) / 12 * math.pi)):
            return age


async def _call(base: str, upstream_key: str, at: float, key: Key, dice: random.Random) -> Row:
    """One call through the SDK, as a row of its instant."""
    from faregate import acompletion

    name, model = _model(key)
    text = dice.choice(PROMPTS) * dice.choice((1, 1, 2, 12))
    fails = dice.random() < _FAILING
    call_id = f"call_{int(at * 1000):012x}{secrets.token_hex(8)}"
    headers = {"x-emulate-fault": "500"} if fails else {}
    began = time.perf_counter()
    answer: Any = None
    with contextlib.suppress(APIError):
        answer = await acompletion(
            model=model,
            messages=[{"role": "user", "content": text}],
            api_base=base,
            api_key=upstream_key,
            num_retries=0,
            extra_headers=headers,
        )
    seconds = time.perf_counter() - began
    receipt = None if answer is None else _at(answer.receipt, call_id, at, name)
    deployment = f"{name}/{model.rpartition('/')[2]}"
    attempt = Attempt(
        deployment=deployment,
        provider="azure_ai",
        status=200 if receipt else 500,
        error="" if receipt else "internal_server_error",
        started=at,
        seconds=seconds,
    )
    return Row(
        call_id=call_id,
        request_id=call_id,
        started=at,
        first_byte=at + seconds if receipt else None,
        ended=at + seconds,
        key=key.id,
        team=key.team,
        tags=key.tags,
        requested_model=name,
        deployment=deployment,
        provider="azure_ai",
        attempts=(attempt,),
        status=200 if receipt else 500,
        error="" if receipt else "internal_server_error",
        outcome="completed" if receipt else "failed",
        receipt=receipt,
        upstream_seconds=seconds,
    )


def _at(receipt: Receipt, call_id: str, at: float, name: str) -> Receipt:
    """The receipt of the same usage at another instant, as the gateway's deployment."""

    def moved(charge: Charge) -> Charge:
        return structs.replace(
            charge, at=at, requested_model=name, deployment=f"{name}/{charge.sent_model}"
        )

    return receipts.total(call_id, [moved(each) for each in receipt.charges])
