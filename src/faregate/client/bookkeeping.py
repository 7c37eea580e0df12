"""Arguments of LiteLLM's that mean nothing to a provider: never sent, and without effect here.

Code that moves over may pass any of them; a provider would refuse them, and some hold secrets.
"""

BOOKKEEPING = frozenset(
    {
        "acompletion", "aembedding", "allowed_model_region", "allowed_openai_params",
        "assistant_continue_message", "atext_completion", "azure", "bos_token", "budget_duration",
        "cache", "cache_key", "caching", "caching_groups", "callbacks", "client",
        "complete_response", "configurable_clientside_auth_params", "cooldown_time",
        "deployment_id", "disable_add_transform_inline_image_block",
        "enable_json_schema_validation", "ensure_alternating_roles", "eos_token",
        "failure_callback", "fallback_depth", "fastest_response", "final_prompt_value",
        "force_timeout", "guardrails", "hf_model_name", "id", "input_callback",
        "input_cost_per_second", "litellm_credential_name", "litellm_disabled_callbacks",
        "litellm_logging_obj", "litellm_metadata", "litellm_params",
        "litellm_proxy_rate_limit_response", "litellm_request_debug", "litellm_session_id",
        "litellm_trace_id", "logger_fn", "max_budget", "max_fallbacks", "max_parallel_requests",
        "merge_reasoning_content_in_choices", "mock_delay", "model_config",
        "model_file_id_mapping", "model_info", "no-log", "no_log", "order", "organization",
        "output_cost_per_second", "preset_cache_key", "prompt_id", "prompt_variables",
        "prompt_version", "provider_specific_header", "proxy_server_request", "region_name",
        "retry_policy", "retry_strategy", "roles", "rpm", "secret_fields", "shared_session",
        "success_callback", "supports_system_message", "tags", "text_completion", "tpm", "ttl",
        "use_client", "use_in_pass_through", "user_continue_message", "verbose", "weight",
    }
)  # fmt: skip

REFUSED = {
    "azure_password": "sign in with tenant_id, client_id and client_secret, or a managed identity",
    "azure_username": "sign in with tenant_id, client_id and client_secret, or a managed identity",
    "mock_response": "run `faregate emulate` and point api_base at it",
    "mock_tool_calls": "run `faregate emulate` and point api_base at it",
    "mock_timeout": "run `faregate emulate` with a stall fault",
    "fallbacks": "list the fallbacks in the gateway's config, or catch the error and call again",
    "context_window_fallback_dict": "catch ContextWindowExceededError and call again",
    "model_list": "use the gateway's config",
}
"""Arguments that would change the call, and what to do instead."""
