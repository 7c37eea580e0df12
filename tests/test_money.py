import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate import money
from faregate.money import MoneyError, format_price, format_usd, parse_price, parse_usd


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        ("0", 0),
        ("1", 10**12),
        ("$10", 10**13),
        ("0.00003405", 34_050_000),
        ("-0.5", -(10**12) // 2),
        ("1e-12", 1),
        (" 2.5 ", 2_500_000_000_000),
    ],
)
def test_an_amount_is_read_exactly(text: str, pico: int) -> None:
    assert parse_usd(text) == pico


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1,000",
        "nan",
        "inf",
        "1e999",
        "0x10",
        "--1",
        "1.2.3",
        "\u0661\u0660",
        "1.\u0665",
        "1e\u0662",
        "\uff11\uff10",
    ],
)
def test_what_is_no_amount_is_refused_and_named(text: str) -> None:
    with pytest.raises(MoneyError, match="not an amount"):
        parse_usd(text)


def test_an_amount_finer_than_a_pico_dollar_is_refused() -> None:
    with pytest.raises(MoneyError, match="no whole number of pico-dollars"):
        parse_usd("0.0000000000001")


@pytest.mark.parametrize(
    ("text", "per", "pico"),
    [("0.05", 10**6, 50_000), ("0.001485", 1000, 1_485_000), ("10", 10**6, 10_000_000)],
)
def test_a_price_is_pico_dollars_for_one_token(text: str, per: int, pico: int) -> None:
    assert parse_price(text, per=per) == pico


def test_a_price_that_is_no_whole_number_of_pico_dollars_is_refused() -> None:
    with pytest.raises(MoneyError, match="pico-dollars a token"):
        parse_price("0.0000001")


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(MoneyError, match="cannot be negative"):
        parse_price("-1")


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (34_050_000, "0.00003405"),
        (0, "0"),
        (10**12, "1"),
        (-1, "-0.000000000001"),
        (15 * 10**11, "1.5"),
    ],
)
def test_an_amount_is_shown_whole(pico: int, text: str) -> None:
    assert format_usd(pico) == text


def test_amounts_can_be_aligned() -> None:
    assert format_usd(2_100_000, places=8) == "0.00000210"


@given(st.integers(-(10**24), 10**24))
def test_showing_and_reading_an_amount_loses_nothing(pico: int) -> None:
    assert parse_usd(format_usd(pico)) == pico


@given(st.integers(0, 10**12))
def test_showing_and_reading_a_price_loses_nothing(per_token: int) -> None:
    assert parse_price(format_price(per_token)) == per_token


def test_a_float_is_only_for_showing() -> None:
    assert money.to_float(34_050_000) == 0.00003405
