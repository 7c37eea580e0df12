"""Which store a ``database_url`` means."""

from pathlib import Path

from faregate.store.address import FILE, PostgresAddress, parse_address
from faregate.store.database import DatabaseStore
from faregate.store.postgres import PostgresBackend
from faregate.store.sqlite import SqliteBackend


def store_at(database_url: str, data_dir: Path, *, durable: bool = False) -> DatabaseStore:
    """The store of a URL; of an empty one, a SQLite file in the data directory. It is not open.

    ``durable`` is for SQLite: each commit survives a power failure. Raises
    :class:`~faregate.errors.ConfigError` for a URL that is none.
    """
    place = parse_address(database_url) if database_url else data_dir / FILE
    if isinstance(place, PostgresAddress):
        return DatabaseStore(PostgresBackend(place))
    return DatabaseStore(SqliteBackend(place, durable=durable))
