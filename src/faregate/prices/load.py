"""Read price files: CSV text to :class:`~faregate.types.Price` rows, with errors one can act on."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from faregate.core.pricebook import PriceBook
from faregate.errors import PriceBookError
from faregate.money import MoneyError, parse_price
from faregate.prices.vendor import vendor_prices
from faregate.types import UNITS, Confidence, Context, Price

COLUMNS = (
    "id",
    "provider",
    "model",
    "scope",
    "tier",
    "context",
    "context_from",
    "unit",
    "usd_per_million",
    "effective_from",
    "effective_to",
    "source",
    "source_meter",
    "observed_at",
    "confidence",
)
"""The columns of a price file, in the order they are written; they may be read in any order."""

TIERS = ("standard", "priority", "flex", "batch")
BUNDLED = ("azure.csv", "openai.csv", "anthropic.csv")
"""The price files that come with the package."""

_CONTEXTS: tuple[str, ...] = get_args(Context)
_CONFIDENCES: tuple[str, ...] = get_args(Confidence)


def book_of(environ: Mapping[str, str]) -> PriceBook:
    """The bundled book with the files the environment names."""
    return load_book(price_files(environ))


def load_book(extra: Sequence[Path] = ()) -> PriceBook:
    """The bundled price book, with the rows of the files in ``extra`` added.

    The result is remembered for the life of the process: a file that changes later is not read
    again. Raises :class:`~faregate.errors.PriceBookError` naming file, line and column.
    """
    return _load(tuple(extra))


def price_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files of ``FAREGATE_PRICE_FILES``, separated like a PATH; beside the bundled ones."""
    stated = environ.get("FAREGATE_PRICE_FILES", "")
    return tuple(Path(part).expanduser() for part in stated.split(os.pathsep) if part)


@lru_cache(maxsize=8)
def _load(extra: tuple[Path, ...]) -> PriceBook:
    from importlib.resources import files  # heavy, and not needed to import this module

    folder = files("faregate.prices")
    rows: list[Price] = []
    for name in BUNDLED:
        rows += read_rows((folder / name).read_text("utf-8"), name)
    known = {row.id: row for row in rows}
    for path in extra:
        rows += _beside(read_rows(read_text(path), str(path)), known, path)
    names = read_names((folder / "names.csv").read_text("utf-8"), "names.csv")
    return PriceBook(rows, names, vendor_prices())


def _beside(added: list[Price], known: dict[str, Price], path: Path) -> Iterator[Price]:
    """The rows the book does not have yet. A newer package may have caught up with a file."""
    for row in added:
        present = known.setdefault(row.id, row)
        if present is row:
            yield row
        elif present.per_token != row.per_token:
            raise PriceBookError(
                f"{path}, column id: {row.id!r} is in the price book with another price; give the "
                "row an id of its own (append @ and the day it was observed)"
            )


def read_text(path: Path) -> str:
    """The text of a price file; :class:`~faregate.errors.PriceBookError` if it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PriceBookError(
            f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    except OSError as error:
        raise PriceBookError(
            f"{path}: cannot be read ({error.strerror or error}); check its path and permissions"
        ) from error


def read_rows(text: str, origin: str) -> list[Price]:
    """The rows of a price file. ``origin`` is the name that errors give to the file.

    Raises :class:`~faregate.errors.PriceBookError` naming file, line, column and what to do.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    header = _header(next(reader, []), origin)
    read = _Reader(header, origin)
    seen: dict[str, int] = {}
    rows: list[Price] = []
    for cells in _lines(reader, origin):
        if not cells:
            continue
        line = reader.line_num
        row = read.row(cells, line)
        first = seen.setdefault(row.id, line)
        if first != line:
            raise PriceBookError(
                f"{origin}, line {line}, column id: {row.id!r} is already used on line {first}; "
                "give each row an id of its own (append @ and the day it was observed)"
            )
        rows.append(row)
    return rows


