"""What the store's tests share: rows and receipts, and a store of each kind."""

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from faregate.core.budget import Payer
from faregate.store.memory import MemoryStore
from faregate.store.places import store_at
from faregate.store.protocol import Filter, SpentBy, Store
from faregate.types import Attempt, Charge, Line, Receipt, RouterTrace, Row, Status, Usage

SERVER = os.environ.get("FAREGATE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
KINDS = ("memory", "sqlite", "postgres")
NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""
HOUR, DAY = 3_600.0, 86_400.0


def call_id(number: int, at: float = NOON) -> str:
    """An id such as the gateway makes."""
    return f"call_{int(at * 1000):012x}{number:016x}"


def a_charge(total: int | None = 543, **changes: Any) -> Charge:
    """A routed charge with a line of the model and one of the router."""
    fee = min(total or 43, 43)
    known = Line(
        kind="router_fee",
        unit="input",
        priced_as="input",
        quantity=1,
        per_token=fee,
        amount=fee,
        price_id="fee",
    )
    rest = (total or 0) - fee
    model = replace(known, kind="model", per_token=rest, amount=rest, price_id="model")
    charge = Charge(
        provider="azure_ai",
        deployment="main",
        route="model_router",
        requested_model="router",
        sent_model="model-router",
        served_model="gpt-5-mini",
        scope="global",
        tier="standard",
        usage=Usage(input=1200, cache_read=7, output=300, reasoning=20),
        lines=(known,) if total is None else (model, known),
        total=total,
        status="unpriced" if total is None else "priced",
        at=NOON,
        trace=RouterTrace(mode="balanced", latency_ms=7),
    )
    return replace(charge, **changes)


def a_receipt(*charges: Charge, status: Status | None = None, of: str = "") -> Receipt:
    """A receipt of charges; the first one that is not priced decides."""
    kept = charges or (a_charge(),)
    totals = [each.total for each in kept]
    weak = [each.status for each in kept if each.status != "priced"]
    return Receipt(
        call_id=of or call_id(1),
        charges=kept,
        total=None if None in totals else sum(each for each in totals if each is not None),
        status=status or (weak[0] if weak else "priced"),
    )


def a_row(number: int = 1, at: float = NOON, **changes: Any) -> Row:
    """A finished call, with something in every field."""
    identity = call_id(number, at)
    row = Row(
        call_id=identity,
        request_id=identity,
        started=at,
        first_byte=at + 0.25,
        ended=at + 0.5,
        key="key-1",
        team="red",
        user="ada",
        session="session-1",
        requested_model="router",
        deployment="main",
        provider="azure_ai",
        attempts=(
            Attempt(deployment="main", provider="azure_ai", status=200, started=at, seconds=0.25),
        ),
        stream=True,
        status=200,
        outcome="completed",
        receipt=a_receipt(of=identity),
        upstream_seconds=0.375,
        overhead_us=80,
        client="127.0.0.1",
        end_user="someone",
        traceparent="00-1-2-00",
        fallbacks=1,
    )
    return replace(row, **changes)


async def server_answers() -> bool:
    """Whether there is a PostgreSQL to test with."""
    try:
        connection = await asyncpg.connect(SERVER, timeout=2)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def on_server(*statements: str) -> None:
    """Run statements as somebody else."""
    connection = await asyncpg.connect(SERVER, timeout=5)
    try:
        await connection.execute("SET client_min_messages TO warning")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def own_schema() -> AsyncIterator[str]:
    """The URL of a schema of its own, dropped afterwards."""
    if not await server_answers():
        pytest.skip("no PostgreSQL answers at FAREGATE_TEST_POSTGRES or 127.0.0.1:5432")
    name = f"test_{uuid.uuid4().hex[:12]}"
    try:
        yield f"{SERVER}?schema={name}"
    finally:
        await on_server(f"DROP SCHEMA IF EXISTS {name} CASCADE")


async def emptied(name: str) -> None:
    """Forget what is in a schema whose tables are there."""
    # Deleting is quicker than truncating: there are few rows and many partitions.
    tables = ["calls", "call_tags", "adjustments", "series", "units", "entities", "audit"]
    tables += ["rollup_day", "rollup_month", "rollup_day_by_tag", "rollup_month_by_tag"]
    tables += ["rollup_day_by_name", "contents", "calendar", "revised_days"]
    await on_server(
        f"SET search_path TO {name}; SET session_replication_role TO replica; "
        + "; ".join(f"DELETE FROM {table}" for table in tables)
    )


@asynccontextmanager
async def a_place(kind: str, directory: Path) -> AsyncIterator[str]:
    """A ``database_url`` of a kind; nothing is there yet."""
    if kind == "postgres":
        async with own_schema() as url:
            yield url
    else:
        yield f"sqlite:///{directory / 'ledger.sqlite3'}"


@asynccontextmanager
async def a_store(kind: str, url: str) -> AsyncIterator[Store]:
    """A store of a kind, open."""
    store: Store = MemoryStore() if kind == "memory" else store_at(url, Path())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def everything(store: Store, limit: int = 7) -> list[Row]:
    """Every row of a store, page by page."""
    rows: list[Row] = []
    cursor: str | None = None
    while True:
        page = await store.rows(Filter(), cursor=cursor, limit=limit)
        rows += [each.row for each in page.entries]
        cursor = page.cursor
        if cursor is None:
            return rows


async def spent(
    store: Store, payer: Payer, payer_id: str, since: float, slot_seconds: float | None = None
) -> list[tuple[float, int]]:
    """One question alone."""
    (found,) = await store.spent([SpentBy(payer, payer_id, since, slot_seconds)])
    return found


def ids(rows: Sequence[Row]) -> list[str]:
    """Their call ids."""
    return [each.call_id for each in rows]
