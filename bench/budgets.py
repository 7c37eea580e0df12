"""A thousand calls at once against a budget for a hundred: never more than the budget is spent.

In one process, in several workers behind one address, and in several gateways; the latter two count
in Redis and keep their rows in PostgreSQL.
"""

import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import servers
from bench.kills import Found, ask, caught_up, gateway, read
from faregate.core.budget import Budget
from faregate.core.entities import to_document
from faregate.core.keys import Key, hash_key, make_key, redact
from faregate.core.windows import parse_window
from faregate.money import Usd, format_usd, parse_usd
from faregate.store.places import store_at

BUDGET = "key/spender/total"
_CONFIG = """
model_list:
  - model_name: bench
    params: {{model: azure_ai/gpt-4.1-nano, api_base: {url}, api_key: emulator-key, max_retries: 0}}
router_settings:
  disable_cooldowns: true
  {redis}
general_settings:
  log: {{level: error}}
  data_dir: {data_dir}
  {database}
  {more}
"""
_BODY = {
    "model": "bench",
    "messages": [{"role": "user", "content": "Say one two three"}],
    "max_tokens": 20,
}
_PATIENCE = 30.0
_SURE = 5


class Spent(NamedTuple):
    """Figures of a proof, and what is wrong (nothing, it is hoped)."""

    processes: int
    answers: dict[str, int]
    """How often a status and a code came."""
    limit: Usd
    spend: Usd
    charged: Usd
    """What the clients were told, added up."""
    metered: int
    """Calls the upstream served."""
    seconds: float
    wrong: list[str]


class Setup(NamedTuple):
    """Who serves."""

    gateways: int = 1
    workers: int = 1
    database_url: str = ""
    redis_url: str = ""
    on_outage: str = "refuse"


class House:
    """Gateways that run, with a key that has a budget."""

    def __init__(self, ports: Sequence[int], emulator: int, secret: str, limit: Usd) -> None:
        self.ports = ports
        self.limit = limit
        self.answers: Counter[str] = Counter()
        self.charged: Usd = 0
        self._emulator = emulator
        self._secret = secret

    def meter(self) -> dict[str, Any]:
        """What the upstream billed."""
        found: dict[str, Any] = json.loads(ask(self._emulator, "GET", "/_emulator/meter"))
        return found

    async def call(self, number: int) -> tuple[str, float]:
        """One call on a connection of its own: its status and code, and how long it took."""
        began = time.monotonic()
        body = json.dumps(_BODY).encode()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.ports[number % len(self.ports)]
        )
        try:
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
                b"Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (self._secret.encode(), len(body), body)
            )
            text = await reader.read()
        finally:
            writer.close()
        head, _, rest = text.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode()
        said = json.loads(rest)
        if status == "200":
            self.charged += parse_usd(str(said["usage"]["cost_details"]["total"]))
        else:
            status = f"{status} {said['error']['code']}"
        self.answers[status] += 1
        return status, time.monotonic() - began

    async def calls(self, count: int, at_once: int = 1000) -> list[tuple[str, float]]:
        """So many calls, at most so many of them at the same time."""
        turns = asyncio.Semaphore(at_once)

        async def one(number: int) -> tuple[str, float]:
            async with turns:
                return await self.call(number)

        return await asyncio.gather(*map(one, range(count)))

    async def until(self, wanted: Callable[[str], bool], first: int = 0) -> None:
        """Call, one after the other, until an answer is as wanted."""
        deadline = time.monotonic() + _PATIENCE
        for number in range(first, 100_000):
            try:
                status, _ = await self.call(number)
            except OSError:  # it is not listening yet
                status = "no answer"
            if wanted(status):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"still {status}: {self.answers}")
            if not status.startswith("200"):
                await asyncio.sleep(0.02)


