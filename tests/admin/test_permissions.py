"""Nothing is open: every route, with no key, a wrong one, and one of each role."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from faregate.admin.app import MOST_BODY, make_app, routed
from faregate.admin.paths import is_admin
from faregate.admin.table import GuardedRoute, Table, check_guarded, permission_of
from tests.admin.offices import Client, FakeOffice


def routes() -> list[tuple[str, str, str]]:
    """(method, path with something in it, permission) of everything that is mounted."""
    found: list[tuple[str, str, str]] = []
    for route in routed().router.routes:
        assert isinstance(route, GuardedRoute)
        (method,) = route.methods or {""}
        path = re.sub(r"\{[^}]*\}", "nothing", route.path)
        found.append((method, path, permission_of(route)))
    return found


async def key_of(client: Client, role: str) -> Client:
    reply = await client.post("/api/keys", {"name": f"a {role}", "role": role})
    return client.with_key(reply.json["secret"])


async def test_every_route_is_closed_to_strangers(client: Client) -> None:
    assert len(routes()) > 75
    blocked = await client.post("/api/keys", {"blocked": True, "role": "admin"})
    for key in ("", "sk-fg-guess", blocked.json["secret"]):
        stranger = client.with_key(key)
        for method, path, _ in routes():
            reply = await stranger.ask(method, path, b"{this is not even read")
            assert reply.status == 401, (method, path)
            assert reply.code == "invalid_api_key"
            assert reply.headers["www-authenticate"] == "Bearer"


async def test_every_route_keeps_to_its_permission(client: Client) -> None:
    holder, viewer, admin = [await key_of(client, role) for role in ("none", "viewer", "admin")]
    for method, path, permission in routes():
        allowed = {
            "own": {"holder", "viewer", "admin"},
            "read": {"viewer", "admin"},
            "change": {"admin"},
        }[permission]
        for name, asking in (("holder", holder), ("viewer", viewer), ("admin", admin)):
            # A body that nothing takes: whoever is let in gets as far as a 4xx of another kind.
            reply = await asking.ask(method, path, None if method == "GET" else b"[")
            refused = reply.status == 403 and reply.code == "permission_denied"
            assert refused is (name not in allowed), (method, path, name, reply.body[:200])


async def test_what_is_not_read_only_needs_an_admin() -> None:
    for method, path, permission in routes():
        assert (method == "GET") is (permission != "change"), (method, path)


async def test_a_route_without_a_permission_cannot_be_mounted() -> None:
    async def forgotten() -> None: ...

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.add_api_route("/api/forgotten", forgotten)
    with pytest.raises(RuntimeError, match="no permission"):
        check_guarded(app)
    with pytest.raises(RuntimeError, match="no permission"):
        app.router.add_api_route("/api/other", forgotten, route_class_override=GuardedRoute)


async def test_an_endpoint_has_one_permission() -> None:
    async def endpoint() -> None: ...

    table = Table("x")
    table.route("GET", "/api/x", "read", "x")(endpoint)
    table.route("POST", "/api/x", "change", "y")(endpoint)
    with pytest.raises(RuntimeError, match="two permissions"):
        table.add_to(FastAPI())


def test_nothing_is_mounted_beside_the_tables() -> None:
    kinds = {type(route) for route in routed().router.routes}
    assert kinds == {GuardedRoute}
    assert issubclass(GuardedRoute, APIRoute)


def test_whoever_routes_knows_every_path() -> None:
    assert all(is_admin(path) for _, path, _ in routes())
    for other in ("/v1/models", "/key", "/apis", "/health", "/spend/logsx", "/ui", "/models"):
        assert not is_admin(other)


async def test_a_demoted_or_deleted_admin_is_shut_out(client: Client) -> None:
    made = (await client.post("/api/keys", {"role": "admin"})).json
    admin, path = client.with_key(made["secret"]), f"/api/keys/{made['key']['id']}"
    assert (await admin.post("/api/keys", {})).status == 201
    await client.patch(path, {"role": "viewer"})
    assert (await admin.post("/api/keys", {})).status == 403
    assert (await admin.get("/api/keys")).status == 200
    await client.patch(path, {"role": "none"})
    assert (await admin.get("/api/keys")).status == 403


async def test_the_audit_log_names_who_did_it(client: Client) -> None:
    made = (await client.post("/api/keys", {"name": "root", "role": "admin"})).json
    await client.with_key(made["secret"]).post("/api/teams", {"id": "red"})
    newest, first = (await client.get("/api/audit")).json["data"]
    assert (newest["actor"], newest["kind"], newest["action"]) == (
        made["key"]["id"],
        "team",
        "create",
    )
    assert (first["actor"], first["kind"], first["id"]) == ("master", "key", made["key"]["id"])


async def test_unknown_paths_and_methods(client: Client) -> None:
    assert (await client.get("/api/nothing")).code == "not_found"
    assert (await client.ask("PUT", "/api/keys")).code == "method_not_allowed"
    assert (await client.get("/api/keys/")).status == 404  # no redirect to another host


async def test_bodies_are_bounded(client: Client) -> None:
    large = b'{"name": "' + b"x" * MOST_BODY + b'"}'
    reply = await client.ask("POST", "/api/keys", large)
    assert (reply.status, reply.code) == (413, "request_too_large")
    deep = b'{"metadata": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001
    assert (await client.ask("POST", "/api/keys", deep)).status == 400
    for text in (b"", b"null", b"[]", b'"x"', b'{"name": NaN}', b"{", b"\xff\xfe"):
        reply = await client.ask("POST", "/api/keys", text)
        assert (reply.status, reply.code) == (400, "invalid_request"), text
    plain = await client.ask("POST", "/api/keys", b"{}", headers={"content-type": "text/plain"})
    assert "content-type: application/json" in plain.message


async def test_answers_are_kept_by_nobody(client: Client) -> None:
    for reply in (await client.get("/api/me"), await client.get("/api/x")):
        assert reply.headers["cache-control"] == "no-store"


async def test_a_ledger_that_is_not_open_is_said(office: FakeOffice, client: Client) -> None:
    office.closed = True
    reply = await client.get("/api/keys")
    assert (reply.status, reply.code) == (503, "ledger_unavailable")
    assert reply.headers["retry-after"] == "1"
    await office._store.close()
    office.closed = False
    assert (await client.get("/api/keys")).status in (500, 503)


async def test_our_own_faults_are_told_without_details(
    office: FakeOffice, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def broken() -> None:
        raise RuntimeError("something secret")

    monkeypatch.setattr(office, "settings", broken)
    reply = await client.get("/api/settings")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert "secret" not in reply.body.decode()
    assert "something secret" in caplog.text


async def test_the_app_starts_nothing() -> None:
    app = make_app(FakeOffice())
    await app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
