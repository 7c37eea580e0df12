"""``/api/models``: the deployments, how they are, and what they cost. Those of the database are
changed by ``stored_models.py``."""

import time
from collections.abc import Sequence
from typing import Any, Literal

from fastapi import Response

from faregate.admin.desks import tag
from faregate.admin.office import DeploymentState
from faregate.admin.receipts import Price, show_price
from faregate.admin.table import Table
from faregate.admin.wire import (
    Asked,
    Cursor,
    Instant,
    Limit,
    Money,
    Shown,
    Who,
    instant,
    maybe_instant,
    money,
    page_by_place,
)
from faregate.config.problems import Problem
from faregate.config.settings import ModelDeployment
from faregate.control.stored_models import Stored
from faregate.control.waiting import price_list
from faregate.core.pricebook import PriceBook, Unpriced
from faregate.errors import NotFoundError
from faregate.money import format_price
from faregate.store.traffic import recent
from faregate.types import Deployment as Facts
from faregate.types import Unit

table = Table("models")


class OwnPrice(Shown):
    """A price that a deployment states for itself."""

    unit: Unit
    usd_per_million: Money


class Condition(Shown):
    """How a deployment is, as the process that answers knows it."""

    state: Literal["healthy", "cooling", "probing", "failing"]
    in_flight: int
    cooldown_seconds: float
    time_to_first_byte: float | None
    """A running mean in seconds."""
    checked_at: Instant | None
    check_error: str


class StoredDocument(Shown):
    """What the database keeps of a deployment, for a form: as it was stated, without secrets."""

    version: int
    model_name: str
    params: dict[str, Any]
    """As in `params` of the configuration."""
    secrets: list[str]
    """The fields that hold a secret: `api_key`, `extra_headers.x-team` …"""
    model_info: dict[str, Any]
    created_at: Instant
    updated_at: Instant


class Deployment(Shown):
    """A deployment: one entry of the model list, or of the database."""

    id: str
    model_name: str
    """What clients call; may be a pattern."""
    provider: str
    route: Literal["direct", "model_router"]
    upstream_model: str
    """What is sent as `model`."""
    base_model: str
    """The name its prices are looked up by, where one is stated."""
    scope: str
    mode: str
    api_base: str
    api_version: str
    credential: Literal["key", "token", "entra", "none"]
    """What it authenticates with; never the secret."""
    source: Literal["config", "database"]
    """`config`: read-only here."""
    file: str
    line: int
    editable: bool
    disabled: bool
    """No call goes to it until it is enabled."""
    problem: str
    """Why it is left out; empty when it is not."""
    notes: list[str]
    """What its reader was warned of; of the configuration's file: see the settings."""
    stored: StoredDocument | None
    """Null for one of the configuration's file."""
    order: int
    weight: float | None
    tags: list[str]
    rpm: int | None
    tpm: int | None
    max_parallel_requests: int | None
    timeout: float | None
    stream_timeout: float | None
    on_unpriced: Literal["allow", "refuse_next", "worst_case"]
    discount: float
    """Off the list price, from 0 to 1."""
    condition: Condition
    prices: list[Price]
    """Of a direct deployment: the rows in force now. Of a router: its fee; a served model's price
    is in the book."""
    own_prices: list[OwnPrice] | None
    """What the deployment states itself; it replaces the book's."""
    unpriced: str
    """Why there is no price; empty where there is one."""


class DeploymentPage(Shown):
    """Deployments, in the order of the configuration."""

    data: list[Deployment]
    next: str | None


class DeploymentTraffic(Shown):
    """What a deployment had."""

    deployment: str
    """Its id."""
    calls: int
    """As the log has them under this deployment."""
    spend: Money
    """Of these calls; where whole days are counted, what the deployment itself charged, failed
    attempts of calls that another one answered included."""
    minimum: bool
    """Whether it had calls on these days whose cost is not known, so that the spend is at least
    this."""


class Traffic(Shown):
    """What deployments had of late, in the order they are listed in."""

    since: Instant
    """From here on: 24 hours ago, or when `day` began."""
    day: str | None
    """Null: the last 24 hours. A day of the ledger: so many calls that whole days are counted, from
    this one on."""
    data: list[DeploymentTraffic]
    """All deployments, those without a call included."""


@table.route("GET", "/api/models", "read", "listModels")
async def list_models(
    who: Who, q: str = "", model: str | None = None, cursor: Cursor = None, limit: Limit = 100
) -> DeploymentPage:
    """Deployments, those that are switched off or left out last. `q` is looked for in ids, model
    names and upstream models."""
    found = [
        each
        for each in _every(who)
        if (model is None or each.model_name == model) and _says(each, q.lower())
    ]
    cut = page_by_place(found, cursor, limit)
    return DeploymentPage(data=show_all(who, cut.data), next=cut.next)


# Before the next route, which takes every path below /api/models.
@table.route("GET", "/api/models/traffic", "read", "getTraffic")
async def get_traffic(who: Who) -> Traffic:
    """Calls and spend of every deployment in the last 24 hours."""
    ids = [each.id for each in _every(who)]
    found = await recent(who.office.store(), ids, now=time.time())
    return Traffic(
        since=instant(found.since),
        day=None if found.day is None else found.day.isoformat(),
        data=[
            DeploymentTraffic(
                deployment=each.deployment,
                calls=each.calls,
                spend=money(each.spend),
                minimum=each.deployment in found.minimum,
            )
            for each in found.data
        ],
    )


