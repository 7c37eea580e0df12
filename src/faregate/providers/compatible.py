"""Providers that speak OpenAI's Chat Completions: a name, a base URL and the variables they read.

A new one is a line here; a base URL alone needs none (``openai/<model>`` with ``api_base``).
"""

from faregate.providers.openai_endpoint import plain_headers, plain_url
from faregate.types import Provider


def _at(name: str, api_base: str, *key_env: str, price_list: str = "") -> Provider:
    """A hosted provider: it needs a key, and its base can be moved by ``<NAME>_API_BASE``."""
    return Provider(
        name=name,
        chat_url=plain_url(api_base),
        auth_headers=plain_headers,
        price_list=price_list or name,
        api_base=api_base,
        key_env=key_env,
        base_env=(f"{name.upper()}_API_BASE",),
        asks_stream_usage=name not in _TELLS_UNASKED,
    )


def _local(name: str, api_base: str) -> Provider:
    """A server of one's own: it works without a key and takes one, and serves under ``/v1``."""
    stem = name.upper()
    return Provider(
        name=name,
        chat_url=plain_url(api_base, root="/v1" if api_base else ""),
        auth_headers=plain_headers,
        price_list=name,
        api_base=api_base,
        key_env=(f"{stem}_API_KEY",),
        base_env=(f"{stem}_API_BASE",),
        needs_key=False,
    )


_TELLS_UNASKED = frozenset({"mistral", "perplexity"})
"""They put usage into every stream by themselves; Mistral refuses ``stream_options`` with a 422."""

_HOSTED = (
    _at("anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
    _at("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    _at("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY"),
    _at("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    _at("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    _at(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        "FIREWORKS_AI_API_KEY",
        "FIREWORKSAI_API_KEY",
        "FIREWORKS_AI_TOKEN",
    ),
    _at("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    _at("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    _at("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    _at("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    _at("novita", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    _at(
        "nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY", "NVIDIA_API_KEY"
    ),
    _at("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "OR_API_KEY"),
    _at("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    _at("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    _at(
        "together_ai",
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
        "TOGETHER_AI_API_KEY",
        "TOGETHERAI_API_KEY",
        "TOGETHER_AI_TOKEN",
    ),
    _at("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    _at("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
)
_OWN = (
    _local("hosted_vllm", "http://localhost:8000/v1"),
    _local("llamafile", "http://127.0.0.1:8080/v1"),
    _local("lm_studio", "http://localhost:1234/v1"),
    _local("ollama", "http://localhost:11434/v1"),
    _local("openai_like", ""),
)
_ALIASES = {
    "custom": "openai_like",
    "custom_openai": "openai_like",
    "fireworks": "fireworks_ai",
    "lmstudio": "lm_studio",
    "nvidia": "nvidia_nim",
    "ollama_chat": "ollama",
    "together": "together_ai",
    "vllm": "hosted_vllm",
}

_VALUES = {provider.name: provider for provider in (*_HOSTED, *_OWN)}

TABLE: dict[str, Provider] = _VALUES | {alias: _VALUES[name] for alias, name in _ALIASES.items()}
"""Every name a compatible provider answers to."""
