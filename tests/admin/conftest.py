"""An office and a client that holds its master key."""

import pytest

from tests.admin.offices import Client, FakeOffice, a_client


@pytest.fixture
def office() -> FakeOffice:
    """An office whose ledger is in memory."""
    return FakeOffice()


@pytest.fixture
async def client(office: FakeOffice) -> Client:
    """With the master key."""
    return await a_client(office)
