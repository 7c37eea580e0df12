"""Price files: what is read, what each mistake is told, and that history is only appended to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from faregate.core.pricebook import Rates
from faregate.errors import PriceBookError
from faregate.money import format_price
from faregate.prices.load import (
    COLUMNS,
    load_book,
    parse_instant,
    read_names,
    read_rows,
    read_text,
)
from faregate.prices.write import append_rows, as_csv, day, make_id
from faregate.types import Price

HEADER = ",".join(COLUMNS)
GOOD = {
    "id": "azure/m/global/standard/short/input/2026-01-01",
    "provider": "azure",
    "model": "M",
    "scope": "global",
    "tier": "standard",
    "context": "short",
    "context_from": "",
    "unit": "input",
    "usd_per_million": "0.05",
    "effective_from": "2026-01-01",
    "effective_to": "",
    "source": "a test, with a comma",
    "source_meter": "",
    "observed_at": "2026-02-01T12:30:00Z",
    "confidence": "meter",
}


def line(**over: str) -> str:
    cells = {**GOOD, **over}
    return ",".join(f'"{cells[name]}"' for name in COLUMNS)


def file(*lines: str) -> str:
    return "\n".join((HEADER, *lines)) + "\n"


def test_a_row_is_read() -> None:
    (row,) = read_rows(file(line()), "prices.csv")
    assert row == Price(
        id=GOOD["id"],
        provider="azure",
        model="m",
        scope="global",
        tier="standard",
        context="short",
        unit="input",
        per_token=50_000,
        effective_from=1_767_225_600.0,
        source="a test, with a comma",
        observed_at=1_769_949_000.0,
        confidence="meter",
    )


def test_columns_may_stand_in_any_order_and_beside_others() -> None:
    names = (*reversed(COLUMNS), "note")
    cells = ",".join(f'"{GOOD.get(name, "x")}"' for name in names)
    (row,) = read_rows(f"{','.join(names)}\n{cells}\n\n", "prices.csv")
    assert (row.model, row.per_token) == ("m", 50_000)


@pytest.mark.parametrize(
    ("over", "column", "told"),
    [
        ({"usd_per_million": "0.0000001"}, "usd_per_million", "no whole number of pico-dollars"),
        ({"usd_per_million": "five"}, "usd_per_million", "give USD for a million tokens"),
        ({"usd_per_million": ""}, "usd_per_million", "give USD for a million tokens"),
        ({"usd_per_million": "-1"}, "usd_per_million", "cannot be negative"),
        ({"usd_per_million": "NaN"}, "usd_per_million", "is not an amount"),
        ({"unit": "tokens"}, "unit", "'tokens' is none of input, cache_read"),
        ({"tier": "gold"}, "tier", "'gold' is none of standard, priority, flex, batch"),
        ({"context": "medium"}, "context", "'medium' is none of short, long"),
        ({"confidence": "sure"}, "confidence", "'sure' is none of meter"),
        ({"effective_from": "1 May"}, "effective_from", "'1 May' is no date; write 2026-09-01"),
        ({"effective_from": ""}, "effective_from", "'' is no date"),
        ({"effective_to": "soon"}, "effective_to", "'soon' is no date"),
        ({"effective_to": "2026-01-01"}, "effective_to", "is not after effective_from"),
        ({"observed_at": "2026-13-01"}, "observed_at", "is no date"),
        ({"context_from": "200000"}, "context_from", "a short-context row has no threshold"),
        ({"context": "long"}, "context_from", "'' is no number of tokens"),
        ({"context": "long", "context_from": "200k"}, "context_from", "'200k' is no number"),
        ({"context": "long", "context_from": "0"}, "context_from", "'0' is no number"),
        ({"id": ""}, "id", "is empty"),
        ({"provider": ""}, "provider", "is empty"),
        ({"model": ""}, "model", "is empty"),
        ({"scope": ""}, "scope", "is empty"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(
    over: dict[str, str], column: str, told: str
) -> None:
    with pytest.raises(PriceBookError) as caught:
        read_rows(file(line(), line(**{"id": "other", **over})), "my-prices.csv")
    assert str(caught.value).startswith(f"my-prices.csv, line 3, column {column}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_named(name: str) -> None:
    kept = [column for column in COLUMNS if column != name]
    with pytest.raises(PriceBookError, match=f"line 1: the column {name} is missing"):
        read_rows(",".join(kept) + "\n", "p.csv")


@pytest.mark.parametrize("text", ["", "\n", "nothing here", "a,b,c\n1,2,3\n"])
def test_a_file_that_is_no_price_file_says_what_one_begins_with(text: str) -> None:
    with pytest.raises(PriceBookError, match=r"p\.csv, line 1: the column id is missing"):
        read_rows(text, "p.csv")


def test_two_rows_cannot_share_an_id() -> None:
    with pytest.raises(PriceBookError, match=r"line 4, column id: .* already used on line 2"):
        read_rows(file(line(), line(id="b"), line()), "p.csv")


def test_a_row_cut_short_is_told() -> None:
    with pytest.raises(PriceBookError, match="line 2: 3 cells where 15 belong"):
        read_rows(file("a,b,c"), "p.csv")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(PriceBookError, match=r"nowhere\.csv: cannot be read"):
        read_text(tmp_path / "nowhere.csv")
    with pytest.raises(PriceBookError, match="cannot be read"):
        read_text(tmp_path)
    (tmp_path / "latin.csv").write_bytes(b"caf\xe9")
    with pytest.raises(PriceBookError, match=r"not UTF-8 text \(byte 3\)"):
        read_text(tmp_path / "latin.csv")
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + file(line()).encode())
    assert len(read_rows(read_text(tmp_path / "bom.csv"), "bom.csv")) == 1


@given(st.text())
def test_any_text_is_read_or_refused_in_one_way(text: str) -> None:
    for content in (text, file(text), file(line(source=text.replace('"', "")))):
        try:
            read_rows(content, "p.csv")
        except PriceBookError as error:
            assert str(error).startswith("p.csv, line ")  # noqa: PT017 - most texts do raise


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("azure,a,\n", "line 2: a name needs provider, alias and model"),
        ("azure,a\n", "line 2: a name needs"),
        ("azure,a,m\nazure,A,n\n", "line 3, column alias: 'A' already means 'm'"),
    ],
)
def test_mistakes_among_the_names_are_told(lines: str, told: str) -> None:
    with pytest.raises(PriceBookError, match=told):
        read_names("provider,alias,model\n" + lines, "names.csv")


def test_a_file_of_ones_own_stands_beside_the_bundled_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text(file(line(provider="azure", model="house-model")))
    found = load_book([own]).lookup("azure", "House-Model", at=parse_instant("2026-05-01"))
    assert isinstance(found, Rates)
    assert found.short["input"].per_token == 50_000


def test_a_file_the_package_has_caught_up_with_does_no_harm(tmp_path: Path) -> None:
    known = load_book().find("azure", "grok-4")[0]
    own = tmp_path / "own.csv"
    own.write_text(as_csv([replace(known, source="refreshed here")]))
    assert len(load_book([own]).prices()) == len(load_book().prices())
    clash = tmp_path / "clash.csv"
    clash.write_text(as_csv([replace(known, per_token=known.per_token + 1)]))
    with pytest.raises(PriceBookError, match=r"clash\.csv, column id: .* with another price"):
        load_book([clash])


ROW = read_rows(file(line()), "x")[0]


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0.0, "1970-01-01"),
        (parse_instant("2026-09-01T12:30:00+02:00"), "2026-09-01T10:30:00Z"),
        (parse_instant("2026-09-01"), "2026-09-01"),
    ],
)
def test_instants_are_written_as_they_are_read(instant: float, text: str) -> None:
    assert day(instant) == text
    assert parse_instant(text) == instant


def test_an_id_says_what_is_priced_and_gets_its_day_only_where_needed() -> None:
    plain = "azure/m/global/standard/short/input/2026-01-01"
    assert make_id(ROW) == plain
    assert make_id(ROW, {plain}) == f"{plain}@2026-02-01T12:30:00Z"
    with pytest.raises(PriceBookError, match="which is right"):
        make_id(ROW, {plain, f"{plain}@2026-02-01T12:30:00Z"})


@given(
    st.integers(0, 10**12),
    st.sampled_from(["short", "long"]),
    st.integers(0, 2**31),
    st.one_of(st.none(), st.integers(1, 10**6)),
    st.text(st.characters(codec="utf-8", exclude_characters="\r")),
)
def test_what_is_written_is_read_again(
    per_token: int, context: str, start: int, length: int | None, source: str
) -> None:
    row = replace(
        ROW,
        per_token=per_token,
        context=context,
        context_from=7 if context == "long" else 0,
        effective_from=float(start),
        effective_to=None if length is None else float(start + length),
        source=source,
    )
    assert read_rows(as_csv([row]), "x") == [row]
    assert format_price(per_token) in as_csv([row])


def test_rows_are_appended_and_nothing_else_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    second = replace(ROW, id="second", per_token=1)
    assert append_rows(path, [ROW]) == 1
    first = path.read_bytes()
    assert append_rows(path, [second]) == 1
    assert path.read_bytes().startswith(first)
    assert read_rows(path.read_text(), "x") == [ROW, second]
    assert append_rows(path, []) == 0
    with pytest.raises(PriceBookError, match="'second' is there already; nothing was written"):
        append_rows(path, [replace(ROW, id="third"), second])
    assert len(read_rows(path.read_text(), "x")) == 2


def test_a_file_without_its_last_line_end_is_appended_to_rightly(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(file(line()).rstrip("\n"))
    append_rows(path, [replace(ROW, id="second")])
    assert [row.id for row in read_rows(path.read_text(), "x")] == [ROW.id, "second"]


def test_nothing_is_appended_to_what_is_no_price_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not prices\n")
    with pytest.raises(PriceBookError, match="the column id is missing"):
        append_rows(path, [ROW])
    assert path.read_text() == "not prices\n"
    with pytest.raises(PriceBookError, match="cannot be written"):
        append_rows(tmp_path / "no" / "such" / "folder.csv", [ROW])
