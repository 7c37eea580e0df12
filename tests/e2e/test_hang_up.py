"""Clients that leave in the middle: the answer is read on and priced, or cut and estimated."""

import re

import pytest

from tests.e2e import wire
from tests.e2e.processes import Emulator, Gateway

STORY = "Tell a long story about a harbour, a lighthouse and the people who keep it"


def leave(gateway: Gateway, model: str, *, after: int = 5) -> str:
    """Begin a stream, leave after some events, and give the call's id."""
    with wire.Raw(gateway.port) as client:
        client.send(wire.request(gateway, wire.chat(model, STORY, stream=True)))
        _, headers, _ = wire.parsed(client.until(b"data: ", times=after))
    return headers["x-faregate-call-id"]


def row_of(gateway: Gateway, call_id: str) -> dict[str, object]:
    """The receipt, once the call has ended."""

    def look() -> dict[str, object] | None:
        status, found = gateway.get(f"/v1/receipts/{call_id}", **gateway.bearer)
        return found if status == 200 else None

    return wire.soon(look)


def used(row: dict[str, object]) -> dict[str, int]:
    """The usage of a row's only charge."""
    charges = row["charges"]
    assert isinstance(charges, list)
    assert len(charges) == 1
    found: dict[str, int] = charges[0]["usage"]
    return found


def test_drain_reads_on_and_knows_the_price(gateway: Gateway, slow_emulator: Emulator) -> None:
    row = row_of(gateway, leave(gateway, "slow"))
    assert row["outcome"] == "cancelled"
    assert row["status"] == "priced"
    metered = slow_emulator.meter()
    assert metered["last"][-1]["completed"] is True
    assert used(row)["input"] == metered["total"]["input"]
    assert used(row)["output"] == metered["total"]["output"]


def test_cancel_closes_and_estimates(gateway: Gateway, slow_emulator: Emulator) -> None:
    row = row_of(gateway, leave(gateway, "slow-cancels"))
    assert row["outcome"] == "cancelled"
    assert row["status"] == "estimated"
    metered = slow_emulator.meter()
    assert metered["total"]["calls"] == 1
    assert metered["last"][-1]["completed"] is False
    assert used(row)["input"] == metered["total"]["input"]
    assert 0 < used(row)["output"] < metered["total"]["output"]


def test_draining_is_bounded_in_time(gateway: Gateway, slow_emulator: Emulator) -> None:
    row = row_of(gateway, leave(gateway, "slow-bounded"))
    assert row["outcome"] == "cancelled"
    assert row["status"] == "estimated"
    assert slow_emulator.meter()["last"][-1]["completed"] is False
    assert 0 < used(row)["output"] < slow_emulator.meter()["total"]["output"]


@pytest.mark.parametrize(
    ("model", "status"),
    [("slow", "priced"), ("slow-cancels", "estimated")],
    ids=["drain", "cancel"],
)
def test_before_a_whole_answer(
    gateway: Gateway, slow_emulator: Emulator, model: str, status: str
) -> None:
    before = len(gateway.printed())
    with wire.Raw(gateway.port) as client:
        client.send(wire.request(gateway, wire.chat(model, STORY)))
        wire.soon(lambda: slow_emulator.meter()["total"]["calls"])
        client.abort()  # a mere end of sending could be a client that still listens
    # Nobody was told the call's id; the log knows it.
    line = re.compile(rf" {model} .*(call_[0-9a-f]{{28}})")
    found = wire.soon(lambda: line.search(gateway.printed()[before:]))
    row = gateway.receipt(found[1])
    metered = slow_emulator.meter()
    assert row["requested_model"] == model
    assert row["outcome"] == "cancelled"
    assert row["status"] == status
    assert used(row)["input"] == metered["total"]["input"]
    assert metered["last"][-1]["completed"] is (status == "priced")
    if status == "priced":
        assert used(row)["output"] == metered["total"]["output"]


def test_many_leave_and_the_server_is_well(gateway: Gateway, slow_emulator: Emulator) -> None:
    ids = [leave(gateway, "slow-cancels" if number % 2 else "slow") for number in range(20)]
    rows = [row_of(gateway, call_id) for call_id in ids]
    assert {row["outcome"] for row in rows} == {"cancelled"}
    assert slow_emulator.meter()["total"]["calls"] == 20
    status, found = gateway.get("/health", **gateway.bearer)
    assert status == 200
    assert [each["in_flight"] for each in found["healthy_endpoints"]] == [0] * len(
        found["healthy_endpoints"]
    )
    assert gateway.healthy()
