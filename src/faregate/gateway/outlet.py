"""A deployment made ready: where it is called, what goes with the request, what it may take."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Raw

from faregate import providers
from faregate.config.settings import Credential, ModelDeployment, Settings
from faregate.providers.auth import bearer_headers, require_key
from faregate.types import HttpRequest
from faregate.upstream.credentials import EntraOptions, TokenSource, token_source
from faregate.upstream.limits import Timeouts
from faregate.upstream.tls import TlsOptions
from faregate.upstream.transport import Transport, shared
from faregate.wire import router_controls, splice

FORWARDED = (b"x-ms-session-id", b"x-ms-client-request-id", b"foundry-features")
"""Headers of a client that mean something to Azure's router and nothing to anybody else."""

_SHORTEST_SECRET = 6  # shorter ones are words; masking them would garble texts


class Outlet:
    """One deployment, prepared once a configuration; a request only fills in its body."""

    __slots__ = (
        "_asks_usage",
        "_headers",
        "_members",
        "_secrets",
        "_token",
        "_transport",
        "_transport_options",
        "_urls",
        "deployment",
        "entry",
        "model_prefix",
        "price_list",
        "provider",
    )

    def __init__(self, entry: ModelDeployment) -> None:
        """Raises :class:`ConfigError` or :class:`AuthenticationError` for what cannot be called."""
        self.entry = entry
        self.deployment = entry.deployment
        self.provider = providers.get(self.deployment.provider)
        self.price_list = self.provider.price_list
        self.model_prefix = f"{self.provider.name}/" if self.provider.prefix_model else ""
        headers = {"content-type": "application/json"}
        self._token = _token(entry.credential, self.deployment.api_base)
        if self._token is None:
            key = entry.credential.api_key
            key_text = require_key(self.provider, key.reveal() if key else "", entry.model_name)
            headers |= self.provider.auth_headers(self.deployment, key_text)
        headers |= {name: secret.reveal() for name, secret in entry.extra_headers.items()}
        self._headers = {name.lower(): value for name, value in headers.items()}
        self._asks_usage = self.provider.asks_stream_usage
        self._secrets = [text for text in _secrets(entry) if len(text) >= _SHORTEST_SECRET]
        self._members = {"model": splice.raw(self.deployment.upstream_model)}
        self._urls: dict[str, str] = {}
        self._transport: Transport | None = None
        self._transport_options = _transport_options(entry)

    def transport(self) -> Transport:
        """The connections for this deployment's TLS. A gateway has one loop, so one is enough."""
        found = self._transport
        if found is None:
            found = self._transport = shared(**self._transport_options)
        return found

    async def request(
        self, operation: str, members: Mapping[str, Raw], forwarded: Mapping[bytes, bytes]
    ) -> HttpRequest:
        """The request as this deployment takes it: the client's body with the model replaced.

        Raises :class:`ConfigError` for router controls whose shape is wrong.
        """
        body: dict[str, Raw] = {**members, **self._members}
        entry = self.entry
        for name, value in entry.defaults.items():
            if name not in body:
                body[name] = splice.raw(value)
        for name in entry.additional_drop_params:
            body.pop(name, None)
        if not self._asks_usage:
            body.pop("stream_options", None)  # its usage comes unasked, or not at all
        if self.deployment.route != "model_router":
            body.pop(
                router_controls.FIELD, None
            )  # a fallback that is no router knows nothing of it
        headers = self._headers
        passed = [name for name in FORWARDED if name in forwarded]
        if passed or self._token is not None:
            headers = dict(headers)
            for header in passed:
                headers[header.decode()] = forwarded[header].decode("latin-1")
        if self._token is not None:
            token = await self._token.token()
            headers["authorization"] = bearer_headers(token)["Authorization"]
        if entry.routing_config is not None or router_controls.FIELD in body:
            body, headers = self._controlled(body, headers)
        url = self._urls.get(operation)
        if url is None:
            url = self._urls[operation] = self.provider.chat_url(self.deployment, operation)
        return HttpRequest("POST", url, headers, splice.close_object(body))

    def stop_asking_usage(self) -> bool:
        """Its provider refuses ``stream_options``; False when it was not asked for already."""
        asked, self._asks_usage = self._asks_usage, False
        return asked

    def conceal(self, text: str) -> str:
        """A provider's text without our credentials, should it repeat them."""
        for secret in self._secrets:
            text = text.replace(secret, "[masked]")
        return text

    def timeouts(self, settings: Settings, *, stream: bool, left: float | None) -> Timeouts:
        """How long each phase may take; ``left`` is what remains of the request's own time."""
        entry = self.entry
        if stream:
            wait = entry.stream_timeout or settings.routing.stream_timeout or entry.timeout
            wait = wait or settings.routing.timeout
            first = wait if left is None else min(wait, left)
            return Timeouts(connect=min(10.0, first), first_byte=first, between=wait)
        wait = entry.timeout or settings.routing.timeout
        total = wait if left is None else min(wait, left)
        return Timeouts(connect=min(10.0, total), first_byte=total, between=total, total=total)

    def shown_model(self, served: str) -> str:
        """The answer's ``model``: ``azure_ai/<served>``."""
        return f"{self.model_prefix}{served}" if served else served

    def _controlled(
        self, body: dict[str, Raw], headers: Mapping[str, str]
    ) -> tuple[dict[str, Raw], dict[str, str]]:
        field = router_controls.FIELD
        asked: dict[str, Any] = {}
        if field in body:
            asked[field] = splice.value_of(body, field)
        merged, headers = router_controls.apply_controls(asked, headers, self.entry.routing_config)
        body[field] = splice.raw(merged[field])
        return body, headers


def _secrets(entry: ModelDeployment) -> Iterator[str]:
    """Every credential of a deployment."""
    credential = entry.credential
    held = (credential.api_key, credential.azure_ad_token, credential.client_secret)
    for secret in (*held, *entry.extra_headers.values()):
        if secret:
            yield secret.reveal()


def _transport_options(entry: ModelDeployment) -> dict[str, Any]:
    if entry.ssl_verify and not entry.ca_file:
        return {}
    return {"tls": TlsOptions(ca_file=entry.ca_file or None, verify=entry.ssl_verify)}


def _token(credential: Credential, api_base: str) -> TokenSource | None:
    """Where the bearer token comes from; None when the deployment uses a key."""
    if credential.azure_ad_token:
        return token_source(api_base, token=credential.azure_ad_token.reveal())
    if not credential.entra:
        return None
    secret = credential.client_secret
    options = EntraOptions(
        kind=credential.entra_kind or ("client_secret" if secret else "default"),  # type: ignore[arg-type]
        tenant_id=credential.tenant_id,
        client_id=credential.client_id,
        client_secret=secret.reveal() if secret else "",
        scope=credential.azure_scope,
    )
    return _signed_in(api_base, options)


@functools.lru_cache(maxsize=256)
def _signed_in(api_base: str, options: EntraOptions) -> TokenSource | None:
    """One credential an upstream for the life of the process, reloads included."""
    return token_source(api_base, entra=options)
