"""Keys over HTTP: shown once, changed under their version, and never with a hash."""

import re
from typing import Any

from tests.admin.offices import MASTER, Client, FakeOffice


async def made(client: Client, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/api/keys", fields)
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.json
    return found


async def test_a_made_key_works_at_once_and_its_secret_is_shown_once(client: Client) -> None:
    found = await made(client, name="Search, prod")
    secret, key = found["secret"], found["key"]
    assert re.fullmatch(r"search-prod-[a-z2-7]{4}", key["id"])
    assert secret.startswith("sk-fg-")
    assert key["shown"].endswith(secret[-4:])
    me = await client.with_key(secret).get("/api/me")
    assert (me.status, me.json["id"], me.json["role"]) == (200, key["id"], "none")
    for path in ("/api/keys", f"/api/keys/{key['id']}", "/api/audit"):
        body = (await client.get(path)).body.decode()
        assert secret not in body
        assert not re.search(r"[0-9a-f]{64}", body), path


async def test_a_key_without_a_name_has_a_readable_id(client: Client) -> None:
    assert re.fullmatch(r"key-[a-z2-7]{4}", (await made(client))["key"]["id"])


async def test_every_field_comes_back(client: Client) -> None:
    await client.post("/api/users", {"id": "ada@example.com"})
    await client.post("/api/teams", {"id": "red", "members": ["ada@example.com"]})
    found = await made(
        client,
        name="all",
        role="viewer",
        team="red",
        user="ada@example.com",
        models=["router", "mi*"],
        expires="2030-01-01",
        tags=["batch"],
        metadata={"cost centre": 7, "rate": 0.1},
        budgets=[
            {"limit": "$10", "window": "monthly", "zone": "Europe/Berlin", "soft_limit": 8},
            {"limit": "0.000000000001", "window": "rolling 24h", "reserve": "estimate"},
        ],
        limits=[{"measure": "requests", "limit": 60}, {"measure": "parallel", "limit": 4}],
    )
    key = found["key"]
    assert {name: key[name] for name in ("role", "team", "user", "models", "tags", "state")} == {
        "role": "viewer",
        "team": "red",
        "user": "ada@example.com",
        "models": ["router", "mi*"],
        "tags": ["batch"],
        "state": "active",
    }
    assert key["metadata"] == {"cost centre": 7, "rate": 0.1}
    assert key["expires_at"] == "2030-01-01T00:00:00.000000Z"
    month, day = key["budgets"]
    assert (month["limit"], month["soft_limit"], month["window"]) == ("10", "8", "1mo")
    assert month["id"] == f"key/{key['id']}/1mo"
    assert month["zone"] == "Europe/Berlin"
    assert (day["limit"], day["id"]) == ("0.000000000001", f"key/{key['id']}/rolling-1d")
    assert month["standing"]["left"] == "10"
    assert month["standing"]["state"] == "ok"
    assert [(e["measure"], e["limit"], e["per"]) for e in key["limits"]] == [
        ("requests", 60, "minute"),
        ("parallel", 4, None),
    ]
    assert (await client.get(f"/api/keys/{key['id']}")).json == key


async def test_amounts_are_read_by_their_digits(client: Client) -> None:
    # As a binary float the first would end in …0000004, and the second would be 9007199254740992.
    for text, limit in (
        ("0.000000100001", "0.000000100001"),
        ("9007199254.740993000001", "9007199254.740993000001"),
        ("1e1", "10"),
        ("12", "12"),
    ):
        body = f'{{"budgets": [{{"limit": {text}}}]}}'.encode()
        reply = await client.ask("POST", "/api/keys", body)
        assert reply.json["key"]["budgets"][0]["limit"] == limit


async def test_what_is_wrong_is_said_and_nothing_is_written(client: Client) -> None:
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"models": ["ruoter"]}, "models", "did you mean 'router'"),
        ({"team": "blue"}, "team", "there is no team 'blue'"),
        ({"user": "bob"}, "user", "there is no user 'bob'"),
        ({"expires": "soon"}, "expires", "is no instant"),
        ({"expires": "2001-01-01"}, "expires", "is not to come"),
        ({"role": "root"}, "role", ""),
        ({"name": "a\u0007"}, "name", "printable"),
        ({"budgets": [{"limit": "-1"}]}, "budgets.0.limit", "negative"),
        ({"budgets": [{"limit": "ten"}]}, "budgets.0.limit", "is not an amount"),
        ({"budgets": [{"limit": True}]}, "budgets.0.limit", "an amount in USD"),
        ({"budgets": [{"limit": "1e-13"}]}, "budgets.0.limit", "pico-dollars"),
        ({"budgets": [{"limit": "9e29"}]}, "budgets.0.limit", "is more than"),
        ({"budgets": [{"limit": 1, "window": "fortnight"}]}, "budgets.0.window", "no unit of time"),
        ({"budgets": [{"limit": 1, "zone": "Mars/Base"}]}, "budgets.0.zone", "no time zone"),
        ({"budgets": [{"limit": 1, "zone": "localtime"}]}, "budgets.0.zone", "on every machine"),
        ({"budgets": [{"limit": "\u0661\u0660"}]}, "budgets.0.limit", "is not an amount"),
        ({"budgets": [{"limit": 1, "window": "\u0667d"}]}, "budgets.0.window", "no window"),
        ({"expires": "\u0663\u0660d"}, "expires", "is no instant"),
        ({"budgets": [{"limit": 1, "zone": "../etc"}]}, "budgets.0.zone", "no time zone"),
        ({"budgets": [{"limit": 1, "soft_limit": 2}]}, "budgets.0.soft_limit", "above the limit"),
        ({"budgets": [{"limit": 1, "window": "30d"}, {"limit": 2, "window": "1mo"}]},
         "budgets.1.window", "two budgets for 1mo"),
        ({"limits": [{"measure": "requests", "limit": -1}]}, "limits.0.limit", ""),
        ({"limits": [{"measure": "parallel", "limit": 1, "per": "day"}]}, "limits.0.per", "window"),
        ({"limits": [{"measure": "tokens", "limit": 1, "model": "x"}]}, "limits.0.model", "no m"),
        ({"tags": ["a,b"]}, "tags", "no comma"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata", "too many"),
        ({"secret": "short"}, "secret", "20 to 256"),
        ({"color": "red"}, "color", "no such field"),
    ]  # fmt: skip
    for body, param, said in wrong:
        reply = await client.post("/api/keys", body)
        error = reply.json["error"]
        assert (reply.status, error["param"]) == (400, param), (body, error)
        assert said in error["message"], error
        assert error["type"] == "invalid_request_error"
    assert (await client.get("/api/keys")).json["data"] == []
    assert (await client.get("/api/audit")).json["data"] == []


