"""Azure OpenAI under the prefix ``azure/``: the same resources as ``azure_ai/``."""

from faregate.providers.azure_endpoint import azure_key_headers, azure_url
from faregate.types import Deployment, Provider


def _headers(deployment: Deployment, key: str) -> dict[str, str]:
    return azure_key_headers(deployment, key, elsewhere_bearer=False)


PROVIDER = Provider(
    name="azure",
    chat_url=azure_url,
    auth_headers=_headers,
    price_list="azure",
    key_env=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    base_env=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
    version_env=("AZURE_API_VERSION", "AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
    docs="https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle",
)
