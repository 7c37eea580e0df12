"""How budgets stand by the ledger. What calls hold that are under way, only the gateway knows."""

import time
from collections.abc import Iterable, Mapping

import click

from faregate.control.desk import Desk
from faregate.core.budget import Budget, Spend, Standing, check
from faregate.core.holds import Accounts
from faregate.core.zones import read_zone
from faregate.store.account_spends import questions_of, spends_of

Standings = Mapping[str, Standing]
"""By the budget's id."""

NOT_KNOWN: Standings = {}


async def standings(desk: Desk, budgets: Iterable[Budget]) -> Standings:
    """What was spent on budgets in their windows of now, what is left, when they reset.

    What was spent under the aliases of a model is the model's, too. Where no configuration says
    which there are, a remark on stderr says that it is not in it.
    """
    now = time.time()
    accounts = {each.id: check(each, read_zone(each.zone)) for each in budgets}
    if desk.models is None and any(each.scope == "model" for each in accounts.values()):
        click.echo(
            "warning: calls under an alias of a model are not in what its budget has spent, since"
            " no configuration was read; --config says which aliases there are",
            err=True,
        )
    questions, whose = [], []
    for account in accounts.values():
        other = desk.aliases.get(account.scope_id, ()) if account.scope == "model" else ()
        asked = questions_of(account, (account.scope_id, *other), now)
        questions += asked
        whose += [account] * len(asked)
    spends: list[Spend] = []
    for account, amounts in zip(whose, await desk.store.spent(questions), strict=True):
        spends += spends_of(account, amounts, now)
    book = Accounts()
    book.restore(accounts.values(), spends, now)
    found = {name: book.standing(account, now) for name, account in accounts.items()}
    return {name: each for name, each in found.items() if each is not None}
