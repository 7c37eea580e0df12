"""``/api/settings`` and ``/api/status``: the configuration as it runs, and how the process is."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from faregate.admin.table import Table
from faregate.admin.wire import Instant, Money, Shown, Who, instant, maybe_money
from faregate.config.secret import Secret
from faregate.config.settings import General, Redis, Routing

table = Table("settings")

MASKED = "…"


class Warning(Shown):  # noqa: A001 - what the configuration calls it
    """What a reader of the configuration was warned of."""

    file: str
    line: int
    key: str
    message: str


class Defaults(Shown):
    """What a setting is where the configuration says nothing. Settings that have no default are
    not there."""

    general: dict[str, Any]
    routing: dict[str, Any]
    redis: dict[str, Any]


class Settings(Shown):
    """The configuration as it runs. Secrets are `…` where they are stated, and null else."""

    files: list[str]
    models: int
    """Model names."""
    deployments: int
    general: dict[str, Any]
    routing: dict[str, Any]
    redis: dict[str, Any] | None
    max_budget: Money | None
    """`general_settings.max_budget`, in USD."""
    defaults: Defaults
    """In the same shape."""
    warnings: list[Warning]


class Reloaded(Shown):
    """What became of a reload."""

    message: str


class Ledger(Shown):
    """How the ledger is."""

    database: Literal["up", "down", "off"]
    pending_rows: int
    lag_seconds: float
    journal_bytes: int
    problem: str
    """Why calls are refused; empty when they are not."""


class Status(Shown):
    """How the process that answers is."""

    status: Literal["healthy", "refusing", "stopping"]
    version: str
    started_at: Instant
    workers: int
    ledger: Ledger
    counters: Literal["memory", "redis"]
    """Where budgets and limits are counted."""
    counters_up: bool
    applied: int
    """The newest change of keys, teams, budgets … that the process has applied."""
    problems: list[str]


@table.route("GET", "/api/settings", "read", "getSettings")
async def get_settings(who: Who) -> Settings:
    """The configuration as it runs, secrets masked."""
    settings = who.office.settings()
    return Settings(
        files=list(settings.files),
        models=len(settings.names()),
        deployments=len(settings.deployments()),
        general=masked(settings.general),
        routing=masked(settings.routing),
        redis=None if settings.redis is None else masked(settings.redis),
        max_budget=maybe_money(settings.general.max_budget),
        defaults=Defaults(
            general=_defaults(General), routing=_defaults(Routing), redis=_defaults(Redis)
        ),
        warnings=[
            Warning(file=each.file, line=each.line, key=each.key, message=each.message)
            for each in settings.warnings
        ],
    )


@table.route("POST", "/api/settings/reload", "change", "reloadSettings")
async def reload_settings(who: Who) -> Reloaded:
    """Read the configuration's files again. A bad one is refused whole, and the running one stays;
    in other workers it happens within a second."""
    return Reloaded(message=who.office.reload())


@table.route("GET", "/api/status", "read", "getStatus")
async def get_status(who: Who) -> Status:
    """How the process that answers is."""
    found = who.office.status()
    return Status(
        status=found.status,
        version=found.version,
        started_at=instant(found.started_at),
        workers=found.workers,
        ledger=Ledger(
            database=found.ledger.database,
            pending_rows=found.ledger.pending_rows,
            lag_seconds=found.ledger.lag_seconds,
            journal_bytes=found.ledger.journal_bytes,
            problem=found.ledger.problem,
        ),
        counters=found.counters,
        counters_up=found.counters_up,
        applied=found.applied,
        problems=list(found.problems),
    )


def masked(section: General | Routing | Redis) -> dict[str, Any]:
    """A section as JSON, with every secret masked."""
    found: dict[str, Any] = _plain(section)
    found.pop("max_budget", None)  # shown beside, as text
    return found


def _defaults(section: type[msgspec.Struct]) -> dict[str, Any]:
    found = {}
    for field in msgspec.structs.fields(section):
        if field.default is not msgspec.NODEFAULT:
            found[field.name] = _plain(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = _plain(field.default_factory())
    found.pop("max_budget", None)  # none
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return MASKED if value else None
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)
