"""One call, prepared: which deployment, which URL, which headers, which body."""

import functools
import os
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from faregate import providers
from faregate.client.objects import Receipt
from faregate.client.options import Options
from faregate.core import receipt as receipts
from faregate.core.naming import parse_model
from faregate.errors import ConfigError
from faregate.prices.load import book_of
from faregate.providers.auth import bearer_headers, from_environment, require_key
from faregate.types import (
    Deployment,
    HttpRequest,
    JsonObject,
    Provider,
    Target,
    Usage,
)
from faregate.wire import openai_chat, router_controls

if TYPE_CHECKING:  # calls with a key need none of it
    from faregate.upstream.credentials import EntraOptions, TokenSource

_DROPPABLE = 8  # parameters a call may drop one by one before the provider's refusal stands


class Call:
    """What is known of a call before anything is sent, and the receipt afterwards."""

    __slots__ = (
        "_credential",
        "_dropped",
        "at",
        "body",
        "call_id",
        "deployment",
        "headers",
        "model",
        "operation",
        "options",
        "provider",
        "url",
    )

    def __init__(self, model: str, operation: str, options: Options, body: JsonObject) -> None:
        """Raises :class:`ConfigError` or :class:`AuthenticationError` before anything is sent."""
        self.model = model
        self.operation = operation
        self.options = options
        self.at = time.time()
        self.call_id = options.call_id or _new_id(self.at)
        self.provider, target = _resolved(
            model, options.provider, options.route, options.api_base or ""
        )
        key, base, version = from_environment(self.provider, os.environ)
        self.deployment = Deployment(
            id=target.upstream_model,
            provider=self.provider.name,
            route=target.route,
            upstream_model=target.upstream_model,
            api_base=options.api_base or base,
            api_version=options.api_version or version,
            base_model=options.base_model,
            scope=options.scope,
            discount_bp=options.discount_bp,
            own_prices=options.own_prices,
            router_fee=options.router_fee,
        )
        where = self.deployment
        self.url = _url(
            where.provider, operation, where.upstream_model, where.api_base, where.api_version
        )
        headers: dict[str, str] = {"content-type": "application/json"}
        self._credential = _credential(self.deployment.api_base, options)
        if self._credential is None:
            key = require_key(self.provider, options.api_key or key, model)
            headers |= self.provider.auth_headers(self.deployment, key)
        headers.update(options.extra_headers)
        self.body: JsonObject = {"model": target.upstream_model, **body, **options.extra_body}
        for name in options.additional_drop_params:
            _drop(self.body, name)
        if options.routing_config is not None or router_controls.FIELD in self.body:
            self.body, headers = router_controls.apply_controls(
                self.body, headers, options.routing_config
            )
        self.headers = {name.lower(): value for name, value in headers.items()}
        self._dropped = 0

    async def request(self) -> HttpRequest:
        """The request as it goes out; fetches an Entra token where one is used."""
        if self._credential is not None:
            token = await self._credential.token()
            self.headers["authorization"] = bearer_headers(token)["Authorization"]
        try:
            encoded = openai_chat.encode(self.body)
        except openai_chat.WireError as error:
            raise ConfigError(str(error)) from None
        return HttpRequest("POST", self.url, self.headers, encoded)

    def drop_refused(self, param: str | None, message: str) -> bool:
        """Leave out the parameter the provider refused; False when that is not wanted or possible.

        Only with ``drop_params``. A refusal is a 400 and is not billed. ``max_tokens`` becomes
        ``max_completion_tokens`` where the provider asks for that.
        """
        if not self.options.drop_params or self._dropped >= _DROPPABLE or not param:
            return False
        if param in ("model", "messages", "input"):
            return False
        value = _drop(self.body, param)
        if value is None:
            return False
        if param == "max_tokens" and "max_completion_tokens" in message:
            self.body["max_completion_tokens"] = value
        self._dropped += 1
        return True

    def shown_model(self, served: str) -> str:
        """The answer's ``model``: ``azure_ai/<served>``."""
        if not served or not self.provider.prefix_model:
            return served
        return f"{self.provider.name}/{served}"

    def receipt(self, reading: openai_chat.Reading, usage: Usage | None) -> Receipt:
        """The receipt of this call as it turned out."""
        outcome = receipts.Outcome(
            requested_model=self.model,
            served_model=reading.model,
            usage=usage,
            tier=reading.price_tier(),
            at=self.at,
            trace=reading.trace,
        )
        charge = receipts.charge(
            book_of(os.environ), self.provider.price_list, self.deployment, outcome
        )
        return Receipt(
            call_id=self.call_id, charges=(charge,), total=charge.total, status=charge.status
        )

    def hidden_params(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """The ``_hidden_params`` people read, before the cost is known."""
        return {
            "response_cost": None,
            "custom_llm_provider": self.provider.name,
            "api_base": self.deployment.api_base,
            "model_id": self.deployment.id,
            "litellm_call_id": self.call_id,
            "additional_headers": {f"llm_provider-{name}": v for name, v in headers.items()},
        }


@functools.lru_cache(maxsize=1024)
def _resolved(model: str, provider: str, route: str, api_base: str) -> tuple[Provider, Target]:
    """What a model string means; the same string means the same every time."""
    target = parse_model(
        model,
        known=providers.known,
        provider=provider,
        route=route,
        api_base=api_base,
        names=providers.names,
    )
    return providers.get(target.provider), target


@functools.lru_cache(maxsize=1024)
def _url(provider: str, operation: str, name: str, api_base: str, api_version: str) -> str:
    """Where a deployment is called."""
    deployment = Deployment(
        id=name,
        provider=provider,
        route="direct",
        upstream_model=name,
        api_base=api_base,
        api_version=api_version,
    )
    return providers.get(provider).chat_url(deployment, operation)


@functools.lru_cache(maxsize=256)
def _signed_in(api_base: str, entra: "EntraOptions") -> "TokenSource | None":
    """One credential per upstream for the life of the process."""
    from faregate.upstream.credentials import token_source

    return token_source(api_base, entra=entra)


def _credential(api_base: str, options: Options) -> "TokenSource | None":
    """Where the bearer token comes from; None when the call uses a key."""
    given = options.azure_ad_token or options.azure_ad_token_provider
    if options.entra is not None and not given:
        return _signed_in(api_base, options.entra)
    if options.entra is None and not given:
        return None
    from faregate.upstream.credentials import token_source

    return token_source(
        api_base,
        token=options.azure_ad_token or "",
        provider=options.azure_ad_token_provider,
        entra=options.entra,
    )


def _new_id(at: float) -> str:
    """Sorts by time: 48 bits of milliseconds, then 64 random ones."""
    return f"call_{int(at * 1000):012x}{secrets.token_hex(8)}"


def _drop(body: JsonObject, name: str) -> Any:
    """Leave out a field and return it; None when it is not there. ``a.b`` reaches into objects."""
    holder: Any = body
    *path, last = name.split(".")
    for step in path:
        inner = holder.get(step)
        if not isinstance(inner, dict):
            return None
        holder[step] = holder = dict(inner)  # the caller's own objects are left as they are
    return holder.pop(last, None) if isinstance(holder, dict) else None
