"""What a configuration says, as immutable values. Every field has its default here.

Seconds are floats, money is pico-dollars, secrets are :class:`~faregate.config.secret.Secret`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from msgspec import Struct, structs

from faregate import providers
from faregate.config.problems import Problem
from faregate.config.secret import Secret
from faregate.config.sign_on import Oidc
from faregate.core.attempts import FallbackLists
from faregate.core.naming import parse_model
from faregate.core.routing import HealthRules, Policy, RetryRules
from faregate.core.strategies import Strategy
from faregate.core.windows import BudgetWindow
from faregate.errors import ConfigError
from faregate.money import Usd
from faregate.types import Deployment

OnDisconnect: TypeAlias = Literal["drain", "cancel"]
OnUnpriced: TypeAlias = Literal["allow", "refuse_next", "worst_case"]


class Credential(Struct, frozen=True, kw_only=True):
    """What a deployment authenticates with: a key, a fetched token, or a way to sign in."""

    api_key: Secret | None = None
    azure_ad_token: Secret | None = None
    entra: bool = False
    """Sign in to Entra ID with the fields below; all empty is azure-identity's default chain."""
    entra_kind: str = ""
    """``default``, ``managed_identity``, ``client_secret`` or ``workload_identity``."""
    tenant_id: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    azure_scope: str = ""


class ModelDeployment(Struct, frozen=True, kw_only=True):
    """One entry of ``model_list``: a deployment with its credential, limits and manners."""

    model_name: str
    """What clients name. A wildcard entry keeps its pattern here."""
    model: str = ""
    """The model string as configured."""
    stated_route: str = ""
    """The ``route`` the entry states; empty where the model string decides."""
    deployment: Deployment
    credential: Credential = Credential()
    rpm: int | None = None
    tpm: int | None = None
    max_parallel_requests: int | None = None
    weight: float | None = None
    order: int = 0
    tags: tuple[str, ...] = ()
    timeout: float | None = None
    """For the whole call, without a stream; None: the general one."""
    stream_timeout: float | None = None
    """For the first byte and between bytes of a stream; None: ``timeout``."""
    max_retries: int | None = None
    """How often this deployment is tried again within one request; None: the general number."""
    extra_headers: Mapping[str, Secret] = {}
    """Lower-case names. Values are secrets because keys travel here too."""
    defaults: Mapping[str, Any] = {}
    """Body fields sent where the request has none, such as ``temperature``."""
    drop_params: bool = False
    additional_drop_params: tuple[str, ...] = ()
    routing_config: Mapping[str, Any] | None = None
    """Azure's router controls, checked; None: the preview stays off."""
    mode: str = "chat"
    """``chat`` or ``embedding``; shown, and used by checks."""
    details: Mapping[str, Any] = {}
    """The rest of ``model_info``, shown by the model endpoints and otherwise unused."""
    on_disconnect: OnDisconnect = "drain"
    drain_seconds: float = 120.0
    drain_bytes: int = 8 * 1024 * 1024
    on_unpriced: OnUnpriced = "allow"
    ssl_verify: bool = True
    ca_file: str = ""
    key_name: str = ""
    """``os.environ/NAME`` where the key was stated so; never a key."""
    file: str = ""
    line: int = 0
    """Where the entry stands."""

    @property
    def id(self) -> str:
        """The deployment's id; unique, and the same after a reload."""
        return self.deployment.id

    def secrets(self) -> Iterator[Secret]:
        """Every secret it holds."""
        credential = self.credential
        held = (credential.api_key, credential.azure_ad_token, credential.client_secret)
        for secret in (*held, *self.extra_headers.values()):
            if secret:
                yield secret


