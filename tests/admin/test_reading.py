"""Reading the ledger over HTTP: the log, one call, spend, the overview."""

import csv
import io
import json
import time
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet
import pytest

from faregate.admin import overview
from faregate.money import PICO
from faregate.store.protocol import Content, Filter
from tests.admin.offices import Client, FakeOffice
from tests.store.ledgers import DAY, NOON, a_charge, a_receipt, a_row


async def fill(office: FakeOffice, *, at: float = NOON, count: int = 5) -> None:
    """Calls of two keys, one of them unpriced."""
    rows = [
        a_row(
            number,
            at + number,
            key="key-1" if number % 2 else "key-2",
            requested_model="router" if number else "mini",
            tags=("batch",) if number == 1 else (),
            receipt=a_receipt(
                a_charge(None if number == 3 else 34_050_000 + number), of=f"call-{number}"
            ),
        )
        for number in range(count)
    ]
    await office.store().append(rows)


async def own_key(client: Client, office: FakeOffice) -> tuple[Client, str]:
    """A client with a key of no role, and the key's id."""
    made = (await client.post("/api/keys", {"name": "mine"})).json
    return client.with_key(made["secret"]), made["key"]["id"]


async def test_the_log_is_paged_newest_first(client: Client, office: FakeOffice) -> None:
    await fill(office)
    first = (await client.get("/api/calls", limit=3)).json
    rest = (await client.get("/api/calls", limit=3, cursor=first["next"])).json
    assert rest["next"] is None
    times = [each["started"] for each in (*first["data"], *rest["data"])]
    assert len(times) == 5
    assert times == sorted(times, reverse=True)
    call = rest["data"][-1]
    assert call["spend"] == call["total"] == "0.00003405"
    assert call["started"] == "2026-11-22T12:00:00.000000Z"
    assert (call["seconds"], call["first_byte_seconds"]) == (0.5, 0.25)
    assert call["tokens"]["cache_read"] == 7
    waiting = next(each for each in (*first["data"], *rest["data"]) if each["status"] == "unpriced")
    assert (waiting["total"], waiting["spend"]) == (None, "0.000000000043")


async def test_the_log_is_narrowed_by_every_column(client: Client, office: FakeOffice) -> None:
    await fill(office)
    one = (await client.get("/api/calls", limit=1)).json["data"][0]
    cases: list[tuple[dict[str, Any], int]] = [
        ({"key": "key-1"}, 2),
        ({"key": ["key-1", "key-2"]}, 5),
        ({"model": "mini"}, 1),
        ({"tag": "batch"}, 1),
        ({"tag": ""}, 4),
        ({"status": "unpriced"}, 1),
        ({"status": ["unpriced", "priced"]}, 5),
        ({"outcome": "failed"}, 0),
        ({"stream": "true"}, 5),
        ({"stream": "false"}, 0),
        ({"adjusted": "true"}, 0),
        ({"http_status": 200}, 5),
        ({"min_cost": "0.000034050001"}, 3),
        ({"max_cost": "$0.00003405"}, 2),
        ({"min_seconds": "0.5", "min_first_byte": "0.25"}, 5),
        ({"min_seconds": "0.6"}, 0),
        ({"min_first_byte": "0.3"}, 0),
        ({"min_tokens_in": 1207, "min_tokens_out": 300}, 5),
        ({"min_tokens_in": 1208}, 0),
        ({"min_tokens_out": 301}, 0),
        ({"since": "2026-11-22T12:00:03Z"}, 2),
        ({"until": "2026-11-22T12:00:03+00:00"}, 3),
        ({"since": "1s"}, 0),
        ({"call_id": one["call_id"]}, 1),
        ({"session": "session-1", "end_user": "someone", "client": "127.0.0.1"}, 5),
        ({"route": "model_router", "served_model": "gpt-5-mini", "sent_model": "model-router"}, 5),
        ({"team": "red", "user": "ada", "deployment": "main", "provider": "azure_ai"}, 5),
        ({"operation": "embeddings"}, 0),
        ({"error": "timeout"}, 0),
        ({"traceparent": "00-1-2-00"}, 5),
        ({"request_id": one["request_id"]}, 1),
    ]
    for asked, count in cases:
        reply = await client.get("/api/calls", **asked)
        assert reply.status == 200, reply.body
        assert len(reply.json["data"]) == count, asked
    columns = set(Filter().__struct_fields__)
    assert columns == {name for asked, _ in cases for name in asked}


async def test_questions_that_mean_nothing(client: Client, office: FakeOffice) -> None:
    for path, asked in (
        ("/api/calls", {"since": "yesterday"}),
        ("/api/calls", {"min_cost": "much"}),
        ("/api/calls", {"min_seconds": "nan"}),
        ("/api/calls", {"min_tokens_in": "-1"}),
        ("/api/calls", {"outcome": "great"}),
        ("/api/calls", {"colour": "red"}),
        ("/api/calls", {"cursor": "x"}),
        ("/api/calls", {"limit": 0}),
        ("/api/calls", {"key": ["k"] * 51}),
        ("/api/calls", {"key": "k" * 257}),
        ("/api/calls/export", {"format": "xml"}),
        ("/api/spend", {"by": "colour"}),
        ("/api/spend", {"since": "2026-13-01"}),
        ("/api/spend", {"cursor": "-1"}),
        ("/api/spend", {"status": "priced"}),
        ("/api/overview", {"days": 0}),
    ):
        reply = await client.get(path, **asked)
        assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error"), asked
        assert reply.json["error"]["param"] in (*asked, *(f"{name}.0" for name in asked), None)