async def test_a_secret_in_the_wrong_place_is_not_repeated(client: Client) -> None:
    secret = "sk-something-that-must-not-be-shown"
    for body in ({"name": {"it": secret}}, {"budgets": secret}, {secret[:0] + "limits": secret}):
        reply = await client.post("/api/keys", body)
        assert reply.status == 400
        assert secret not in reply.body.decode()
    broken = f'{{"secret": "{secret}"'.encode()
    assert secret not in (await client.ask("POST", "/api/keys", broken)).body.decode()


async def test_a_change_keeps_what_it_does_not_state(client: Client) -> None:
    key = (await made(client, name="k", tags=["a"], budgets=[{"limit": 1, "window": "1d"}]))["key"]
    changed = (await client.patch(f"/api/keys/{key['id']}", {"models": ["router"]})).json
    assert (changed["name"], changed["tags"], changed["models"]) == ("k", ["a"], ["router"])
    assert changed["version"] == 2
    assert changed["budgets"][0]["id"] == key["budgets"][0]["id"]
    more = await client.patch(f"/api/keys/{key['id']}", {"budgets": [{"limit": 5, "window": "1d"}]})
    assert more.json["budgets"][0]["id"] == key["budgets"][0]["id"]
    assert more.json["budgets"][0]["limit"] == "5"
    assert more.headers["etag"] == '"3"'


async def test_a_change_of_nothing_is_not_written(client: Client) -> None:
    key = (await made(client, name="k"))["key"]
    assert (await client.patch(f"/api/keys/{key['id']}", {"name": "k"})).json["version"] == 1
    assert len((await client.get("/api/audit")).json["data"]) == 1


