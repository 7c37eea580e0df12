"""Whatever happens to calls, in any order: one row each, sums that agree, and no hold left.

Σ lines = charge, Σ charges = the row's spend, Σ rows = the roll-ups = what every budget says.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faregate.core.budget import Budget, check
from faregate.edge.client_connection import ClientConnection
from faregate.gateway import ledger as ledgers
from faregate.gateway.ledger import Ledger, LedgerOptions
from faregate.gateway.worth import appraised
from faregate.store.memory import MemoryStore
from faregate.store.protocol import Filter, Store
from faregate.types import HttpRequest
from faregate.upstream.transport_errors import ConnectFailed, ConnectionLost
from tests.gateway.gatehouse import Clock, Gatehouse, Streamed, answer, budget, chunks, failure, key
from tests.gateway.settings import snapshot
from tests.store.journals import abandon

CHEAP = {"model_name": "nano", "model": "azure_ai/gpt-4.1-nano", "max_retries": 0}
DEAR = {"model_name": "mini", "model": "azure_ai/gpt-4.1", "max_retries": 0}
ROUTES = {
    "disable_cooldowns": True, "num_retries": 0, "fallbacks": [{"nano": ["mini"]}],
}  # fmt: skip
BUDGETS = (
    budget("100", window="total"),
    budget("100", window="rolling 1d"),
    budget("100", "model", "nano", window="1y"),
    budget("100", "everything", "", window="1y"),
    budget("0.0002", "tag", "poor", window="total"),
)
REPLIES: dict[str, Callable[[], Any]] = {
    "an answer": answer,
    "many tokens": lambda: answer(completion_tokens=30),
    "no price": lambda: answer("gpt-99-mystery"),
    "an error": lambda: failure(500),
    "a refusal": lambda: failure(400),
    "no connection": lambda: ConnectFailed("host: refused"),
    "lost before": lambda: ConnectionLost("host: reset", sent=True),
    "lost in the answer": lambda: ConnectionLost("host: reset", sent=True, begun=True),
    "a stream": lambda: Streamed(*chunks()),
    "no usage": lambda: Streamed(*chunks(usage=False)),
    "cut off": lambda: Streamed(chunks()[0], ConnectionLost("host: gone", True, True)),
    "cut short": lambda: Streamed(*chunks(usage=False, done=False)[:1]),
}
WHOLE = ("an answer", "many tokens", "no price", "an error", "a refusal")

calls = st.tuples(
    st.just("call"),
    st.lists(st.sampled_from(sorted(REPLIES)), min_size=2, max_size=2),
    st.sampled_from(["", "poor"]),
    st.sampled_from(["stays", "leaves", "waits"]),
)
others = st.tuples(st.sampled_from(["finish", "crash", "forget", "stop", "budgets"]))
stories = st.lists(st.one_of(calls, calls, others), min_size=1, max_size=14)


class Now(Clock):
    """The clock on the wall, which the calls' own times follow."""

    def __call__(self) -> float:
        return time.time()


