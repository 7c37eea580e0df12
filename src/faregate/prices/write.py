"""Write price rows: their ids, and lines appended to a price file. History is never rewritten."""

import csv
import io
from collections.abc import Container, Iterable
from datetime import UTC, datetime
from pathlib import Path

from faregate.errors import PriceBookError
from faregate.money import format_price
from faregate.prices.load import COLUMNS, read_rows, read_text
from faregate.types import Price


def day(instant: float) -> str:
    """An instant as a price file writes it: the date, and the time unless it is midnight UTC."""
    moment = datetime.fromtimestamp(instant, UTC)
    text = moment.isoformat().replace("+00:00", "Z")
    return text.removesuffix("T00:00:00Z")


def make_id(price: Price, taken: Container[str] = ()) -> str:
    """The id of a row: what it prices and from when, and the day it was observed if need be."""
    parts = (
        price.provider, price.model, price.scope, price.tier, price.context, price.unit,
        day(price.effective_from),
    )  # fmt: skip
    plain = "/".join(parts)
    if plain not in taken:
        return plain
    dated = f"{plain}@{day(price.observed_at)}"
    if dated in taken:
        raise PriceBookError(
            f"two different prices for {plain} observed at the same instant; which is right?"
        )
    return dated


def cells(price: Price) -> list[str]:
    """A row as the cells of a price file, in the order of its columns."""
    return [
        price.id,
        price.provider,
        price.model,
        price.scope,
        price.tier,
        price.context,
        str(price.context_from or ""),
        price.unit,
        format_price(price.per_token),
        day(price.effective_from),
        "" if price.effective_to is None else day(price.effective_to),
        price.source,
        price.source_meter,
        day(price.observed_at),
        price.confidence,
    ]


def as_csv(prices: Iterable[Price], *, header: bool = True) -> str:
    """Rows as the text of a price file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    writer.writerows(cells(price) for price in prices)
    return out.getvalue()


def append_rows(path: Path, prices: Iterable[Price]) -> int:
    """Add rows at the end of a price file, and say how many; what is there stays byte for byte.

    The file is made, with its header, if it does not exist. Raises
    :class:`~faregate.errors.PriceBookError`, and writes nothing, when the file cannot be read or
    written, is no price file, or has a row with one of the ids already.
    """
    added = list(prices)
    present = read_text(path) if path.exists() else ""
    taken = {row.id for row in read_rows(present, str(path))} if present else set()
    doubled = next((row.id for row in added if row.id in taken), None)
    if doubled is not None:
        raise PriceBookError(f"{path}: the row {doubled!r} is there already; nothing was written")
    if not added:
        return 0
    gap = "\n" if present and not present.endswith("\n") else ""
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(gap + as_csv(added, header=not present))
    except OSError as error:
        raise PriceBookError(f"{path}: cannot be written ({error.strerror or error})") from error
    return len(added)