@table.route("GET", "/api/models/{deployment_id:path}", "read", "getModel")
async def get_model(who: Who, deployment_id: str, response: Response) -> Deployment:
    """One deployment. Of one in the database, `ETag` is the version."""
    for each in _every(who):
        if each.id == deployment_id:
            (shown,) = show_all(who, [each])
            if shown.stored is not None:
                tag(response, shown.stored.version)
            return shown
    raise NotFoundError(f"there is no deployment {deployment_id[:128]!r}", code="not_found")


def _every(who: Asked) -> list[ModelDeployment]:
    """Every deployment: those in force, then those of the database that are not."""
    active = who.office.settings().deployments()
    known = {each.id for each in active}
    idle = (each for each in who.office.stored_models() if each.id not in known)
    return [*active, *(entry_of(each) for each in idle)]


def entry_of(stored: Stored) -> ModelDeployment:
    """A stored deployment's entry; of one that cannot be read, as much as can be said."""
    if stored.entry is not None:
        return stored.entry
    facts = Facts(id=stored.id, provider="", route="direct", upstream_model="", api_base="")
    file = f"database:{stored.id}"
    return ModelDeployment(model_name=stored.document.model_name, deployment=facts, file=file)


def show_all(who: Asked, entries: Sequence[ModelDeployment]) -> list[Deployment]:
    """Deployments as they are shown."""
    book, states = who.office.book(), who.office.conditions()
    stored = {each.id: each for each in who.office.stored_models()}
    now = time.time()
    return [
        show(
            each,
            states.get(each.id) or DeploymentState(),
            _prices(each, book, now),
            stored.get(each.id) if each.file == f"database:{each.id}" else None,
        )
        for each in entries
    ]


def show(
    entry: ModelDeployment,
    state: DeploymentState,
    priced: tuple[list[Price], str],
    stored: Stored | None,
) -> Deployment:
    """A deployment as it is shown."""
    facts = entry.deployment
    prices, unpriced = priced
    own = facts.own_prices
    return Deployment(
        id=entry.id,
        model_name=entry.model_name,
        provider=facts.provider,
        route=facts.route,
        upstream_model=facts.upstream_model,
        base_model=facts.base_model,
        scope=facts.scope,
        mode=entry.mode,
        api_base=facts.api_base,
        api_version=facts.api_version,
        credential=_credential(entry),
        source="config" if stored is None else "database",
        file=entry.file,
        line=entry.line,
        editable=stored is not None,
        disabled=stored is not None and stored.document.disabled,
        problem="" if stored is None else stored.problem,
        notes=[] if stored is None else [_note(each) for each in stored.warnings],
        stored=None if stored is None else show_stored(stored),
        order=entry.order,
        weight=entry.weight,
        tags=list(entry.tags),
        rpm=entry.rpm,
        tpm=entry.tpm,
        max_parallel_requests=entry.max_parallel_requests,
        timeout=entry.timeout,
        stream_timeout=entry.stream_timeout,
        on_unpriced=entry.on_unpriced,
        discount=facts.discount_bp / 10_000,
        condition=_condition(state),
        prices=prices,
        own_prices=None
        if own is None
        else [
            OwnPrice(unit=unit, usd_per_million=format_price(price))
            for unit, price in own.per_token.items()
        ],
        unpriced=unpriced,
    )


def show_stored(stored: Stored) -> StoredDocument:
    """What the database keeps, without secrets."""
    document = stored.document
    return StoredDocument(
        version=stored.version,
        model_name=document.model_name,
        params=dict(document.params),
        secrets=sorted(document.sealed),
        model_info=dict(document.model_info),
        created_at=instant(document.created_at),
        updated_at=instant(document.updated_at),
    )


def _note(problem: Problem) -> str:
    return f"{problem.key}: {problem.message}" if problem.key else problem.message


def _condition(state: DeploymentState) -> Condition:
    return Condition(
        state=state.state,
        in_flight=state.in_flight,
        cooldown_seconds=state.cooldown_seconds,
        time_to_first_byte=state.time_to_first_byte,
        checked_at=maybe_instant(state.checked_at),
        check_error=state.check_error,
    )


def _prices(entry: ModelDeployment, book: PriceBook, now: float) -> tuple[list[Price], str]:
    facts = entry.deployment
    if not facts.provider:
        return [], ""
    listed = price_list(facts.provider)
    if facts.route == "model_router":
        fee = book.router_fee(listed, now) if facts.router_fee is None else None
        return ([] if fee is None else [show_price(fee)]), ""
    if facts.own_prices is not None or "*" in facts.upstream_model:
        return [], ""
    rates = book.lookup(listed, facts.base_model or facts.upstream_model, facts.scope, at=now)
    if isinstance(rates, Unpriced):
        return [], rates.reason
    return [show_price(each) for each in (*rates.short.values(), *rates.long.values())], ""


def _credential(entry: ModelDeployment) -> Literal["key", "token", "entra", "none"]:
    credential = entry.credential
    if credential.api_key:
        return "key"
    if credential.azure_ad_token:
        return "token"
    return "entra" if credential.entra else "none"


def _says(entry: ModelDeployment, wanted: str) -> bool:
    names = (entry.id, entry.model_name, entry.deployment.upstream_model)
    return any(wanted in each.lower() for each in names)