class Routing(Struct, frozen=True, kw_only=True):
    """``router_settings``, and what of ``litellm_settings`` means the same."""

    routing_strategy: Strategy = "simple-shuffle"
    num_retries: int = 2
    timeout: float = 600.0
    """For a whole request, retries and fallbacks included; a stream: until its first byte."""
    stream_timeout: float | None = None
    retry_after: float = 0.0
    """The least time before the same deployment is tried again."""
    allowed_fails: int = 3
    cooldown_time: float = 5.0
    disable_cooldowns: bool = False
    fallbacks: FallbackLists = {}
    context_window_fallbacks: FallbackLists = {}
    content_policy_fallbacks: FallbackLists = {}
    default_fallbacks: tuple[str, ...] = ()
    max_fallbacks: int = 5
    model_group_alias: Mapping[str, str] = {}
    hidden_aliases: frozenset[str] = frozenset()
    """Aliases that work but are not listed."""
    enable_tag_filtering: bool = False
    tag_filtering_match_any: bool = True

    def policy(self) -> Policy:
        """The same for :class:`~faregate.core.routing.Router`."""
        return Policy(
            strategy=self.routing_strategy,
            retry=RetryRules(
                num_retries=self.num_retries,
                retry_after=self.retry_after,
                fallbacks=self.fallbacks,
                context_window_fallbacks=self.context_window_fallbacks,
                content_policy_fallbacks=self.content_policy_fallbacks,
                default_fallbacks=self.default_fallbacks,
                max_fallbacks=self.max_fallbacks,
            ),
            health=HealthRules(
                allowed_fails=self.allowed_fails,
                cooldown_time=self.cooldown_time,
                disable_cooldowns=self.disable_cooldowns,
            ),
            tag_filtering=self.enable_tag_filtering,
            tags_match_any=self.tag_filtering_match_any,
        )


class Redis(Struct, frozen=True, kw_only=True):
    """Where counters shared by several processes live."""

    host: str = ""
    port: int = 6379
    password: Secret | None = None
    username: str = ""
    db: int = 0
    ssl: bool = False
    url: Secret | None = None

    def address(self) -> str:
        """All of it as one URL, password included: for the client, and for nobody's eyes."""
        if self.url is not None:
            return self.url.reveal()
        secret = "" if self.password is None else quote(self.password.reveal(), safe="")
        login = f"{quote(self.username, safe='')}:{secret}@" if secret or self.username else ""
        scheme = "rediss" if self.ssl else "redis"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{login}{host}:{self.port}/{self.db}"


class EdgeLimits(Struct, frozen=True, kw_only=True):
    """What a client may send, and how slowly."""

    max_body_bytes: int = 100 * 1024 * 1024
    max_header_bytes: int = 64 * 1024
    max_headers: int = 100
    max_url_bytes: int = 8 * 1024
    max_json_depth: int = 64
    max_connections: int = 10_000
    header_timeout: float = 10.0
    body_timeout: float = 60.0
    idle_timeout: float = 75.0
    max_in_flight_bytes: int = 1024 * 1024 * 1024


class Log(Struct, frozen=True, kw_only=True):
    """How lines are logged."""

    format: Literal["json", "human"] = "human"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(Struct, frozen=True, kw_only=True):
    """What ``/metrics`` shows."""

    enabled: bool = True
    labels: tuple[str, ...] = ()
    """Labels beyond the usual ones: ``key``, the name of the client's key."""
    require_auth: bool = False


class General(Struct, frozen=True, kw_only=True):
    """``general_settings``."""

    master_key: Secret | None = None
    allow_weak_master_key: bool = False
    ledger: bool = True
    database_url: Secret | None = None
    reporting_time_zone: str = ""
    """An IANA name; empty: what the ledger has."""
    on_ledger_outage: Literal["serve", "refuse"] = "serve"
    journal_fsync: Literal["none", "group"] = "none"
    data_dir: str = ""
    on_counters_outage: Literal["serve", "refuse"] = "refuse"
    alert_webhook_url: Secret | None = None
    record_client_address: bool = False
    store_prompts_in_spend_logs: bool = False
    prompt_retention_period: float | None = 30 * 86_400.0
    """Seconds; None keeps them for ever."""
    redact_prompts: tuple[str, ...] = ()
    maximum_spend_logs_retention_period: float | None = None
    """Seconds; None keeps them for ever."""
    max_budget: Usd | None = None
    budget_duration: BudgetWindow | None = None
    max_response_bytes: int = 64 * 1024 * 1024
    background_health_checks: bool = False
    health_check_interval: float = 300.0
    compat_headers: Literal["", "litellm"] = ""
    cors_origins: tuple[str, ...] = ()
    drain_timeout: float = 30.0
    expose_health_details: bool = False
    max_parallel_requests: int | None = None
    """Per deployment that states none."""
    global_max_parallel_requests: int | None = None
    limits: EdgeLimits = EdgeLimits()
    log: Log = Log()
    metrics: Metrics = Metrics()
    oidc: Oidc | None = None


