"""Keys of LiteLLM's that are not supported, and what to do instead of each."""

from collections.abc import Mapping
from typing import TypeAlias

Advice: TypeAlias = Mapping[str, str]

_PROVIDER = "this provider's own sign-in is not built in; use an OpenAI-compatible endpoint of it"
_UNIT = "only prices for one token are taken; state them, or leave prices to the price book"
_CALLBACK = "there are no callbacks; read /metrics, the logs or the spend records"
_CACHE = "answers are not cached; leave it out"
_GUARD = "guardrails are not built in; run them in front of the gateway or behind it"
_BUDGET = "budgets belong to keys; leave it out here"
_LEDGER = "there is nothing like it to set; leave it out"
_ALERT = "alert on /metrics instead"
_SSO = "calls are made with keys only; put a proxy that does it in front"
_DASHBOARD = "set general_settings.oidc; roles are given by a claim there"
_OTHER = "only chat completions and embeddings are served"
_LOGS = "set general_settings.log.level instead"
_POLICY = "set num_retries, allowed_fails and cooldown_time for all kinds of error"


def _each(names: str, advice: str) -> Advice:
    """The same advice for several keys."""
    return dict.fromkeys(names.split(), advice)


TOP: Advice = {
    "callback_settings": _CALLBACK,
    "guardrails": _GUARD,
    "mcp_servers": _OTHER,
    "mcp_tools": _OTHER,
    "prompts": "prompts are not managed here; send them with the request",
    "vector_store_registry": _OTHER,
    "search_tools": _OTHER,
    "credential_list": "write the credential at each deployment, best as os.environ/NAME",
    "files_settings": _OTHER,
    "finetune_settings": _OTHER,
    "assistant_settings": _OTHER,
    "policies": _GUARD,
    "policy_attachments": _GUARD,
}

MODEL: Advice = {
    "access_groups": "name the models at each key instead",
    "model_access_groups": "name the models at each key instead",
}

PARAMS: Advice = {
    **_each(
        """
        aws_access_key_id aws_secret_access_key aws_session_token aws_region_name
        aws_session_name aws_profile_name aws_role_name aws_sts_endpoint aws_web_identity_token
        aws_bedrock_runtime_endpoint vertex_project vertex_location vertex_credentials
        watsonx_region_name s3_bucket_name gcs_bucket_name region_name
        """,
        _PROVIDER,
    ),
    **_each(
        """
        input_cost_per_second output_cost_per_second input_cost_per_character
        output_cost_per_character input_cost_per_pixel output_cost_per_pixel
        output_cost_per_image input_cost_per_audio_token output_cost_per_audio_token
        output_cost_per_reasoning_token cache_creation_input_token_cost_above_1hr
        input_cost_per_token_above_128k_tokens output_cost_per_token_above_128k_tokens
        input_cost_per_token_above_200k_tokens output_cost_per_token_above_200k_tokens
        input_cost_per_token_batches output_cost_per_token_batches input_cost_per_query
        tiered_pricing
        """,
        _UNIT,
    ),
    **_each("max_budget budget_duration", _BUDGET),
    **_each(
        "mock_response mock_timeout mock_tool_calls",
        "run `faregate emulate` and point api_base at it",
    ),
    **_each(
        """
        auto_router_config auto_router_config_path auto_router_default_model
        auto_router_embedding_model complexity_router_config
        """,
        "let Azure's model router choose: azure_ai/model_router/<deployment>",
    ),
    **_each("azure_username azure_password", "sign in by azure_credential"),
    "organization": "send it as extra_headers: {OpenAI-Organization: …}",
    "cache_control_injection_points": "send cache_control with the request; it passes through",
    "configurable_clientside_auth_params": "clients cannot choose credentials; leave it out",
    "litellm_credential_name": "write the credential here, best as os.environ/NAME",
    "max_file_size_mb": _OTHER,
    "merge_reasoning_content_in_choices": "answers pass through as the provider sends them",
    "model_config": "list each deployment as an entry of model_list",
    "use_in_pass_through": _OTHER,
    "use_litellm_proxy": "write openai/<model> and its api_base",
    "litellm_trace_id": "send it with the request",
    "custom_tokenizer": "tokens are counted by the provider",
    "guardrails": _GUARD,
    "prompt_id": "prompts are not managed here; send them with the request",
    "cooldown_time": "set router_settings.cooldown_time for all deployments",
    "fallbacks": "list them in router_settings.fallbacks",
    "default_api_key_rpm_limit": _BUDGET,
    "default_api_key_tpm_limit": _BUDGET,
}

