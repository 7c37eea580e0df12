"""The arguments of a call, sorted: what steers Faregate, and what is sent to the provider."""

import math
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from faregate.client.bookkeeping import BOOKKEEPING, REFUSED
from faregate.core.pricebook import SCOPES, is_scope
from faregate.errors import ConfigError
from faregate.money import MoneyError, parse_price
from faregate.providers.auth import resolve_secret
from faregate.types import OwnPrices, Unit
from faregate.upstream.limits import Timeouts
from faregate.upstream.tls import TlsOptions

if TYPE_CHECKING:
    from faregate.upstream.credentials import EntraOptions, TokenProvider

DEFAULT_RETRIES = 2
DEFAULT_TIMEOUT = 600.0

_OWN_PRICE_ARGUMENTS: Mapping[str, Unit] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
}

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*\Z")


class Options(Struct, frozen=True, kw_only=True):
    """What steers one call. No field is ever sent in the body."""

    api_key: str | None = None
    api_base: str | None = None
    api_version: str | None = None
    provider: str = ""
    route: str = ""
    scope: str = "global"
    base_model: str = ""
    discount_bp: int = 0
    own_prices: OwnPrices | None = None
    router_fee: int | None = None
    routing_config: Mapping[str, Any] | None = None
    azure_ad_token: str | None = None
    azure_ad_token_provider: "TokenProvider | None" = None
    entra: "EntraOptions | None" = None
    timeouts: Timeouts = Timeouts()
    total: float | None = DEFAULT_TIMEOUT
    """Seconds for the whole call, retries included; None is no limit."""
    retries: int = DEFAULT_RETRIES
    tls: TlsOptions | None = None
    extra_headers: Mapping[str, str] = {}
    extra_body: Mapping[str, Any] = {}
    drop_params: bool = False
    additional_drop_params: tuple[str, ...] = ()
    call_id: str = ""

    def __repr__(self) -> str:
        """Without keys, tokens and headers: reprs end up in logs and tracebacks."""
        return f"Options(provider={self.provider!r}, api_base={self.api_base!r}, …)"


def split(arguments: dict[str, Any], *, stream: bool) -> tuple[Options, dict[str, Any]]:
    """(what steers, what is sent). ``arguments`` is used up.

    Raises :class:`ConfigError` naming the argument that makes no sense.
    """
    take = arguments.pop
    for name, advice in REFUSED.items():
        if take(name, None) is not None:
            raise ConfigError(f"{name} is not supported by the SDK: {advice}")
    total, timeouts = _timeouts(
        _first(take("timeout", None), take("request_timeout", None)),
        take("stream_timeout", None),
        stream,
    )
    retries = take("num_retries", None)
    most = take("max_retries", None)
    options = Options(
        api_key=_text("api_key", take("api_key", None) or default("api_key")),
        api_base=_base(take("api_base", None), take("base_url", None)),
        api_version=_text("api_version", take("api_version", None) or default("api_version")),
        provider=take("custom_llm_provider", None) or "",
        route=take("route", None) or "",
        scope=_scope(take("scope", None)),
        base_model=_text("base_model", take("base_model", None)) or "",
        discount_bp=_discount(take("discount", None)),
        own_prices=_own_prices(arguments),
        router_fee=_router_fee(take("router_fee", None)),
        routing_config=take("routing_config", None),
        azure_ad_token=take("azure_ad_token", None),
        azure_ad_token_provider=take("azure_ad_token_provider", None),
        entra=_entra(arguments),
        timeouts=timeouts,
        total=total,
        retries=_retries(retries if retries is not None else most),
        tls=_tls(take("ssl_verify", None)),
        extra_headers=_headers(take("extra_headers", None), take("headers", None)),
        extra_body=_mapping("extra_body", take("extra_body", None)),
        drop_params=bool(take("drop_params", None) or default("drop_params") or False),
        additional_drop_params=_names(take("additional_drop_params", None)),
        call_id=take("litellm_call_id", None) or "",
    )
    sent = {
        name: value
        for name, value in arguments.items()
        if value is not None and name not in BOOKKEEPING
    }
    for name, value in sent.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{name} is {value}, which JSON cannot carry")
    return options, sent


def _first(*values: Any) -> Any:
    """The first that is given."""
    return next((value for value in values if value is not None), None)


def default(name: str) -> Any:
    """A module-wide setting such as ``faregate.drop_params = True``; None when unset."""
    root = sys.modules.get("faregate")
    return root.__dict__.get(name) if root is not None else None


def _text(name: str, value: object) -> str | None:
    """A text; ``os.environ/NAME`` is that variable's."""
    if value is None:
        return None
    if isinstance(value, str):
        return resolve_secret(value, os.environ)
    secret = getattr(value, "get_secret_value", None)  # pydantic's SecretStr
    if callable(secret):
        return str(secret())
    raise ConfigError(f"{name} must be text, not {type(value).__name__}")