async def test_somebody_elses_change_is_not_overwritten(client: Client) -> None:
    key = (await made(client, name="k"))["key"]
    path = f"/api/keys/{key['id']}"
    assert (await client.patch(path, {"name": "mine"}, if_match='"1"')).status == 200
    late = await client.patch(path, {"name": "yours"}, if_match='"1"')
    assert (late.status, late.code) == (409, "version_conflict")
    assert "read it again" in late.message.lower()
    assert (await client.ask("PATCH", path, {"name": "x"}, query={"version": 1})).status == 409
    assert (await client.get(path)).json["name"] == "mine"
    assert (await client.patch(path, {"name": "theirs"}, if_match="x y")).code == "invalid_request"
    assert (await client.delete(path, if_match='"1"')).status == 409
    assert (await client.delete(path, if_match='W/"2"')).status == 204


async def test_rotation_overlaps(client: Client) -> None:
    found = await made(client, name="k")
    old, path = found["secret"], f"/api/keys/{found['key']['id']}"
    rotated = (await client.post(f"{path}/rotate", {"overlap": "1h"})).json
    new = rotated["secret"]
    assert new != old
    assert rotated["key"]["id"] == found["key"]["id"]
    assert rotated["key"]["previous_until"] is not None
    for secret in (old, new):
        assert (await client.with_key(secret).get("/api/me")).status == 200
    last = (await client.post(f"{path}/rotate", {})).json
    assert last["key"]["previous_until"] is None
    assert (await client.with_key(new).get("/api/me")).status == 401
    assert (await client.with_key(last["secret"]).get("/api/me")).status == 200
    assert (await client.post(f"{path}/rotate", {"overlap": "10y"})).status == 400


async def test_a_blocked_or_deleted_key_opens_nothing(client: Client) -> None:
    found = await made(client, name="k")
    holder, path = client.with_key(found["secret"]), f"/api/keys/{found['key']['id']}"
    assert (await client.post(f"{path}/block")).json["state"] == "blocked"
    assert (await holder.get("/api/me")).status == 401
    assert (await client.post(f"{path}/unblock")).json["state"] == "active"
    assert (await holder.get("/api/me")).status == 200
    assert (await client.delete(path)).status == 204
    assert (await holder.get("/api/me")).status == 401
    assert (await client.get(path)).status == 404
    assert (await client.patch(path, {"name": "x"})).code == "not_found"


async def test_a_secret_of_ones_own_must_be_free(client: Client) -> None:
    mine = "my-own-secret-of-enough-characters"
    found = await made(client, name="mine", secret=mine)
    assert found["secret"] == mine
    assert (await client.with_key(mine).get("/api/me")).status == 200
    for taken in (mine, MASTER):
        reply = await client.post("/api/keys", {"secret": taken})
        assert (reply.status, reply.code) == (409, "conflict")
        assert taken not in reply.message


async def test_keys_are_listed_by_pages_and_found(client: Client) -> None:
    await client.post("/api/teams", {"id": "red"})
    for number in range(5):
        await made(client, name=f"k{number}", team="red" if number % 2 else None)
    ids: list[str] = []
    cursor = None
    while True:
        page = (
            await client.get("/api/keys", limit=2, **({"cursor": cursor} if cursor else {}))
        ).json
        assert len(page["data"]) <= 2
        ids += [each["id"] for each in page["data"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert ids == sorted(ids)
    assert len(ids) == 5
    assert len((await client.get("/api/keys", team="red")).json["data"]) == 2
    assert len((await client.get("/api/keys", team="")).json["data"]) == 3
    assert [e["name"] for e in (await client.get("/api/keys", q="K3")).json["data"]] == ["k3"]
    for limit in (0, 1001, "many"):
        assert (await client.get("/api/keys", limit=limit)).status == 400


async def test_keys_belong_to_whoever_cannot_go_before_them(client: Client) -> None:
    await client.post("/api/users", {"id": "ada"})
    await client.post("/api/teams", {"id": "red", "members": ["ada"]})
    key = (await made(client, name="k", user="ada", team="red"))["key"]
    for path in ("/api/users/ada", "/api/teams/red"):
        reply = await client.delete(path)
        assert (reply.status, reply.code) == (409, "conflict")
        assert key["id"] in reply.message
    await client.delete(f"/api/keys/{key['id']}")
    assert (await client.delete("/api/users/ada")).status == 204
    assert (await client.get("/api/teams/red")).json["members"] == []


async def test_standings_that_are_not_known_are_null(client: Client, office: FakeOffice) -> None:
    office.counted = None
    key = (await made(client, budgets=[{"limit": 1}], limits=[{"measure": "tokens", "limit": 5}]))[
        "key"
    ]
    assert key["budgets"][0]["standing"] is None
    assert key["limits"][0]["standing"] is None
