"""Keys, teams, users, budgets and limits as JSON, in the fields of the admin API.

Money is exact decimal text in USD, instants are ISO 8601 in UTC. A hash of a key is never shown.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from faregate.cli.entity_text import state
from faregate.cli.standings import NOT_KNOWN, Standings
from faregate.control.desk import Kept
from faregate.control.limits import per
from faregate.core.budget import Budget, RateLimit, check_limit
from faregate.core.figures import projected
from faregate.core.keys import Key, Team, User
from faregate.money import Usd, format_usd
from faregate.types import JsonObject


def instant(at: float | None) -> str | None:
    """``2026-11-22T12:00:00.000000Z``; None for never."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def holder_json(
    kept: Kept[Key] | Kept[Team] | Kept[User], known: Standings = NOT_KNOWN
) -> JsonObject:
    """A key, a team or a user, with the budgets and limits it carries."""
    holder = kept.entity
    found: JsonObject = {"id": kept.id, "version": kept.version, "name": holder.name}
    if isinstance(holder, Key):
        now = time.time()
        rotated = holder.previous_hash and holder.previous_until > now
        found |= {
            "shown": holder.shown,
            "role": holder.role or "none",
            "team": holder.team or None,
            "user": holder.user or None,
            "state": state(holder, now),
            "expires_at": instant(holder.expires_at),
            "previous_until": instant(holder.previous_until) if rotated else None,
        }
    else:
        found["blocked"] = holder.blocked
    if isinstance(holder, Team):
        found["members"] = list(holder.members)
    if isinstance(holder, User):
        found["email"] = holder.email
    else:
        found["tags"] = list(holder.tags)
    return found | {
        "models": list(holder.models),
        "metadata": dict(holder.metadata),
        "budgets": [budget_json(each, known) for each in holder.budgets],
        "limits": [limit_json(each) for each in holder.limits],
        "created_at": instant(holder.created_at),
        "updated_at": instant(holder.updated_at),
    }


def budget_json(
    budget: Budget, known: Standings = NOT_KNOWN, kept: Kept[Budget] | None = None
) -> JsonObject:
    """A budget and how it stands by the ledger; ``kept`` where it stands alone."""
    found = known.get(budget.id)
    standing: JsonObject | None = None
    if found is not None:
        standing = {
            "spent": format_usd(found.spent),
            "left": format_usd(found.left),
            "projected": _money(projected(found.account, found.spent, time.time())),
            "resets_at": instant(found.resets_at),
        }
    return {
        "id": budget.id,
        "scope": budget.scope,
        "scope_id": budget.scope_id,
        "limit": format_usd(budget.limit),
        "window": str(budget.window),
        "zone": budget.zone,
        "soft_limit": _money(budget.soft_limit),
        "reserve": budget.reserve,
        "carried": kept is None,
        "version": None if kept is None else kept.version,
        "standing": standing,
    }


def limit_json(limit: RateLimit, kept: Kept[RateLimit] | None = None) -> JsonObject:
    """A rate limit; ``kept`` where it stands alone."""
    return {
        "id": check_limit(limit).id if kept is None else kept.id,
        "scope": limit.scope,
        "scope_id": limit.scope_id,
        "measure": limit.measure,
        "limit": limit.limit,
        "per": per(limit),
        "model": limit.model,
        "carried": kept is None,
        "version": None if kept is None else kept.version,
    }


def page_json(entries: Iterable[JsonObject]) -> JsonObject:
    """A whole list, as a page with nothing after it."""
    return {"data": list(entries), "next": None}


def _money(amount: Usd | None) -> str | None:
    return None if amount is None else format_usd(amount)
