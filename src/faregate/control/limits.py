"""Rate limits: those that keys, teams and users carry, and those that stand alone."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

from msgspec import Struct
from msgspec.structs import replace

from faregate.control import fields
from faregate.control.desk import Desk, Kept, check_id, create, create_fresh, edit, read, read_all
from faregate.control.desk import remove as remove_entity
from faregate.control.errors import ConflictError, FieldError, about
from faregate.control.scopes import check_scope
from faregate.core.budget import Payer, RateLimit, check_limit
from faregate.core.keys import check_models
from faregate.core.windows import DAY, HOUR, MINUTE, BudgetWindow, parse_window

Measured: TypeAlias = Literal["requests", "tokens", "parallel"]

MEASURES: tuple[Measured, ...] = ("requests", "tokens", "parallel")
PER: dict[str, BudgetWindow] = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_MOST = 50
_COUNTED = 10**15


class LimitFields(Struct, frozen=True, kw_only=True):
    """A limit as it is asked for."""

    measure: str
    limit: int
    per: str | None = None
    """``minute`` (also where nothing is said), ``hour`` or ``day``; ``parallel`` has none."""
    model: str = ""
    """Only calls of this model count."""


async def make_limit(
    desk: Desk, scope: str, scope_id: str, wanted: LimitFields, *, identity: str = ""
) -> Kept[RateLimit]:
    """A stand-alone limit. Raises :class:`FieldError`, :class:`ConflictError`."""
    payer = await check_scope(desk, scope, scope_id)
    limit = of_fields(desk, payer, scope_id, wanted)
    account = check_limit(limit).id
    for other in await list_limits(desk):
        if check_limit(other.entity).id == account:
            raise ConflictError(f"the limit {other.id!r} is for the same; change that one")
    if identity:
        return await create(desk, check_id("limit", identity), limit)
    return await create_fresh(desk, f"{limit.measure} {scope} {scope_id}", lambda _: limit)


async def update_limit(
    desk: Desk, identity: str, limit: int, version: int | None = None
) -> Kept[RateLimit]:
    """Change how much a stand-alone limit lets through; for anything else make another one."""
    _check_count(limit)
    return await edit(desk, RateLimit, identity, version, lambda found: replace(found, limit=limit))


async def delete_limit(desk: Desk, identity: str, version: int | None = None) -> Kept[RateLimit]:
    """Delete a stand-alone limit."""
    return await remove_entity(desk, RateLimit, identity, version)


async def get_limit(desk: Desk, identity: str) -> Kept[RateLimit]:
    """A stand-alone limit."""
    return await read(desk, RateLimit, identity)


async def list_limits(desk: Desk) -> list[Kept[RateLimit]]:
    """The stand-alone limits, by id."""
    return await read_all(desk, RateLimit)


def embedded(
    desk: Desk,
    holder: Literal["key", "team", "user"],
    identity: str,
    wanted: Sequence[LimitFields],
) -> tuple[RateLimit, ...]:
    """The limits a key, team or user carries. Raises :class:`FieldError`."""
    if len(wanted) > _MOST:
        raise FieldError("limits", f"{len(wanted)} are too many; {_MOST} are the most")
    found: dict[str, RateLimit] = {}
    for number, each in enumerate(wanted):
        with about(f"limits.{number}"):
            limit = of_fields(desk, holder, identity, each)
            account = check_limit(limit).id
            if account in found:
                raise FieldError("", "the same limit is there twice; one can hold")
            found[account] = limit
    return tuple(found.values())


def of_fields(desk: Desk, scope: Payer, scope_id: str, wanted: LimitFields) -> RateLimit:
    """A limit of what is asked for. Raises :class:`FieldError`."""
    if wanted.measure not in MEASURES:
        raise FieldError("measure", f"{wanted.measure[:40]!r} is none of {', '.join(MEASURES)}")
    _check_count(wanted.limit)
    if wanted.model:
        fields.patterns("model", (wanted.model,))
        if desk.models is not None:
            with about("model"):
                check_models((wanted.model,), desk.models)
    return RateLimit(
        scope=scope,
        scope_id=scope_id,
        measure=wanted.measure,
        limit=wanted.limit,
        window=_window(wanted),
        model=wanted.model,
    )


def per(limit: RateLimit) -> Literal["minute", "hour", "day"] | None:
    """The word for a limit's window; None for calls at once."""
    if limit.measure == "parallel":
        return None
    found = next((word for word, window in PER.items() if window == limit.window), "minute")
    return cast("Literal['minute', 'hour', 'day']", found)


def _window(wanted: LimitFields) -> BudgetWindow:
    if wanted.measure == "parallel":
        if wanted.per is not None:
            raise FieldError("per", "calls at once have no window; leave it out")
        return MINUTE
    text = wanted.per or "minute"
    with about("per"):
        found = PER[text] if text in PER else parse_window(text, rolling=True)
    if found not in PER.values():
        raise FieldError("per", f"{text[:40]!r} is none of {', '.join(PER)}")
    return found


def _check_count(limit: int) -> None:
    if type(limit) is not int or not 0 <= limit <= _COUNTED:
        raise FieldError("limit", f"is a whole number from 0 to {_COUNTED:,}")
