"""Budgets and limits: the nouns, who pays for a call, and what a refusal says.

Every limit is an *account*: an amount over a window. A budget counts pico-dollars, a rate limit
requests or tokens, ``parallel`` the calls in flight. A call *claims* an amount of each account it
touches and is admitted when all of them have room (:mod:`faregate.core.holds`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.core.windows import DAY, HOUR, MINUTE, TOTAL, BudgetWindow
from faregate.errors import ConfigError
from faregate.money import Usd, format_usd

Payer: TypeAlias = Literal["key", "team", "user", "tag", "deployment", "model", "everything"]
"""What a budget or limit is for."""

PAYERS: tuple[Payer, ...] = ("key", "team", "user", "tag", "deployment", "model", "everything")

Measure: TypeAlias = Literal["usd", "requests", "tokens", "parallel", "unpriced"]
"""What an account counts. ``usd`` is pico-dollars; ``unpriced`` the calls whose cost is unknown."""

Reserving: TypeAlias = Literal["worst_case", "estimate"]
OnUnpriced: TypeAlias = Literal["allow", "refuse_next", "worst_case"]

MOST = 10**24
"""The largest amount anything may have: a trillion dollars in pico-dollars."""

_MOST_COUNTED = 10**15
_ID = 200


class Budget(Struct, frozen=True, kw_only=True):
    """Pico-dollars that may be spent in a window. Check one from outside with :func:`check`."""

    id: str
    """Stable: what was spent is kept under it."""
    scope: Payer
    scope_id: str = ""
    """The id of the key, team …; empty for ``everything``."""
    limit: Usd
    window: BudgetWindow = TOTAL
    zone: str = "UTC"
    """The time zone whose calendar counts, by its IANA name."""
    soft_limit: Usd | None = None
    """From here on a warning is given, and nothing is refused."""
    reserve: Reserving = "worst_case"


class RateLimit(Struct, frozen=True, kw_only=True):
    """Requests or tokens in any minute, hour or day, or calls in flight at once."""

    scope: Payer
    scope_id: str = ""
    measure: Literal["requests", "tokens", "parallel"]
    limit: int
    window: BudgetWindow = MINUTE
    """One of the rolling windows; ``parallel`` has none and leaves it alone."""
    model: str = ""
    """Only calls of this model count, where a key or team has a limit for one model."""


class Account(Struct, frozen=True, kw_only=True):
    """A limit made ready: what the counters keep. Two accounts of one id must be equal."""

    id: str
    measure: Measure
    limit: int
    window: BudgetWindow
    zone: tzinfo = UTC
    soft_limit: int | None = None
    scope: Payer = "everything"
    scope_id: str = ""
    model: str = ""
    """Only calls of this model touch it; empty for all."""

    @property
    def title(self) -> str:
        """``the budget of key k1 (1mo)`` or the like, for a person."""
        whom = f" of {self.scope} {self.scope_id}" if self.scope != "everything" else ""
        whom += f" for model {self.model}" if self.model else ""
        if self.measure == "parallel":
            return f"the limit of calls at once{whom}"
        if self.measure == "unpriced":
            return f"the rule for unpriced models{whom}"
        what = "budget" if self.measure == "usd" else f"limit of {self.measure}"
        return f"the {what}{whom or ' of everything'} ({self.window})"


class Claim(Struct, frozen=True, gc=False):
    """What a call may take of an account at most."""

    account: Account
    amount: int


class Actual(Struct, frozen=True, kw_only=True, gc=False):
    """What a call took in the end: pico-dollars, tokens, and 1 where its cost stayed unknown."""

    usd: Usd = 0
    tokens: int = 0
    unpriced: int = 0


class Hold(Struct, frozen=True, kw_only=True, gc=False):
    """What was reserved for a call; settle or release it exactly once."""

    call_id: str
    claims: tuple[Claim, ...]
    slots: tuple[float, ...]
    """The window of admission in each account: what the call costs is charged there."""
    used: tuple[int, ...] = ()
    """Spent and held in each account, this hold included."""
    at: float
    """When it was admitted, by the clock that the windows follow."""
    era: str = ""
    """Which life of the shared counters it is kept in."""
    held: bool = True
    """False where the counters could not be reached: settling then charges what was never held."""


class Standing(Struct, frozen=True, kw_only=True, gc=False):
    """How an account stands."""

    account: Account
    spent: int
    held: int
    resets_at: float | None
    """When the window ends, or a rolling one is empty again; None: never."""

    @property
    def left(self) -> int:
        """What may still be claimed, never negative."""
        return max(0, self.account.limit - self.spent - self.held)


class Refused(Struct, frozen=True, kw_only=True):
    """A claim that does not fit; nothing was reserved anywhere."""

    standing: Standing
    asked: int
    free_at: float | None
    """The first instant at which the claim fits if nothing else happens; None: not by waiting."""

    @property
    def account(self) -> Account:
        """The account without room."""
        return self.standing.account


class Unrestored(Struct, frozen=True):
    """These budgets' spending is not known to the counters; restore it from the ledger first."""

    accounts: tuple[str, ...]


