"""The sections beside ``model_list``."""

import pickle
from typing import Any

import pytest

from faregate.config import Secret
from faregate.core.routing import HealthRules, Policy, RetryRules
from tests.config.written import ONE, loaded, said

DEFAULTS = loaded(ONE)


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ("routing_strategy: least-busy", "routing_strategy", "least-busy"),
        ("routing_strategy: usage-based-routing-v2", "routing_strategy", "usage-based-routing"),
        ("routing_strategy: latency-based", "routing_strategy", "latency-based-routing"),
        ("num_retries: 0", "num_retries", 0),
        ("timeout: 12.5", "timeout", 12.5),
        ("stream_timeout: 5", "stream_timeout", 5.0),
        ("retry_after: 0", "retry_after", 0.0),
        ("allowed_fails: 1", "allowed_fails", 1),
        ("cooldown_time: 30", "cooldown_time", 30.0),
        ("disable_cooldowns: true", "disable_cooldowns", True),
        ("max_fallbacks: 2", "max_fallbacks", 2),
        ("enable_tag_filtering: true", "enable_tag_filtering", True),
        ("tag_filtering_match_any: false", "tag_filtering_match_any", False),
    ],
)
def test_router_settings(written: str, field: str, value: Any) -> None:
    assert getattr(loaded(f"{ONE}router_settings: {{{written}}}").routing, field) == value


def test_settings_serve_where_the_router_says_nothing() -> None:
    text = f"{ONE}settings: {{request_timeout: 9, num_retries: 1, allowed_fails: 7}}\n"
    routing = loaded(text).routing
    assert (routing.timeout, routing.num_retries, routing.allowed_fails) == (9.0, 1, 7)
    both = loaded(f"{text}router_settings: {{timeout: 8, num_retries: 5}}\n").routing
    assert (both.timeout, both.num_retries, both.allowed_fails) == (8.0, 5, 7)
    assert loaded(text.replace("settings:", "litellm_settings:", 1)).routing == routing
    (message,) = said(f"{text}litellm_settings: {{num_retries: 1}}\n")
    assert "stated as well" in message


def test_what_every_entry_takes_over() -> None:
    text = f"""{ONE}
litellm_settings: {{drop_params: true}}
router_settings: {{default_litellm_params: {{temperature: 0, seed: 1}}}}
general_settings: {{max_parallel_requests: 9}}
"""
    (found,) = loaded(text).deployments()
    assert found.drop_params
    assert found.max_parallel_requests == 9
    assert found.defaults == {"temperature": 0, "seed": 1}
    own = text.replace(
        "api_key: key", "api_key: key, drop_params: false, max_parallel_requests: 2, seed: 5"
    )
    (found,) = loaded(own).deployments()
    assert not found.drop_params
    assert found.max_parallel_requests == 2
    assert found.defaults == {"temperature": 0, "seed": 5}


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ("master_key: sk-1234", "master_key", Secret("sk-1234")),
        ("allow_weak_master_key: true", "allow_weak_master_key", True),
        ("data_dir: /var/lib/x", "data_dir", "/var/lib/x"),
        ("reporting_time_zone: Europe/Berlin", "reporting_time_zone", "Europe/Berlin"),
        ("database_url: 'sqlite:///x'", "database_url", Secret("sqlite:///x")),
        ("store_prompts_in_spend_logs: true", "store_prompts_in_spend_logs", True),
        (
            "maximum_spend_logs_retention_period: 30d",
            "maximum_spend_logs_retention_period",
            2.592e6,
        ),
        ("max_response_size_mb: 2", "max_response_bytes", 2_097_152),
        ("compat_headers: litellm", "compat_headers", "litellm"),
        ("compat_headers: none", "compat_headers", ""),
        ("cors_origins: ['https://a', 'https://b']", "cors_origins", ("https://a", "https://b")),
        ("drain_timeout: 0", "drain_timeout", 0.0),
        ("background_health_checks: true", "background_health_checks", True),
        ("global_max_parallel_requests: 50", "global_max_parallel_requests", 50),
    ],
)
def test_general_settings(written: str, field: str, value: Any) -> None:
    assert getattr(loaded(f"{ONE}general_settings: {{{written}}}").general, field) == value


