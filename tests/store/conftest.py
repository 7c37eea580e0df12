"""A store of each kind, for the contract."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from faregate.store import postgres
from faregate.store.protocol import Store
from tests.store.ledgers import KINDS, a_store, emptied, own_schema


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A schema for the whole run: making one takes a second."""
    loop = asyncio.new_event_loop()
    schema = own_schema()
    yield loop.run_until_complete(schema.__aenter__())
    loop.run_until_complete(schema.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def few_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer partitions ahead: each costs PostgreSQL some thirty tables and indexes."""
    monkeypatch.setattr(postgres, "DAYS_AHEAD", 0)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A kind of store, and the ``database_url`` of an empty one."""
    kind: str = request.param
    if kind == "postgres":
        return kind, request.getfixturevalue("postgres_url")
    return kind, f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
async def store(place: tuple[str, str], few_partitions: None) -> AsyncIterator[Store]:
    """An open, empty store."""
    kind, url = place
    async with a_store(kind, url) as found:
        if kind == "postgres":
            await emptied(url.rpartition("=")[2])
        yield found
