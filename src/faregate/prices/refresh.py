"""Fetch Azure's retail meters: pages, throttling and broken answers, from a public address.

The API needs no account. Nothing here changes the price book; see
:func:`faregate.prices.importer.import_meters`.
"""

import json
import time
from collections.abc import Callable
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from msgspec import Struct

from faregate.errors import PriceBookError
from faregate.prices.importer import MeterRow, read_items

BASE = "https://prices.azure.com/api/retail/prices"
FILTER = "serviceName eq 'Foundry Models' and priceType eq 'Consumption'"
URL = f"{BASE}?api-version=2023-01-01-preview&currencyCode=%27USD%27&$filter={quote(FILTER)}"
"""Every meter of Foundry Models, in USD."""

_LARGEST_PAGE = 32 * 1024 * 1024
_AGENT = "faregate-prices"


class Patience(Struct, frozen=True, kw_only=True):
    """How long to keep at it."""

    timeout: float = 30.0
    """Seconds without an answer, for one page."""
    attempts: int = 6
    """Tries of one page, when it is throttled (429) or the server fails (5xx)."""
    longest_wait: float = 60.0
    """Seconds waited between two tries at most, whatever the server asks."""
    pages: int = 500
    """Pages read at most."""


def fetch_meters(
    url: str = URL,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[MeterRow]:
    """All meter rows behind ``url``, following ``NextPageLink`` on the same host only.

    Raises :class:`~faregate.errors.PriceBookError` for an unusable address, an answer that is no
    page of prices, pages without end, and when the server keeps refusing.
    """
    limits = patience or Patience()
    host = _host(url)
    items: list[Any] = []
    seen: set[str] = set()
    following: str | None = url
    while following:
        if following in seen or len(seen) >= limits.pages:
            raise PriceBookError(
                f"{host}: the pages do not end (read {len(seen)}, the last twice or past the limit "
                f"of {limits.pages}); nothing was applied"
            )
        seen.add(following)
        page, following = _page(_get(following, limits, sleep), f"{host}, page {len(seen)}")
        items += page
        if following and _host(following) != host:
            raise PriceBookError(
                f"{host}: the next page is on another host ({_host(following)}); not followed"
            )
    return read_items(items, host)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PriceBookError("the address of the price API is malformed") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PriceBookError("the address of the price API must begin with https:// (or http://)")
    return f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}"


def _page(body: bytes, where: str) -> tuple[list[Any], str | None]:
    try:
        document = json.loads(body, parse_float=str)
    except ValueError as error:
        raise PriceBookError(f"{where}: no JSON ({_short(body)})") from error
    items = document.get("Items") if isinstance(document, dict) else None
    following = document.get("NextPageLink") if isinstance(document, dict) else None
    if not isinstance(items, list) or not (following is None or isinstance(following, str)):
        raise PriceBookError(f"{where}: no page of prices ({_short(body)})")
    return items, following or None


def _short(body: bytes) -> str:
    return repr(body[:60].decode("utf-8", "replace"))


class _SameHost(HTTPRedirectHandler):
    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Request | None:
        if _host(newurl) != _host(req.full_url):
            raise PriceBookError(
                f"{_host(req.full_url)}: redirects to another host ({_host(newurl)}); not followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _get(url: str, limits: Patience, sleep: Callable[[float], None]) -> bytes:
    host = _host(url)
    # The scheme was checked: urllib would also open files.
    request = Request(url, headers={"Accept": "application/json", "User-Agent": _AGENT})  # noqa: S310
    opener = build_opener(_SameHost())
    problem, wait = "", 0.0
    for attempt in range(limits.attempts):
        if attempt:
            sleep(wait)
        wait = min(2.0**attempt, limits.longest_wait)
        try:
            with opener.open(request, timeout=limits.timeout) as answer:
                return _read(answer, host)
        except HTTPError as error:
            with error:
                if error.code != 429 and error.code < 500:
                    raise PriceBookError(
                        f"{host}: answered {error.code}; check the address and its filter"
                    ) from error
                problem = f"answered {error.code}"
                wait = _asked(error.headers, wait, limits.longest_wait)
        except (URLError, HTTPException, OSError) as error:
            problem = f"cannot be reached ({getattr(error, 'reason', None) or error})"
    raise PriceBookError(f"{host}: {problem}, {limits.attempts} times; try again later")


def _read(answer: Any, host: str) -> bytes:
    body: bytes = answer.read(_LARGEST_PAGE + 1)
    if len(body) > _LARGEST_PAGE:
        raise PriceBookError(f"{host}: a page is larger than {_LARGEST_PAGE >> 20} MiB; not read")
    return body


def _asked(headers: Message, otherwise: float, longest: float) -> float:
    """The wait ``Retry-After`` asks for (seconds, or a date), never more than ``longest``."""
    text = (headers.get("Retry-After") or "").strip()
    try:
        wait = float(text)
    except ValueError:
        try:
            wait = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return otherwise
    return min(max(wait, 0.0), longest) if wait == wait else otherwise  # noqa: PLR0124 - NaN
