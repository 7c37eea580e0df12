"""Every key of a configuration: what it takes, what it means, whose it is. The one source of truth:
the reader, the JSON schema and docs/reference/config.md all come from these tables.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.config import kinds
from faregate.config.kinds import Kind
from faregate.types import Unit

Status: TypeAlias = Literal["honoured", "later"]
"""``later``: read and checked, but without effect in this version, which a warning says."""


class Key(Struct, frozen=True):
    """A key that is understood."""

    kind: Kind
    doc: str
    ours: bool = False
    """LiteLLM does not have it."""
    status: Status = "honoured"
    same_as: str = ""
    """The key of which this is another spelling."""


Keys: TypeAlias = Mapping[str, Key]

MODEL: Keys = {
    "model_name": Key(
        kinds.NAME,
        "What clients send as `model`. Several entries may share it; `*` matches a part.",
    ),
}
"""Keys of an entry of ``model_list`` beside its sections."""

_PRICES: Keys = {
    "input_cost_per_token": Key(kinds.PRICE, "Own price of an input token; replaces the book's."),
    "output_cost_per_token": Key(kinds.PRICE, "Own price of an output token."),
    "cache_read_input_token_cost": Key(kinds.PRICE, "Own price of a token read from a cache."),
    "cache_creation_input_token_cost": Key(kinds.PRICE, "Own price of a token written to a cache."),
}

OWN_PRICES: Mapping[str, Unit] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}
"""Keys of prices, and the unit each prices."""

PARAMS: Keys = {
    "model": Key(kinds.NAME, "`provider/name`, such as `azure_ai/model_router/my-deployment`."),
    "api_base": Key(kinds.TEXT, "The endpoint. Without it the provider's variable or usual base."),
    "base_url": Key(kinds.TEXT, "Another spelling.", same_as="api_base"),
    "api_key": Key(kinds.SECRET, "The key. Without it the provider's variable."),
    "api_version": Key(kinds.TEXT, "Azure's dated API; without it the undated `/openai/v1`."),
    "custom_llm_provider": Key(kinds.NAME, "The provider, where the model string has none."),
    "rpm": Key(kinds.LIMIT, "Requests a minute at most; also its share of a shuffle."),
    "tpm": Key(kinds.LIMIT, "Tokens a minute at most; also its share of a shuffle."),
    "max_parallel_requests": Key(kinds.LIMIT, "Requests at once at most."),
    "weight": Key(kinds.WEIGHT, "Its share of a shuffle; 0 is only used when no other can be."),
    "order": Key(kinds.COUNT, "Its level: lower goes first, the next when those cannot be used."),
    "tags": Key(kinds.NAMES, "For requests that ask for a tag (`enable_tag_filtering`)."),
    "timeout": Key(kinds.SECONDS, "Seconds for a call; of a stream, for each wait."),
    "stream_timeout": Key(kinds.SECONDS, "Seconds for each wait of a stream."),
    "max_retries": Key(kinds.RETRIES, "How often it is tried again within one request."),
    "num_retries": Key(kinds.RETRIES, "Another spelling.", same_as="max_retries"),
    "extra_headers": Key(kinds.HEADERS, "Headers sent with every call."),
    "headers": Key(kinds.HEADERS, "Another spelling.", same_as="extra_headers"),
    **_PRICES,
    "drop_params": Key(kinds.FLAG, "Leave out a parameter the provider refuses, and try again."),
    "additional_drop_params": Key(kinds.NAMES, "Parameters that are never sent."),
    "ssl_verify": Key(kinds.VERIFY, "Whether certificates are checked, or by which CA file."),
    "azure_ad_token": Key(kinds.SECRET, "An Entra ID token, instead of a key."),
    "tenant_id": Key(kinds.TEXT, "Entra ID: the tenant."),
    "client_id": Key(kinds.TEXT, "Entra ID: the application, or the managed identity."),
    "client_secret": Key(kinds.SECRET, "Entra ID: the application's secret."),
    "azure_scope": Key(kinds.TEXT, "Entra ID: the token's scope; without it the endpoint's."),
    "azure_credential": Key(
        kinds.choice("default", "managed_identity", "client_secret", "workload_identity"),
        "Entra ID: how to sign in.",
        ours=True,
    ),
    "route": Key(
        kinds.choice("model_router", "direct"),
        "How the deployment picks its model, where its name does not say it.",
        ours=True,
    ),
    "scope": Key(kinds.SCOPE, "Where it is deployed, so which prices apply.", ours=True),
    "base_model": Key(kinds.TEXT, "The name its prices are looked up by.", ours=True),
    "discount": Key(kinds.DISCOUNT, "A discount on the model's list price.", ours=True),
    "router_fee": Key(kinds.FEE, "Another routing fee than the book's.", ours=True),
    "routing_config": Key(kinds.CONTROLS, "Azure's router controls (preview).", ours=True),
    "session_affinity": Key(
        kinds.AFFINITY, "`routing_config.session_affinity`, on its own.", ours=True
    ),
    "on_disconnect": Key(
        kinds.choice("drain", "cancel"),
        "A client hangs up: read on to know the usage, or close and estimate it.",
        ours=True,
    ),
    "drain_seconds": Key(kinds.SECONDS_OR_ZERO, "How long is read on at most.", ours=True),
    "drain_bytes": Key(kinds.SIZE, "How much is read on at most.", ours=True),
    "on_unpriced": Key(
        kinds.choice("allow", "refuse_next", "worst_case"),
        "What budgets make of a served model without a price.",
        ours=True,
    ),
    "default_params": Key(kinds.OBJECT, "Body fields sent where a request has none.", ours=True),
    "extra_body": Key(kinds.OBJECT, "Another spelling.", same_as="default_params"),
}
"""Keys of ``litellm_params`` (or ``params``)."""

BODY_FIELDS = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens",
        "metadata", "modalities", "n", "parallel_tool_calls", "presence_penalty",
        "prompt_cache_key", "reasoning_effort", "response_format", "safety_identifier", "seed",
        "service_tier", "stop", "store", "stream_options", "temperature", "thinking",
        "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "dimensions",
        "encoding_format", "top_k", "min_p", "repetition_penalty", "web_search_options",
    }
)  # fmt: skip
"""Request fields that may stand among the parameters; they are sent where a request has none."""

MODEL_INFO: Keys = {
    "id": Key(kinds.NAME, "The deployment's id; without it one is made from the names."),
    "base_model": Key(kinds.TEXT, "The name its prices are looked up by."),
    "mode": Key(kinds.TEXT, "`chat`, `embedding` or `completion`; other modes are not served."),
    **_PRICES,
}
"""Keys of ``model_info`` that mean something; any other is kept and shown."""

ROUTER: Keys = {
    "routing_strategy": Key(
        kinds.choice(
            "simple-shuffle",
            "least-busy",
            "latency-based-routing",
            "cost-based-routing",
            "usage-based-routing",
            also={
                "usage-based-routing-v2": "usage-based-routing",
                "latency-based": "latency-based-routing",
                "cost-based": "cost-based-routing",
            },
        ),
        "How one of several deployments is chosen.",
    ),
    "num_retries": Key(kinds.RETRIES, "Further attempts a model gets."),
    "timeout": Key(kinds.SECONDS, "Seconds for a request, retries and fallbacks included."),
    "stream_timeout": Key(kinds.SECONDS, "Seconds for each wait of a stream."),
    "retry_after": Key(
        kinds.SECONDS_OR_ZERO, "The least seconds before the same deployment is tried again."
    ),
    "allowed_fails": Key(kinds.COUNT, "Failures within a minute that are let pass."),
    "cooldown_time": Key(
        kinds.SECONDS_OR_ZERO, "Seconds a failing deployment is put aside at first."
    ),
    "disable_cooldowns": Key(kinds.FLAG, "Put none aside."),
    "fallbacks": Key(kinds.FALLBACKS, "Models that follow when one fails; `*` for all."),
    "context_window_fallbacks": Key(kinds.FALLBACKS, "Models for prompts too long for one."),
    "content_policy_fallbacks": Key(kinds.FALLBACKS, "Models for what a content filter refused."),
    "default_fallbacks": Key(kinds.PLACED, "For models without a list in `fallbacks`."),
    "max_fallbacks": Key(kinds.whole(0, 20), "Changes to a fallback within one request."),
    "model_group_alias": Key(kinds.ALIASES, "Other names for models."),
    "enable_tag_filtering": Key(kinds.FLAG, "Choose deployments by the request's tags."),
    "tag_filtering_match_any": Key(kinds.FLAG, "One of the tags is enough."),
    "default_litellm_params": Key(
        kinds.OBJECT, "Body fields for every model, where a request has none."
    ),
    "default_max_parallel_requests": Key(
        kinds.LIMIT, "Requests at once, for deployments that state no limit."
    ),
    "redis_host": Key(kinds.TEXT, "Redis or Valkey: its host."),
    "redis_port": Key(kinds.whole(1, 65_535), "Its port."),
    "redis_password": Key(kinds.SECRET, "Its password."),
    "redis_username": Key(kinds.TEXT, "Its user."),
    "redis_db": Key(kinds.whole(0, 1000), "Its database."),
    "redis_ssl": Key(kinds.FLAG, "Whether it is reached by TLS."),
    "redis_url": Key(kinds.SECRET, "All of it as one URL."),
}
"""Keys of ``router_settings``."""

_SHARED = (
    "num_retries",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "default_fallbacks",
    "allowed_fails",
    "cooldown_time",
    "model_group_alias",
)

SETTINGS: Keys = {
    "drop_params": Key(kinds.FLAG, "`drop_params` of every deployment that states none."),
    "request_timeout": Key(kinds.SECONDS, "`router_settings.timeout`, by another name."),
    "json_logs": Key(kinds.FLAG, "Logs as JSON (`general_settings.log.format`)."),
    "max_budget": Key(kinds.AMOUNT, "USD all calls together may cost."),
    "budget_duration": Key(
        kinds.WINDOW, "The window of that budget; without one it never starts anew."
    ),
    **{name: ROUTER[name] for name in _SHARED},
}
"""Keys of ``litellm_settings`` (or ``settings``). ``router_settings`` wins where both state one."""
