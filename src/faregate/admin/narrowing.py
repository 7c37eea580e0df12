"""Which calls: every column of the log as a parameter of a request."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, get_args

from fastapi import Query
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from faregate.admin.wire import Asked, PageQuery
from faregate.control import fields
from faregate.errors import BadRequestError, PermissionDeniedError
from faregate.money import MoneyError, format_usd, parse_usd
from faregate.store.calendar import Calendar
from faregate.store.protocol import Filter, RowStatus
from faregate.types import Outcome

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
STATUSES: tuple[RowStatus, ...] = get_args(RowStatus)
_LONGEST = 256
_MOST = 50
_LONGEST_CALL = 1e9
_MOST_TOKENS = 10**15
_MOST_COST = 10**18
"""A million dollars."""


class SpendFilter(BaseModel):
    """What both the log and the sums can be narrowed by. A name may be repeated: any of them."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    key: list[str] = Field(default_factory=list)
    team: list[str] = Field(default_factory=list)
    user: list[str] = Field(default_factory=list)
    """The owner of the key."""
    tag: str | None = None
    """One tag; an empty one means calls without any."""
    model: list[str] = Field(default_factory=list)
    """The requested model."""
    served_model: list[str] = Field(default_factory=list)
    deployment: list[str] = Field(default_factory=list)
    provider: list[str] = Field(default_factory=list)


class CallFilter(SpendFilter):
    """What the log can be narrowed by."""

    sent_model: list[str] = Field(default_factory=list)
    route: list[str] = Field(default_factory=list)
    outcome: list[Outcome] = Field(default_factory=list)
    status: list[RowStatus] = Field(default_factory=list)
    """What the receipt's total is worth."""
    http_status: list[Annotated[int, Field(ge=0, le=999)]] = Field(default_factory=list)
    error: list[str] = Field(default_factory=list)
    """Codes."""
    operation: list[str] = Field(default_factory=list)
    request_id: list[str] = Field(default_factory=list)
    session: list[str] = Field(default_factory=list)
    end_user: list[str] = Field(default_factory=list)
    client: list[str] = Field(default_factory=list)
    traceparent: list[str] = Field(default_factory=list)
    stream: bool | None = None
    adjusted: bool | None = None
    """Whether the receipt was changed after the fact."""
    min_cost: str | None = None
    """USD, on what is known to be spent."""
    max_cost: str | None = None
    min_seconds: float | None = Field(default=None, ge=0, le=_LONGEST_CALL)
    """Of the whole call."""
    min_first_byte: float | None = Field(default=None, ge=0, le=_LONGEST_CALL)
    """Seconds until the first byte; calls without one do not fit."""
    min_tokens_in: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    min_tokens_out: int | None = Field(default=None, ge=0, le=_MOST_TOKENS)
    since: str | None = None
    """On the start of the call, included: an instant, a day of the ledger (`2026-11-22`), or a span
    until now (`24h`)."""
    until: str | None = None
    """Not included."""
    call_id: str = ""
    """The beginning of a call id, or all of it."""


class CallQuery(CallFilter, PageQuery):
    """A page of the log."""


class ExportQuery(CallFilter):
    """Everything of the log that a filter lets through."""

    format: Literal["csv", "json", "parquet"] = "csv"


def call_filter(who: Asked, asked: CallFilter, now: float, calendar: Calendar) -> Filter:
    """The filter of a request, narrowed to what the holder may see; a date is a day of the ledger.

    Raises :class:`BadRequestError`, :class:`PermissionDeniedError`.
    """
    found = Filter(
        **_names(asked),
        stream=asked.stream,
        adjusted=asked.adjusted,
        min_cost=_cost("min_cost", asked.min_cost),
        max_cost=_cost("max_cost", asked.max_cost),
        min_seconds=asked.min_seconds,
        min_first_byte=asked.min_first_byte,
        min_tokens_in=asked.min_tokens_in,
        min_tokens_out=asked.min_tokens_out,
        since=_instant("since", asked.since, now, calendar),
        until=_instant("until", asked.until, now, calendar),
    )
    return own(who, found)


def spend_filter(who: Asked, asked: SpendFilter) -> Filter:
    """The filter of a question about sums, narrowed to what the holder may see."""
    return own(who, Filter(**_names(asked)))


def own(who: Asked, only: Filter) -> Filter:
    """A filter that lets nothing through but what a holder may see.

    Raises :class:`PermissionDeniedError` when another key was asked for.
    """
    if who.sees_all:
        return only
    if only.key and set(only.key) != {who.holder.id}:
        raise PermissionDeniedError(
            "a key sees its own calls only; those of others need the role viewer or admin",
            code="permission_denied",
            param="key",
        )
    return replace(only, key=(who.holder.id,))


def day(name: str, text: str | None, today: date) -> date | None:
    """A day of the ledger: ``2026-11-22``, or so many days before today (``7d``)."""
    if text is None or not text:
        return None
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) < 6:
        return date.fromordinal(max(1, today.toordinal() - int(text[:-1])))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequestError(
            f"{name}: {text[:40]!r} is no day; write 2026-11-22, or 7d for seven days ago",
            code="invalid_request",
            param=name,
        ) from None


def _names(asked: SpendFilter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in type(asked).model_fields:
        value = getattr(asked, name)
        if isinstance(value, list):
            _check(name, value)
            found[name] = tuple(value)
    found["tag"] = asked.tag
    if isinstance(asked, CallFilter):
        _check("call_id", [asked.call_id])
        found["call_id"] = asked.call_id
    return found


def _check(name: str, values: Sequence[Any]) -> None:
    if len(values) > _MOST or any(isinstance(v, str) and len(v) > _LONGEST for v in values):
        raise BadRequestError(
            f"{name}: at most {_MOST} values of {_LONGEST} characters",
            code="invalid_request",
            param=name,
        )


def _cost(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        found = parse_usd(text)
    except MoneyError as error:
        raise BadRequestError(f"{name}: {error}", code="invalid_request", param=name) from None
    if abs(found) > _MOST_COST:
        message = f"{name}: more than a call can cost, {format_usd(_MOST_COST)} USD"
        raise BadRequestError(message, code="invalid_request", param=name)
    return found


def _instant(name: str, text: str | None, now: float, calendar: Calendar) -> float | None:
    if text is None or not text:
        return None
    if text[0].isdigit() and "-" not in text:
        return now - fields.span(name, text)
    try:
        return calendar.begins(date.fromisoformat(text))
    except ValueError:  # not a date alone
        pass
    return fields.instant(name, text)


CallQueryIn = Annotated[CallQuery, Query()]
ExportQueryIn = Annotated[ExportQuery, Query()]
