"""``/api/me``: who asks, and what is left of their budgets; and the OpenAPI document."""

import asyncio
from typing import Any, Literal

from fastapi import Request

from faregate.admin.standing import Budget, Limit, account_of, show_budget, show_limit, standings
from faregate.admin.table import Table
from faregate.admin.wire import Shown, Who
from faregate.core.budget import check_limit

table = Table("me")


class Me(Shown):
    """Who asks."""

    id: str
    """The key's id, or `master`."""
    name: str
    role: Literal["none", "viewer", "admin"]
    team: str | None
    user: str | None
    tags: list[str]
    models: list[str]
    """The model names it may call."""
    budgets: list[Budget]
    """Of the key, its team and its owner."""
    limits: list[Limit]


@table.route("GET", "/api/me", "own", "getMe")
async def get_me(who: Who) -> Me:
    """Who asks, what they may call, and what is left of their budgets."""
    holder = who.holder
    owners = [each for each in (holder.key, holder.team, holder.user) if each is not None]
    budgets = [each for owner in owners for each in owner.budgets]
    limits = [each for owner in owners for each in owner.limits]
    accounts = [account_of(each) for each in budgets] + [check_limit(each) for each in limits]
    known = await standings(who.office, accounts)
    return Me(
        id=holder.id,
        name=holder.title,
        role=holder.role or "none",
        team=holder.team_id or None,
        user=holder.user_id or None,
        tags=list(holder.tags),
        models=[each for each in who.office.settings().names() if holder.refusal(each) is None],
        budgets=[show_budget(each, known) for each in budgets],
        limits=[show_limit(each, known) for each in limits],
    )


@table.route("GET", "/api/openapi.json", "read", "getOpenApi", response_model=dict[str, Any])
async def get_openapi(request: Request) -> dict[str, Any]:
    """This document."""
    # Making it takes a good part of a second, which no call should wait for.
    document: dict[str, Any] = await asyncio.to_thread(request.app.openapi)
    return document
