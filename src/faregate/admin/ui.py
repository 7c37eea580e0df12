"""The dashboard's files at ``/ui``, and ``/api/session``, which it signs in with.

A bare ASGI application that imports nothing slow. It needs no setting for a path prefix: the page
names its base relative to the address it was asked at.
"""

import mimetypes
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct, structs

from faregate.admin.session import LIFETIME, Issued, Sessions, problem
from faregate.errors import APIError, BadRequestError, NotFoundError, PermissionDeniedError

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

HOME = "/ui"
SESSION = "/api/session"
STATIC = Path(__file__).parent / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_BASE = b'<base href="/" />'
_MOST_BODY = 4096
_SAFE: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
_PAGE: tuple[Header, ...] = (
    *_SAFE,
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
)
_NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Faregate</title>
<h1>The dashboard is not built</h1>
<p>This is a checkout without it. Run <code>make ui</code> (it needs Node 20 or newer), then load
this page again. Installed packages have it inside.</p></html>
"""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class File(Struct, frozen=True):
    """One file, ready to be sent."""

    body: bytes
    kind: str
    tag: str
    packed: Mapping[str, bytes]
    """Compressed, by ``content-encoding``."""


def is_ui(path: str) -> bool:
    """Whether a path is answered here."""
    return path in (HOME, SESSION) or path.startswith((f"{HOME}/", f"{SESSION}/"))


class Zone(NamedTuple):
    """Whose days spend is summed by."""

    name: str = "UTC"
    since: float | None = None
    """From when on (Unix seconds); None: all that is known."""


async def _utc() -> Zone:
    return Zone()


def make_ui(
    sessions: Sessions,
    static: Path = STATIC,
    sign_on: ASGI | None = None,
    zone: Callable[[], Awaitable[Zone]] = _utc,
) -> ASGI:
    """The application. Files are read when the first is asked for, and again after a build.
    ``sign_on`` answers what is below ``/api/session/``; ``zone`` says whose days spend
    is summed by."""
    files: dict[str, File] = {}
    built = 0

    def read_again() -> None:
        nonlocal built
        try:
            stamp = (static / "index.html").stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp != built:
            built = stamp
            files.clear()
            files.update(read_files(static))

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply = Reply(send, scope["method"])
        try:
            if scope["path"] == SESSION:
                await _session(sessions, zone, (scope, receive, reply))
                return
            if scope["path"].startswith(f"{SESSION}/"):
                await (sign_on or _nothing)(scope, receive, send)
                return
            if scope["method"] not in ("GET", "HEAD"):
                raise not_allowed(scope)
            if not scope["path"].startswith(f"{HOME}/assets/") or not files:
                read_again()
            await _file(files, scope, reply)
        except APIError as error:
            headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
            if error.retry_after is not None:
                headers.append((b"retry-after", b"%d" % max(int(error.retry_after), 1)))
            await reply(error.status_code, [*_SAFE, *headers], problem(error))

    return serve


async def _nothing(scope: MutableMapping[str, Any], _receive: Receive, _send: Send) -> None:
    raise NotFoundError(f"no route {scope['path'][:200]}", code="not_found")


class Reply:
    """One answer."""

    def __init__(self, send: Send, method: str) -> None:
        self._send = send
        self._bare = method == "HEAD"

    async def __call__(self, status: int, headers: list[Header], body: bytes = b"") -> None:
        """Send it whole; to HEAD only its head."""
        if status not in (204, 304):
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self._bare else body})


def read_files(static: Path) -> dict[str, File]:
    """Every file by its path below ``/ui/``; none where the dashboard is not built."""
    found = {}
    for path in sorted(static.rglob("*")):
        if not path.is_file() or path.suffix in (".br", ".gz"):
            continue
        body = path.read_bytes()
        packed = {
            encoding: other.read_bytes()
            for encoding, suffix in (("br", ".br"), ("gzip", ".gz"))
            if (other := path.with_name(path.name + suffix)).is_file()
        }
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        tag = f'"{sha256(body).hexdigest()[:24]}"'
        name = path.relative_to(static).as_posix()
        found[name] = File(body, kind or "application/octet-stream", tag, packed)
    return found


def base_of(raw_path: str) -> str:
    """The way from an address below ``/ui/`` up to it: ``./``, ``../`` …"""
    _, _, below = raw_path.partition(f"{HOME}/")
    return "../" * below.count("/") or "./"


async def _file(files: Mapping[str, File], scope: MutableMapping[str, Any], reply: Reply) -> None:
    path: str = scope["path"]
    if not files:
        await reply(503, [*_PAGE], _NOT_BUILT)
    elif path == HOME:
        # Relative, since a proxy may have taken a prefix away.
        await reply(307, [*_SAFE, (b"location", b"ui/"), (b"cache-control", b"no-cache")])
    elif (name := path.removeprefix(f"{HOME}/")) in files and name != "index.html":
        await _asset(name, files[name], headers_of(scope), reply)
    elif name.startswith("assets/"):
        raise NotFoundError(
            f"there is no file {name[:200]!r}; load the page again", code="not_found"
        )
    else:
        raw = scope.get("raw_path")
        asked = raw.decode("latin-1").partition("?")[0] if raw else path
        base = f'<base href="{base_of(asked)}" />'.encode()
        await reply(200, [*_PAGE], files["index.html"].body.replace(_BASE, base, 1))


async def _asset(name: str, file: File, asked: Mapping[str, str], reply: Reply) -> None:
    forever = name.startswith("assets/")  # their names have a hash of what is in them
    kept = b"public, max-age=31536000, immutable" if forever else b"no-cache"
    headers: list[Header] = [*_SAFE, (b"etag", file.tag.encode()), (b"cache-control", kept)]
    if file.tag in asked.get("if-none-match", ""):
        await reply(304, headers)
        return
    kind = f"{file.kind}; charset=utf-8" if file.kind.startswith("text/") else file.kind
    headers += [(b"content-type", kind.encode()), (b"vary", b"accept-encoding")]
    accepted = asked.get("accept-encoding", "")
    for encoding, body in file.packed.items():
        if encoding in accepted:
            await reply(200, [*headers, (b"content-encoding", encoding.encode())], body)
            return
    await reply(200, headers, file.body)


async def _session(
    sessions: Sessions,
    zone: Callable[[], Awaitable[Zone]],
    asked: tuple[MutableMapping[str, Any], Receive, Reply],
) -> None:
    scope, receive, reply = asked
    headers = headers_of(scope)
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise PermissionDeniedError("sessions are for pages of this origin", code="cross_origin")
    if scope["method"] in ("GET", "HEAD"):
        await _opened(sessions.renew(headers), await zone(), scope, reply)
    elif scope["method"] == "POST":
        client = scope.get("client") or ("",)
        issued = sessions.sign_in(await _key_of(headers, receive), client[0])
        await _opened(issued, await zone(), scope, reply)
    elif scope["method"] == "DELETE":
        sessions.enter("DELETE", headers)
        sessions.sign_out(headers)
        gone = session_cookie(scope, f"{sessions.cookie_name}=", 0)
        await reply(204, [*_SAFE, gone, (b"cache-control", b"no-store")])
    else:
        raise not_allowed(scope)


async def _opened(
    issued: Issued, zone: Zone, scope: MutableMapping[str, Any], reply: Reply
) -> None:
    headers: list[Header] = [
        *_SAFE,
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        session_cookie(scope, issued.cookie, min(int(LIFETIME), issued.opened.expires_in)),
    ]
    opened = structs.replace(issued.opened, zone=zone.name, zone_since=zone.since)
    await reply(200, headers, msgspec.json.encode(opened))


def scheme_of(scope: Mapping[str, Any]) -> str:
    """``https`` where the browser asked by it, though a proxy may not have; else ``http``."""
    said = headers_of(scope).get("x-forwarded-proto", scope.get("scheme", "http"))
    return "https" if said.partition(",")[0].strip() == "https" else "http"


def session_cookie(scope: Mapping[str, Any], cookie: str, age: int) -> Header:
    """The header that sets a session's cookie, ``name=value``, for so many seconds."""
    secure = "; Secure" if scheme_of(scope) == "https" else ""
    text = f"{cookie}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", text.encode()


async def _key_of(headers: Mapping[str, str], receive: Receive) -> str:
    """The key in the body of a sign-in."""
    # Another type could be sent by a form of another origin.
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise BadRequestError('send JSON: {"key": "sk-…"}', code="invalid_request")
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequestError("the request ended early", code="invalid_request")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > _MOST_BODY:
            raise BadRequestError("the body is too large for a key", code="invalid_request")
    try:
        return msgspec.json.decode(body, type=dict[str, str])["key"].strip()
    except (msgspec.DecodeError, KeyError):
        raise BadRequestError('send JSON: {"key": "sk-…"}', code="invalid_request") from None


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """A request's headers; names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def not_allowed(scope: Mapping[str, Any]) -> APIError:
    """The error of a method that a path does not know."""
    return APIError(
        f"{scope['method'][:20]} is not allowed on {scope['path'][:200]}",
        status_code=405,
        code="method_not_allowed",
        type="invalid_request_error",
    )
