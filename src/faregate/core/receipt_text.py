"""A receipt as a person reads it, as JSON, and as the ``usage.cost`` fields billing tools read."""

import functools
from datetime import UTC, datetime
from typing import Any

from faregate.money import Usd, format_price, format_usd, to_float
from faregate.types import Charge, JsonObject, Line, Receipt, RouterTrace, Usage

FEE_LABEL = "Azure Model Router fee"

_LABELS = {
    "input": "input",
    "cache_read": "input, cached",
    "cache_write": "input, cache write",
    "cache_write_1h": "input, cache write 1 h",
    "output": "output",
    "audio_input": "audio input",
    "audio_cache_read": "audio input, cached",
    "audio_output": "audio output",
    "image_input": "image input",
    "image_cache_read": "image input, cached",
    "image_output": "image output",
}


def as_json(receipt: Receipt) -> JsonObject:
    """The receipt as plain JSON. Money is decimal text in USD, exact; an unknown total is null."""
    return {
        "call_id": receipt.call_id,
        "currency": "USD",
        "status": receipt.status,
        "total": _text(receipt.total),
        "router_fee": _text(receipt.router_fee),
        "charges": [_charge_json(charge) for charge in receipt.charges],
    }


def cost_fields(receipt: Receipt) -> JsonObject:
    """``cost`` and ``cost_details`` for a ``usage`` object, in OpenRouter's convention.

    ``cost`` is a JSON number and absent while it is unknown; ``cost_details.total`` is the same as
    exact text, with what is needed to compute it again.
    """
    charge = receipt.charge
    fee = receipt.router_fee
    details: JsonObject = {
        "status": receipt.status,
        "provider": charge.provider,
        "route": charge.route,
        "served_model": charge.served_model,
        "scope": charge.scope,
        "tier": charge.tier,
        "at": _instant(charge.at),
        "call_id": receipt.call_id,
    }
    if charge.reason:
        details["reason"] = charge.reason
    if fee is not None:
        details["router_fee"] = format_usd(fee)
    if receipt.total is None:
        return {"cost_details": details}
    details["upstream_inference_cost"] = to_float(receipt.total - (fee or 0))
    details["total"] = format_usd(receipt.total)
    return {"cost": to_float(receipt.total), "cost_details": details}


def as_text(receipt: Receipt) -> str:
    """The receipt for a terminal: one block a charge, amounts aligned, the price rows named."""
    blocks = [_block(charge, receipt) for charge in receipt.charges]
    if len(receipt.charges) > 1:
        blocks.append(f"Total of {len(receipt.charges)} charges  {_money(receipt.total, 0)}")
    return "\n\n".join(blocks)


def _text(amount: Usd | None) -> str | None:
    return None if amount is None else format_usd(amount)


def _instant(at: float) -> str:
    return _second(int(at))


@functools.lru_cache(maxsize=16)  # calls come many to a second, and formatting a date is slow
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _charge_json(charge: Charge) -> JsonObject:
    found: JsonObject = {
        "provider": charge.provider,
        "deployment": charge.deployment,
        "route": charge.route,
        "requested_model": charge.requested_model,
        "sent_model": charge.sent_model,
        "served_model": charge.served_model,
        "scope": charge.scope,
        "tier": charge.tier,
        "at": _instant(charge.at),
        "status": charge.status,
        "reason": charge.reason,
        "usage": _usage_json(charge.usage),
        "lines": [_line_json(line) for line in charge.lines],
        "total": _text(charge.total),
    }
    if charge.trace is not None:
        found["router"] = _trace_json(charge.trace)
    return found


def _usage_json(usage: Usage) -> dict[str, int]:
    counts = {unit: getattr(usage, unit) for unit in _LABELS}
    found = {unit: count for unit, count in counts.items() if count}
    if usage.reasoning:
        found["reasoning"] = usage.reasoning
    return found


def _line_json(line: Line) -> JsonObject:
    return {
        "kind": line.kind,
        "label": label(line),
        "unit": line.unit,
        "priced_as": line.priced_as,
        "context": line.context,
        "quantity": line.quantity,
        "usd_per_million": format_price(line.per_token),
        "amount": format_usd(line.amount),
        "price_id": line.price_id,
    }


def _trace_json(trace: RouterTrace) -> dict[str, Any]:
    return {
        "mode": trace.mode,
        "latency_ms": trace.latency_ms,
        "affinity": trace.affinity,
        "attempts": [
            {"model": each.model, "status": each.status, "error": each.error}
            for each in trace.attempts
        ],
    }


def label(line: Line) -> str:
    """What a line is for, as a person reads it."""
    if line.kind == "router_fee":
        return FEE_LABEL
    text = _LABELS[line.unit]
    if line.context == "long":
        text += " (long context)"
    if line.priced_as != line.unit:
        text += f" (at the {_LABELS[line.priced_as]} price)"
    return text


def _block(charge: Charge, receipt: Receipt) -> str:
    route = "model router" if charge.route == "model_router" else "direct"
    served = charge.served_model or "(unknown model)"
    head = [
        f"{charge.requested_model} → {served}",
        " · ".join(
            (
                charge.provider,
                route,
                charge.scope,
                charge.tier,
                _instant(charge.at),
                receipt.call_id,
            )
        ),
    ]
    if charge.trace is not None:
        head.append(_trace_text(charge.trace))
    amounts = [line.amount for line in charge.lines]
    places = max((_places(amount) for amount in [*amounts, charge.total or 0]), default=0)
    rows = [
        (
            label(line),
            f"{line.quantity:,} × ${format_price(line.per_token, places=2)}/M",
            _money(line.amount, places),
            line.price_id,
        )
        for line in charge.lines
    ]
    status = charge.status if not charge.reason else f"{charge.status}: {charge.reason}"
    rows.append(("total", "", _money(charge.total, places), status))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}"
        for row in rows
    ]
    lines.insert(-1, "  " + "─" * (sum(widths) + 4))
    if charge.usage.reasoning:
        lines.append(f"  of the output, {charge.usage.reasoning:,} tokens are reasoning")
    return "\n".join([*head, *lines])


def _trace_text(trace: RouterTrace) -> str:
    tried = ", ".join(
        f"{each.model}" + (f" ({each.status})" if each.status else "") for each in trace.attempts
    )
    parts = [f"router: {trace.mode or 'mode unsaid'}"]
    if trace.latency_ms is not None:
        parts.append(f"{trace.latency_ms} ms")
    if tried:
        parts.append(f"tried {tried}")
    if trace.affinity:
        parts.append(f"affinity {trace.affinity}")
    return " · ".join(parts)


def _places(amount: Usd) -> int:
    return len(format_usd(amount).partition(".")[2])


def _money(amount: Usd | None, places: int) -> str:
    return "unknown" if amount is None else f"${format_usd(amount, places=places)}"