class Shared(Struct, frozen=True, kw_only=True):
    """What deployments take over where they say nothing themselves."""

    drop_params: bool = False
    max_parallel_requests: int | None = None
    defaults: Mapping[str, Any] = {}


class Awaited(Struct, frozen=True):
    """A model that fallbacks or aliases name and that no entry of the files has. The ledger's
    database may have it, now or later."""

    name: str
    problem: Problem
    """What is wrong while there is none."""

    @property
    def told(self) -> str:
        """The same as a sentence for whoever runs the gateway."""
        problem = self.problem
        said = problem.message if problem.message.endswith("?") else f"{problem.message}."
        place = f"{problem.file}:{problem.line}: {problem.key}"
        return f"{place}: {said} This has no effect until there is one."


class Settings(Struct, frozen=True, kw_only=True):
    """A whole configuration."""

    models: Mapping[str, tuple[ModelDeployment, ...]] = {}
    """By the exact model name; wildcard patterns are in ``wildcards``."""
    wildcards: tuple[tuple[str, tuple[ModelDeployment, ...]], ...] = ()
    """(pattern, entries), the most specific pattern first."""
    routing: Routing = Routing()
    general: General = General()
    redis: Redis | None = None
    shared: Shared = Shared()
    files: tuple[str, ...] = ()
    """Every file that was read, the main one first; watch these."""
    warnings: tuple[Problem, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    """Always none without a ledger: then each of them is an error."""

    def unmet(self) -> tuple[Awaited, ...]:
        """Those of ``awaited`` that nothing has, with the deployments that were joined so far."""
        return tuple(each for each in self.awaited if not self.find(each.name))

    def find(self, model: str) -> tuple[ModelDeployment, ...]:
        """The deployments a client's model name stands for; empty for a name nobody knows.

        An exact name wins, then an alias, then the most specific wildcard, whose entries come back
        with the upstream model filled in. Their ids stay those of the wildcard entries.
        """
        found = self.models.get(model)
        if found is not None:
            return found
        alias = self.routing.model_group_alias.get(model)
        if alias is not None:
            found = self.models.get(alias)
            if found is not None:
                return found
            model = alias
        for pattern, entries in self.wildcards:
            matched = _match(pattern, model)
            if matched is not None:
                try:
                    return tuple(_filled(entry, matched) for entry in entries)
                except ConfigError:  # such as azure_ai/model_router/ without a name
                    continue
        return ()

    def alias_of(self, model: str) -> str:
        """The name that a name is an alias of; empty where it is none."""
        return "" if model in self.models else self.routing.model_group_alias.get(model, "")

    def aliases(self, model: str) -> tuple[str, ...]:
        """Every alias of a name."""
        return tuple(
            each for each in self.routing.model_group_alias if self.alias_of(each) == model
        )

    def names(self) -> tuple[str, ...]:
        """Every model name that can be listed: exact names, then aliases that are not hidden and
        lead to a model."""
        routing = self.routing
        shown = (
            name
            for name in routing.model_group_alias
            if name not in routing.hidden_aliases and self.find(name)
        )
        return tuple(dict.fromkeys((*self.models, *shown)))

    def deployments(self) -> tuple[ModelDeployment, ...]:
        """Every entry, wildcard ones included, in the order of the files."""
        exact = (entry for entries in self.models.values() for entry in entries)
        wild = (entry for _, entries in self.wildcards for entry in entries)
        return tuple(exact) + tuple(wild)


_SAFE_MATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}\Z")


def _match(pattern: str, model: str) -> str | None:
    """What the pattern's one ``*`` stands for in a name; None where it does not fit."""
    before, _, after = pattern.partition("*")
    if not (model.startswith(before) and model.endswith(after)):
        return None
    matched = model[len(before) : len(model) - len(after)]
    # The text comes from a client and goes into a URL on some paths.
    return matched if _SAFE_MATCH.match(matched) and ".." not in matched else None


def _filled(entry: ModelDeployment, matched: str) -> ModelDeployment:
    """The entry with the client's part of the name in its model string, read like any other."""
    if "*" not in entry.model:
        return entry
    deployment = entry.deployment
    target = parse_model(
        entry.model.replace("*", matched),
        known=providers.known,
        route=entry.stated_route,
        api_base=deployment.api_base,
    )
    filled = structs.replace(deployment, route=target.route, upstream_model=target.upstream_model)
    return structs.replace(entry, deployment=filled)
