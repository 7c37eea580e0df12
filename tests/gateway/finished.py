"""Finished calls for the tests of what is done with them: the captured call of the fixtures."""

from typing import Any, Literal

import msgspec

from faregate.types import Attempt, Charge, Line, Receipt, Row, Unit, Usage

MODEL = "azure-model-router"
DEPLOYMENT = "router-sweden"
SERVED = "gpt-5-nano-2025-08-07"
STARTED = 1_795_000_000.0


def a_line(kind: Literal["model", "router_fee"], unit: Unit, quantity: int, per_token: int) -> Line:
    """Quantity times price."""
    return Line(
        kind=kind,
        unit=unit,
        priced_as=unit,
        quantity=quantity,
        per_token=per_token,
        amount=quantity * per_token,
        price_id=f"{kind}/{unit}",
    )


def a_charge(**changes: Any) -> Charge:
    """15 and 78 tokens by gpt-5-nano through the router: 0.00003405 USD."""
    lines = (
        a_line("model", "input", 15, 50_000),
        a_line("model", "output", 78, 400_000),
        a_line("router_fee", "input", 15, 140_000),
    )
    charge = Charge(
        provider="azure_ai",
        deployment=DEPLOYMENT,
        route="model_router",
        requested_model=MODEL,
        sent_model="model-router",
        served_model=SERVED,
        scope="global",
        tier="standard",
        usage=Usage(input=15, output=78, reasoning=64),
        lines=lines,
        total=34_050_000,
        status="priced",
        at=STARTED,
    )
    return msgspec.structs.replace(charge, **changes)


def a_receipt(*charges: Charge, call_id: str = "call_1") -> Receipt:
    """The receipt of these charges, or of the usual one."""
    kept = charges or (a_charge(),)
    totals = [charge.total for charge in kept]
    return Receipt(
        call_id=call_id,
        charges=kept,
        total=None if None in totals else sum(total for total in totals if total is not None),
        status=kept[-1].status,
    )


def an_attempt(**changes: Any) -> Attempt:
    """A success after 0.4 seconds."""
    attempt = Attempt(
        deployment=DEPLOYMENT, provider="azure_ai", status=200, started=STARTED, seconds=0.4
    )
    return msgspec.structs.replace(attempt, **changes)


def a_row(**changes: Any) -> Row:
    """A call that was answered in 1.25 seconds."""
    row = Row(
        call_id="call_1",
        request_id="call_1",
        started=STARTED,
        first_byte=STARTED + 0.5,
        ended=STARTED + 1.25,
        key="master",
        requested_model=MODEL,
        deployment=DEPLOYMENT,
        provider="azure_ai",
        attempts=(an_attempt(),),
        status=200,
        outcome="completed",
        receipt=a_receipt(),
        upstream_seconds=1.125,
        overhead_us=80,
    )
    return msgspec.structs.replace(row, **changes)
