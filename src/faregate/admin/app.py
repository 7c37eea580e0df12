"""The admin's ASGI application. The tuple of tables is its table of contents."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from faregate.admin import (
    audit,
    budgets,
    calls,
    failures,
    keys,
    limits,
    litellm_keys,
    litellm_models,
    litellm_spend,
    litellm_teams,
    litellm_users,
    me,
    models,
    overview,
    price_use,
    prices,
    router,
    settings,
    spend,
    stored_models,
    teams,
    users,
)
from faregate.admin.document import document
from faregate.admin.office import Office
from faregate.admin.table import check_guarded

log = logging.getLogger("faregate.admin")

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGI: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

VERSION = "1"
"""Of the routes, not of the package: it changes when a client of them must."""

MOST_BODY = 1024 * 1024
"""Bytes of a request."""

_QUIET: Any = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)
"""FastAPI's own OpenTelemetry: what is exported is for the configuration to say."""

TABLES = (
    me.table,
    overview.table,
    spend.table,
    calls.table,
    keys.table,
    teams.table,
    users.table,
    budgets.table,
    limits.table,
    models.table,
    stored_models.table,
    prices.table,
    price_use.table,
    router.table,
    audit.table,
    settings.table,
    litellm_keys.table,
    litellm_teams.table,
    litellm_users.table,
    litellm_spend.table,
    litellm_models.table,
)


def make_app(office: Office) -> ASGI:
    """The application. It makes nothing else: no task, no connection, no file.

    Importing this module and calling this take a good part of a second: do both in a thread.
    """
    app = routed()
    app.state.office = office

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await _serve(app, scope, receive, send)

    return serve


def routed() -> FastAPI:
    """The routes, without an office. Raises RuntimeError for one that has no permission."""
    app = FastAPI(
        title="Faregate admin",
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_QUIET,
    )
    for table in TABLES:
        table.add_to(app)
    check_guarded(app)
    failures.handle(app)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


async def _serve(
    app: FastAPI, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    """One request. Answers are for whoever asked and nobody else, so nothing may keep them."""
    ended = False
    size = 0

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise HTTPException(413)
        return message

    async def private(message: MutableMapping[str, Any]) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message["headers"], *headers]}
        elif not message.get("more_body", False):
            ended = True
        await send(message)

    try:
        await app(scope, bounded, private)
    except Exception:
        log.exception("a request to %s failed", scope["path"][:200])
        if not ended:  # a file that breaks off; the connection must, too
            raise
