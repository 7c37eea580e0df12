"""Teams and users over HTTP."""

from tests.admin.offices import Client


async def test_a_team_and_its_members(client: Client) -> None:
    for name in ("ada", "bob@example.com"):
        assert (await client.post("/api/users", {"id": name})).status == 201
    made = await client.post("/api/teams", {"name": "Data Platform", "members": ["ada"]})
    assert made.json["id"].startswith("data-platform-")
    path = f"/api/teams/{made.json['id']}"
    both = await client.post(f"{path}/members", {"user": "bob@example.com"})
    assert both.json["members"] == ["ada", "bob@example.com"]
    again = await client.post(f"{path}/members", {"user": "ada"})
    assert again.json["version"] == both.json["version"]
    assert (await client.post(f"{path}/members", {"user": "eve"})).status == 400
    assert len((await client.get("/api/teams", member="ada")).json["data"]) == 1
    one = await client.delete(f"{path}/members/bob@example.com")
    assert one.json["members"] == ["ada"]
    await client.delete("/api/users/ada")
    assert (await client.get(path)).json["members"] == []


async def test_a_team_carries_budgets_and_blocks_its_keys(client: Client) -> None:
    budget = {"limit": "5", "window": "1mo", "zone": "America/New_York"}
    limit = {"measure": "tokens", "limit": 1000}
    made = await client.post("/api/teams", {"id": "red", "budgets": [budget], "limits": [limit]})
    assert made.json["budgets"][0]["id"] == "team/red/1mo"
    assert made.json["budgets"][0]["standing"]["resets_at"].endswith(":00:00.000000Z")
    assert made.json["limits"][0]["standing"]["left"] == 1000
    secret = (await client.post("/api/keys", {"team": "red", "tags": ["x"]})).json["secret"]
    holder = client.with_key(secret)
    me = (await holder.get("/api/me")).json
    assert (me["team"], [each["id"] for each in me["budgets"]]) == ("red", ["team/red/1mo"])
    assert (await client.post("/api/teams/red/block")).json["blocked"] is True
    assert (await holder.get("/api/me")).status == 401
    assert (await client.post("/api/teams/red/unblock")).json["blocked"] is False
    assert (await holder.get("/api/me")).status == 200


async def test_a_user_is_changed_blocked_and_deleted(client: Client) -> None:
    body = {"id": "ada", "name": "Ada", "models": ["router"], "metadata": {"desk": 7}}
    assert (await client.post("/api/users", body)).json["metadata"] == {"desk": 7}
    assert (await client.post("/api/users", body)).code == "conflict"
    changed = await client.patch("/api/users/ada", {"budgets": [{"limit": 2, "window": "1w"}]})
    assert changed.json["name"] == "Ada"
    assert changed.json["budgets"][0]["id"] == "user/ada/1w"
    assert (await client.patch("/api/users/ada", {"id": "eve"})).status == 400
    secret = (await client.post("/api/keys", {"user": "ada"})).json["secret"]
    me = (await client.with_key(secret).get("/api/me")).json
    assert (me["user"], me["models"]) == ("ada", ["router"])
    assert (await client.post("/api/users/ada/block")).json["blocked"] is True
    assert (await client.with_key(secret).get("/api/me")).status == 401
    assert (await client.post("/api/users/ada/unblock")).json["blocked"] is False
    assert [each["id"] for each in (await client.get("/api/users", q="AD")).json["data"]] == ["ada"]
    assert (await client.get("/api/users/eve")).status == 404


async def test_a_user_has_an_address_and_can_be_found_by_it(client: Client) -> None:
    made = await client.post("/api/users", {"id": "ada", "email": " ada@example.com "})
    assert made.json["email"] == "ada@example.com"
    assert (await client.patch("/api/users/ada", {"name": "Ada"})).json[
        "email"
    ] == "ada@example.com"
    for wrong in ("ada", "ada@", "@b.de", "a b@c.de", "a@b@c.de", "a@" + "b" * 260):
        reply = await client.patch("/api/users/ada", {"email": wrong})
        assert (reply.status, reply.json["error"]["param"]) == (400, "email"), wrong
    assert [e["id"] for e in (await client.get("/api/users", q="EXAMPLE")).json["data"]] == ["ada"]
    assert (await client.patch("/api/users/ada", {"email": ""})).json["email"] == ""


async def test_a_user_with_keys_is_not_deleted_and_a_change_is_to_a_version(client: Client) -> None:
    await client.post("/api/users", {"id": "ada"})
    body = {"scope": "user", "scope_id": "ada", "measure": "requests", "limit": 5}
    alone = (await client.post("/api/limits", body)).json
    key = (await client.post("/api/keys", {"user": "ada"})).json["key"]["id"]
    refused = await client.delete("/api/users/ada")
    assert (refused.status, refused.code) == (409, "conflict")
    assert key in refused.message
    await client.patch("/api/users/ada", {"name": "Ada"}, if_match='"1"')
    stale = await client.patch("/api/users/ada", {"name": "Eve"}, if_match='"1"')
    assert (stale.status, stale.code) == (409, "version_conflict")
    await client.delete(f"/api/keys/{key}")
    assert (await client.delete("/api/users/ada")).status == 204
    assert (await client.get("/api/users/ada")).status == 404
    assert (await client.get(f"/api/limits/{alone['id']}")).status == 404
