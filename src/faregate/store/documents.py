"""Versioned JSON documents and the audit log that is written with them."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import RowMapping, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.errors import VersionConflictError
from faregate.store.protocol import Change, ChangePage, Entity
from faregate.store.tables import audit, entities
from faregate.store.text import as_json, seconds
from faregate.types import JsonObject

MOST_ID = 256
_CURSOR = re.compile(r"[0-9]{1,9}\Z")


class New(NamedTuple):
    """A version to be written."""

    kind: str
    identity: str
    document: JsonObject | None
    actor: str
    at: int


def insert_or_ignore(connection: AsyncConnection, table: Table) -> Any:
    """An insert that does nothing where the row is there already."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


async def put(connection: AsyncConnection, new: New, expected: int | None) -> Entity:
    """Write a version and its audit entry. No other writer may be between the two."""
    check(new)
    place = (entities.c.kind == new.kind, entities.c.id == new.identity)
    found = (await connection.execute(select(entities).where(*place))).mappings().first()
    before = None if found is None else found["document"]
    version = 0 if found is None else found["version"]
    check_version(new, None if before is None else version, expected)
    after = None if new.document is None else as_json(new.document)
    values = {"version": version + 1, "document": after, "changed_at": new.at}
    if found is None:
        statement: Any = insert(entities).values(kind=new.kind, id=new.identity, **values)
    else:
        statement = entities.update().where(*place).values(**values)
    await connection.execute(statement)
    last = (await connection.execute(select(func.max(audit.c.sequence)))).scalar()
    await connection.execute(
        insert(audit).values(
            sequence=(last or 0) + 1,
            at=new.at,
            actor=new.actor,
            kind=new.kind,
            id=new.identity,
            version=version + 1,
            before=before,
            after=after,
        )
    )
    return Entity(
        kind=new.kind,
        id=new.identity,
        version=version + 1,
        document=new.document,
        changed_at=seconds(new.at),
    )


def check(new: New) -> None:
    """Raise :class:`ValueError` for names that cannot be keys."""
    for name in (new.kind, new.identity, new.actor):
        if not name or len(name) > MOST_ID or "\x00" in name:
            raise ValueError(f"a kind, an id and an actor have 1 to {MOST_ID} characters")


def check_version(new: New, version: int | None, expected: int | None) -> None:
    """Raise :class:`VersionConflictError` unless the writer knew what is there (None: nothing)."""
    if expected is not None and expected != (version or 0):
        there = "does not exist" if version is None else f"is at version {version}"
        raise VersionConflictError(
            f"{new.kind} {new.identity!r} {there}, not at {expected}: read it again"
        )


async def get(connection: AsyncConnection, kind: str, identity: str) -> Entity | None:
    """The entity, or None when there is none or it was deleted."""
    statement = select(entities).where(entities.c.kind == kind, entities.c.id == identity)
    found = (await connection.execute(statement)).mappings().first()
    return None if found is None or found["document"] is None else _entity(found)


async def every(
    connection: AsyncConnection, kind: str, only: Collection[str] | None = None
) -> list[Entity]:
    """The entities of a kind that are not deleted, by id."""
    statement = select(entities).where(entities.c.kind == kind, entities.c.document.is_not(None))
    if only is not None:
        statement = statement.where(entities.c.id.in_(only))
    found = (await connection.execute(statement)).mappings().all()
    return sorted(map(_entity, found), key=lambda each: each.id)


async def changes(connection: AsyncConnection, since: int, limit: int) -> list[Change]:
    """Changes after a sequence number, oldest first."""
    # Asked several times a second, mostly for nothing: plain text, which nothing has to compile.
    newest = (await connection.exec_driver_sql("SELECT max(sequence) FROM audit")).scalar()
    if newest is None or newest <= since:
        return []
    statement = (
        select(audit).where(audit.c.sequence > since).order_by(audit.c.sequence).limit(limit)
    )
    return [_change(row) for row in (await connection.execute(statement)).mappings()]


async def audit_page(connection: AsyncConnection, cursor: str | None, limit: int) -> ChangePage:
    """A page of the audit log, newest first."""
    statement = select(audit).order_by(audit.c.sequence.desc()).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(audit.c.sequence < read_cursor(cursor))
    found = [_change(row) for row in (await connection.execute(statement)).mappings()]
    return page_of(found, limit)


def page_of(found: list[Change], limit: int) -> ChangePage:
    """A page of one change more than fits, where there is one."""
    kept = tuple(found[:limit])
    return ChangePage(kept, str(kept[-1].sequence) if len(found) > limit else None)


def read_cursor(cursor: str) -> int:
    """The last sequence number seen. Raises :class:`ValueError`."""
    if not _CURSOR.match(cursor):
        raise ValueError("the cursor is none of the audit log's: take it from the page before")
    return int(cursor)


def _read(text: str | None) -> JsonObject | None:
    if text is None:
        return None
    document: JsonObject = msgspec.json.decode(text)
    return document


def _entity(found: RowMapping) -> Entity:
    return Entity(
        kind=found["kind"],
        id=found["id"],
        version=found["version"],
        document=_read(found["document"]),
        changed_at=seconds(found["changed_at"]),
    )


def _change(found: RowMapping) -> Change:
    return Change(
        sequence=found["sequence"],
        at=seconds(found["at"]),
        actor=found["actor"],
        kind=found["kind"],
        id=found["id"],
        version=found["version"],
        before=_read(found["before"]),
        after=_read(found["after"]),
    )
