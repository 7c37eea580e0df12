"""The benchmarks run, and their table says what was met."""

import pytest

import bench.__main__ as bench
from bench import gateway, imports, load, machine, pure, servers, upstream
from bench.clients import CLIENTS
from bench.timing import Cost, Effort, median
from bench.worker import measure


@pytest.mark.parametrize("client", ["transport", "faregate"])
def test_a_client_is_measured_on_each_loop(client: str) -> None:
    with upstream.running() as url:
        found = measure(lambda: CLIENTS[client](url), Effort(calls=2, rounds=1))
    figures = {"acall asyncio", "acall uvloop", "astream asyncio", "astream uvloop"}
    assert set(found) == figures | ({"call"} if client == "faregate" else set())
    assert all(cost.cpu > 0 and cost.wall > 0 for cost in found.values())


def test_what_needs_no_network_is_measured() -> None:
    found = pure.measure(Effort(calls=100, rounds=1))
    assert set(found) == {"lookup", "receipt", "text"}
    assert all(0 < cost.cpu < 0.01 for cost in found.values())


def test_an_import_is_measured() -> None:
    found = imports.measure("import json", rounds=1)
    assert 0 < found.seconds < 5
    assert 20 < found.modules < 300


def test_the_middle_round_counts() -> None:
    assert median([Cost(1, 9), Cost(5, 1), Cost(2, 2)]) == Cost(2, 2)


def test_the_table_says_what_was_missed() -> None:
    rows = [
        bench.Row("fast", "1 µs", "", "2 µs", True),
        bench.Row("slow", "3 µs", "", "2 µs", False),
    ]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in bench.table(rows).splitlines()
    ]
    assert lines[2:] == [
        ["fast", "1 µs", "", "2 µs", "met"],
        ["slow", "3 µs", "", "2 µs", "missed"],
    ]
    assert "cores" in machine.describe()


def test_floor_and_gateway_are_measured_beside_the_upstream_itself() -> None:
    body = '{"model":"bench","messages":[{"role":"user","content":"hello"}]}'
    streamed = body[:-1] + ',"stream":true}'
    with (
        upstream.running() as url,
        servers.floor(url) as floor,
        servers.faregate(url) as own,
        load.generating() as generator,
    ):
        bench_run = gateway.Bench(url, generator, 0.01)
        found = bench_run.compare((bench_run.direct, floor, own), body, 4)
        streams = bench_run.once(own, streamed, 2, 0.1)
        assert own.memory() > 10_000_000
        assert own.cpu() > 0
    assert set(found) == {"direct", "floor", "gateway"}
    assert all(0 < each.p50 <= each.p99 for each in found.values())
    assert 0 < streams.first <= streams.p99


def test_the_gateways_table_says_what_was_missed() -> None:
    found = gateway.table([gateway.Line("slow", "1 µs", "3 µs", "3.00", "2 × floor", met=False)])
    assert found[1] == ("slow", "1 µs", "3 µs", "3.00", "2 × floor", "missed")
