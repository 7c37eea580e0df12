"""``/api/keys``."""

import time
from typing import Literal

from fastapi import Response
from msgspec import UNSET
from pydantic import Field

from faregate.admin import listing
from faregate.admin.desks import Stated, desk
from faregate.admin.holders import HolderShown, HolderUpdate, answer, changed, common, standings_of
from faregate.admin.standing import Standings
from faregate.admin.table import Table
from faregate.admin.wire import (
    Asked,
    Cursor,
    Instant,
    Said,
    Shown,
    SpanSaid,
    Who,
    instant,
    maybe_instant,
)
from faregate.admin.wire import Limit as PageLimit
from faregate.control import keys as control
from faregate.control.desk import Kept
from faregate.control.errors import ConflictError
from faregate.core.keys import Key as KeyEntity
from faregate.errors import AuthenticationError

table = Table("keys")


class KeyUpdate(HolderUpdate):
    """What changes of a key. What is left out stays; lists are replaced whole."""

    role: Literal["none", "viewer", "admin"] = "none"
    team: str | None = None
    user: str | None = None
    """Who owns it."""
    expires: str | float | None = None
    """A span from now on (`30d`), an instant, or Unix seconds; null: never."""
    tags: list[str] = Field(default_factory=list)
    """Every call of the key carries them."""


class KeyCreate(KeyUpdate):
    """A new key."""

    secret: str | None = Field(None, max_length=256)
    """A secret you bring along, 20 to 256 printable characters; null: one is made."""


class KeyRotate(Said):
    """A new secret for a key."""

    overlap: SpanSaid = 0
    """How long the one before stays good: `24h`; 0: not at all."""
    secret: str | None = Field(None, max_length=256)


class Key(HolderShown):
    """A key: everything but its secret."""

    shown: str
    """How the secret begins and ends: `sk-fg-…1a2b`."""
    role: Literal["none", "viewer", "admin"]
    team: str | None
    user: str | None
    state: Literal["active", "blocked", "expired"]
    expires_at: Instant | None
    tags: list[str]
    previous_until: Instant | None
    """Until when the secret before the last rotation is good; null: it is not."""


class KeyIssued(Shown):
    """A key and its secret, which is never shown again."""

    key: Key
    secret: str


class KeyPage(Shown):
    """Keys, by id."""

    data: list[Key]
    next: str | None


@table.route("GET", "/api/keys", "read", "listKeys")
async def list_keys(
    who: Who,
    q: str = "",
    team: str | None = None,
    user: str | None = None,
    cursor: Cursor = None,
    limit: PageLimit = 100,
) -> KeyPage:
    """Keys, by id. `q` is looked for in ids, names and tags; `team=` (empty) means without one."""
    found = [
        each
        for each in who.office.directory().keys.values()
        if (team is None or each.team == team)
        and (user is None or each.user == user)
        and _says(each, q.lower())
    ]
    page = await listing.page(who, KeyEntity, found, cursor, limit)
    return KeyPage(data=await show_all(who, page.kept), next=page.next)


@table.route("POST", "/api/keys", "change", "createKey", status_code=201)
async def create_key(who: Who, body: KeyCreate, response: Response) -> KeyIssued:
    """Make a key. The answer is the only place its secret is ever shown."""
    check_unused(who, body.secret)
    made = await control.make(desk(who), fields(body), secret=body.secret or "")
    return await _issued(who, made, response)


@table.route("GET", "/api/keys/{key_id}", "read", "getKey")
async def get_key(who: Who, key_id: str, response: Response) -> Key:
    """One key."""
    return await answer(who, await control.get(desk(who), key_id), response, show_all)


@table.route("PATCH", "/api/keys/{key_id}", "change", "updateKey")
async def update_key(
    who: Who,
    key_id: str,
    body: KeyUpdate,
    response: Response,
    version: Stated,
) -> Key:
    """Change a key. A budget keeps what was spent as long as its window stays."""
    kept = await control.update(desk(who), key_id, fields(body), version)
    return await changed(who, kept, response, show_all)


@table.route("POST", "/api/keys/{key_id}/rotate", "change", "rotateKey")
async def rotate_key(
    who: Who, key_id: str, body: KeyRotate, response: Response, version: Stated
) -> KeyIssued:
    """Give a key a new secret; the one before stays good for the overlap."""
    check_unused(who, body.secret)
    made = await control.rotate(
        desk(who),
        key_id,
        overlap=body.overlap,
        secret=body.secret or "",
        version=version,
    )
    return await _issued(who, made, response)


@table.route("POST", "/api/keys/{key_id}/block", "change", "blockKey")
async def block_key(who: Who, key_id: str, response: Response) -> Key:
    """Let a key make no further call."""
    kept = await control.block(desk(who), key_id)
    return await changed(who, kept, response, show_all)


@table.route("POST", "/api/keys/{key_id}/unblock", "change", "unblockKey")
async def unblock_key(who: Who, key_id: str, response: Response) -> Key:
    """Let a blocked key call again."""
    kept = await control.block(desk(who), key_id, blocked=False)
    return await changed(who, kept, response, show_all)


@table.route("DELETE", "/api/keys/{key_id}", "change", "deleteKey", status_code=204)
async def delete_key(who: Who, key_id: str, version: Stated) -> None:
    """Delete a key, and the budgets and limits that were for it. Its calls stay in the ledger."""
    await control.delete(desk(who), key_id, version)
    await who.office.applied()


def fields(body: KeyUpdate) -> control.KeyFields:
    """What a body states, for control."""
    found = body.changes("secret")
    for name in ("team", "user"):
        if found.get(name, UNSET) is None:
            found[name] = ""
    if found.get("role") == "none":
        found["role"] = ""
    return control.KeyFields(**found)


def check_unused(who: Asked, secret: str | None) -> None:
    """Raise :class:`ConflictError` for a secret that opens something already, the master key's
    included."""
    if not secret:
        return
    try:
        who.office.holder_of_request("GET", {"authorization": f"Bearer {secret}"})
    except AuthenticationError:
        return
    raise ConflictError("this secret is in use already; choose another one, or leave it out")


async def show_all(who: Asked, kept: list[Kept[KeyEntity]]) -> list[Key]:
    """Keys with how their budgets and limits stand."""
    known = await standings_of(who, kept)
    return [show(each, known, time.time()) for each in kept]


def show(kept: Kept[KeyEntity], known: Standings, now: float) -> Key:
    """A key as it is shown."""
    key = kept.entity
    expired = key.expires_at is not None and now >= key.expires_at
    return Key(
        **common(kept, known),
        shown=key.shown,
        role=key.role or "none",
        team=key.team or None,
        user=key.user or None,
        state="blocked" if key.blocked else "expired" if expired else "active",
        expires_at=maybe_instant(key.expires_at),
        tags=list(key.tags),
        previous_until=instant(key.previous_until) if key.previous_until > now else None,
    )


async def _issued(who: Asked, made: control.Issued, response: Response) -> KeyIssued:
    return KeyIssued(key=await changed(who, made.kept, response, show_all), secret=made.secret)


def _says(key: KeyEntity, wanted: str) -> bool:
    return not wanted or any(
        wanted in each.lower() for each in (key.id, key.name, key.shown, *key.tags)
    )
