"""Azure AI Foundry under the prefix ``azure_ai/``: router deployments, ``auto``, any deployment."""

from faregate.providers.azure_endpoint import azure_key_headers, azure_url
from faregate.types import Deployment, Provider


def _headers(deployment: Deployment, key: str) -> dict[str, str]:
    return azure_key_headers(deployment, key, elsewhere_bearer=True)


PROVIDER = Provider(
    name="azure_ai",
    chat_url=azure_url,
    auth_headers=_headers,
    price_list="azure",
    key_env=("AZURE_AI_API_KEY", "AZURE_API_KEY"),
    base_env=("AZURE_AI_API_BASE", "AZURE_API_BASE"),
    version_env=("AZURE_API_VERSION",),
    docs="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/model-router",
)
