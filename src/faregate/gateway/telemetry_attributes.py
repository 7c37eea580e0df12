"""What a row says, in OpenTelemetry's words for generative AI. Needs nothing of OpenTelemetry.

The conventions have no attribute for a cost, so ours stand under ``faregate.``. Token counts are on
the spans of billed attempts alone: a sum over a trace counts nothing twice.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from faregate.gateway.bounded import Bounded
from faregate.money import format_usd
from faregate.types import Attempt, Charge, Row

Attributes: TypeAlias = dict[str, str | int | bool]

_OPERATIONS: Final[Mapping[str, str]] = {"chat/completions": "chat"}
_PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
_ON_METRICS: Final = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "error.type",
)
"""What metrics are labelled with; a span has more."""

_names = Bounded(1_000)


def operation_of(row: Row) -> str:
    """``chat`` or ``embeddings``."""
    return _OPERATIONS.get(row.operation, row.operation)


def call_attributes(row: Row) -> Attributes:
    """The attributes of the span of a call."""
    found: Attributes = {
        "gen_ai.operation.name": operation_of(row),
        "gen_ai.request.model": row.requested_model,
        "gen_ai.request.stream": row.stream,
        "http.response.status_code": row.status,
        "faregate.call_id": row.call_id,
        "faregate.outcome": row.outcome,
        "faregate.overhead_us": row.overhead_us,
        "faregate.attempts": len(row.attempts),
        "faregate.fallbacks": row.fallbacks,
    }
    _put(found, "gen_ai.provider.name", _PROVIDERS.get(row.provider, row.provider))
    _put(found, "faregate.deployment", row.deployment)
    _put(found, "faregate.key", row.key)
    receipt = row.receipt
    if receipt is not None:
        _put(found, "gen_ai.response.model", receipt.model)
        found["faregate.usage.cost_status"] = receipt.status
        if receipt.total is not None:
            found["faregate.usage.cost"] = format_usd(receipt.total)
        if receipt.router_fee is not None:
            found["faregate.usage.router_fee"] = format_usd(receipt.router_fee)
    if row.status >= 500 or row.outcome in {"failed", "lost"}:
        found["error.type"] = row.error or str(row.status)
    return found


def attempt_attributes(row: Row, attempt: Attempt, charge: Charge | None) -> Attributes:
    """The attributes of the span of an attempt; with its usage and cost where it was billed."""
    found: Attributes = {
        "gen_ai.operation.name": operation_of(row),
        "gen_ai.request.model": charge.sent_model if charge is not None else row.requested_model,
        "gen_ai.request.stream": row.stream,
        "faregate.call_id": row.call_id,
        "faregate.deployment": attempt.deployment,
    }
    _put(found, "gen_ai.provider.name", _PROVIDERS.get(attempt.provider, attempt.provider))
    if attempt.status:
        found["http.response.status_code"] = attempt.status
    if attempt.error:
        found["error.type"] = attempt.error
    if charge is not None:
        _charge(found, charge)
    return found


def _charge(found: Attributes, charge: Charge) -> None:
    usage = charge.usage
    _put(found, "gen_ai.response.model", charge.served_model)
    found["gen_ai.usage.input_tokens"] = usage.prompt
    found["gen_ai.usage.output_tokens"] = usage.completion
    cached = usage.cache_read + usage.audio_cache_read + usage.image_cache_read
    written = usage.cache_write + usage.cache_write_1h
    for name, count in (
        ("gen_ai.usage.cache_read.input_tokens", cached),
        ("gen_ai.usage.cache_creation.input_tokens", written),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ):
        if count:
            found[name] = count
    found["faregate.usage.cost_status"] = charge.status
    if charge.total is not None:
        found["faregate.usage.cost"] = format_usd(charge.total)


def billed_attempts(row: Row) -> list[tuple[Attempt, Charge | None]]:
    """The attempts in order, each with its charge or None.

    A receipt does not say which of two attempts at one deployment a charge is for; the later one
    gets it, being the one that answered.
    """
    charges = list(row.receipt.charges) if row.receipt is not None else []
    pairs: list[tuple[Attempt, Charge | None]] = []
    for attempt in reversed(row.attempts):
        mine = bool(charges) and charges[-1].deployment == attempt.deployment
        pairs.append((attempt, charges.pop() if mine else None))
    pairs.reverse()
    return pairs


def measured(attributes: Mapping[str, str | int | bool]) -> dict[str, str]:
    """The few attributes metrics carry, with names from outside kept to a bounded number."""
    return {name: _names[str(attributes[name])] for name in _ON_METRICS if attributes.get(name)}


def _put(found: Attributes, name: str, value: str) -> None:
    if value:
        found[name] = value
