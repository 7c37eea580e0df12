"""What a call may take of budgets and limits at most, before anything is sent for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Raw, Struct, structs

from faregate.config.settings import ModelDeployment
from faregate.core.asking import Ask, ask_of
from faregate.core.budget import Account, Claim
from faregate.core.directory import Directory
from faregate.core.worst_case import Bound, Policy
from faregate.gateway.snapshot import Snapshot
from faregate.journal.codec import Admission
from faregate.money import Usd
from faregate.types import Charge, Usage
from faregate.wire import router_controls, splice

_POLICIES = {
    (estimate, rule): Policy(reserve="estimate" if estimate else "worst_case", on_unpriced=rule)
    for estimate in (False, True)
    for rule in ("allow", "refuse_next", "worst_case")
}
_BYTES_A_TOKEN = 4
_TYPICAL_OUTPUT = 1_000
_AROUND = 64


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
            measure = account.measure
            if measure == "usd":
                likely = directory.estimates and directory.reserves_estimates(account)
                amount = self.likely if likely else self.worst.amount
            else:
                amount = self.tokens if measure == "tokens" else int(measure != "unpriced")
            found.append(Claim(account, amount))
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
    asked = ask_of(members, size, answers=answers, controls=router_controls.FIELD in members)
    estimates = snapshot.directory.estimates
    ask = asked  # where no deployment is configured, nothing replaces it
    worst = likely = Bound(amount=-1)
    tokens = 0
    for entry in entries:
        if entry.defaults or entry.additional_drop_params:
            ask = _as_sent(entry, members, size, answers=answers)
        else:
            ask = asked
        bound = bound_of(snapshot, entry, ask, at)
        if bound.amount > worst.amount:
            worst = bound
        if estimates:
            guess = bound_of(snapshot, entry, ask, at, estimate=True)
            if guess.amount > likely.amount:
                likely = guess
        output = ask.output if ask.output is not None else _TYPICAL_OUTPUT
        tokens = max(tokens, -(-ask.size // _BYTES_A_TOKEN) + output * ask.choices)
    return Worth(
        ask=ask,
        worst=worst if worst.amount >= 0 else Bound(amount=0),
        likely=max(likely.amount, 0),
        tokens=tokens,
    )


def _as_sent(
    entry: ModelDeployment, members: Mapping[str, Raw], size: int, *, answers: bool
) -> Ask:
    """What a deployment is asked for: with its defaults, without what it is not to be sent."""
    sent = dict(members)
    for name, value in entry.defaults.items():
        if name not in sent:
            sent[name] = splice.raw(value)
            size += len(bytes(sent[name]))
    for name in entry.additional_drop_params:
        sent.pop(name, None)
    return ask_of(sent, size, answers=answers, controls=router_controls.FIELD in sent)


def bound_of(
    snapshot: Snapshot,
    entry: ModelDeployment,
    ask: Ask,
    at: float,
    *,
    estimate: bool = False,
) -> Bound:
    """What a call to one deployment may cost."""
    asked = ask
    if not ask.subset and not ask.own_models and entry.routing_config is not None:
        ask = structs.replace(ask, subset=_subset(entry.routing_config.get("models")))
    policy = _POLICIES[estimate, entry.on_unpriced]
    price_list = snapshot.outlet(entry).price_list
    bound = snapshot.bounds.bound(price_list, entry.deployment, ask, at, policy)
    if bound.unknown and asked.subset:
        # Names from a client: whatever the router makes of those nobody knows, it is held.
        ask = structs.replace(ask, subset=())
        whole = snapshot.bounds.bound(price_list, entry.deployment, ask, at, policy)
        if whole.amount > bound.amount:
            return whole
    return bound


def _subset(names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple):
        return ()
    return tuple(each for each in names if isinstance(each, str))


class StandIns:
    """What stands in for the missing cost of calls that were made before: the dearest model known,
    for what they used. Only deployments with ``on_unpriced: worst_case`` have it."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        """``snapshot`` gives the one in force."""
        self._snapshot = snapshot

    def deployments(self) -> tuple[str, ...]:
        """The deployments whose calls have it, by id."""
        return tuple(self._entries())

    def of(self, charge: Charge) -> Usd:
        """Pico-dollars beyond what is known of a charge."""
        entry = self._entries().get(charge.deployment)
        if entry is None or charge.status != "unpriced":
            return 0
        snapshot, used = self._snapshot(), charge.usage
        ask = Ask(size=used.prompt, counted=used.prompt, output=used.completion, tier=charge.tier)
        # What was used is known, so nothing is to be bounded but the price.
        policy = Policy(reserve="estimate", on_unpriced="worst_case")
        price_list = snapshot.outlet(entry).price_list
        bound = snapshot.bounds.bound(price_list, entry.deployment, ask, charge.at, policy)
        return max(0, bound.amount - sum(line.amount for line in charge.lines))

    def _entries(self) -> dict[str, ModelDeployment]:
        every = self._snapshot().settings.deployments()
        return {each.id: each for each in every if each.on_unpriced == "worst_case"}


def appraised(snapshot: Snapshot, lost: Admission) -> Admission:
    """A call that a dead process left open, with the most it can have cost, by today's book and
    configuration; as it is where those know nothing of it. Never raises.
    """
    if lost.hold is not None:
        return lost
    answers = lost.operation == "chat/completions"
    output = None if answers and not lost.usage.output else lost.usage.output
    ask = Ask(size=lost.usage.input + _AROUND, output=output if answers else 0)
    worst, chosen = Bound(amount=-1), None
    for entry in snapshot.settings.find(lost.requested_model):
        bound = bound_of(snapshot, entry, ask, lost.at)
        if bound.model and bound.amount > worst.amount:
            worst, chosen = bound, entry.deployment
    if chosen is None:
        return lost
    return structs.replace(
        lost,
        hold=worst.amount,
        usage=Usage(input=worst.prompt, output=worst.output),
        worst_model=worst.model,
        deployment=chosen.id,
        provider=chosen.provider,
        route=chosen.route,
        sent_model=chosen.upstream_model,
        scope=chosen.scope,
    )
