"""``/api/session/options`` and ``/api/session/oidc``: single sign-on as a browser sees it.

Addresses are relative, since a proxy may have taken a prefix away, so no answer of these leads to
another site but the one that begins a sign-in, which leads to the provider.
"""

import base64
import html
from collections.abc import Mapping, MutableMapping
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from faregate.admin.oidc import HOME, LASTS, SignOn
from faregate.admin.session import LIFETIME, problem
from faregate.admin.ui import (
    ASGI,
    SESSION,
    Header,
    Receive,
    Reply,
    Send,
    headers_of,
    not_allowed,
    scheme_of,
    session_cookie,
)
from faregate.config.sign_on import CALLBACK
from faregate.errors import APIError, BadRequestError, NotFoundError

BEGIN = f"{SESSION}/oidc"
OPTIONS = f"{SESSION}/options"

_COOKIE = "faregate_oidc"
_UP = "../../.."
"""From the callback to the gateway's own root."""
_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    # An address here may hold a code, which is nobody else's business.
    (b"referrer-policy", b"no-referrer"),
)

_STYLE = (
    "body{max-width:34rem;margin:18vh auto 0;padding:0 20px;font:16px/1.5 system-ui,sans-serif}"
    "h1{font-size:1.3rem}small{opacity:.7}"
)
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)


class Sso(Struct, frozen=True):
    """Single sign-on, as a sign-in page offers it."""

    label: str
    """What its button says."""
    href: str
    """Where it leads, from the gateway's root; ``next`` may be added: a path from ``/ui/`` on."""


class SignInOptions(Struct, frozen=True):
    """The ways to sign in beside a key."""

    sso: Sso | None
    """Null while it is off."""


def make_sign_on(sign_on: SignOn) -> ASGI:
    """The application for what is below ``/api/session/``."""

    async def serve(scope: MutableMapping[str, Any], _: Receive, send: Send) -> None:
        reply = Reply(send, scope["method"])
        try:
            if scope["path"] not in (OPTIONS, BEGIN, CALLBACK):
                raise NotFoundError(f"no route {scope['path'][:200]}", code="not_found")
            if scope["method"] != "GET":
                raise not_allowed(scope)
            if scope["path"] == OPTIONS:
                await _options(sign_on, reply)
            elif scope["path"] == BEGIN:
                await _begin(sign_on, scope, reply)
            else:
                await _finish(sign_on, scope, reply)
        except APIError as error:
            await _refuse(error, scope, reply)

    return serve


async def _options(sign_on: SignOn, reply: Reply) -> None:
    label = sign_on.label
    found = SignInOptions(None if label is None else Sso(label, BEGIN.removeprefix("/")))
    kind = (b"content-type", b"application/json")
    await reply(200, [*_HEADERS, kind], msgspec.json.encode(found))


async def _begin(sign_on: SignOn, scope: MutableMapping[str, Any], reply: Reply) -> None:
    host = headers_of(scope).get("host", "")
    begun = await sign_on.begin(f"{scheme_of(scope)}://{host}", _query(scope).get("next", ""))
    headers = [*_HEADERS, _cookie(scope, begun.cookie, LASTS)]
    await reply(303, [*headers, (b"location", begun.location.encode("ascii"))])


async def _finish(sign_on: SignOn, scope: MutableMapping[str, Any], reply: Reply) -> None:
    client = scope.get("client") or ("",)
    finished = await sign_on.finish(_query(scope), _cookie_of(scope), client[0])
    age = min(int(LIFETIME), finished.issued.opened.expires_in)
    headers = [
        *_HEADERS,
        session_cookie(scope, finished.issued.cookie, age),
        _cookie(scope, "", 0),
        (b"location", f"{_UP}{finished.next}".encode("ascii")),
    ]
    await reply(303, headers)


async def _refuse(error: APIError, scope: MutableMapping[str, Any], reply: Reply) -> None:
    headers = [*_HEADERS]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(int(error.retry_after), 1)))
    if scope["path"] == CALLBACK:
        headers.append(_cookie(scope, "", 0))
    if "text/html" not in headers_of(scope).get("accept", ""):
        headers.append((b"content-type", b"application/json"))
        await reply(error.status_code, headers, problem(error))
        return
    headers += [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _POLICY.encode()),
        (b"x-frame-options", b"DENY"),
    ]
    await reply(error.status_code, headers, _page(error, scope["path"]))


def _page(error: APIError, path: str) -> bytes:
    up = "/".join([".."] * (path.count("/") - 1)) or "."
    message = html.escape(error.message[:1].upper() + error.message[1:])
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Not signed in – Faregate</title>
<style>{_STYLE}</style>
<h1>You are not signed in</h1>
<p>{message}</p>
<p><a href="{up}{HOME}">Back to the sign-in page</a></p>
<p><small>{html.escape(error.code)}</small></p>
</html>
""".encode()


def _query(scope: Mapping[str, Any]) -> dict[str, str]:
    """The query's fields. Raises :class:`BadRequestError` for one that is there twice."""
    try:
        text = bytes(scope.get("query_string", b"")).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        pairs = None
    if pairs is None or len(dict(pairs)) != len(pairs):
        raise BadRequestError("the address cannot be read: begin again", code="sso_stale")
    return dict(pairs)


def _name(scope: Mapping[str, Any]) -> str:
    # By the prefix a browser takes the cookie from this very host only, and not from one beside it.
    return f"__Host-{_COOKIE}" if scheme_of(scope) == "https" else _COOKIE


def _cookie(scope: Mapping[str, Any], value: str, age: int) -> Header:
    secure = "; Secure" if scheme_of(scope) == "https" else ""
    # Lax, since it must come along when the provider sends the browser back.
    text = f"{_name(scope)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode()


def _cookie_of(scope: Mapping[str, Any]) -> str:
    try:
        morsel = SimpleCookie(headers_of(scope).get("cookie", "")).get(_name(scope))
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value
