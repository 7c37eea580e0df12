"""Prompts and answers, for those who want them kept: apart from the rows, and cut."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from faregate.store.calls import checked
from faregate.store.documents import insert_or_ignore
from faregate.store.protocol import Content
from faregate.store.tables import contents
from faregate.store.text import cut, microseconds, seconds


def bounded(content: Content) -> Content:
    """The content as it is kept. Raises :class:`RefusedValueError` for an id that cannot be one."""
    return Content(
        call_id=checked(content.call_id),
        at=seconds(microseconds(content.at)),
        prompt=None if content.prompt is None else cut(content.prompt),
        answer=None if content.answer is None else cut(content.answer),
    )


async def put(connection: AsyncConnection, batch: Sequence[Content]) -> None:
    """Keep contents; of a call that has one, nothing changes."""
    kept = {each.call_id: bounded(each) for each in reversed(batch)}
    values: list[dict[str, Any]] = [
        {
            "call_id": each.call_id,
            "at": microseconds(each.at),
            "prompt": each.prompt,
            "answer": each.answer,
        }
        for _call_id, each in sorted(kept.items())
    ]
    if values:
        await connection.execute(insert_or_ignore(connection, contents), values)


async def get(connection: AsyncConnection, call_id: str) -> Content | None:
    """The content of a call."""
    statement = select(contents).where(contents.c.call_id == call_id)
    found = (await connection.execute(statement)).mappings().first()
    if found is None:
        return None
    return Content(
        call_id=found["call_id"],
        at=seconds(found["at"]),
        prompt=found["prompt"],
        answer=found["answer"],
    )


async def purge(connection: AsyncConnection, before: int, batch: int) -> int:
    """Delete the oldest contents from before an instant, in microseconds; how many."""
    oldest = (
        select(contents.c.call_id)
        .where(contents.c.at < before)
        .order_by(contents.c.at, contents.c.call_id)
        .limit(batch)
    )
    ids = [row[0] for row in await connection.execute(oldest)]
    if ids:
        await connection.execute(delete(contents).where(contents.c.call_id.in_(ids)))
    return len(ids)