SETTINGS: Advice = {
    **_each(
        """
        callbacks success_callback failure_callback service_callbacks audit_log_callbacks
        langfuse_default_tags turn_off_message_logging redact_messages_in_exceptions
        redact_user_api_key_info s3_callback_params datadog_params prometheus_metrics_config
        prometheus_initialize_budget_metrics custom_prometheus_metadata_labels
        custom_prometheus_tags callback_settings default_internal_user_params
        """,
        _CALLBACK,
    ),
    **_each("cache cache_params enable_redis_auth_cache disable_no_cache_control", _CACHE),
    **_each("set_verbose suppress_debug_info log_raw_request_response", _LOGS),
    **_each(
        """
        default_team_settings default_team_params upperbound_key_generate_params
        key_generation_settings max_internal_user_budget max_user_budget max_end_user_budget
        internal_user_budget_duration default_user_params
        """,
        _BUDGET,
    ),
    **_each("mcp_aliases image_generation_model", _OTHER),
    **_each("guardrails", _GUARD),
    **_each(
        """
        modify_params disable_add_transform_inline_image_block enable_preview_features
        enable_json_schema_validation disable_copilot_system_to_assistant
        disable_hf_tokenizer_download add_function_to_prompt merge_reasoning_content_in_choices
        use_chat_completions_url_for_anthropic_messages force_ipv4 telemetry
        disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only
        enable_key_alias_format_validation forward_traceparent_to_llm_provider
        public_model_groups public_model_groups_links tag_budget_config
        include_cost_in_streaming_usage store_audit_logs request_correlation_header
        """,
        _LEDGER,
    ),
    "enable_azure_ad_token_refresh": "set azure_credential: default at the deployment",
    "ssl_verify": "set ssl_verify at the deployment",
    "custom_provider_map": "use a provider that speaks OpenAI's format: openai_like/<model>",
    "cost_discount_config": "set discount at the deployment",
    "cost_margin_config": "charges are what the provider takes; add a margin where you bill",
    "default_max_internal_user_budget": _BUDGET,
}

ROUTER: Advice = {
    **_each("retry_policy allowed_fails_policy model_group_retry_policy", _POLICY),
    **_each("debug_level set_verbose", _LOGS),
    **_each("cache_responses cache_kwargs caching_groups client_ttl", _CACHE),
    **_each(
        """
        default_priority polling_interval routing_strategy_args assistants_config
        ignore_invalid_deployments routing_groups
        """,
        _LEDGER,
    ),
    "enable_pre_call_checks": "list context_window_fallbacks; the provider's own check decides",
    "enable_pre_call_check": "list context_window_fallbacks; the provider's own check decides",
    "provider_budget_config": _BUDGET,
    "optional_pre_call_checks": "use session_affinity for routers",
    "alerting_config": _ALERT,
    "guardrail_list": _GUARD,
    "search_tools": _OTHER,
}

GENERAL: Advice = {
    **_each(
        """
        alerting alerting_threshold alerting_args alert_types alert_to_webhook_url
        spend_report_frequency
        """,
        _ALERT,
    ),
    **_each(
        """
        enable_jwt_auth litellm_jwtauth enable_oauth2_auth enable_oauth2_proxy_auth
        oauth2_config_mappings custom_auth custom_auth_run_common_checks
        custom_key_generate custom_key_update allow_user_auth
        use_client_credentials_pass_through_routes allowed_routes admin_only_routes
        public_routes allowed_ips use_x_forwarded_for litellm_key_header_name user_header_name
        user_header_mappings
        """,
        _SSO,
    ),
    **_each("custom_sso custom_ui_sso_sign_in_handler ui_access_mode role_mappings", _DASHBOARD),
    **_each(
        """
        key_management_system key_management_settings use_azure_key_vault use_google_kms
        use_aws_secret_manager
        """,
        "fetch secrets into the environment and write os.environ/NAME",
    ),
    **_each(
        """
        completion_model image_generation_model embedding_model moderation_model
        pass_through_endpoints infer_model_from_keys user_mcp_management_mode
        """,
        "clients name the model in the request; " + _OTHER,
    ),
    **_each(
        """
        database_connection_pool_limit database_connection_timeout
        database_extra_connection_params allow_requests_on_db_unavailable store_model_in_db
        supported_db_objects disable_spend_logs disable_spend_updates disable_reset_budget
        database_type disable_adding_master_key_hash_to_db disable_master_key_return
        database_args disable_prisma_schema_update disable_responses_id_security
        user_api_key_cache_ttl proxy_budget_rescheduler_min_time
        proxy_budget_rescheduler_max_time proxy_batch_write_at proxy_batch_polling_interval
        default_team_disabled maximum_spend_logs_retention_interval
        maximum_spend_logs_cleanup_cron service_account_settings litellm_license
        reject_clientside_metadata_tags disable_error_logs store_prompts_in_cold_storage
        use_redis_transaction_buffer disable_retry_on_max_parallel_request_limit_error
        enforced_params enforce_user_param forward_openai_org_id control_plane_url
        """,
        _LEDGER,
    ),
    "allow_client_side_credentials": "clients cannot choose credentials; leave it out",
    "forward_client_headers_to_llm_api": "set extra_headers at the deployment",
    "health_check_details": "set expose_health_details",
    "otel": "install the OpenTelemetry extra and set OTEL_EXPORTER_OTLP_ENDPOINT",
}

UNSERVED_STRATEGIES: Advice = {
    "provider-budget-routing": "use simple-shuffle; budgets belong to keys",
    "lowest-tpm-rpm": "use usage-based-routing",
}
