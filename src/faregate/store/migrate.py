"""Bring a database's schema up to date. The caller holds a lock and a transaction."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from faregate.store.errors import LedgerError, LedgerVersionError

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "schema_version"

# Alembic hands a revision its connection through a global, so one migration runs at a time in a
# process, whatever loop or thread it is on.
_alone = threading.Lock()


@asynccontextmanager
async def one_at_a_time() -> AsyncIterator[None]:
    """No other migration of this process runs meanwhile."""
    while not _alone.acquire(blocking=False):  # noqa: ASYNC110 - it is shared between loops
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        _alone.release()


def upgrade(connection: Connection, place: str, target: str = "head") -> None:
    """Run the revisions the database lacks. ``place`` is named in errors.

    Raises :class:`LedgerVersionError` for a revision this Faregate does not know, before anything
    is changed.
    """
    scripts = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "fn": lambda revision, _context: scripts._upgrade_revs(target, revision),  # noqa: SLF001
        },
    )
    _check_known(scripts, context, place)
    with Operations.context(context):
        context.run_migrations()


def check(connection: Connection, place: str) -> None:
    """Change nothing and see that the schema is this version's.

    Raises :class:`LedgerVersionError` for a newer one and :class:`LedgerError` for an older one or
    none at all.
    """
    scripts = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = set(context.get_current_heads())
    if not found:
        raise LedgerError(f"{place} holds no ledger yet: the gateway makes one when it starts")
    _check_known(scripts, context, place)
    if found != set(scripts.get_heads()):
        raise LedgerError(
            f"{place} was written by an older Faregate: start this gateway once, which brings it up"
            " to date"
        )


def _check_known(scripts: ScriptDirectory, context: MigrationContext, place: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = sorted(set(context.get_current_heads()) - known)
    if unknown:
        raise LedgerVersionError(
            f"{place} was written by a newer Faregate (schema {', '.join(unknown)}; this one knows "
            f"up to {scripts.get_current_head()}): install that version. Nothing was changed"
        )
