"""Prices that were learnt after the calls: unpriced rows get the receipts they lacked."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from faregate.core.budget import PAYERS, Payer
from faregate.money import Usd
from faregate.store.protocol import Entry, Filter, Store
from faregate.store.rollup import MEASURES, by_name, fold, minus, shares
from faregate.types import Receipt, Row

Rate: TypeAlias = Callable[[Row], Receipt | None]
"""A row to the receipt it would have now, from its kept usage, at the prices of its instant; None
where there is still no telling."""

Amounts: TypeAlias = Mapping[tuple[Payer, str], Usd]
"""What each payer pays in addition. A deployment pays for its own charges, a tag as any other."""

_PAGE = 200
_SPEND = MEASURES.index("spend")


class Refill(Struct, frozen=True, kw_only=True):
    """Which rows are looked at, and what their adjustments say."""

    at: float
    """When (Unix seconds)."""
    reason: str
    """Such as ``price added by ada``."""
    provider: tuple[str, ...] = ()
    """Only rows of these; empty: of any."""
    served_model: tuple[str, ...] = ()
    most: int = 5_000
    """Rows that are looked at in one go, at least one page of them."""
    cursor: str | None = None
    """Where the go before ended."""


class Learnt(Struct, frozen=True, kw_only=True):
    """A row whose cost became known, or better known."""

    entry: Entry
    """As it was."""
    receipt: Receipt
    """The one it has now."""
    amounts: Amounts
    """To be charged to budgets at the instant the call started."""


class Refilled(Struct, frozen=True, kw_only=True):
    """What became of the rows."""

    looked_at: int = 0
    filled: int = 0
    """They have their whole price now."""
    amounts: Amounts = field(default_factory=dict)
    """Over all of them."""
    cursor: str | None = None
    """Where to go on; None: every row was looked at."""


async def refill(
    store: Store,
    rate: Rate,
    asked: Refill,
    learnt: Callable[[Learnt], Awaitable[None]] | None = None,
) -> Refilled:
    """Ask ``rate`` for the receipt of every unpriced row, newest first, and adjust what differs.

    What was known before stays in the row's adjustments. It may be broken off and repeated at will,
    by several processes as well: a row that has its receipt is adjusted no second time and is given
    to ``learnt`` once, after its adjustment is committed.
    """
    only = Filter(status=("unpriced",), provider=asked.provider, served_model=asked.served_model)
    looked_at = filled = 0
    total: dict[tuple[Payer, str], Usd] = {}
    cursor = asked.cursor
    while True:
        # Rows that are filled leave this list; the cursor is a place in it, not a number.
        page = await store.rows(only, cursor=cursor, limit=_PAGE)
        for entry in page.entries:
            looked_at += 1
            found = await _fill(store, rate(entry.row), entry, asked)
            if found is None:
                continue
            filled += found.receipt.status != "unpriced"
            for payer, amount in found.amounts.items():
                total[payer] = total.get(payer, 0) + amount
            if learnt is not None:
                await learnt(found)
        cursor = page.cursor
        if cursor is None or looked_at >= asked.most:
            return Refilled(looked_at=looked_at, filled=filled, amounts=total, cursor=cursor)


async def _fill(
    store: Store, receipt: Receipt | None, entry: Entry, asked: Refill
) -> Learnt | None:
    row = entry.row
    if receipt is None or receipt == row.receipt:
        return None
    if not await store.adjust(row.call_id, receipt, reason=asked.reason, at=asked.at):
        return None
    return Learnt(
        entry=entry, receipt=receipt, amounts=difference(row, replace(row, receipt=receipt))
    )


def difference(before: Row, after: Row) -> Amounts:
    """What each payer of a call pays more for it now; negative: less."""
    own, tagged = (
        fold(((0, series), amounts) for series, amounts in minus(new, old))
        for new, old in zip(shares(after), shares(before), strict=True)
    )
    found: dict[tuple[Payer, str], Usd] = {}
    for (dimension, _day, name), amounts in by_name(own, tagged).items():
        for payer in PAYERS:
            if payer == dimension and amounts[_SPEND]:
                found[(payer, name)] = amounts[_SPEND]
    return found
