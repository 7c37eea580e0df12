"""Where the ledger's database is. Pure: a URL in, its parts out, the password never shown."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from msgspec import Struct

from faregate.errors import ConfigError

FILE = "ledger.sqlite3"
"""The ledger's name in the data directory."""

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")
_FORMS = "postgresql://user:password@host:5432/database or sqlite:////path/to/file"


class PostgresAddress(Struct, frozen=True):
    """A server, as asyncpg takes it, and the schema for the tables."""

    dsn: str
    shown: str
    """Host, port and database; no user, no password."""
    schema: str = "faregate"

    def __repr__(self) -> str:
        return f"PostgresAddress({self.shown})"


def parse_address(url: str) -> Path | PostgresAddress:
    """The file or the server of a ``database_url``.

    Raises :class:`ConfigError`, which says what is wrong and quotes nothing that may be secret.
    """
    scheme, colon, rest = url.strip().partition("://")
    scheme = scheme.lower().split("+")[0]
    if not colon:
        raise ConfigError(f"database_url is no URL: write {_FORMS}")
    if scheme == "sqlite":
        # As SQLAlchemy has it: three slashes and a relative path, four and an absolute one.
        path = unquote(rest.partition("?")[0])
        if not path.startswith("/") or len(path) < 2 or path == "/:memory:":
            raise ConfigError("database_url names no file: write sqlite:////path/to/file")
        return Path(path[1:])
    if scheme not in ("postgres", "postgresql"):
        raise ConfigError(f"database_url: the ledger is kept in SQLite or PostgreSQL: {_FORMS}")
    return _postgres(rest)


def _postgres(rest: str) -> PostgresAddress:
    try:
        parts = urlsplit(f"postgresql://{rest}")
        hosts = parts.netloc.rpartition("@")[2]
        _ports(hosts)
    except ValueError:
        # The message of the parser may quote a piece of the password.
        raise ConfigError(
            "database_url cannot be read: a password with @ : / # or % in it must be "
            "percent-encoded, and a port is a number"
        ) from None
    if parts.fragment:
        raise ConfigError("database_url: a # in a password is written %23")
    database = unquote(parts.path.lstrip("/"))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = options.pop("schema", "faregate")
    if not _SCHEMA.match(schema):
        raise ConfigError(
            "database_url: a schema is lower-case letters, digits and _, such as schema=faregate"
        )
    query = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return PostgresAddress(
        dsn=f"postgresql://{parts.netloc}{parts.path}{query}",
        shown=f"PostgreSQL {hosts or 'on the local socket'}/{database}",
        schema=schema,
    )


def _ports(hosts: str) -> None:
    """Raise :class:`ValueError` for a port that is no number."""
    for host in hosts.split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not 0 < int(port) < 65_536:
            raise ValueError("no port")
