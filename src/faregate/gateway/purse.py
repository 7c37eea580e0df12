"""What one payer of a call holds: the caller with all its budgets, or one deployment."""

from faregate.core.budget import Account, Hold
from faregate.money import Usd


class Purse:
    """Accounts that are charged together, and what is held in them for one call."""

    __slots__ = ("accounts", "held", "holds")

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        self.accounts = accounts
        self.holds: list[Hold] = []
        self.held: Usd = 0
        """Pico-dollars held in each of its budgets, at most."""

    def keep(self, hold: Hold) -> None:
        """Another hold, to be closed with the others."""
        self.holds.append(hold)
        self.held += max(
            (claim.amount for claim in hold.claims if claim.account.measure == "usd"), default=0
        )