class SoftLimit(Struct, frozen=True):
    """A budget's spending has just reached its soft limit."""

    account: Account
    spent: Usd


class Spend(Struct, frozen=True, gc=False):
    """An amount of the ledger's: what an account spent at an instant (that of admission)."""

    account: str
    at: float
    amount: Usd


class Caller(Struct, frozen=True, kw_only=True):
    """Who and what a call is charged to."""

    key: str = ""
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()
    deployment: str = ""
    model: str = ""
    alias_of: str = ""
    """The name that ``model`` is an alias of, where it is one: its limits count as well."""


def check(budget: Budget, zone: tzinfo = UTC) -> Account:
    """The account of a budget; ``zone`` is the calendar its name stands for.

    Raises :class:`ConfigError` for negative or absurd amounts and for a scope without an id.
    """
    _check_scope(f"budget {budget.id!r}", budget.scope, budget.scope_id)
    _check_id("a budget", budget.id)
    _check_amount(f"budget {budget.id!r}", "limit", budget.limit)
    if budget.soft_limit is not None:
        _check_amount(f"budget {budget.id!r}", "soft_limit", budget.soft_limit)
    return Account(
        id=f"usd/{budget.id}",
        measure="usd",
        limit=budget.limit,
        window=budget.window,
        zone=zone,
        soft_limit=budget.soft_limit,
        scope=budget.scope,
        scope_id=budget.scope_id,
    )


def check_limit(limit: RateLimit) -> Account:
    """The account of a rate limit. Raises :class:`ConfigError` for one that means nothing."""
    name = f"limit of {limit.measure} for {limit.scope} {limit.scope_id}".rstrip()
    _check_scope(name, limit.scope, limit.scope_id)
    if not 0 <= limit.limit <= _MOST_COUNTED:
        raise ConfigError(f"{name}: {limit.limit!r} is no count from 0 to 1,000,000,000,000,000")
    window = TOTAL if limit.measure == "parallel" else limit.window
    if limit.measure != "parallel" and window not in (MINUTE, HOUR, DAY):
        raise ConfigError(f"{name}: counts per minute, hour or day, not per {window}")
    parts = (limit.measure, str(window), limit.scope, limit.scope_id, limit.model)
    return Account(
        id="/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts),
        measure=limit.measure,
        limit=limit.limit,
        window=window,
        scope=limit.scope,
        scope_id=limit.scope_id,
        model=limit.model,
    )


def unpriced_gate(deployment: str) -> Account:
    """The account that refuses a deployment's next call after one whose cost stayed unknown.

    Claim 0 of it at admission; settle with ``unpriced=1`` to close it; forget it to open it again.
    """
    return Account(
        id=f"unpriced/{deployment}",
        measure="unpriced",
        limit=0,
        window=TOTAL,
        scope="deployment",
        scope_id=deployment,
    )


def accounts_of(
    caller: Caller, accounts: Mapping[tuple[Payer, str], Sequence[Account]]
) -> list[Account]:
    """Every account a call touches: its key's first, everything's last. Each one once."""
    named: list[tuple[Payer, str]] = [
        ("key", caller.key),
        ("user", caller.user),
        ("team", caller.team),
        *(("tag", tag) for tag in dict.fromkeys(caller.tags)),
        ("model", caller.model),
        ("model", caller.alias_of),
        ("deployment", caller.deployment),
    ]
    found = [each for name in named if name[1] for each in accounts.get(name, ())]
    found.extend(accounts.get(("everything", ""), ()))
    models = ("", caller.model, caller.alias_of)
    return [each for each in found if each.model in models]


