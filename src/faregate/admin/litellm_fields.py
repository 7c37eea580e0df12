"""LiteLLM's fields of keys, teams and users, and ours.

Their amounts are JSON numbers in USD: read by their digits, answered as the nearest float. Fields
that would restrict what a key may do and that are not supported are refused, never dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType
from pydantic import BaseModel, ConfigDict, Field

from faregate.admin.standing import Standings, account_of, of_holders
from faregate.admin.wire import Asked, MoneySaid, maybe_instant
from faregate.control import users
from faregate.control.budgets import BudgetFields
from faregate.control.desk import Desk
from faregate.control.errors import FieldError
from faregate.control.limits import LimitFields, per
from faregate.core.budget import Budget, RateLimit
from faregate.core.keys import Key, Team, User
from faregate.money import format_usd, to_float
from faregate.store.protocol import Filter

_BUDGET = {"max_budget", "budget_duration", "soft_budget"}
_PLAIN = {"rpm_limit": "requests", "tpm_limit": "tokens", "max_parallel_requests": "parallel"}
_BY_MODEL = {"model_rpm_limit": "requests", "model_tpm_limit": "tokens"}

_FEW = 200

Holder: TypeAlias = Literal["key", "team", "user"]

REFUSED = {
    "model_max_budget": "make a budget of the model by POST /api/budgets",
    "allowed_routes": "keys call models; what else they may is their role",
    "allowed_passthrough_routes": "there are no pass-through routes",
    "permissions": "what a key may do is its role, viewer or admin, by PATCH /api/keys/{id}",
    "guardrails": "there are none",
    "enforced_params": "there are none",
    "object_permission": "there are no such objects",
    "budget_id": "state the budget itself: max_budget and budget_duration",
    "rpm_limit_type": "a limit holds for every minute",
    "tpm_limit_type": "a limit holds for every minute",
    "allowed_cache_controls": "there is no cache",
    "aliases": "state aliases in the configuration: model_group_alias",
    "organization_id": "there are no organizations",
    "budget_limits": "make several budgets by PATCH /api/keys/{id}",
    "max_budget_in_team": "make a budget of the user by PATCH /api/users/{id}",
    "team_member_budget": "make a budget of each user by PATCH /api/users/{id}",
    "team_member_rpm_limit": "state limits of each user by PATCH /api/users/{id}",
    "team_member_tpm_limit": "state limits of each user by PATCH /api/users/{id}",
    "key_type": "what a key may do is its role, viewer or admin, by PATCH /api/keys/{id}",
}
"""Fields that limit something, which nothing here would enforce, and what to do instead."""


_NOTHING_SAID: tuple[Any, ...] = (None, "", False, 0, [], {}, "default", "llm_api")
"""The last two are types of keys that may do what every key may."""


class Common(BaseModel):
    """What keys, teams and users have in common."""

    model_config = ConfigDict(extra="allow")

    models: list[str] | None = None
    max_budget: MoneySaid | None = None
    budget_duration: str | None = Field(None, max_length=40)
    soft_budget: MoneySaid | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_parallel_requests: int | None = None
    model_rpm_limit: dict[str, int] | None = None
    model_tpm_limit: dict[str, int] | None = None
    metadata: dict[str, Any] | None = None
    blocked: bool | None = None


class Held(NamedTuple):
    """The budgets and limits somebody has now."""

    budgets: tuple[Budget, ...] = ()
    limits: tuple[RateLimit, ...] = ()


def common(body: Common, held: Held) -> dict[str, Any]:
    """The fields that a body states, for control; null clears one. Raises :class:`FieldError`."""
    check_supported(body)
    found: dict[str, Any] = {}
    if "models" in body.model_fields_set:
        found["models"] = body.models or []
    if "metadata" in body.model_fields_set:
        found["metadata"] = body.metadata or {}
    if body.blocked is not None:
        found["blocked"] = body.blocked
    budgets, limits = _budgets(body, held.budgets), _limits(body, held.limits)
    if budgets is not UNSET:
        found["budgets"] = budgets
    if limits is not UNSET:
        found["limits"] = limits
    return found


def check_supported(body: BaseModel) -> None:
    """Raises :class:`FieldError` for a field that limits something and that nothing enforces."""
    for name, value in (body.model_extra or {}).items():
        if name in REFUSED and value not in _NOTHING_SAID:
            raise FieldError(name, f"is not supported: {REFUSED[name]}")


def _budgets(body: Common, now: Sequence[Budget]) -> list[BudgetFields] | UnsetType:
    """Their one budget is our first; the others stay."""
    said = body.model_fields_set & _BUDGET
    if not said:
        return UNSET
    first = now[0] if now else None
    rest = [_budget_fields(each) for each in now[1:]]
    limit = body.max_budget
    if "max_budget" not in said and first is not None:
        limit = format_usd(first.limit)
    if limit is None:
        if body.soft_budget is not None:
            raise FieldError("soft_budget", "is not supported alone: state max_budget, too")
        return rest
    kept = None if first is None else _budget_fields(first)
    window = body.budget_duration or "total"
    if "budget_duration" not in said and kept is not None:
        window = kept.window
    soft: str | int | None = body.soft_budget
    if "soft_budget" not in said and kept is not None:
        soft = kept.soft_limit
    return [
        BudgetFields(
            limit=limit,
            window=window,
            soft_limit=soft,
            zone="UTC" if kept is None else kept.zone,
            reserve="worst_case" if kept is None else kept.reserve,
        ),
        *rest,
    ]


def _limits(body: Common, now: Sequence[RateLimit]) -> list[LimitFields] | UnsetType:
    said = body.model_fields_set & (set(_PLAIN) | set(_BY_MODEL))
    if not said:
        return UNSET
    replaced = {(_PLAIN[name], False) for name in said if name in _PLAIN}
    replaced |= {(_BY_MODEL[name], True) for name in said if name in _BY_MODEL}
    found = [
        LimitFields(measure=each.measure, limit=each.limit, per=per(each), model=each.model)
        for each in now
        if per(each) not in ("minute", None) or (each.measure, bool(each.model)) not in replaced
    ]
    for name in sorted(said):
        value = getattr(body, name)
        if value is None:
            continue
        if name in _PLAIN:
            found.append(LimitFields(measure=_PLAIN[name], limit=value))
        else:
            found += [
                LimitFields(measure=_BY_MODEL[name], limit=count, model=model)
                for model, count in value.items()
            ]
    return found


def _budget_fields(budget: Budget) -> BudgetFields:
    return BudgetFields(
        limit=format_usd(budget.limit),
        window=str(budget.window),
        zone=budget.zone,
        soft_limit=None if budget.soft_limit is None else format_usd(budget.soft_limit),
        reserve=budget.reserve,
    )


def show_limits(entity: Key | Team | User, known: Standings) -> dict[str, Any]:
    """Budgets and limits as LiteLLM shows them."""
    first = entity.budgets[0] if entity.budgets else None
    standing = None if first is None else known.get(account_of(first).id)
    soft = None if first is None else first.soft_limit
    return {
        "max_budget": None if first is None else to_float(first.limit),
        "soft_budget": None if soft is None else to_float(soft),
        "budget_duration": None
        if first is None or first.window.unit == "total"
        else str(first.window),
        "budget_reset_at": None if standing is None else maybe_instant(standing.resets_at),
        **{name: _plain(entity.limits, measure) for name, measure in _PLAIN.items()},
        **{name: _by_model(entity.limits, measure) for name, measure in _BY_MODEL.items()},
    }


def _plain(limits: Iterable[RateLimit], measure: str) -> int | None:
    for each in limits:
        if each.measure == measure and not each.model and per(each) in ("minute", None):
            return each.limit
    return None


def _by_model(limits: Iterable[RateLimit], measure: str) -> dict[str, int]:
    return {
        each.model: each.limit
        for each in limits
        if each.measure == measure and each.model and per(each) == "minute"
    }


class Spent:
    """What keys, teams or users have spent: in the window of their budget where they have one, as
    LiteLLM has it; else in all."""

    def __init__(self, known: Standings, totals: Mapping[str, int]) -> None:
        self.known = known
        self._totals = totals

    def of(self, entity: Key | Team | User) -> float:
        """USD."""
        if entity.budgets:
            standing = self.known.get(account_of(entity.budgets[0]).id)
            if standing is not None:
                return to_float(standing.spent)
        return to_float(self._totals.get(entity.id, 0))


def _only(noun: Holder, ids: tuple[str, ...]) -> Filter:
    if noun == "key":
        return Filter(key=ids)
    return Filter(team=ids) if noun == "team" else Filter(user=ids)


async def spent(who: Asked, noun: Holder, entities: Sequence[Key | Team | User]) -> Spent:
    """What entities of a kind have spent."""
    known = await of_holders(who.office, [(each.budgets, each.limits) for each in entities])
    ids = tuple(each.id for each in entities)
    # A few names are quickly summed; of more, all are.
    only = _only(noun, ids) if len(ids) <= _FEW else None
    lines = await who.office.store().spend((noun,), only=only) if entities else []
    return Spent(known, {line.group[0]: line.spend for line in lines})


async def see_user(desk: Desk, identity: str | None) -> None:
    """Make a user that is named and does not exist yet, as LiteLLM does."""
    if identity and await desk.store.get("user", identity) is None:
        await users.make(desk, users.UserFields(), identity=identity)
