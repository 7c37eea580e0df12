"""The admin's ASGI application. The tuple of tables is its table of contents."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from fastapi import FastAPI

from faregate.admin import (
    audit,
    budgets,
    calls,
    failures,
    keys,
    limits,
    litellm_keys,
    litellm_spend,
    litellm_teams,
    litellm_users,
    me,
    models,
    overview,
    prices,
    router,
    settings,
    spend,
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
    prices.table,
    router.table,
    audit.table,
    settings.table,
    litellm_keys.table,
    litellm_teams.table,
    litellm_users.table,
    litellm_spend.table,
)


def make_app(office: Office) -> ASGI:
    """The application. It makes nothing else: no task, no connection, no file."""
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
    )
    app.router.max_body_size = MOST_BODY
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
    began = False

    async def private(message: MutableMapping[str, Any]) -> None:
        nonlocal began
        if message["type"] == "http.response.start":
            began = True
            headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    try:
        await app(scope, receive, private)
    except Exception as error:
        log.exception("a request to %s failed", scope["path"][:200])
        if began:
            raise
        answer = failures.answer(
            500,
            f"Faregate failed on this request ({type(error).__name__}); its log says why",
            "internal_error",
            "server_error",
        )
        await answer(scope, receive, private)
