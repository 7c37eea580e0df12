"""Lists of keys, teams and users: found among those in force, and read with their versions.

Finding them takes no question to the database, however many there are; the entries of a page are
then read as they are there.
"""

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from faregate.admin.desks import desk
from faregate.admin.wire import Asked, page_by_id
from faregate.control.desk import Kept, read_all
from faregate.core.budget import Budget, RateLimit
from faregate.core.directory import Directory
from faregate.core.keys import Key, Team, User

Entity = TypeVar("Entity", Key, Team, User)


class Listed(NamedTuple, Generic[Entity]):
    """A page."""

    kept: list[Kept[Entity]]
    next: str | None


async def page(
    who: Asked, kind: type[Entity], found: Iterable[Entity], cursor: str | None, limit: int
) -> Listed[Entity]:
    """A page of what was found, by id."""
    ids = sorted(each.id for each in found)
    cut = page_by_id(ids, ids, cursor, limit)
    return Listed(await read_all(desk(who), kind, cut.data), cut.next)


async def read(who: Asked, kind: type[Entity], found: Iterable[Entity]) -> list[Kept[Entity]]:
    """All of what was found, by id."""
    ids = [each.id for each in found]
    return await read_all(desk(who), kind, ids) if ids else []


def carried_budgets(directory: Directory) -> list[Budget]:
    """Every budget that a key, team or user carries."""
    return [budget for each in _holders(directory) for budget in each.budgets]


def carried_limits(directory: Directory) -> list[RateLimit]:
    """Every limit that a key, team or user carries."""
    return [limit for each in _holders(directory) for limit in each.limits]


def _holders(directory: Directory) -> list[Key | Team | User]:
    return [*directory.keys.values(), *directory.teams.values(), *directory.users.values()]