def _base(api_base: object, base_url: object) -> str | None:
    found = api_base or base_url or default("api_base")
    return None if found is None else _text("api_base", str(found))


def _retries(value: object) -> int:
    if value is None:
        value = default("num_retries")
    if value is None:
        return DEFAULT_RETRIES
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ConfigError(f"num_retries must be a whole number from 0 to 100, not {value!r}")
    return value


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ConfigError(f"{name} must be a number of seconds, not {value!r}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigError(f"{name} must be a positive number of seconds, not {value!r}")
    return float(value)


def _timeouts(
    timeout: object, stream_timeout: object, stream: bool
) -> tuple[float | None, Timeouts]:
    """A number bounds the whole call (a stream: each wait); an object bounds each phase."""
    if stream and stream_timeout is not None:
        timeout = stream_timeout
    if timeout is None:
        timeout = default("request_timeout")
    if timeout is None:
        return (None if stream else DEFAULT_TIMEOUT), Timeouts()
    if isinstance(timeout, Timeouts):
        return timeout.total, timeout
    if hasattr(timeout, "connect") and hasattr(timeout, "read"):  # httpx.Timeout
        read = _seconds("timeout.read", timeout.read) or DEFAULT_TIMEOUT
        connect = _seconds("timeout.connect", timeout.connect) or read
        return None, Timeouts(connect=connect, first_byte=read, between=read)
    seconds = _seconds("timeout", timeout)
    assert seconds is not None
    phases = Timeouts(connect=min(seconds, 10.0), first_byte=seconds, between=seconds)
    return (None if stream else seconds), phases


def _own_prices(arguments: dict[str, Any]) -> OwnPrices | None:
    stated: dict[Unit, int] = {}
    for name, unit in _OWN_PRICE_ARGUMENTS.items():
        value = arguments.pop(name, None)
        if value is not None:
            stated[unit] = _money(name, value)
    return OwnPrices(per_token=stated) if stated else None


def _money(name: str, value: object) -> int:
    """Pico-dollars for one token, from USD a token as text or number."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = repr(float(value))
        return parse_price(str(value), per=1)
    except (MoneyError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} (USD for one token): {error}") from None


def _router_fee(value: object) -> int | None:
    """USD for a million input tokens, or False for none at all."""
    if value is None or value is True:
        return None
    if value is False:
        return 0
    try:
        return parse_price(str(value))
    except MoneyError as error:
        raise ConfigError(f"router_fee (USD for 1M input tokens): {error}") from None


def _scope(value: object) -> str:
    if value is None:
        return "global"
    if not isinstance(value, str) or not is_scope(value):
        raise ConfigError(f"scope {value!r} is unknown; it is one of {', '.join(SCOPES)}")
    return value


def _discount(value: object) -> int:
    """A fraction such as 0.1 (10 %) as basis points."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(f"discount must be a fraction from 0 to 1, not {value!r}")
    try:
        points = round(float(value) * 10_000, 6)
    except ValueError:
        raise ConfigError(f"discount must be a fraction from 0 to 1, not {value!r}") from None
    if not 0 <= points <= 10_000 or points != int(points):
        raise ConfigError(
            f"discount must be a fraction from 0 to 1 in steps of 0.0001, not {value!r}"
        )
    return int(points)


def _entra(arguments: dict[str, Any]) -> "EntraOptions | None":
    tenant = arguments.pop("tenant_id", None)
    client = arguments.pop("client_id", None)
    secret = arguments.pop("client_secret", None)
    scope = arguments.pop("azure_scope", None)
    kind = arguments.pop("azure_credential", None)
    if not any((tenant, client, secret, kind)):
        return None
    if kind is None:
        kind = "client_secret" if secret else "default"
    from faregate.upstream.credentials import EntraOptions

    return EntraOptions(
        kind=kind,
        tenant_id=tenant or "",
        client_id=client or "",
        client_secret=secret or "",
        scope=scope or "",
    )


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be a mapping, not {type(value).__name__}")
    return value


def _headers(*sources: object) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for source in sources:
        for name, value in _mapping("extra_headers", source).items():
            if not _HEADER_NAME.match(str(name)) or not _HEADER_VALUE.match(str(value)):
                raise ConfigError(
                    f"extra_headers: {str(name)[:60]!r} or its value cannot stand in a header"
                )
            found[str(name).lower()] = str(value)
    return found


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, list | tuple | set):
        raise ConfigError("additional_drop_params must be a list of parameter names")
    return tuple(str(each) for each in value)


def _tls(verify: object) -> TlsOptions | None:
    """TLS by LiteLLM's ``ssl_verify``: False accepts any certificate, a path is a CA file."""
    if verify is None or verify is True:
        return None
    if verify is False:
        return TlsOptions(verify=False)
    if isinstance(verify, str) and verify:
        if not Path(verify).is_file():
            raise ConfigError(f"ssl_verify names {verify!r}, which is no file")
        return TlsOptions(ca_file=verify)
    raise ConfigError("ssl_verify must be a boolean or the path of a CA file")