async def test_a_call_with_its_receipt_and_price_rows(client: Client, office: FakeOffice) -> None:
    row = next(
        each
        for each in office.book().prices()
        if each.model == "gpt-5-mini" and each.unit == "input"
    )
    charge = a_charge()
    lines = (charge.lines[0].__class__(**{**_fields(charge.lines[0]), "price_id": row.id}),)
    before = a_receipt(a_charge(None))
    await office.store().append([a_row(1, receipt=before)])
    call_id = (await client.get("/api/calls")).json["data"][0]["call_id"]
    after = a_receipt(a_charge(543, lines=(*lines, charge.lines[1])))
    await office.store().adjust(call_id, after, reason="price added by ada", at=NOON + 60)
    found = (await client.get(f"/api/calls/{call_id}")).json
    model, fee = found["receipt"]["charges"][0]["lines"]
    assert model["price"]["id"] == row.id
    assert model["price"]["source"] == row.source
    assert (fee["label"], fee["price"]) == ("Azure Model Router fee", None)
    assert found["receipt"]["total"] == "0.000000000543"
    assert found["receipt"]["charges"][0]["router"]["mode"] == "balanced"
    assert found["attempts"][0]["deployment"] == "main"
    (change,) = found["adjustments"]
    assert (change["reason"], change["before"]["total"]) == ("price added by ada", None)
    assert (await client.get("/api/calls/call_nothing")).code == "call_not_found"
    assert (await client.get(f"/api/calls/{'x' * 500}")).status == 404


def _fields(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__struct_fields__}


async def test_a_key_sees_its_own_and_nothing_else(client: Client, office: FakeOffice) -> None:
    holder, identity = await own_key(client, office)
    await fill(office)
    await office.store().append([a_row(77, NOON + 77, key=identity)])
    calls = (await holder.get("/api/calls")).json["data"]
    assert [each["key"] for each in calls] == [identity]
    other = (await client.get("/api/calls", key="key-1")).json["data"][0]["call_id"]
    assert (await holder.get(f"/api/calls/{other}")).code == "call_not_found"
    assert (await holder.get(f"/api/calls/{other}/content")).code == "call_not_found"
    assert (await holder.get(f"/api/calls/{calls[0]['call_id']}")).status == 200
    for path in ("/api/calls", "/api/calls/export", "/api/spend"):
        for asked in ("key-1", ["key-1", identity]):
            assert (await holder.get(path, key=asked)).status == 403, path
    assert len((await holder.get("/api/calls/export")).body.decode().splitlines()) == 2
    spend = (await holder.get("/api/spend", by="key,user")).json
    assert (spend["total"]["calls"], len(spend["data"])) == (1, 1)
    overview = (await holder.get("/api/overview", days=366)).json
    assert overview["range"]["now"]["calls"] == 1
    assert [each["group"]["key"] for each in overview["top_keys"]] == [identity]
    logs = (await holder.get("/spend/logs")).json
    assert [each["api_key"] for each in logs] == [identity]


async def test_stored_prompts(client: Client, office: FakeOffice) -> None:
    await fill(office, count=1)
    call_id = (await client.get("/api/calls")).json["data"][0]["call_id"]
    assert (await client.get(f"/api/calls/{call_id}/content")).code == "content_not_kept"
    assert (await client.get(f"/api/calls/{call_id}")).json["content_kept"] is False
    await office.store().put_contents([Content(call_id=call_id, at=NOON, prompt="{}", answer="hi")])
    assert (await client.get(f"/api/calls/{call_id}")).json["content_kept"] is True
    found = await client.get(f"/api/calls/{call_id}/content")
    assert found.json == {"call_id": call_id, "prompt": "{}", "answer": "hi"}


async def test_exports(client: Client, office: FakeOffice) -> None:
    await fill(office, count=450)  # more than two pages of the store
    table = await client.get("/api/calls/export", key="key-1")
    assert table.headers["content-type"].startswith("text/csv")
    assert 'filename="calls.csv"' in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert len(rows) == 225
    assert {each["key"] for each in rows} == {"key-1"}
    lines = (await client.get("/api/calls/export", format="json")).body.splitlines()
    assert len({json.loads(each)["call_id"] for each in lines}) == 450
    parquet = await client.get("/api/calls/export", format="parquet")
    assert pyarrow.parquet.read_table(io.BytesIO(parquet.body)).num_rows == 450


