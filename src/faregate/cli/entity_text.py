"""Keys, teams, users, budgets and limits as a person reads them."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from faregate.cli.ledger_tables import column, shown
from faregate.cli.price_tables import table
from faregate.cli.standings import NOT_KNOWN, Standings
from faregate.control.desk import Kept
from faregate.control.limits import per
from faregate.core.budget import Budget, RateLimit, Standing
from faregate.core.figures import projected
from faregate.core.keys import Key, Team, User
from faregate.money import Usd, format_usd

Holder: TypeAlias = Key | Team | User
PlacedBudget: TypeAlias = tuple[Budget, Kept[Budget] | None]
"""A budget, and how it is kept where it stands alone; None: somebody carries it."""
PlacedLimit: TypeAlias = tuple[RateLimit, Kept[RateLimit] | None]
"""The same of a limit."""

_WIDTH = 12
_WHERE_ANY = ("budget", "soft limit", "at this rate")
"""Columns that are left out where they would say nothing."""


def clock(at: float) -> str:
    """An instant, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def usd(amount: Usd) -> str:
    """``$10.00``; exact, so it has as many decimals as it needs."""
    return f"${format_usd(amount, places=2)}"


def budget_text(budget: Budget) -> str:
    """``$10.00/1mo``."""
    return f"{usd(budget.limit)}/{budget.window}"


def limit_text(limit: RateLimit) -> str:
    """``60 requests/minute``, ``4 at once for nano``."""
    whom = f" for {shown(limit.model)}" if limit.model else ""
    if limit.measure == "parallel":
        return f"{limit.limit:,} at once{whom}"
    return f"{limit.limit:,} {limit.measure}/{per(limit)}{whom}"


def whom_text(scope: str, scope_id: str) -> str:
    """``tag batch``; ``everything``."""
    return shown(f"{scope} {scope_id}".rstrip())


def state(key: Key, now: float) -> str:
    """``active``, ``blocked`` or ``expired``."""
    if key.blocked:
        return "blocked"
    return "expired" if key.expires_at is not None and now >= key.expires_at else "active"


def holders_table(holders: Sequence[Kept[Key] | Kept[Team] | Kept[User]]) -> str:
    """A line for each. A column that would be empty throughout is left out."""
    now = time.time()
    lines = [_line(each.entity, now) for each in holders]
    names = [name for name in lines[0] if name == "id" or any(line[name] for line in lines)]
    return table(names, [[line[name] or "–" for name in names] for line in lines], left=len(names))


def _line(holder: Holder, now: float) -> dict[str, str]:
    found = {"id": holder.id, "name": shown(holder.name) if holder.name else ""}
    if isinstance(holder, Key):
        found |= {
            "key": holder.shown,
            "state": state(holder, now),
            "role": holder.role,
            "team": holder.team,
            "user": holder.user,
        }
    else:
        found["state"] = "blocked" if holder.blocked else ""
    if isinstance(holder, User):
        found["email"] = shown(holder.email) if holder.email else ""
    if isinstance(holder, Team):
        found["members"] = _few(holder.members)
    found["models"] = _few(holder.models)
    found["budgets"] = ", ".join(map(budget_text, holder.budgets))
    found["limits"] = ", ".join(map(limit_text, holder.limits))
    if isinstance(holder, Key):
        found["expires (UTC)"] = "" if holder.expires_at is None else clock(holder.expires_at)
    if not isinstance(holder, User):
        found["tags"] = _few(holder.tags)
    return found


def holder_text(
    holder: Holder,
    budgets: Sequence[PlacedBudget],
    limits: Sequence[PlacedLimit],
    known: Standings = NOT_KNOWN,
) -> str:
    """All there is of one, with every budget and limit that is for it, and how the budgets
    stand."""
    now = time.time()
    head = state(holder, now) if isinstance(holder, Key) else "blocked" if holder.blocked else ""
    blocks = [f"{holder.id}  {head}".rstrip()]
    for name, value in _facts(holder, now).items():
        if value:
            blocks[0] += f"\n  {name:<{_WIDTH}}  {value}"
    if budgets:
        blocks.append(budgets_table(budgets, known, whom=False))
    if limits:
        blocks.append(limits_table(limits, whom=False))
    return "\n\n".join(blocks)


