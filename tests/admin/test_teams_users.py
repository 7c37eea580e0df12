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
