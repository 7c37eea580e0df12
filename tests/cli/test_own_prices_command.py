"""``faregate prices add`` and what belongs to it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from faregate.cli import main
from faregate.money import parse_usd
from faregate.store import export
from faregate.store.protocol import Entry
from faregate.types import Row, Usage
from tests.cli.conftest import Place
from tests.store.ledgers import NOON, a_charge, a_receipt, a_row

USAGE = Usage(input=1_000, cache_read=200, output=30)
PRICES = ("--input", "1.25", "--cached-input", "0.125", "--output", "10")
COST = "0.001575"
"""1,000 × 1.25 + 200 × 0.125 + 30 × 10, in USD for a million."""

ID = "added/azure/gpt-9-mystery/global/standard/short"


def waiting(number: int, **changes: Any) -> Row:
    """A call of a model that nobody has a price for."""
    row = a_row(number, NOON + number, deployment="nano-eu", **changes)
    charge = a_charge(
        None,
        lines=(),
        deployment="nano-eu",
        route="direct",
        requested_model="nano",
        sent_model="gpt-4.1-nano",
        served_model="gpt-9-mystery",
        usage=USAGE,
        at=row.started,
    )
    return replace(row, receipt=a_receipt(charge, of=row.call_id))


def entry(place: Place, row: Row) -> Entry:
    found = place.at_store(lambda store: store.row(row.call_id))
    assert found is not None
    return found


def test_adding_a_price_fills_the_calls_that_waited(place: Place) -> None:
    rows = [waiting(number) for number in range(1, 4)]
    place.append(*rows)
    config = place.configure()
    assert [
        (x["price_list"], x["served_model"], x["calls"])
        for x in place.json("prices", "waiting")["data"]
    ] == [("azure", "gpt-9-mystery", 3)]
    found = place.json("prices", "add", "azure_ai", "GPT-9-mystery", *PRICES, *config)
    assert found["fill"] == {"filled": 3, "waiting": 0, "usd": "0.004725", "asked": True}
    assert [(each["id"], each["usd_per_million"]) for each in found["data"]] == [
        (f"{ID}/input/1970-01-01", "1.25"),
        (f"{ID}/cache_read/1970-01-01", "0.125"),
        (f"{ID}/output/1970-01-01", "10"),
    ]
    kept = entry(place, rows[0])
    assert (kept.status, kept.total) == ("priced", parse_usd(COST))
    assert kept.row.receipt is not None
    assert {line.price_id for line in kept.row.receipt.charges[0].lines} == {
        each["id"] for each in found["data"]
    }
    (adjustment,) = kept.adjustments
    assert adjustment.before == rows[0].receipt
    assert adjustment.reason.startswith("price added by cli:")
    assert place.json("spend")["total"]["spend_usd"] == "0.004725"
    assert "No call waits" in place.says("prices", "waiting")
    assert "No call waited for a price." in place.says("prices", "fill", *config)
    # A gateway that runs is told that budgets have spent more than it knows.
    (told,) = place.json("audit", "--kind", "repriced")["data"]
    assert told["after"] == {"calls": 3, "usd": "0.004725"}


def test_a_discount_of_the_deployment_counts_and_without_a_configuration_nothing_is_filled(
    place: Place,
) -> None:
    row = waiting(1)
    place.append(row)
    said = place.says("prices", "add", "azure", "gpt-9-mystery", *PRICES)
    assert "1 call may wait for this: 'faregate prices fill', with --config FILE" in said
    assert entry(place, row).status == "unpriced"
    config = place.configure()
    text = place.config.read_text().replace("api_key: k}", "api_key: k, discount: 0.1}", 1)
    place.config.write_text(text)
    assert "1 call filled, $0.0014175 more is known" in place.says("prices", "fill", *config)
    assert entry(place, row).total == parse_usd("0.0014175")


def test_a_call_that_lacks_another_price_still_waits(place: Place) -> None:
    place.append(waiting(1))
    config = place.configure()
    said = place.says("prices", "add", "azure", "gpt-9-mystery", "--input", "1", *config)
    assert "1 call still waits for a price" in said
    found = place.json("prices", "add", "azure", "gpt-9-mystery", "--output", "2", *config)
    assert found["fill"]["filled"] == 1


def test_a_price_is_shown_where_the_ledger_is_named(place: Place) -> None:
    place.run(
        *("prices", "add", "azure", "gpt-9-mystery", *PRICES, "--scope", "data_zone_eu"),
        *("--tier", "priority", "--from", "2026-09-01", "--until", "2027-01-01"),
        *("--source", "the contract of 2026"),
    )
    text = place.says("prices", "show", "gpt-9-mystery")
    assert "data_zone_eu  priority" in text
    assert "the contract of 2026" in text
    without = CliRunner().invoke(main, ["prices", "show", "gpt-9-mystery"])
    assert without.exit_code == 1
    assert "does not know" in without.stderr
    explained = place.json(
        *("prices", "explain", "gpt-9-mystery", "--input", "1200", "--cached", "200"),
        *("--output", "30", "--scope", "data_zone_eu", "--tier", "priority", "--at", "2026-10-01"),
    )
    assert explained["total"] == COST
    listed = place.says("prices", "list", "--scope", "data_zone_eu", "--tier", "priority")
    assert "gpt-9-mystery" in listed
    found = place.json("prices", "added")["data"]
    assert [(x["scope"], x["tier"], x["effective_to"]) for x in found] == [
        ("data_zone_eu", "priority", "2027-01-01T00:00:00.000000Z")
    ] * 3


def test_a_price_of_ones_own_goes_before_the_bundled_one(place: Place) -> None:
    place.run("prices", "add", "azure", "gpt-5-nano", "--input", "0.04", "--output", "0.3")
    found = place.json("prices", "explain", "gpt-5-nano", "--input", "1000000")
    assert found["total"] == "0.04"
    shown = place.says("prices", "show", "gpt-5-nano", "--scope", "global").split("Superseded")[0]
    assert "0.04" in shown.replace("0.005", "")


def test_remove_takes_it_back(place: Place) -> None:
    place.run("prices", "add", "azure", "gpt-9-mystery", "--input", "1")
    identity = f"{ID}/input/1970-01-01"
    place.run("prices", "remove", identity, stdin="n\n", code=1)
    assert "is removed" in place.says("prices", "remove", identity, "--yes")
    assert "No price was added." in place.says("prices", "added")
    said = place.complains("prices", "remove", identity, "--yes", code=1)
    assert "there is no added price" in said
    said = place.complains("prices", "remove", "azure/gpt-5-nano", "--yes", code=1)
    assert "those that come with Faregate stay" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("azur", "x", "--input", "1"), "PROVIDER: 'azur' is unknown; did you mean azure?"),
        (("azure", "x"), "no price is stated"),
        (("azure", "a b", "--input", "1"), "MODEL: 'a b' is no name"),
        (("azure", "x", "--output", "free"), "--output: 'free' is not an amount in USD"),
        (("azure", "x", "--output", "-1"), "--output: '-1': a price cannot be negative"),
        (("azure", "x", "--input", "0.0000001"), "--input: '0.0000001' is no whole number"),
        (("azure", "x", "--input", "2000000"), "--input: is more than a dollar a token"),
        (("azure", "x", "--input", "1", "--scope", "moon"), "--scope: 'moon' is none of global"),
        (("azure", "x", "--input", "1", "--from", "soon"), "--from: 'soon' is no instant"),
        (
            ("azure", "x", "--input", "1", "--from", "2026-09-01", "--until", "2026-08-01"),
            "--until: is not after effective_from",
        ),
        (("azure", "x", "--input", "1", "--output", "x"), "--output: 'x' is not an amount"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_added(
    place: Place, words: tuple[str, ...], said: str
) -> None:
    assert said in place.complains("prices", "add", *words)
    assert place.json("prices", "added")["data"] == []


def test_a_price_is_never_changed(place: Place) -> None:
    place.run("prices", "add", "azure", "x", "--output", "1")
    said = place.complains("prices", "add", "azure", "x", "--input", "1", "--output", "2", code=1)
    assert "was added before" in said
    assert len(place.json("prices", "added")["data"]) == 1
    place.run("prices", "add", "azure", "x", "--output", "2", "--from", "2026-12-01")


def test_the_whole_log_goes_out(place: Place, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place.append(*(waiting(number) for number in range(1, 121)))
    file = tmp_path / "calls.parquet"
    assert "120 calls written" in place.run("log", "--parquet", file).stderr
    table = parquet.read_table(file)
    assert table.num_rows == 120
    assert table.column("served_model")[0].as_py() == "gpt-9-mystery"
    lines = place.says("log", "--csv").splitlines()
    assert len(lines) == 121
    assert lines[0].startswith("call_id,")
    objects = [json.loads(line) for line in place.says("log", "--json-lines").splitlines()]
    assert len(objects) == 120
    assert objects[0]["receipt"]["status"] == "unpriced"
    part = place.run("log", "--csv", "--limit", "20")
    assert len(part.stdout.splitlines()) == 21
    cursor = part.stderr.split()[-1]
    rest = place.says("log", "--csv", "--limit", "200", "--cursor", cursor)
    assert part.stdout.splitlines()[1:] + rest.splitlines()[1:] == lines[1:]
    assert len(place.says("log", "--csv", "--key", "nobody").splitlines()) == 1
    said = place.complains("log", objects[0]["call_id"], "--csv")
    assert "one call is shown as text or with --json" in said


def test_a_failed_export_leaves_what_was_there(place: Place, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "calls.parquet"
    file.write_bytes(b"of yesterday")
    place.run("log", "--parquet", file, "--cursor", "nonsense", code=1)
    place.append(waiting(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "flat", lambda _: {"call_id": object()})
        with pytest.raises(AssertionError):
            place.run("log", "--parquet", file)
    assert file.read_bytes() == b"of yesterday"
    assert [each.name for each in tmp_path.glob("*.part")] == []
    said = place.complains("log", "--parquet", tmp_path / "no" / "calls.parquet", code=1)
    assert "calls.parquet cannot be written: No such file or directory" in said


def test_names_are_shown_where_ids_do_not_tell(place: Place) -> None:
    identity = place.json("keys", "make")["key"]["id"]
    row = waiting(1, key=identity, team="")
    place.append(row)
    assert "(" not in place.says("spend", "--by", "key").splitlines()[2]
    place.run("keys", "update", identity, "--name", "Search at night")
    for words in (("spend", "--by", "key"), ("log",)):
        assert f"{identity} (Search at night)" in place.says(*words)
    (group,) = place.json("spend", "--by", "key")["groups"]
    assert (group["key"], group["key_name"]) == (identity, "Search at night")
    named = place.json("keys", "make", "--name", "Night shift")["key"]["id"]
    place.append(waiting(2, key=named))
    assert f"{named} (" not in place.says("spend", "--by", "key")
