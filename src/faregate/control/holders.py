"""What keys, teams and users have in common: a name, models, budgets and limits of their own."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from faregate.control import budgets, fields, limits
from faregate.control.budgets import BudgetFields
from faregate.control.desk import Desk, Kept, check_id, create, create_fresh, edit
from faregate.control.errors import about
from faregate.control.limits import LimitFields
from faregate.core.keys import Key, Team, User, check_models

Holder = TypeVar("Holder", Key, Team, User)

_NOUNS: dict[type, Literal["key", "team", "user"]] = {Key: "key", Team: "team", User: "user"}


class HolderFields(Struct, frozen=True, kw_only=True):
    """What is said of one: of a new one, or what changes. What is not stated stays as it is."""

    name: str | UnsetType = UNSET
    models: Sequence[str] | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET
    metadata: Mapping[str, Any] | UnsetType = UNSET
    budgets: Sequence[BudgetFields] | UnsetType = UNSET
    """All of them, at most one a window."""
    limits: Sequence[LimitFields] | UnsetType = UNSET
    """All of them."""


def checked(desk: Desk, wanted: HolderFields) -> dict[str, Any]:
    """The fields that are stated, but budgets and limits, which need the holder's id. Raises
    :class:`FieldError`."""
    found: dict[str, Any] = {}
    if wanted.name is not UNSET:
        found["name"] = fields.name("name", wanted.name)
    if wanted.models is not UNSET:
        found["models"] = _models(desk, wanted.models)
    if wanted.blocked is not UNSET:
        found["blocked"] = wanted.blocked
    if wanted.metadata is not UNSET:
        found["metadata"] = fields.metadata("metadata", wanted.metadata)
    return found


async def make(
    desk: Desk, plain: Holder, wanted: HolderFields, *, identity: str = ""
) -> Kept[Holder]:
    """Keep a new one: ``plain`` with the budgets and limits, under ``identity`` or an id made from
    its name."""

    def made(chosen: str) -> Holder:
        return _with_limits(desk, replace(plain, id=chosen), wanted)

    noun = _NOUNS[type(plain)]
    if identity:
        return await create(desk, check_id(noun, identity), made(identity))
    made("checked")
    return await create_fresh(desk, plain.name or noun, made)


async def change(
    desk: Desk,
    kind: type[Holder],
    identity: str,
    stated: Mapping[str, Any],
    changes: HolderFields,
    version: int | None,
) -> Kept[Holder]:
    """Put what is stated in place, and the budgets and limits of ``changes``."""

    def apply(holder: Holder) -> Holder:
        changed = _with_limits(desk, replace(holder, **stated), changes)
        return holder if changed == holder else replace(changed, updated_at=desk.now)

    return await edit(desk, kind, identity, version, apply)


def _with_limits(desk: Desk, holder: Holder, wanted: HolderFields) -> Holder:
    noun = _NOUNS[type(holder)]
    if wanted.budgets is not UNSET:
        holder = replace(holder, budgets=budgets.embedded(noun, holder.id, wanted.budgets))
    if wanted.limits is not UNSET:
        holder = replace(holder, limits=limits.embedded(desk, noun, holder.id, wanted.limits))
    return holder


def _models(desk: Desk, wanted: Sequence[str]) -> tuple[str, ...]:
    """Patterns of models that somebody may call."""
    found = fields.patterns("models", wanted)
    if desk.models is not None:
        with about("models"):
            check_models(found, desk.models)
    return found
