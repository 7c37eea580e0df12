"""``/api/models``: the deployments, how they are, and what they cost. Read-only in this version."""

import time
from typing import Literal

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
    maybe_instant,
    page_by_place,
)
from faregate.config.settings import ModelDeployment
from faregate.control.waiting import price_list
from faregate.core.pricebook import PriceBook, Unpriced
from faregate.errors import NotFoundError
from faregate.money import format_price
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


class Deployment(Shown):
    """A deployment: one entry of the model list."""

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


@table.route("GET", "/api/models", "read", "listModels")
async def list_models(
    who: Who, q: str = "", model: str | None = None, cursor: Cursor = None, limit: Limit = 100
) -> DeploymentPage:
    """Deployments. `q` is looked for in ids, model names and upstream models."""
    found = [
        each
        for each in who.office.settings().deployments()
        if (model is None or each.model_name == model) and _says(each, q.lower())
    ]
    cut = page_by_place(found, cursor, limit)
    return DeploymentPage(data=show_all(who, cut.data), next=cut.next)


@table.route("GET", "/api/models/{deployment_id:path}", "read", "getModel")
async def get_model(who: Who, deployment_id: str) -> Deployment:
    """One deployment."""
    for each in who.office.settings().deployments():
        if each.id == deployment_id:
            return show_all(who, [each])[0]
    raise NotFoundError(f"there is no deployment {deployment_id[:128]!r}", code="not_found")


def show_all(who: Asked, entries: list[ModelDeployment]) -> list[Deployment]:
    """Deployments as they are shown."""
    book, states = who.office.book(), who.office.conditions()
    now = time.time()
    return [show(each, states.get(each.id) or DeploymentState(), book, now) for each in entries]


def show(entry: ModelDeployment, state: DeploymentState, book: PriceBook, now: float) -> Deployment:
    """A deployment as it is shown."""
    facts = entry.deployment
    prices, unpriced = _prices(entry, book, now)
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
        source="config",
        file=entry.file,
        line=entry.line,
        editable=False,
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
        condition=Condition(
            state=state.state,
            in_flight=state.in_flight,
            cooldown_seconds=state.cooldown_seconds,
            time_to_first_byte=state.time_to_first_byte,
            checked_at=maybe_instant(state.checked_at),
            check_error=state.check_error,
        ),
        prices=prices,
        own_prices=None
        if own is None
        else [
            OwnPrice(unit=unit, usd_per_million=format_price(price))
            for unit, price in own.per_token.items()
        ],
        unpriced=unpriced,
    )


def _prices(entry: ModelDeployment, book: PriceBook, now: float) -> tuple[list[Price], str]:
    facts = entry.deployment
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
