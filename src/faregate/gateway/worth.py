"""What a call may take of budgets and limits at most, before anything is sent for it."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Raw, Struct, structs

from faregate.config.settings import ModelDeployment
from faregate.core.asking import Ask, ask_of
from faregate.core.budget import Account, Claim, claims_on
from faregate.core.directory import Directory
from faregate.core.worst_case import Bound, Policy
from faregate.gateway.snapshot import Snapshot
from faregate.money import Usd
from faregate.wire import router_controls

_BYTES_A_TOKEN = 4
_TYPICAL_OUTPUT = 1_000


class Worth(Struct):
    """What one call may take; grows where a fallback may take more."""

    ask: Ask
    worst: Bound
    """The dearest of what its deployments may cost."""
    likely: Usd
    """The same as an estimate, for budgets that hold estimates."""
    tokens: int
    """About how many tokens it counts for, for limits of tokens."""

    def claims(self, directory: Directory, accounts: Iterable[Account]) -> tuple[Claim, ...]:
        """The claims of the call on every account it touches."""
        found: list[Claim] = []
        for account in accounts:
            usd = self.likely if directory.reserves_estimates(account) else self.worst.amount
            found += claims_on((account,), usd, self.tokens)
        return tuple(found)


def worth_of(
    snapshot: Snapshot,
    entries: Sequence[ModelDeployment],
    members: Mapping[str, Raw],
    size: int,
    at: float,
    *,
    answers: bool,
) -> Worth:
    """What a call to one of these deployments may take. ``size`` is its body's, in bytes."""
    ask = ask_of(members, size, answers=answers, controls=router_controls.FIELD in members)
    worst = likely = Bound(amount=-1)
    for entry in entries:
        bound = bound_of(snapshot, entry, ask, at)
        if bound.amount > worst.amount:
            worst = bound
        guess = bound_of(snapshot, entry, ask, at, estimate=True)
        if guess.amount > likely.amount:
            likely = guess
    output = ask.output if ask.output is not None else _TYPICAL_OUTPUT
    return Worth(
        ask=ask,
        worst=worst if worst.amount >= 0 else Bound(amount=0),
        likely=max(likely.amount, 0),
        tokens=-(-ask.size // _BYTES_A_TOKEN) + output * ask.choices,
    )


def bound_of(
    snapshot: Snapshot,
    entry: ModelDeployment,
    ask: Ask,
    at: float,
    *,
    estimate: bool = False,
) -> Bound:
    """What a call to one deployment may cost."""
    if not ask.subset and entry.routing_config is not None:
        ask = structs.replace(ask, subset=_subset(entry.routing_config.get("models")))
    policy = Policy(reserve="estimate" if estimate else "worst_case", on_unpriced=entry.on_unpriced)
    price_list = snapshot.outlet(entry).price_list
    return snapshot.bounds.bound(price_list, entry.deployment, ask, at, policy)


def _subset(names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple):
        return ()
    return tuple(each for each in names if isinstance(each, str))
