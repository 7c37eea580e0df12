"""What hangs on a key, team or user."""

from contextlib import suppress

from faregate.control.budgets import delete_budget, list_budgets
from faregate.control.desk import Desk
from faregate.control.errors import UnknownEntityError
from faregate.control.limits import delete_limit, list_limits


async def remove_belongings(desk: Desk, scope: str, identity: str) -> None:
    """Delete the stand-alone budgets and limits that were for somebody who is gone."""
    for budget in await list_budgets(desk):
        if (budget.entity.scope, budget.entity.scope_id) == (scope, identity):
            with suppress(UnknownEntityError):  # somebody else was quicker
                await delete_budget(desk, budget.id)
    for limit in await list_limits(desk):
        if (limit.entity.scope, limit.entity.scope_id) == (scope, identity):
            with suppress(UnknownEntityError):
                await delete_limit(desk, limit.id)