def read_names(text: str, origin: str) -> dict[tuple[str, str], str]:
    """(provider, alias in lower case) to model, from a file with provider, alias and model."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names: dict[tuple[str, str], str] = {}
    for cells in reader:
        provider, alias, model = (cells.get(key) for key in ("provider", "alias", "model"))
        if not (provider and alias and model):
            raise PriceBookError(
                f"{origin}, line {reader.line_num}: a name needs provider, alias and model"
            )
        key = (provider, alias.lower())
        if names.setdefault(key, model.lower()) != model.lower():
            raise PriceBookError(
                f"{origin}, line {reader.line_num}, column alias: {alias!r} already means "
                f"{names[key]!r}; an alias means one model"
            )
    return names


def _header(cells: list[str], origin: str) -> dict[str, int]:
    header = {name.strip(): at for at, name in enumerate(cells)}
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise PriceBookError(
            f"{origin}, line 1: the column {missing[0]} is missing; a price file begins with "
            f"{','.join(COLUMNS)}"
        )
    return header


def _lines(reader: Any, origin: str) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise PriceBookError(f"{origin}, line {reader.line_num}: no CSV ({error})") from error


class _Reader:
    """Cells to rows. Texts repeat all over a price file, so what they mean is remembered."""

    def __init__(self, header: Mapping[str, int], origin: str) -> None:
        self._origin = origin
        self._at = [header[name] for name in COLUMNS]
        self._width = max(self._at) + 1
        self._prices: dict[str, int] = {}
        self._instants: dict[str, float] = {}

    def row(self, cells: list[str], line: int) -> Price:
        if len(cells) < self._width:
            raise PriceBookError(
                f"{self._origin}, line {line}: {len(cells)} cells where {self._width} belong; "
                "a text that holds a comma needs quotes"
            )
        values = [cells[at] for at in self._at]
        try:
            return self._build(values)
        except _CellError as error:
            raise PriceBookError(
                f"{self._origin}, line {line}, column {error.column}: {error.problem}"
            ) from error.__cause__

    def _build(self, cells: list[str]) -> Price:
        (row_id, provider, model, scope, tier, context, context_from, unit, usd, start, end,
         source, meter, observed, confidence) = cells  # fmt: skip
        if not (row_id and provider and model and scope):
            empty = next(n for n, v in zip(COLUMNS, cells[:4], strict=False) if not v)
            raise _CellError(empty, "is empty; every row needs one")
        _one_of("tier", tier, TIERS)
        _one_of("context", context, _CONTEXTS)
        _one_of("unit", unit, UNITS)
        _one_of("confidence", confidence, _CONFIDENCES)
        began = self._instant("effective_from", start)
        ended = self._instant("effective_to", end) if end else None
        if ended is not None and ended <= began:
            raise _CellError("effective_to", f"{end!r} is not after effective_from ({start})")
        return Price(
            id=row_id,
            provider=provider,
            model=model.lower(),
            scope=scope,
            tier=tier,
            context=context,  # type: ignore[arg-type]  # checked against the literal above
            context_from=_threshold(context, context_from),
            unit=unit,  # type: ignore[arg-type]
            per_token=self._price(usd),
            effective_from=began,
            effective_to=ended,
            source=source,
            source_meter=meter,
            observed_at=self._instant("observed_at", observed),
            confidence=confidence,  # type: ignore[arg-type]
        )

    def _price(self, text: str) -> int:
        known = self._prices.get(text)
        if known is None:
            try:
                known = self._prices[text] = parse_price(text)
            except MoneyError as error:
                raise _CellError(
                    "usd_per_million", f"{error}; give USD for a million tokens, such as 0.05"
                ) from error
        return known

    def _instant(self, column: str, text: str) -> float:
        known = self._instants.get(text)
        if known is None:
            known = self._instants[text] = _guarded(column, text, parse_instant)
        return known


class _CellError(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column
        self.problem = problem


def _guarded(column: str, text: str, parse: Callable[[str], float]) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise _CellError(
            column, f"{text!r} is no date; write 2026-09-01 or 2026-09-01T12:00:00Z"
        ) from error


def parse_instant(text: str) -> float:
    """Unix seconds of an ISO date or date and time; UTC where it says no offset.

    Raises :class:`ValueError` for anything else.
    """
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _one_of(column: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise _CellError(column, f"{value!r} is none of {', '.join(allowed)}")


def _threshold(context: str, text: str) -> int:
    if context == "short":
        if text not in ("", "0"):
            raise _CellError("context_from", "a short-context row has no threshold; leave it empty")
        return 0
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise _CellError(
            "context_from",
            f"{text!r} is no number of tokens; a long-context row says from which prompt on",
        )
    return int(text)
