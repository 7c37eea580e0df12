"""What one payer of a call holds: the caller with all its budgets, or one deployment."""

from collections.abc import Iterable

from faregate.core.budget import Account, Hold
from faregate.money import Usd


class Purse:
    """Accounts that are charged together, and what is held in them for one call."""

    __slots__ = ("accounts", "held", "holds", "unheld")

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        self.accounts = accounts
        self.holds: list[Hold] = []
        self.held: Usd = 0
        """Pico-dollars held in each of its budgets, at most."""
        self.unheld: tuple[Account, ...] = ()
        """Budgets whose spending nobody could tell: nothing is held in them, and they pay."""

    def keep(self, hold: Hold) -> None:
        """Another hold, to be closed with the others."""
        self.holds.append(hold)
        self.held += max(
            (claim.amount for claim in hold.claims if claim.account.measure == "usd"), default=0
        )

    def go_without(self, accounts: Iterable[Account]) -> None:
        """Budgets in which nothing can be held now; what is held in them already stays."""
        held = {claim.account.id for hold in self.holds for claim in hold.claims}
        self.unheld += tuple(each for each in accounts if each.id not in held)
