"""The keys of ``general_settings``: the server itself. See :mod:`faregate.config.keys`."""

from faregate.config import kinds
from faregate.config.keys import Key, Keys

GENERAL: Keys = {
    "master_key": Key(kinds.SECRET, "The key that may do everything; made and kept when absent."),
    "allow_weak_master_key": Key(
        kinds.FLAG, "Serve other addresses than loopback with a weak master key.", ours=True
    ),
    "data_dir": Key(kinds.TEXT, "Where the made master key and the journal are kept.", ours=True),
    "ledger": Key(kinds.FLAG, "Keep a row of every call, in a journal and a database.", ours=True),
    "database_url": Key(
        kinds.SECRET,
        "The ledger's database: `postgresql://…` or `sqlite:///…`; a SQLite file in the data"
        " directory when absent.",
    ),
    "reporting_time_zone": Key(
        kinds.ZONE,
        "The zone whose days spend is summed by, for everybody; when absent, what the ledger has:"
        " UTC, unless another was stated before.",
        ours=True,
    ),
    "on_ledger_outage": Key(
        kinds.choice("serve", "refuse"),
        "What happens to calls while the database does not answer.",
        ours=True,
    ),
    "journal_fsync": Key(
        kinds.choice("none", "group"),
        "`none` survives a killed process, `group` a power failure, for a few milliseconds a call.",
        ours=True,
    ),
    "on_counters_outage": Key(
        kinds.choice("refuse", "serve"),
        "What happens to a call whose budgets or limits cannot be known, as when Redis is gone.",
        ours=True,
    ),
    "alert_webhook_url": Key(
        kinds.SECRET,
        "Where a warning is posted (as JSON with a `text`) when a budget reaches its soft limit.",
        ours=True,
    ),
    "record_client_address": Key(kinds.FLAG, "Keep the client's address with each row.", ours=True),
    "store_prompts_in_spend_logs": Key(kinds.FLAG, "Keep prompts and answers with the rows."),
    "prompt_retention_period": Key(kinds.SPAN, "How long prompts and answers are kept.", ours=True),
    "redact_prompts": Key(
        kinds.NAMES,
        "Regular expressions; what fits one is masked in kept prompts and answers.",
        ours=True,
    ),
    "maximum_spend_logs_retention_period": Key(
        kinds.SPAN, "How long rows are kept; the daily sums stay."
    ),
    "max_request_size_mb": Key(
        kinds.number(0.001, 100_000, "a number of megabytes"), "`limits.max_body_bytes` in MB."
    ),
    "max_response_size_mb": Key(
        kinds.number(0.001, 100_000, "a number of megabytes"),
        "The largest answer of an upstream, streams excepted.",
        status="later",
    ),
    "background_health_checks": Key(
        kinds.FLAG, "Call every deployment now and then. It costs money."
    ),
    "health_check_interval": Key(kinds.SECONDS, "Seconds between those calls."),
    "max_parallel_requests": Key(
        kinds.LIMIT, "Requests at once, for deployments that state no limit."
    ),
    "global_max_parallel_requests": Key(kinds.LIMIT, "Requests at once, in one process."),
    "compat_headers": Key(
        kinds.choice("litellm", also={"none": "", "false": ""}),
        "Answers carry `x-litellm-…` headers as well.",
        ours=True,
    ),
    "cors_origins": Key(
        kinds.NAMES, "Origins whose pages may call the gateway; `*` for all.", ours=True
    ),
    "drain_timeout": Key(
        kinds.SECONDS_OR_ZERO, "Seconds running requests get when the server stops.", ours=True
    ),
    "expose_health_details": Key(
        kinds.FLAG,
        "`/health` names deployments to callers without a key.",
        ours=True,
        status="later",
    ),
}
"""Keys of ``general_settings`` beside its sections."""

LIMITS: Keys = {
    "max_body_bytes": Key(kinds.SIZE, "The largest request body (413).", ours=True),
    "max_header_bytes": Key(kinds.SIZE, "All request headers together.", ours=True),
    "max_headers": Key(kinds.whole(8, 10_000), "Number of request headers.", ours=True),
    "max_url_bytes": Key(kinds.SIZE, "The longest URL.", ours=True),
    "max_json_depth": Key(kinds.whole(4, 512), "How deep a body may be nested.", ours=True),
    "max_connections": Key(kinds.whole(1, 1_000_000), "Connections at once.", ours=True),
    "header_timeout": Key(kinds.SECONDS, "Seconds to send the request's head.", ours=True),
    "body_timeout": Key(kinds.SECONDS, "Seconds to send the request's body.", ours=True),
    "idle_timeout": Key(
        kinds.SECONDS, "Seconds a connection may rest between requests.", ours=True
    ),
    "max_in_flight_bytes": Key(kinds.SIZE, "Request bodies held at once.", ours=True),
}
"""Keys of ``general_settings.limits``."""

LOG: Keys = {
    "format": Key(kinds.choice("human", "json"), "How lines look.", ours=True),
    "level": Key(
        kinds.choice("debug", "info", "warning", "error"), "What is worth a line.", ours=True
    ),
}
"""Keys of ``general_settings.log``."""

METRICS: Keys = {
    "enabled": Key(kinds.FLAG, "Whether `/metrics` is served.", ours=True),
    "labels": Key(
        kinds.some_of("key"), "Labels beyond the usual ones. `key` can be many series.", ours=True
    ),
    "require_auth": Key(kinds.FLAG, "Whether `/metrics` asks for a key.", ours=True),
}
"""Keys of ``general_settings.metrics``."""

OIDC: Keys = {
    "issuer": Key(
        kinds.NAME, "The provider's address, exactly as its tokens state it (`iss`).", ours=True
    ),
    "client_id": Key(kinds.NAME, "The application's id at the provider.", ours=True),
    "client_secret": Key(kinds.SECRET, "The application's secret at the provider.", ours=True),
    "scopes": Key(
        kinds.NAMES, "What is asked for; `openid`, `email` and `profile` if absent.", ours=True
    ),
    "redirect_url": Key(
        kinds.NAME,
        "Where the provider sends people back to: `https://<gateway>/api/session/oidc/callback`."
        " Without it the address of the request, where `allowed_hosts` has it.",
        ours=True,
    ),
    "allowed_hosts": Key(
        kinds.NAMES,
        "Hosts (with the port, unless it is the usual one) a `redirect_url` may be made of;"
        " loopback always.",
        ours=True,
    ),
    "role_claim": Key(
        kinds.NAME,
        "The claim that gives roles; `realm_access.roles` goes into objects.",
        ours=True,
    ),
    "admin_values": Key(kinds.NAMES, "Values of it that make an admin.", ours=True),
    "viewer_values": Key(kinds.NAMES, "Values of it that make a viewer.", ours=True),
    "default_role": Key(
        kinds.choice("none", "viewer", "admin"),
        "The role of everybody else; `none` lets nobody else in.",
        ours=True,
    ),
    "allowed_domains": Key(
        kinds.NAMES, "Domains a person's verified e-mail address must be in.", ours=True
    ),
    "label": Key(kinds.NAME, "What the button on the sign-in page says.", ours=True),
    "contact": Key(kinds.NAME, "Whom to ask, for a person who is not let in.", ours=True),
}
"""Keys of ``general_settings.oidc``."""

INNER = {"limits": LIMITS, "log": LOG, "metrics": METRICS, "oidc": OIDC}
"""Sections of ``general_settings``."""
