"""How money, instants and pages look on the wire, and what every model of it has in common.

Money is decimal text in USD, exact (``"0.00003405"``), in requests and answers alike; a request may
also write a JSON number, which is read by its digits. Instants are ISO 8601 in UTC, to the
microsecond (``2026-11-22T12:00:00.000000Z``). A list has ``data`` and ``next``: the cursor of the
page after it, null on the last one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from faregate.admin.exact import ExactFloat
from faregate.admin.office import Office
from faregate.core.directory import Holder
from faregate.errors import BadRequestError
from faregate.money import format_usd

T = TypeVar("T")

MOST_PAGE = 1000
"""Entries of a page."""


class Said(BaseModel):
    """The body of a request. A field that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Shown(BaseModel):
    """The body of an answer, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _exact(value: Any) -> Any:
    if isinstance(value, ExactFloat):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return value
    raise ValueError('must be an amount in USD, such as "10.50"')


def _decimal(**more: Any) -> dict[str, Any]:
    return {"type": "string", "format": "decimal", "examples": ["0.00003405"], **more}


Money = Annotated[str, WithJsonSchema(_decimal(description="USD, exact"))]
"""USD in an answer."""

MoneySaid = Annotated[
    str,
    BeforeValidator(_exact),
    Field(max_length=60),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "maxLength": 60}, {"type": "number"}],
            "description": 'USD: "10.50", "$10" or 10',
            "examples": ["10.50"],
        }
    ),
]
"""USD in a request."""

Instant = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-11-22T12:00:00.000000Z"]}
    ),
]
"""ISO 8601, UTC."""

SpanSaid = Annotated[
    str | float,
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "maxLength": 40}, {"type": "number", "minimum": 0}],
            "description": "a span of time: 45s, 12h, 30d, or seconds",
        }
    ),
]

Limit = Annotated[int, Query(ge=1, le=MOST_PAGE, description="entries of the page")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="`next` of the page before; none: the first")
]


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    cursor: str | None = Field(None, max_length=400)
    """`next` of the page before; none: the first."""
    limit: int = Field(100, ge=1, le=MOST_PAGE)
    """Entries of the page."""


def money(amount: int) -> str:
    """Pico-dollars as text."""
    return format_usd(amount)


def maybe_money(amount: int | None) -> str | None:
    """Pico-dollars as text; None for what is not known."""
    return None if amount is None else format_usd(amount)


def instant(seconds: float) -> str:
    """Unix seconds as text."""
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )


def maybe_instant(seconds: float | None) -> str | None:
    """Unix seconds as text; None for never."""
    return None if seconds is None else instant(seconds)


@contextmanager
def question() -> Iterator[None]:
    """What the store says of a question that means nothing (a cursor of another list, a filter the
    sums do not know) is said to whoever asked it."""
    try:
        yield
    except ValueError as error:
        if type(error) is not ValueError:  # a ConfigError is one, too
            raise
        code = "invalid_cursor" if "cursor" in str(error) else "invalid_request"
        param = "cursor" if code == "invalid_cursor" else None
        raise BadRequestError(str(error), code=code, param=param) from None


class Asked(NamedTuple):
    """Who asks, and the process that is asked."""

    office: Office
    holder: Holder

    @property
    def sees_all(self) -> bool:
        """Whether everything may be read, and not only what is the holder's own."""
        return self.holder.role in ("viewer", "admin")


async def _asked(request: Request) -> Asked:
    return Asked(request.app.state.office, request.state.holder)


Who = Annotated[Asked, Depends(_asked)]
"""Who asks; every endpoint that looks at the request has this."""


def page_by_id(found: Sequence[T], ids: Sequence[str], cursor: str | None, limit: int) -> "Cut":
    """A page of what is in the order of its ids; the cursor is the last id of the page before."""
    start = 0
    if cursor is not None:
        start = next((at for at, each in enumerate(ids) if each > cursor), len(ids))
    kept = list(found[start : start + limit])
    more = start + limit < len(found)
    return Cut(kept, ids[start + limit - 1] if more else None)


def page_by_place(found: Sequence[T], cursor: str | None, limit: int) -> "Cut":
    """A page of what is in any other order; the cursor is a place in it."""
    start = 0
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise BadRequestError(
                "the cursor is none of this list's: take it from the page before",
                code="invalid_cursor",
                param="cursor",
            )
        start = int(cursor)
    more = start + limit < len(found)
    return Cut(list(found[start : start + limit]), str(start + limit) if more else None)


class Cut(NamedTuple):
    """A page's entries and the next one's cursor."""

    data: list[Any]
    next: str | None
