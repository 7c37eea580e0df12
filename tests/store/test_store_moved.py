"""The file of a SQLite ledger taken away under a running gateway: rows wait for it."""

from pathlib import Path

import pytest

from faregate.store.errors import LedgerUnavailableError
from faregate.store.places import store_at
from tests.store.ledgers import a_row


async def test_rows_are_not_written_into_a_file_that_is_gone(tmp_path: Path) -> None:
    store = store_at("", tmp_path)
    await store.open()
    try:
        assert await store.append([a_row(1)]) == 1
        file, away = tmp_path / "ledger.sqlite3", tmp_path / "away"
        file.rename(away)
        for _ in range(2):
            with pytest.raises(LedgerUnavailableError, match="moved, deleted or replaced"):
                await store.append([a_row(2)])
            file.write_bytes(b"")  # another one in its place is no better
        away.replace(file)
        assert await store.append([a_row(2)]) == 1
        assert await store.row(a_row(1).call_id) is not None
    finally:
        await store.close()
