"""What keys, teams and users have in common over HTTP: they hold budgets, limits and models."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from fastapi import Response
from pydantic import Field

from faregate.admin.desks import tag
from faregate.admin.standing import (
    Budget,
    BudgetInput,
    Limit,
    LimitInput,
    Standings,
    of_holders,
    show_budget,
    show_limit,
)
from faregate.admin.wire import Asked, Instant, Said, Shown, instant
from faregate.control.desk import Kept
from faregate.core.keys import Key, Team, User

Entity = TypeVar("Entity", Key, Team, User)
Holder = TypeVar("Holder", bound="HolderShown")

ShowAll: TypeAlias = Callable[[Asked, list[Kept[Entity]]], Awaitable[list[Holder]]]
"""Shows holders of one kind with how their budgets and limits stand."""


class HolderUpdate(Said):
    """What changes of a key, team or user. What is left out stays; lists are replaced whole."""

    name: str = ""
    models: list[str] = Field(default_factory=list)
    """What may be called at most; `*` stands for any characters, none at all for every model."""
    blocked: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    budgets: list[BudgetInput] = Field(default_factory=list)
    limits: list[LimitInput] = Field(default_factory=list)

    def changes(self, *beside: str) -> dict[str, Any]:
        """What the body states, for control, but for the fields named."""
        found: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set if name not in beside
        }
        for name in ("budgets", "limits"):
            if name in found:
                found[name] = [each.fields() for each in found[name]]
        return found


class HolderShown(Shown):
    """A key, team or user."""

    id: str
    version: int
    name: str
    models: list[str]
    metadata: dict[str, Any]
    budgets: list[Budget]
    limits: list[Limit]
    created_at: Instant
    updated_at: Instant


def common(kept: Kept[Entity], known: Standings) -> dict[str, Any]:
    """The fields of :class:`HolderShown`."""
    holder = kept.entity
    return {
        "id": kept.id,
        "version": kept.version,
        "name": holder.name,
        "models": list(holder.models),
        "metadata": dict(holder.metadata),
        "budgets": [show_budget(each, known) for each in holder.budgets],
        "limits": [show_limit(each, known) for each in holder.limits],
        "created_at": instant(holder.created_at),
        "updated_at": instant(holder.updated_at),
    }


async def standings_of(who: Asked, kept: Iterable[Kept[Entity]]) -> Standings:
    """How the budgets and limits stand that these carry."""
    return await of_holders(who.office, [(k.entity.budgets, k.entity.limits) for k in kept])


async def answer(
    who: Asked, kept: Kept[Entity], response: Response, show_all: ShowAll[Entity, Holder]
) -> Holder:
    """One of them, its version in ``ETag``."""
    tag(response, kept.version)
    return (await show_all(who, [kept]))[0]


async def changed(
    who: Asked, kept: Kept[Entity], response: Response, show_all: ShowAll[Entity, Holder]
) -> Holder:
    """One of them after a change, which is in force when this returns."""
    await who.office.applied()
    return await answer(who, kept, response, show_all)
