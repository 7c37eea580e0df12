"""The gateway with everything on that keeps account: a key, its budget and rate limit, the journal
and a database, whose rows are waited for and paid for."""

import asyncio
import contextlib
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import databases, servers
from bench.servers import Server
from faregate.core.budget import Budget, RateLimit
from faregate.core.entities import to_document
from faregate.core.keys import Key, hash_key, make_key, redact
from faregate.core.windows import parse_window
from faregate.money import parse_usd
from faregate.store.places import store_at

SECONDS = 5.0
"""Within which every row must be in the database."""

_CONFIG = """
model_list:
  - model_name: bench
    litellm_params:
      model: azure_ai/model_router/bench
      api_base: {url}
      api_key: bench
general_settings:
  log: {{level: warning}}
  data_dir: {data_dir}
  {database}
"""


@contextmanager
def gateways(url: str) -> Iterator[list[Server]]:
    """One over SQLite, and one over a PostgreSQL of its own where that is installed."""
    with ExitStack() as stack:
        found = [stack.enter_context(_gateway(url, "SQLite", ""))]
        with contextlib.suppress(databases.Missing):
            database = stack.enter_context(databases.postgres())
            found.append(stack.enter_context(_gateway(url, "PostgreSQL", database.url)))
        yield found


def caught_up(server: Server) -> float:
    """Wait until every row is in the database; how many seconds that took."""
    began = time.monotonic()
    while pending(server):
        time.sleep(0.01)
    return time.monotonic() - began


def pending(server: Server) -> int:
    """Rows that are settled and not in the database."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/health/readiness")
        found = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    rows: int = found["ledger"]["pending_rows"]
    return rows


@contextmanager
def _gateway(url: str, name: str, database_url: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as directory:
        secret = make_key(os.urandom(32))
        asyncio.run(_let_in(database_url, Path(directory), secret))
        database = f"database_url: {json.dumps(database_url)}" if database_url else ""
        config = _CONFIG.format(url=url, data_dir=directory, database=database)
        with servers.faregate_with(config, f"gateway, {name}") as server:
            found = server._replace(key=secret, ledger=True)
            while not _knows(found):
                time.sleep(0.02)
            yield found


def _knows(server: Server) -> bool:
    """Whether its key opens it by now."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {server.key}"})
        return connection.getresponse().status == 200
    finally:
        connection.close()


async def _let_in(database_url: str, data_dir: Path, secret: str) -> None:
    budget = Budget(
        id="key/bench/1mo", scope="key", scope_id="bench", limit=parse_usd("1000000"),
        window=parse_window("1mo"),
    )  # fmt: skip
    limit = RateLimit(scope="key", scope_id="bench", measure="requests", limit=10**9)
    key = Key(
        id="bench", hash=hash_key(secret), shown=redact(secret), budgets=(budget,), limits=(limit,)
    )
    store = store_at(database_url, data_dir)
    await store.open()
    await store.put("key", key.id, to_document(key), actor="bench", at=time.time())
    await store.close()