def _facts(holder: Holder, now: float) -> Mapping[str, str]:
    found = {"name": shown(holder.name) if holder.name else ""}
    if isinstance(holder, Key):
        expires = holder.expires_at
        before = holder.previous_until if holder.previous_hash else 0.0
        found |= {
            "key": holder.shown,
            "role": holder.role,
            "team": holder.team,
            "user": holder.user,
            "expires": "" if expires is None else f"{clock(expires)} UTC",
            "rotated": f"the key before is good until {clock(before)} UTC" if before > now else "",
        }
    if isinstance(holder, User):
        found["email"] = shown(holder.email) if holder.email else ""
    if isinstance(holder, Team):
        found["members"] = shown(", ".join(holder.members)) if holder.members else ""
    found["models"] = shown(", ".join(holder.models)) if holder.models else "every model"
    if not isinstance(holder, User):
        found["tags"] = shown(", ".join(holder.tags)) if holder.tags else ""
    if holder.metadata:
        found["metadata"] = shown(json.dumps(holder.metadata, ensure_ascii=False))
    changed = "" if holder.updated_at == holder.created_at else f", changed {_utc(holder)}"
    return found | {"made": f"{clock(holder.created_at)} UTC{changed}"}


def _utc(holder: Holder) -> str:
    return f"{clock(holder.updated_at)} UTC"


def budgets_table(budgets: Iterable[PlacedBudget], known: Standings, *, whom: bool = True) -> str:
    """A line for each budget (with its id, where it has one of its own), and how it stands."""
    every = list(budgets)
    standing = [known.get(each.id) for each, _ in every]
    columns = {
        "budget": [_id(kept) for _, kept in every],
        "for": [whom_text(each.scope, each.scope_id) for each, _ in every],
        "window": [_window(each) for each, _ in every],
        "limit": _amounts([each.limit for each, _ in every]),
        "soft limit": ["–" if b.soft_limit is None else usd(b.soft_limit) for b, _ in every],
        "spent": _amounts([None if each is None else each.spent for each in standing]),
        "left": _amounts([None if each is None else each.left for each in standing]),
        "at this rate": _amounts([_projected(each) for each in standing]),
        "resets (UTC)": [_resets(each) for each in standing],
    }
    if not whom:
        del columns["for"]
    shown_ = {
        name: cells
        for name, cells in columns.items()
        if name not in _WHERE_ANY or any(cell not in ("–", "carried") for cell in cells)
    }
    left = list(shown_).index("limit")
    return table(list(shown_), list(zip(*shown_.values(), strict=True)), left=left)


def _window(budget: Budget) -> str:
    zone = "" if budget.zone == "UTC" else f", {budget.zone}"
    estimate = "" if budget.reserve == "worst_case" else ", holds estimates"
    return f"{budget.window}{zone}{estimate}"


def _amounts(amounts: Sequence[Usd | None]) -> list[str]:
    """Amounts under one another; a dash for what is not known."""
    known = [each for each in amounts if each is not None]
    texts = iter(column(known, [False] * len(known), fewest=2))
    return ["–" if each is None else next(texts) for each in amounts]


def _projected(standing: Standing | None) -> Usd | None:
    if standing is None:
        return None
    return projected(standing.account, standing.spent, time.time())


def _resets(standing: Standing | None) -> str:
    if standing is None:
        return "–"
    if standing.account.window.rolling:
        return "rolling"
    return "never" if standing.resets_at is None else clock(standing.resets_at)


def limits_table(limits: Iterable[PlacedLimit], *, whom: bool = True) -> str:
    """A line for each limit, with its id where it has one of its own."""
    every = list(limits)
    columns = {
        "id": [_id(kept) for _, kept in every],
        "for": [whom_text(each.scope, each.scope_id) for each, _ in every],
        "limit": [limit_text(each) for each, _ in every],
    }
    if not whom:
        del columns["for"]
        if not any(kept for _, kept in every):
            del columns["id"]
    return table(list(columns), list(zip(*columns.values(), strict=True)), left=len(columns))


def _id(kept: Kept[Any] | None) -> str:
    return "carried" if kept is None else kept.id


def _few(names: Sequence[str]) -> str:
    text = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return shown(text) if text else ""
