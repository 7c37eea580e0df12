"""Several workers with budgets or limits and no Redis: refused at the start, with the reason.

Each worker would count by itself, and together they would spend a budget several times over.
"""

import asyncio
from collections.abc import Iterable

from faregate.config import Settings
from faregate.core.entities import NOUNS
from faregate.errors import FaregateError
from faregate.gateway.ledger import LedgerOptions
from faregate.store.places import store_at
from faregate.store.protocol import Entity

SECONDS = 3.0
"""How long the database is waited for. Later its calls are refused one by one, as budgets show."""

_NAMED = 3


def uncountable(settings: Settings, workers: int, ledger: LedgerOptions | None) -> str:
    """Why so many workers cannot keep what is limited; empty where they can, or nobody can say."""
    if workers == 1 or settings.redis is not None:
        return ""
    found = ["max_budget of the configuration"] if settings.general.max_budget is not None else []
    if ledger is not None:
        found += asyncio.run(_limited(ledger))
    if not found:
        return ""
    more = len(found) - _NAMED
    named = ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f"{workers} workers would each count budgets and limits by themselves, and there are some:"
        f" {named}. State router_settings.redis_url, where workers count together, or start one"
        " worker"
    )


async def _limited(ledger: LedgerOptions) -> list[str]:
    """What the database limits; nothing where it does not answer."""
    if not ledger.database_url and not ledger.data_dir.exists():
        return []
    store = store_at(ledger.database_url, ledger.data_dir)
    try:
        async with asyncio.timeout(SECONDS):
            await store.attach()
            return [each for noun in NOUNS for each in _names(await store.entities(noun))]
    except (FaregateError, OSError, TimeoutError):
        return []
    finally:
        await store.close()


def _names(entities: Iterable[Entity]) -> Iterable[str]:
    for each in entities:
        found = each.document or {}
        if each.kind in ("budget", "limit") or found.get("budgets") or found.get("limits"):
            yield f"{each.kind} {each.id}"