def index_accounts(accounts: Iterable[Account]) -> dict[tuple[Payer, str], list[Account]]:
    """Accounts by who pays, for :func:`accounts_of`."""
    index: dict[tuple[Payer, str], list[Account]] = {}
    for each in accounts:
        index.setdefault((each.scope, each.scope_id), []).append(each)
    return index


def explain(refused: Refused) -> str:
    """What a refusal says to the client: which limit, how much is left, when it resets."""
    account, standing = refused.account, refused.standing
    if account.measure == "unpriced":
        return (
            f"{account.scope} {account.scope_id} served a model without a price and "
            "is set to refuse calls until one is added (on_unpriced: refuse_next)"
        )
    unit = _amount if account.measure == "usd" else str
    text = f"{account.title} has {unit(standing.left)} left of {unit(account.limit)}"
    asked = f"this call may take up to {unit(refused.asked)}"
    if account.measure == "parallel":
        return f"{account.title} is reached: {account.limit} are in flight"
    text += f" ({unit(standing.spent)} spent, {unit(standing.held)} held by calls in flight)"
    if refused.asked > account.limit:
        return f"{text}; {asked}, which is more than all of it: lower max_tokens or raise the limit"
    text = f"{text}; {asked}"
    if standing.resets_at is None:
        return f"{text}; it does not reset"
    if account.measure == "usd" and not account.window.rolling:
        return f"{text}; it resets at {_instant(standing.resets_at)}"
    return f"{text}; there is room again from {_instant(refused.free_at or standing.resets_at)}"


def rate_headers(standings: Iterable[Standing], now: float) -> dict[str, str]:
    """OpenAI's ``x-ratelimit-*`` headers: of several limits, the one with the least left."""
    tightest: dict[Measure, Standing] = {}
    for each in standings:
        measure = each.account.measure
        if measure in ("requests", "tokens"):
            rival = tightest.get(measure)
            if rival is None or each.left < rival.left:
                tightest[measure] = each
    headers: dict[str, str] = {}
    for measure, each in tightest.items():
        headers[f"x-ratelimit-limit-{measure}"] = str(each.account.limit)
        headers[f"x-ratelimit-remaining-{measure}"] = str(each.left)
        wait = 0.0 if each.resets_at is None else each.resets_at - now
        headers[f"x-ratelimit-reset-{measure}"] = duration(wait)
    return headers


def duration(seconds: float) -> str:
    """A length of time as OpenAI writes it: ``20ms``, ``1s``, ``6m0s``, ``1h2m3s``."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    whole = -int(-seconds // 1)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def settled_amount(claim: Claim, actual: Actual | None) -> int:
    """What a settled call counts for in an account; ``None`` for a call that never went out."""
    measure = claim.account.measure
    if actual is None or measure == "parallel":
        return 0
    if measure == "usd":
        return actual.usd
    if measure == "requests":
        return claim.amount
    return actual.tokens if measure == "tokens" else actual.unpriced


def _check_scope(name: str, scope: str, scope_id: str) -> None:
    if scope not in PAYERS:
        raise ConfigError(f"{name}: scope {scope!r} is none of {', '.join(PAYERS)}")
    if (scope == "everything") == bool(scope_id):
        rule = "has no id" if scope_id else f"needs the id of a {scope}"
        raise ConfigError(f"{name}: scope {scope} {rule}")
    if scope_id:
        _check_id(name, scope_id)


def _check_id(name: str, found: str) -> None:
    if not 1 <= len(found) <= _ID or not found.isprintable():
        raise ConfigError(f"{name}: an id is 1 to {_ID} printable characters, not {found[:40]!r}")


def _check_amount(name: str, key: str, amount: object) -> None:
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise ConfigError(f"{name}: {key} is a whole number of pico-dollars, not {amount!r}")
    if amount < 0:
        raise ConfigError(f"{name}: {key} {_amount(amount)} is negative; 0 refuses every paid call")
    if amount > MOST:
        raise ConfigError(f"{name}: {key} is more than {_amount(MOST)}; leave it out for no limit")


def _amount(amount: Usd) -> str:
    return f"${format_usd(amount, places=2)}"


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
