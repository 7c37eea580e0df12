"""``faregate prices`` as a person uses it: what is printed, what is written, and when it fails."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faregate.cli import main
from faregate.cli.price_tables import table
from faregate.errors import PriceBookError
from faregate.prices import refresh
from faregate.prices.importer import MeterRow
from faregate.prices.load import read_rows

SNAPSHOT = Path(__file__).parent.parent / "fixtures" / "azure-meters-2026-08-11.csv.gz"
CUT = MeterRow(
    product="Azure OpenAI GPT5",
    meter="5.4 inp Gl 1M Tokens",
    unit="1M",
    usd="2",
    effective_from="2026-12-01",
)
NOVA = MeterRow(
    product="Azure OpenAI GPT5",
    meter="7 nova inp Gl 1M Tokens",
    unit="1M",
    usd="2",
    effective_from="2026-12-01",
)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["prices", *map(str, words)])


def line(words: str) -> Result:
    return run(*words.split())


def meters(tmp_path: Path, *rows: MeterRow) -> Path:
    items = [
        {
            "productName": row.product,
            "meterName": row.meter,
            "unitOfMeasure": row.unit,
            "retailPrice": row.usd,
            "effectiveStartDate": row.effective_from,
        }
        for row in rows
    ]
    path = tmp_path / "meters.json"
    path.write_text(json.dumps({"Items": items}))
    return path


def test_list_has_a_line_for_each_model() -> None:
    result = run("list", "--provider", "azure", "--at", "2026-11-22")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert " ".join(lines[0].split()) == (
        "provider model scope tier input cached cache write write 1 h output since"
    )
    (nano,) = [line for line in lines if " gpt-5-nano " in line]
    assert " ".join(nano.split()) == (
        "azure gpt-5-nano global standard 0.05 0.005 – – 0.4 2025-08-01"
    )
    assert not [line for line in lines if line.startswith("openai")]
    assert "model-router" not in result.output


def test_list_of_another_scope_and_of_all() -> None:
    apac = run("list", "--scope", "data_zone_apac")
    assert "gpt-5.5" in apac.output
    assert "gpt-5-nano" not in apac.output
    every = run("list", "--scope", "all", "--tier", "all")
    assert every.exit_code == 0
    assert len(every.output.splitlines()) > 500


def test_a_list_of_nothing_is_an_error() -> None:
    result = run("list", "--scope", "moon")
    assert result.exit_code == 1
    assert "no model has a price there" in result.output


def test_show_says_prices_sources_and_history() -> None:
    result = run("show", "GPT-5.6-Luna-2026-07-09", "--provider", "azure", "--at", "2026-11-22")
    assert result.exit_code == 0
    assert result.output.startswith("gpt-5.6-luna · azure · prices in USD for 1M tokens")
    now, _, past = result.output.partition("Superseded")
    assert "from 272,001 tokens    0.4    0.04          0.5     1.8  2026-08-01" in now
    assert "Azure Retail Prices API" in now
    assert "derived" in now
    assert ["global", "standard", "1", "0.1", "1.25", "6", "2026-07-01"] in [
        line.split() for line in past.splitlines()
    ]


def test_show_at_an_earlier_instant_tells_what_came_later() -> None:
    result = run("show", "gpt-5.6-luna", "--provider", "azure", "--at", "2026-07-15")
    now, _, later = result.output.partition("Later")
    assert ["global", "standard", "1", "0.1", "1.25", "6", "2026-07-01"] in [
        line.split() for line in now.splitlines()
    ]
    assert "2026-08-01" in later
    before = run("show", "gpt-5.6-luna", "--provider", "azure", "--at", "2026-01-01")
    assert "No price is in force on that day." in before.output


def test_show_of_one_scope_and_of_every_provider() -> None:
    result = run("show", "gpt-5.4", "--scope", "data_zone_apac")
    assert "data_zone_apac" in result.output
    assert "data_zone_us" not in result.output
    both = run("show", "gpt-5.4")
    assert "gpt-5.4 · azure" in both.output
    assert "gpt-5.4 · openai" in both.output


def test_show_of_an_unknown_model_offers_its_neighbours() -> None:
    result = run("show", "gpt-5-nanno")
    assert result.exit_code == 1
    assert "does not know 'gpt-5-nanno'; did you mean gpt-5-nano" in result.output
    assert "see 'faregate prices list'" in run("show", "zzzzzzzz").output


def test_explain_prints_the_receipt_line_by_line() -> None:
    result = line(
        "explain gpt-5.6-luna-2026-07-09 --input 2756 --cache-write 2753 "
        "--output 295 --route model_router --at 2026-09-15"
    )
    assert result.exit_code == 0
    assert "0.00142869" in result.output
    assert "0.00038584" in result.output
    assert "azure/gpt-5.6-luna/global/standard/short/cache_write/2026-08-01" in result.output


def test_explain_as_json() -> None:
    result = line(
        "explain gpt-4.1-nano --input 1000 --cached 800 --output 100 "
        "--route model_router --at 2026-11-22 --json"
    )
    assert json.loads(result.output)["total"] == "0.00022"


def test_explain_direct_has_no_fee() -> None:
    result = line("explain gpt-4.1-nano --input 1000 --output 100 --json")
    told = json.loads(result.output)
    assert (told["total"], told["router_fee"]) == ("0.00014", None)


def test_explain_of_what_is_unpriced_says_so_and_fails() -> None:
    result = line("explain gpt-9-mystery --input 1000 --output 100 --route model_router")
    assert result.exit_code == 1
    assert "unpriced" in result.output
    assert "0.00014" in result.output


def test_explain_refuses_parts_larger_than_the_whole() -> None:
    result = line("explain gpt-5 --input 10 --cached 11")
    assert result.exit_code == 2
    assert "parts of --input" in result.output


@pytest.mark.parametrize("words", ["list --at soon", "show gpt-5 --at 2026-02-30"])
def test_a_date_that_is_none_is_told(words: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2
    assert "is no date; write 2026-09-01" in result.output


def test_an_import_writes_nothing_unless_told(tmp_path: Path) -> None:
    into = tmp_path / "own.csv"
    file = meters(tmp_path, CUT, NOVA)
    result = run("import", file, "--into", into, "--observed", "2026-11-22")
    assert result.exit_code == 0
    assert "2 meter rows: 1 token prices, 0 skipped, 1 unknown" in result.output
    assert "azure/gpt-5.4/global/standard/short/input/2026-12-01" in result.output
    assert "7 nova inp Gl 1M Tokens" in result.output
    assert "Nothing was written. Add --apply to append 1 rows." in result.output
    assert not into.exists()


def test_an_import_that_is_applied_is_appended_once(tmp_path: Path) -> None:
    into = tmp_path / "own.csv"
    file = meters(tmp_path, CUT)
    words = ("import", file, "--into", into, "--observed", "2026-11-22", "--apply")
    assert f"1 rows appended to {into}" in run(*words).output
    (row,) = read_rows(into.read_text(), "own.csv")
    assert (row.per_token, row.model) == (2_000_000, "gpt-5.4")
    assert "Nothing to add." in run(*words).output
    assert len(read_rows(into.read_text(), "own.csv")) == 1
    told = run("--book", into, "show", "gpt-5.4", "--provider", "azure", "--at", "2026-12-02")
    assert ["global", "standard", "2", "2026-12-01"] in [
        [word for word in line.split() if word != "–"] for line in told.output.splitlines()
    ]


def test_the_real_list_is_in_the_book_already(tmp_path: Path) -> None:
    file = tmp_path / "meters.csv"
    file.write_bytes(gzip.decompress(SNAPSHOT.read_bytes()))
    result = run("import", file, "--into", tmp_path / "own.csv")
    assert "3,289 meter rows: 2,570 token prices, 719 skipped, 0 unknown" in result.output
    assert "0 new prices, 0 changed, 2,157 as in the book" in result.output
    assert "skipped, fine_tuning: 476" in result.output
    assert "Prices that fit no scope" in result.output


@pytest.mark.parametrize("content", [None, b"not a list", b"\xff", b'{"Items": 3}'])
def test_a_file_that_cannot_be_imported_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "meters.csv"
    if content is not None:
        file.write_bytes(content)
    result = run("import", file)
    assert result.exit_code == 1
    assert f"Error: {file}" in result.output


def test_a_price_file_with_a_mistake_is_an_error_with_its_place(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("provider,model\n")
    result = run("--book", own, "list")
    assert result.exit_code == 1
    assert "own.csv, line 1: the column id is missing" in result.output


def test_a_refresh_asks_the_address_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(url: str) -> list[MeterRow]:
        asked.append(url)
        return [CUT, NOVA]

    monkeypatch.setattr(refresh, "fetch_meters", fetch)
    into = tmp_path / "own.csv"
    dry = run("refresh", "--azure", "--url", "http://127.0.0.1:9/x", "--into", into)
    assert "1 unknown" in dry.output
    assert not into.exists()
    assert run("refresh", "--azure", "--into", into, "--apply").exit_code == 0
    assert asked == ["http://127.0.0.1:9/x", refresh.URL]
    assert len(read_rows(into.read_text(), "own.csv")) == 1


def test_a_refresh_that_fails_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(_url: str) -> list[MeterRow]:
        raise PriceBookError("https://prices.azure.com: answered 503, 6 times; try again later")

    monkeypatch.setattr(refresh, "fetch_meters", fetch)
    result = run("refresh", "--azure", "--into", tmp_path / "own.csv", "--apply")
    assert result.exit_code == 1
    assert "answered 503, 6 times" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_refresh_says_what_it_refreshes() -> None:
    assert run("refresh").exit_code == 2


def test_tables_are_aligned() -> None:
    assert table(["a", "price"], [["long name", "1"], ["b", "22"]]) == (
        "a          price\n─────────  ─────\nlong name      1\nb             22"
    )