def test_limits_log_and_metrics() -> None:
    general = loaded(f"""{ONE}
general_settings:
  limits: {{max_body_bytes: 1MiB, max_headers: 50, header_timeout: 2, max_json_depth: 9}}
  log: {{format: json, level: debug}}
  metrics: {{enabled: false, labels: [key], require_auth: true}}
""").general
    assert general.limits.max_body_bytes == 1_048_576
    assert (general.limits.max_headers, general.limits.header_timeout) == (50, 2.0)
    assert general.limits.max_json_depth == 9
    assert general.limits.max_url_bytes == DEFAULTS.general.limits.max_url_bytes
    assert (general.log.format, general.log.level) == ("json", "debug")
    assert not general.metrics.enabled
    assert general.metrics.labels == ("key",)


def test_other_names_for_the_same() -> None:
    text = f"{ONE}general_settings: {{max_request_size_mb: 1.5}}\n"
    assert loaded(text).general.limits.max_body_bytes == 1_572_864
    both = text.replace("1.5", "1.5, limits: {max_body_bytes: 5}")
    assert len(said(both)) == 1
    assert loaded(f"{ONE}litellm_settings: {{json_logs: true}}").general.log.format == "json"


def test_a_budget_is_read_with_its_window() -> None:
    settings = loaded(f"{ONE}litellm_settings: {{max_budget: 10.50, budget_duration: 1mo}}")
    assert settings.general.max_budget == 10_500_000_000_000
    assert str(settings.general.budget_duration) == "1mo"
    assert not settings.warnings


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("master_key: 'a b'", "the master key holds a blank"),
        ("maximum_spend_logs_retention_period: soon", "a time span such as 30d"),
        ("maximum_spend_logs_retention_period: \u0663d", "a time span such as 30d"),
        ("health_check_interval: '\u0663'", "a positive number of seconds"),
        ("max_request_size_mb: '\u0663'", "a number of megabytes"),
        ("limits: {max_body_bytes: '\u0663MB'}", "a size such as"),
        ("reporting_time_zone: Europe/Berln", "did you mean Europe/Berlin?"),
        ("reporting_time_zone: localtime", "is another zone on every machine"),
        ("max_request_size_mb: 0", "a number of megabytes"),
        ("log: {level: loud}", "one of debug, info, warning, error"),
        ("metrics: {labels: [prompt]}", "a list of key"),
        ("limits: {max_headers: 1}", "a whole number from 8"),
        ("limits: 5", "a mapping of keys"),
        ("database_url: os.environ/DB", "the environment variable DB is not set"),
        ("database_url: 'os.environ/'", "must be followed by a variable's name"),
    ],
)
def test_general_settings_that_are_wrong(written: str, message: str) -> None:
    (found,) = said(f"{ONE}general_settings: {{{written}}}\n")
    assert message in found
    assert found.startswith("5: error: general_settings.")


def test_redis() -> None:
    assert DEFAULTS.redis is None
    text = f"{ONE}router_settings: {{redis_host: h, redis_password: p, redis_ssl: true}}"
    found = loaded(text).redis
    assert found is not None
    assert (found.host, found.port, found.ssl, found.password) == ("h", 6379, True, Secret("p"))


def test_the_routers_policy() -> None:
    routing = loaded(f"""{ONE}
router_settings:
  {{num_retries: 1, retry_after: 2, fallbacks: [{{m: [m]}}], max_fallbacks: 3, allowed_fails: 4,
    cooldown_time: 6, routing_strategy: cost-based-routing, enable_tag_filtering: true}}
""").routing
    assert routing.policy() == Policy(
        strategy="cost-based-routing",
        retry=RetryRules(num_retries=1, retry_after=2.0, fallbacks={"m": ("m",)}, max_fallbacks=3),
        health=HealthRules(allowed_fails=4, cooldown_time=6.0),
        tag_filtering=True,
    )


def test_a_secret_shows_nothing() -> None:
    secret = Secret("hidden")
    assert "hidden" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hidden"
    assert secret == Secret("hidden") != Secret("other")
    assert secret != "hidden"
    assert {secret: 1}[Secret("hidden")] == 1
    assert secret
    assert not Secret("")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