async def test_spend_by_dimensions_agrees_with_the_log(client: Client, office: FakeOffice) -> None:
    await fill(office)
    found = (await client.get("/api/spend", by="key,served_model")).json
    assert found["by"] == ["key", "served_model"]
    assert found["data"][0]["group"] == {"key": "key-2", "served_model": "gpt-5-mini"}
    assert sum(each["calls"] for each in found["data"]) == found["total"]["calls"] == 5
    calls = (await client.get("/api/calls")).json["data"]
    assert pico(found["total"]["spend"]) == sum(pico(each["spend"]) for each in calls)
    assert (found["total"]["unpriced"], found["total"]["minimum"]) == (1, True)
    assert [each["minimum"] for each in found["data"]] == [False, True]
    page = (await client.get("/api/spend", by="key", limit=1)).json
    assert page["next"] == "1"
    last = (await client.get("/api/spend", by="key", limit=1, cursor="1")).json
    assert (last["data"][0]["group"]["key"], last["next"]) == ("key-1", None)
    bare = (await client.get("/api/spend", by="", since="2026-11-22", until="2026-11-23")).json
    assert (bare["data"], bare["total"]["calls"]) == ([], 5)
    assert (await client.get("/api/spend", until="2026-11-22")).json["total"]["calls"] == 0
    tagged = (await client.get("/api/spend", by="tag", tag="batch")).json
    assert tagged["total"]["calls"] == 1


def pico(text: str) -> int:
    """Pico-dollars, by hand."""
    whole, _, rest = text.partition(".")
    return int(whole) * PICO + int(rest.ljust(12, "0") or 0)


async def test_the_overview_compares_periods(client: Client, office: FakeOffice) -> None:
    now = datetime.now(UTC)
    start = datetime(now.year, now.month, now.day, tzinfo=UTC).timestamp()
    await office.store().append(
        [
            a_row(1, start, receipt=a_receipt(a_charge(100))),
            a_row(2, start - DAY, receipt=a_receipt(a_charge(200))),
            a_row(3, start - 7 * DAY, receipt=a_receipt(a_charge(400)), outcome="failed"),
            a_row(4, start - 40 * DAY, receipt=a_receipt(a_charge(800))),
            a_row(5, start - 70 * DAY, receipt=a_receipt(a_charge(1600))),
        ]
    )
    found = (await client.get("/api/overview", days=14)).json

    def spends(name: str) -> tuple[int, int]:
        period = found[name]
        return pico(period["now"]["spend"]), pico(period["before"]["spend"])

    assert spends("today") == (100, 200)
    assert spends("week") == (300, 400)
    assert spends("month") == (700, 800)
    assert spends("range") == (700, 0)
    assert found["error_rate"] == 1 / 3
    assert [each["group"]["served_model"] for each in found["series"]] == ["gpt-5-mini"] * 3
    days = [each["group"]["day"] for each in found["series"]]
    assert days == sorted(days)
    assert sum(pico(each["spend"]) for each in found["series"]) == 700
    assert (found["latency"]["calls"], found["latency"]["complete"]) == (2, True)
    assert (found["latency"]["p50"], found["latency"]["first_byte_p95"]) == (0.5, 0.25)
    assert found["top_models"][0]["group"] == {"served_model": "gpt-5-mini"}


async def test_latencies_of_some_calls_say_that_they_are(
    client: Client, office: FakeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "_SAMPLE", 2)
    now = time.time()
    slow = a_row(1, now - 60, ended=now)
    quick = [a_row(n, now - 10, ended=now - 9) for n in (2, 3)]
    await office.store().append([slow, *quick])
    found = (await client.get("/api/overview")).json["latency"]
    assert (found["calls"], found["complete"], found["p95"]) == (2, False, pytest.approx(1.0))


async def test_an_empty_ledger_has_an_overview(client: Client) -> None:
    found = (await client.get("/api/overview")).json
    assert found["range"]["now"]["spend"] == "0"
    assert found["error_rate"] is None
    assert found["latency"]["p50"] is None


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_the_database_answers_as_memory_does(kind: str, tmp_path: Any) -> None:
    from tests.admin.offices import FakeOffice, a_client
    from tests.store.ledgers import a_store

    async with a_store(kind, f"sqlite:///{tmp_path / 'l.sqlite3'}") as store:
        office = FakeOffice(store)
        client = await a_client(office)
        await fill(office)
        made = await client.post("/api/keys", {"name": "k", "budgets": [{"limit": "0.1"}]})
        assert (await client.get("/api/me")).status == 200
        assert (await client.with_key(made.json["secret"]).get("/api/calls")).json["data"] == []
        assert len((await client.get("/api/calls", status="unpriced")).json["data"]) == 1
        assert (await client.get("/api/spend")).json["total"]["calls"] == 5
        assert (await client.get("/api/calls", cursor="zzz")).status == 400
        path = f"/api/keys/{made.json['key']['id']}"
        assert (await client.patch(path, {"name": "x"}, if_match='"9"')).code == "version_conflict"
        assert (await client.delete(path)).status == 204
        log = (await client.get("/api/audit")).json["data"]
        assert [each["action"] for each in log] == ["delete", "create"]
        assert time.time() - datetime.fromisoformat(log[0]["at"]).timestamp() < 60
