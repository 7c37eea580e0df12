"""Money: an integer of pico-dollars (1e-12 USD). Parse and format, nothing else.

Why an integer: published token prices are whole pico-dollars a token, so a charge is an integer
product, a bill is an integer sum, and rounding does not exist. The only module that multiplies
money is :mod:`faregate.core.receipt`.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction

Usd = int
"""Pico-dollars, 1e-12 USD."""

PICO = 10**12
"""Pico-dollars in a dollar."""

_PER_MILLION = 10**6
_NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?\Z")


class MoneyError(ValueError):
    """A text that is no amount of money, or one finer than a pico-dollar."""


def _decimal(text: str) -> Decimal:
    cleaned = text.strip().removeprefix("$")
    if not _NUMBER.match(cleaned):
        raise MoneyError(f"{text!r} is not an amount in USD; write it like 0.00003405")
    try:
        return Decimal(cleaned)
    except InvalidOperation as error:  # pragma: no cover - the pattern above is stricter
        raise MoneyError(f"{text!r} is not an amount in USD") from error


def _whole(value: Fraction, text: str, what: str) -> int:
    if value.denominator != 1:
        raise MoneyError(f"{text!r} is no whole number of pico-dollars {what}")
    return value.numerator


def parse_usd(text: str) -> Usd:
    """Exact pico-dollars of a decimal text such as ``"0.00003405"`` or ``"$10"``.

    Raises :class:`MoneyError` for anything else, and for amounts finer than 1e-12 USD.
    """
    return _whole(Fraction(_decimal(text)) * PICO, text, "")


def parse_price(text: str, *, per: int = _PER_MILLION) -> Usd:
    """Pico-dollars for ONE token, from a price in USD for ``per`` tokens.

    ``parse_price("0.05")`` is 50_000: $0.05 a million tokens. Raises :class:`MoneyError` when the
    price of one token is no whole number of pico-dollars, or is negative.
    """
    value = _decimal(text)
    if value < 0:
        raise MoneyError(f"{text!r}: a price cannot be negative")
    return _whole(Fraction(value) * PICO / per, text, "a token")


def normal_price(text: str, *, per: int = _PER_MILLION) -> str:
    """The same price as a plain decimal text in USD for a million tokens (``"0.05"``)."""
    return format_price(parse_price(text, per=per))


def format_usd(amount: Usd, *, places: int = 0) -> str:
    """Exact decimal text in USD, with no exponent and at least ``places`` decimals.

    ``format_usd(34_050_000)`` is ``"0.00003405"``; ``format_usd(0)`` is ``"0"``.
    """
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), PICO)
    decimals = f"{rest:012d}".rstrip("0").ljust(places, "0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def format_price(per_token: Usd, *, places: int = 0) -> str:
    """USD for a million tokens as text, from pico-dollars for one token."""
    return format_usd(per_token * _PER_MILLION, places=places)


def to_float(amount: Usd) -> float:
    """The nearest float in USD, for conventions that demand a JSON number (never for sums)."""
    return amount / PICO