class Story:
    """A gateway that is started again after every crash, and the calls that are under way."""

    def __init__(self, patch: pytest.MonkeyPatch, directory: Path) -> None:
        self._patch = patch
        self._directory = directory
        self._config = snapshot(dict(CHEAP), dict(DEAR), router_settings=ROUTES)
        self.admitted: set[str] = set()
        self._scripts: dict[str, Callable[[HttpRequest], Any]] = {}
        self._sent: set[str] = set()
        self.pending: list[tuple[asyncio.Task[Any], asyncio.Event]] = []
        self.budgets: tuple[Budget, ...] = BUDGETS[:3]
        self.ledger: Ledger
        self.house: Gatehouse

    async def start(self) -> None:
        """A process begins."""
        options = LedgerOptions(data_dir=self._directory)
        self.ledger = Ledger(options, lambda lost: appraised(self._config, lost))
        self.ledger.start()
        self.house = Gatehouse(self._patch, self._config, ledger=self.ledger, clock=Now())
        self.house.upstream.play = self._play
        self.know()
        await self.ledger._replayed.wait()

    def _play(self, request: HttpRequest) -> Any:
        name = msgspec.json.decode(request.body)["user"]
        self._sent.add(name)
        return self._scripts[name](request)

    def know(self) -> None:
        """Its budgets, as they are now."""
        own = [each for each in self.budgets if each.scope == "key"]
        self.house.know(key(*own), budgets=[each for each in self.budgets if each not in own])

    async def call(self, replies: list[str], tag: str, manner: str) -> None:
        """One call; it may be left under way."""
        going, left = asyncio.Event(), list(replies)
        client = ClientConnection()
        stream = any(name not in WHOLE for name in replies)
        waits = manner != "stays"

        async def reply(_: HttpRequest) -> Any:
            if waits:
                await going.wait()
            found = REPLIES[left.pop(0) if left else "an error"]()
            if isinstance(found, Exception):
                raise found
            return found

        name = f"call {len(self._scripts)}"
        self._scripts[name] = reply
        headers = {"x-faregate-tags": tag} if tag else {}
        work = self.house.call(
            headers=headers, client=client, stream=stream, max_tokens=30, user=name
        )
        task = asyncio.create_task(work)
        for _ in range(200):  # until it is sent, or will not be
            if task.done() or name in self._sent:
                break
            await asyncio.sleep(0.001)
        if manner == "leaves":
            client.gone = True
            if client.on_gone is not None:
                client.on_gone()
            going.set()
        if manner == "waits":
            self.pending.append((task, going))
        else:
            await task

    async def finish(self) -> None:
        """Calls under way come to their end."""
        for task, going in self.pending:
            going.set()
            await task
        self.pending.clear()

    async def crash(self) -> None:
        """The process is killed, whatever is under way."""
        self._note()
        writer = self.ledger._writer
        tasks = [task for task, _ in self.pending]
        tasks += [each for each in (writer._task, self.ledger._opening) if each is not None]
        abandon(self.ledger._journal)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.pending.clear()
        await self.ledger._store.close()
        await self.start()

    async def stop(self) -> None:
        """The process is told to stop, and another one starts."""
        await self.finish()
        self._note()
        await self.ledger.stop()
        await self.start()

    async def play(self, step: tuple[Any, ...]) -> None:
        """One step of the story."""
        if step[0] == "call":
            await self.call(*step[1:])
        elif step[0] == "forget":
            for each in self.budgets:
                await self.house.counters.forget(check(each))
        elif step[0] == "budgets":
            self.budgets = BUDGETS if self.budgets != BUDGETS else BUDGETS[:3]
            self.know()
        else:
            await getattr(self, step[0])()

    def _note(self) -> None:
        self.admitted |= set(self.ledger._journal._open)
        self.admitted |= {row.call_id for row in self.house.rows}


async def judge(story: Story, store: Store) -> None:
    """Everything adds up."""
    story._note()
    page = await store.rows(Filter(), limit=1000)
    entries = page.entries
    assert {each.row.call_id for each in entries} == story.admitted
    assert len(entries) == len(story.admitted)
    for entry in entries:
        assert (entry.row.outcome == "lost") == (entry.status == "unsettled")
        charges = entry.row.receipt.charges if entry.row.receipt else ()
        known = 0
        for charge in charges:
            lines = sum(line.amount for line in charge.lines)
            if entry.row.outcome == "lost":
                lines = charge.total or 0  # the worst case, of which no line is known
            assert charge.total in (None, lines)
            known += lines
        assert entry.spend == known
    total = sum(each.spend for each in entries)
    sums = await store.spend(())
    assert sum(line.spend for line in sums) == total
    assert sum(line.calls for line in sums) == len(entries)
    for each in story.budgets:
        spent = sum(entry.spend for entry in entries if _pays(each, entry.row))
        assert await story.house.spent(each) == spent, each.id
        assert spent <= each.limit


def _pays(each: Budget, row: Any) -> bool:
    if each.scope == "tag":
        return each.scope_id in row.tags
    return True  # every call is of the one key and the one model


@contextmanager
def quiet() -> Iterator[None]:
    """Crashes are logged, as they should be; here there are hundreds."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


async def tell(steps: list[tuple[Any, ...]], store: Store | None) -> None:
    """A story from beginning to end."""
    async with asyncio.timeout(60):
        with (
            quiet(),
            pytest.MonkeyPatch.context() as patch,
            tempfile.TemporaryDirectory() as directory,
        ):
            await _told(steps, store, patch, Path(directory))


async def _told(
    steps: list[tuple[Any, ...]], store: Store | None, patch: pytest.MonkeyPatch, directory: Path
) -> None:
    if store is not None:
        patch.setattr(ledgers, "_make", lambda _: store)
    story = Story(patch, directory)
    await story.start()
    try:
        for step in steps:
            await story.play(step)
        await story.finish()
    finally:
        story._note()
        await story.ledger.stop()
    await story.start()
    try:
        await story.ledger._replayed.wait()
        await judge(story, story.ledger.store())
    finally:
        await story.ledger.stop()


@given(stories)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_story(steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(tell(steps, MemoryStore()))


@given(stories)
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
def test_any_story_over_sqlite(steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(tell(steps, None))
