"""A PostgreSQL server that was demoted answers, and takes no rows: the next connection may."""

from pathlib import Path

import pytest

from faregate.store.errors import LedgerUnavailableError
from faregate.store.places import store_at
from tests.store.ledgers import a_row, own_schema

pytestmark = pytest.mark.usefixtures("few_partitions")


async def test_connections_to_it_are_given_up() -> None:
    async with own_schema() as url:
        store = store_at(url, Path())
        await store.open()
        try:
            async with store._reading() as connection:
                await connection.exec_driver_sql("SET default_transaction_read_only TO on")
                await connection.commit()
            with pytest.raises(LedgerUnavailableError, match="read-only"):
                await store.append([a_row(1)])
            assert await store.append([a_row(1)]) == 1
        finally:
            await store.close()
