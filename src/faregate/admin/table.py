"""Routes, each with its permission: there is no way to write one down without.

A request is let in before its body is read. What is not in a table does not exist.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from faregate.admin.exact import ExactRequest
from faregate.admin.office import Office
from faregate.core.directory import Holder
from faregate.errors import PermissionDeniedError

Permission: TypeAlias = Literal["own", "read", "change"]
"""``own``: any key, which sees what is its own; ``read``: viewers and admins; ``change``: admins
only."""

Method: TypeAlias = Literal["GET", "POST", "PATCH", "DELETE"]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])

_ENOUGH: dict[Permission, tuple[str, ...]] = {
    "own": ("", "viewer", "admin"),
    "read": ("viewer", "admin"),
    "change": ("admin",),
}
_NEEDED = {
    "read": "reading this needs the master key, or a key with the role viewer or admin",
    "change": "changing this needs the master key, or a key with the role admin",
}
_granted: dict[Callable[..., Any], Permission] = {}


class Rule(NamedTuple):
    """One route."""

    method: Method
    path: str
    permission: Permission
    operation: str
    """Its name in the OpenAPI document, such as ``listKeys``."""
    endpoint: Callable[..., Awaitable[Any]]
    options: dict[str, Any]


class Table:
    """The routes of one noun."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.rules: list[Rule] = []

    def route(
        self, method: Method, path: str, permission: Permission, operation: str, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Write a route down. ``options`` are FastAPI's: ``status_code``, ``responses`` …"""

        def register(endpoint: Endpoint) -> Endpoint:
            self.rules.append(Rule(method, path, permission, operation, endpoint, options))
            return endpoint

        return register

    def add_to(self, app: FastAPI) -> None:
        """Mount the routes."""
        for rule in self.rules:
            if _granted.setdefault(rule.endpoint, rule.permission) != rule.permission:
                raise RuntimeError(f"{rule.endpoint.__name__} has two permissions")
            app.router.add_api_route(
                rule.path,
                rule.endpoint,
                methods=[rule.method],
                operation_id=rule.operation,
                tags=[self.tag],
                openapi_extra={"x-permission": rule.permission},
                route_class_override=GuardedRoute,
                **rule.options,
            )


class GuardedRoute(APIRoute):
    """A route that asks who it is before anything else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the guard. Raises RuntimeError for an endpoint of no table."""
        handler = super().get_route_handler()
        permission = permission_of(self)

        async def guarded(request: Request) -> Response:
            office: Office = request.app.state.office
            holder = office.holder_of_request(request.method, request.headers)
            check(holder, permission)
            request.state.holder = holder
            return await handler(ExactRequest(request.scope, request.receive))

        return guarded


def permission_of(route: APIRoute) -> Permission:
    """What a route needs. Raises RuntimeError for one that was written down in no table."""
    found = _granted.get(route.endpoint)
    if found is None:
        raise RuntimeError(f"{route.path} has no permission: write it down in a table")
    return found


def check(holder: Holder, permission: Permission) -> None:
    """Raise :class:`PermissionDeniedError` unless a holder has a permission."""
    if holder.role not in _ENOUGH[permission]:
        raise PermissionDeniedError(_NEEDED[permission], code="permission_denied")


def check_guarded(app: FastAPI) -> None:
    """Raise RuntimeError when anything can be reached that has no permission."""
    for route in app.router.routes:
        if not isinstance(route, GuardedRoute):
            raise RuntimeError(f"{route!r} has no permission: write it down in a table")  # noqa: TRY004
        permission_of(route)
