"""What a deployment authenticates with, from its parameters or the provider's variables."""

from faregate.config.reading import Found, Reader
from faregate.config.secret import Secret
from faregate.config.settings import Credential
from faregate.errors import ConfigError
from faregate.providers.auth import check_secret, from_environment
from faregate.types import Provider

_SIGN_IN = ("tenant_id", "client_id", "client_secret", "azure_credential")


def credential_of(params: Found, provider: Provider, reader: Reader) -> Credential:
    """The credential; a problem is noted where one is needed and there is none."""
    token = params.get("azure_ad_token")
    entra = any(name in params.values for name in _SIGN_IN)
    key = params.get("api_key")
    if key is None and not entra and token is None:
        found = from_environment(provider, reader.environ).key
        key = Secret(found) if found else None
    if key is None and not entra and token is None and provider.needs_key:
        _no_key(params, provider, reader)
    for name, secret in (("api_key", key), ("azure_ad_token", token)):
        _check(name, secret, params, reader)
    if key is not None and (entra or token is not None):
        place = params.entries.get("api_key")
        if place is not None:
            message = "is not used: the deployment signs in to Entra ID"
            reader.note(place, f"{params.path}.api_key", message, "warning")
        key = None
    secret = params.get("client_secret")
    return Credential(
        api_key=key,
        azure_ad_token=token,
        entra=entra and token is None,
        entra_kind=params.get("azure_credential", "client_secret" if secret else "default")
        if entra
        else "",
        tenant_id=params.get("tenant_id", ""),
        client_id=params.get("client_id", ""),
        client_secret=secret,
        azure_scope=params.get("azure_scope", ""),
    )


def _no_key(params: Found, provider: Provider, reader: Reader) -> None:
    if "api_key" in params.entries and not _is_empty(params):
        return  # it is there and wrong, which was noted
    looked = " or ".join(provider.key_env)
    place = params.entries.get("api_key") or params.entries["model"]
    message = "is missing: state it" + (f", or set {looked}" if looked else "")
    reader.note(place, f"{params.path}.api_key", message)


def _is_empty(params: Found) -> bool:
    return getattr(params.entries["api_key"].node, "text", "x") == ""


def _check(name: str, secret: Secret | None, params: Found, reader: Reader) -> None:
    if secret is None:
        return
    try:
        check_secret(secret.reveal(), name)
    except ConfigError as error:
        place = params.entries.get(name) or params.entries["model"]
        message = str(error).removesuffix("; nothing was sent")
        reader.note(place, f"{params.path}.{name}", message)