@contextmanager
def running(setup: Setup, fits: int) -> Iterator[tuple[House, Callable[[], Found]]]:
    """Gateways that serve, and a way to read their ledger once they have ended."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faregate-budget-")))
        emulator = stack.enter_context(servers.emulator())
        url = f"http://127.0.0.1:{emulator.port}/openai/v1"
        found: list[Found] = []
        secret = make_key(os.urandom(32))
        limit = fits * _one(root, url)
        before = json.loads(ask(emulator.port, "POST", "/_emulator/reset"))
        assert before is not None
        places = [root / f"gateway{number}" for number in range(setup.gateways)]
        places[0].mkdir()
        asyncio.run(let_in(setup.database_url, places[0], secret, limit))
        with ExitStack() as serving:
            ports = []
            for place in places:
                place.mkdir(exist_ok=True)
                config = place / "config.yaml"
                config.write_text(_config(setup, url, place), "utf-8")
                more = ("--num_workers", str(setup.workers)) if setup.workers > 1 else ()
                process, port, began = serving.enter_context(gateway(config, *more))
                if setup.workers == 1:
                    caught_up(port, began, place)
                ports.append(port)
                assert process.poll() is None
            yield (
                House(ports, emulator.port, secret, limit),
                lambda: found[0] if found else _read(serving, setup, places, found),
            )


def prove(setup: Setup, *, calls: int = 1000, fits: int = 100) -> Spent:
    """Spend a budget from all sides, and add everything up."""
    with running(setup, fits) as (house, ledger):
        asyncio.run(house.until(lambda status: status == "200"))
        began = time.monotonic()
        asyncio.run(house.calls(calls))
        seconds = time.monotonic() - began
        for _ in range(_SURE):  # what was held for calls that were not served comes back
            asyncio.run(house.until(lambda status: status == "429 budget_exceeded"))
            time.sleep(0.2)
        return judged(setup, house, ledger, seconds)


def judged(setup: Setup, house: House, ledger: Callable[[], Found], seconds: float) -> Spent:
    """Compare what clients were told, what the ledger has and what the emulator served."""
    meter = house.meter()["total"]
    found = ledger()
    spend = sum(each.spend for each in found.entries)
    wrong = []
    served = house.answers["200"]
    if spend > house.limit:
        wrong.append(f"${format_usd(spend)} spent of ${format_usd(house.limit)}")
    if house.charged != spend or found.spend != spend:
        wrong.append(f"clients {house.charged}, rows {spend}, sums {found.spend}")
    if not served == len(found.entries) == meter["calls"]:
        wrong.append(f"{served} answered, {len(found.entries)} rows, {meter['calls']} served")
    odd = set(house.answers) - {"200", "429 budget_exceeded", "503 counters_unavailable"}
    if odd - {"401 invalid_api_key", "503 keys_unknown"}:
        wrong.append(f"answers that nobody expects: {sorted(odd)}")
    return Spent(
        setup.gateways * setup.workers, dict(house.answers), house.limit, spend, house.charged,
        meter["calls"], seconds, wrong,
    )  # fmt: skip


def _one(root: Path, url: str) -> Usd:
    """What one of these calls costs, in pico-dollars."""
    place = root / "first"
    place.mkdir()
    config = place / "config.yaml"
    config.write_text(_config(Setup(), url, place), "utf-8")
    with gateway(config) as (_, port, began):
        caught_up(port, began, place)
        house = House([port], 0, servers.KEY, 0)
        asyncio.run(house.call(0))
        return house.charged


def _config(setup: Setup, url: str, data_dir: Path) -> str:
    quoted = json.dumps
    return _CONFIG.format(
        url=url,
        data_dir=data_dir,
        redis=f"redis_url: {quoted(setup.redis_url)}" if setup.redis_url else "",
        database=f"database_url: {quoted(setup.database_url)}" if setup.database_url else "",
        more=f"on_counters_outage: {setup.on_outage}",
    )


async def let_in(database_url: str, data_dir: Path, secret: str, limit: Usd) -> None:
    """Make the key that spends."""
    budget = Budget(
        id=BUDGET, scope="key", scope_id="spender", limit=limit, window=parse_window("total")
    )
    key = Key(
        id="spender", hash=hash_key(secret), shown=redact(secret), models=("bench",),
        budgets=(budget,),
    )  # fmt: skip
    store = store_at(database_url, data_dir)
    await store.open()
    await store.put("key", key.id, to_document(key), actor="bench", at=time.time())
    await store.close()


def _read(serving: ExitStack, setup: Setup, places: Sequence[Path], found: list[Found]) -> Found:
    serving.close()  # each is told to stop, and stores its last rows
    found.append(read(setup.database_url, places[0]))
    return found[0]


def report(spent: Spent) -> Iterator[str]:
    """The figures, and what is wrong."""
    answers = ", ".join(f"{count:,} × {name}" for name, count in sorted(spent.answers.items()))
    yield f"{spent.processes} processes, a budget of ${format_usd(spent.limit)}: {answers}"
    yield (
        f"spent: ${format_usd(spent.spend)}, {100 * spent.spend / spent.limit:.1f} % of it;"
        f" the upstream served {spent.metered:,}; {spent.seconds:.1f} s"
    )
    for each in spent.wrong:
        yield f"WRONG: {each}"
