"""A file that uses what people use of LiteLLM starts unchanged."""

from tests.config.written import loaded

WHOLE = """
model_list:
  - model_name: azure-model-router
    litellm_params:
      model: azure_ai/model_router/prod
      api_base: os.environ/AZURE_AI_API_BASE
      api_key: os.environ/AZURE_AI_API_KEY
      api_version: 2024-10-21
      rpm: 600
      tpm: 100000
      timeout: 300
      stream_timeout: 60
      max_retries: 2
      weight: 2
      order: 1
      tags: [default]
      extra_headers: {X-Team: red}
      input_cost_per_token: 0.00000015
      output_cost_per_token: 6.0e-7
      drop_params: true
      additional_drop_params: [user]
    model_info:
      id: one
      base_model: azure/gpt-5
      mode: chat
      input_cost_per_token: 0.00000015
      output_cost_per_token: 0.0000006
  - model_name: embed
    litellm_params: {model: azure/text-embedding-3-small, api_base: "https://r.openai.azure.com",
                     api_key: os.environ/AZURE_AI_API_KEY}
    model_info: {mode: embedding}
litellm_settings:
  drop_params: true
  num_retries: 3
  request_timeout: 600
  fallbacks: [{azure-model-router: [embed]}]
  context_window_fallbacks: [{azure-model-router: [embed]}]
  content_policy_fallbacks: [{azure-model-router: [embed]}]
  default_fallbacks: [embed]
  cache: true
  cache_params: {type: redis, host: os.environ/REDIS_HOST}
  callbacks: [prometheus]
  max_budget: 100
  budget_duration: 30d
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 30
  retry_after: 5
  allowed_fails: 3
  cooldown_time: 30
  fallbacks: [{azure-model-router: [embed]}]
  model_group_alias: {gpt-4: azure-model-router}
  redis_host: os.environ/REDIS_HOST
  redis_port: os.environ/REDIS_PORT
  redis_password: os.environ/REDIS_PASSWORD
general_settings:
  master_key: sk-1234
  database_url: os.environ/DATABASE_URL
  store_prompts_in_spend_logs: true
  maximum_spend_logs_retention_period: 30d
  max_request_size_mb: 100
  alerting: [slack]
  background_health_checks: true
"""
ENVIRON = {
    "AZURE_AI_API_BASE": "https://r.services.ai.azure.com",
    "AZURE_AI_API_KEY": "k1",
    "REDIS_HOST": "localhost",
    "REDIS_PORT": "6379",
    "REDIS_PASSWORD": "k2",
    "DATABASE_URL": "postgresql://u:k3@h/db",
}


def test_everything_people_use_is_taken() -> None:
    settings = loaded(WHOLE, ENVIRON)
    assert settings.names() == ("azure-model-router", "embed", "gpt-4")
    assert settings.routing.num_retries == 2
    assert settings.routing.timeout == 30.0
    assert settings.general.limits.max_body_bytes == 100 * 1024 * 1024
    assert settings.redis is not None
    assert settings.redis.port == 6379
    (router,) = settings.models["azure-model-router"]
    assert router.id == "one"
    assert router.deployment.route == "model_router"
    assert router.deployment.api_version == "2024-10-21"


def test_only_what_has_no_effect_is_warned_of() -> None:
    warned = {each.key.rpartition(".")[2] for each in loaded(WHOLE, ENVIRON).warnings}
    assert warned == {
        "base_model",
        "cache",
        "cache_params",
        "callbacks",
        "alerting",
    }


def test_no_secret_is_shown() -> None:
    shown = repr(loaded(WHOLE, ENVIRON))
    assert not any(secret in shown for secret in ("k1'", "k2'", "k3@", "sk-1234"))
