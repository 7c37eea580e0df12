"""What clients can read: the models, receipts, health and metrics."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from faregate.config.settings import ModelDeployment
from faregate.core.condition import Condition
from faregate.core.receipt_text import as_json
from faregate.errors import NotFoundError
from faregate.gateway.asgi import Exchange
from faregate.gateway.health_checks import Checked
from faregate.gateway.ledger import Ledger
from faregate.gateway.relay import client_key
from faregate.gateway.snapshot import Snapshot
from faregate.types import JsonObject, Row

_STATES = {"closed": "healthy", "open": "cooling", "half_open": "probing"}
Find: TypeAlias = Callable[[str], Awaitable[Row | None]]
"""The row of a call, by its id."""

_CREATED = 1_700_000_000  # OpenAI's clients want a number; ours has no meaning


async def models(exchange: Exchange, snapshot: Snapshot) -> None:
    """GET /v1/models: the model names the key may call."""
    names = snapshot.names(snapshot.identify(client_key(exchange)))
    listed = {"object": "list", "data": [_model(name) for name in names]}
    await exchange.reply_json(200, listed)


async def model(exchange: Exchange, snapshot: Snapshot, name: str) -> None:
    """GET /v1/models/{id}. Raises :class:`NotFoundError` for a name nobody configured."""
    snapshot.check_allowed(snapshot.identify(client_key(exchange)), name)
    await exchange.reply_json(200, _model(name))


async def receipt(exchange: Exchange, snapshot: Snapshot, find: Find, call_id: str) -> None:
    """GET /v1/receipts/{call_id}: the receipt of a call, for its own key and for admins."""
    holder = snapshot.identify(client_key(exchange))
    row = await find(call_id)
    if row is None or not (holder.role or row.key == holder.id):
        raise NotFoundError(
            f"no call {call_id[:64]!r} among the last ones; receipts are kept for recent calls",
            code="receipt_not_found",
        )
    await exchange.reply_json(200, row_json(row))


async def liveliness(exchange: Exchange) -> None:
    """GET /health/liveliness: the process answers."""
    await exchange.reply_json(200, "I'm alive!")


async def readiness(
    exchange: Exchange, ledger: Ledger | None, *, ready: bool, version: str
) -> None:
    """GET /health/readiness: 503 while draining, and while no call could be recorded."""
    found: JsonObject = {"status": "healthy" if ready else "stopping", "version": version}
    if ledger is not None:
        if ready and ledger.problem:
            ready, found["status"] = False, "refusing"
        found["ledger"] = {
            "database": "up" if ledger.store_up else "down",
            "pending_rows": ledger.pending,
            "lag_seconds": round(ledger.lag, 3),
            "journal_bytes": ledger.journal_bytes,
        }
    await exchange.reply_json(200 if ready else 503, found)


async def health(
    exchange: Exchange, snapshot: Snapshot, now: float, checked: Mapping[str, Checked]
) -> None:
    """GET /health: what recent traffic, and checks where there are any, say of each deployment.

    Costs no call. The conditions are those of the process that answers.
    """
    snapshot.identify(client_key(exchange))
    found = [
        _health(entry, snapshot.router.conditions.get(entry.id), now, checked.get(entry.id))
        for entry in snapshot.settings.deployments()
    ]
    healthy = [each for each in found if each["state"] == "healthy"]
    unhealthy = [each for each in found if each["state"] != "healthy"]
    await exchange.reply_json(
        200,
        {
            "healthy_count": len(healthy),
            "unhealthy_count": len(unhealthy),
            "healthy_endpoints": healthy,
            "unhealthy_endpoints": unhealthy,
        },
    )


def _health(
    entry: ModelDeployment, condition: Condition | None, now: float, last: Checked | None
) -> JsonObject:
    state = _STATES["closed" if condition is None else condition.state(now)]
    if state == "healthy" and last is not None and not last.ok:
        state = "failing"
    found: JsonObject = {
        "model": entry.model_name,
        "deployment": entry.id,
        "provider": entry.deployment.provider,
        "state": state,
        "in_flight": 0,
        "cooldown_seconds": 0.0,
        "time_to_first_byte": None,
    }
    if condition is not None:
        found["in_flight"] = condition.in_flight
        found["cooldown_seconds"] = round(max(condition.until - now, 0.0), 1)
        found["time_to_first_byte"] = condition.latency
    if last is not None:
        found["last_check"] = {
            "at": last.at,
            "ok": last.ok,
            "error": last.error,
            "seconds": last.seconds,
        }
    return found


def row_json(row: Row) -> JsonObject:
    """A call and its receipt as JSON."""
    found: JsonObject = {} if row.receipt is None else as_json(row.receipt)
    return found | {
        "call_id": row.call_id,
        "request_id": row.request_id,
        "operation": row.operation,
        "requested_model": row.requested_model,
        "deployment": row.deployment,
        "key": row.key,
        "stream": row.stream,
        "http_status": row.status,
        "outcome": row.outcome,
        "error": row.error,
        "started": row.started,
        "first_byte": row.first_byte,
        "ended": row.ended,
        "overhead_us": row.overhead_us,
        "upstream_seconds": round(row.upstream_seconds, 6),
        "attempts": [
            {
                "deployment": each.deployment,
                "provider": each.provider,
                "status": each.status,
                "error": each.error,
                "seconds": round(each.seconds, 6),
            }
            for each in row.attempts
        ],
    }


def _model(name: str) -> Mapping[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "faregate"}
