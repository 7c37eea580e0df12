"""OpenAI itself, and any compatible endpoint that is given by its base URL alone."""

from faregate.providers.openai_endpoint import plain_headers, plain_url
from faregate.types import Provider

_BASE = "https://api.openai.com/v1"

PROVIDER = Provider(
    name="openai",
    chat_url=plain_url(_BASE),
    auth_headers=plain_headers,
    price_list="openai",
    api_base=_BASE,
    key_env=("OPENAI_API_KEY",),
    base_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    docs="https://platform.openai.com/docs/api-reference/chat",
)
