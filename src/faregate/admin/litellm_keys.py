"""LiteLLM's ``/key/…``. A key is named by its secret or by its id; ``token`` is the id."""

import math
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from faregate.admin import listing
from faregate.admin.desks import desk
from faregate.admin.keys import check_unused
from faregate.admin.litellm_fields import Common, Held, Spent, common, see_user, show_limits, spent
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Who, instant, maybe_instant
from faregate.control import keys as control
from faregate.control.desk import Kept
from faregate.control.errors import UnknownEntityError
from faregate.core.keys import Key
from faregate.errors import BadRequestError, PermissionDeniedError

table = Table("litellm")

_HIDDEN = {"include_in_schema": False, "response_model": None}


class KeyBody(Common):
    """The body of /key/generate, and of what else changes a key."""

    key: str | None = None
    key_alias: str | None = None
    duration: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    tags: list[str] | None = None
    new_key: str | None = None
    grace_period: str | None = None


class KeysBody(BaseModel):
    """Several keys."""

    model_config = ConfigDict(extra="allow")

    keys: list[str] | None = None
    key_aliases: list[str] | None = None


class KeyListQuery(BaseModel):
    """Which keys /key/list shows."""

    page: int = 1
    size: int = 10
    user_id: str | None = None
    team_id: str | None = None
    key_alias: str | None = None
    key_hash: str | None = None
    return_full_object: bool = False


@table.route("POST", "/key/generate", "change", "litellmKeyGenerate", **_HIDDEN)
async def generate(who: Who, body: KeyBody) -> dict[str, Any]:
    """A new key."""
    check_unused(who, body.key)
    at = desk(who)
    await see_user(at, body.user_id)
    made = await control.make(at, _fields(body, Held()), secret=body.key or "")
    await who.office.applied()
    return await _made(who, made)


@table.route("GET", "/key/info", "own", "litellmKeyInfo", **_HIDDEN)
async def info(who: Who, key: str | None = None) -> dict[str, Any]:
    """One key; without ``key`` the one that asks. A key without a role sees itself only."""
    kept = await resolve(who, key or who.holder.id)
    if not (who.sees_all or kept.id == who.holder.id):
        raise PermissionDeniedError(
            "a key sees itself only; others need the role viewer or admin",
            code="permission_denied",
        )
    shown = show(kept, await spent(who, "key", [kept.entity]))
    return {"key": kept.id if key is None else key, "info": shown}


@table.route("POST", "/key/update", "change", "litellmKeyUpdate", **_HIDDEN)
async def update(who: Who, body: KeyBody) -> dict[str, Any]:
    """Change a key."""
    at = desk(who)
    kept = await resolve(who, _named(body))
    await see_user(at, body.user_id)
    held = Held(kept.entity.budgets, kept.entity.limits)
    kept = await control.update(at, kept.id, _fields(body, held), kept.version)
    await who.office.applied()
    return {"key": body.key, **show(kept, await spent(who, "key", [kept.entity]))}


@table.route("POST", "/key/delete", "change", "litellmKeyDelete", **_HIDDEN)
async def delete(who: Who, body: KeysBody) -> dict[str, Any]:
    """Delete keys; all are looked up before any goes."""
    at = desk(who)
    found = [await resolve(who, each) for each in body.keys or ()]
    aliases = set(body.key_aliases or ())
    if aliases:
        named = (each for each in who.office.directory().keys.values() if each.name in aliases)
        found += await listing.read(who, Key, named)
    if not found:
        raise BadRequestError("state keys or key_aliases that exist", code="invalid_request")
    for each in {kept.id: kept for kept in found}.values():
        await control.delete(at, each.id)
    await who.office.applied()
    return {"deleted_keys": body.keys or [each.id for each in found]}


@table.route("GET", "/key/list", "read", "litellmKeyList", **_HIDDEN)
async def list_keys(who: Who, asked: Annotated[KeyListQuery, Query()]) -> dict[str, Any]:
    """A page of keys: their ids, or all of them."""
    found = [
        each
        for _, each in sorted(who.office.directory().keys.items())
        if asked.user_id in (None, each.user)
        and asked.team_id in (None, each.team)
        and asked.key_alias in (None, each.name)
        and asked.key_hash in (None, each.id)
    ]
    size, page = min(max(asked.size, 1), 100), min(max(asked.page, 1), 10**6)
    kept = found[(page - 1) * size : page * size]
    keys: list[Any] = [each.id for each in kept]
    if asked.return_full_object:
        keys = await show_all(who, await listing.read(who, Key, kept))
    return {
        "keys": keys,
        "total_count": len(found),
        "current_page": page,
        "total_pages": math.ceil(len(found) / size),
    }


@table.route("POST", "/key/block", "change", "litellmKeyBlock", **_HIDDEN)
async def block(who: Who, body: KeyBody) -> dict[str, Any]:
    """Block a key."""
    return await _blocked(who, body, blocked=True)


@table.route("POST", "/key/unblock", "change", "litellmKeyUnblock", **_HIDDEN)
async def unblock(who: Who, body: KeyBody) -> dict[str, Any]:
    """Let a blocked key call again."""
    return await _blocked(who, body, blocked=False)


@table.route("POST", "/key/regenerate", "change", "litellmKeyRegenerate", **_HIDDEN)
async def regenerate(who: Who, body: KeyBody) -> dict[str, Any]:
    """A new secret for a key, and other changes that are stated."""
    return await _regenerated(who, _named(body), body)


@table.route("POST", "/key/{key}/regenerate", "change", "litellmKeyRegenerateNamed", **_HIDDEN)
async def regenerate_named(who: Who, key: str, body: KeyBody | None = None) -> dict[str, Any]:
    """The same, the key named in the path."""
    return await _regenerated(who, key, body or KeyBody.model_validate({}))


async def resolve(who: Asked, named: str) -> Kept[Key]:
    """The key of an id or a secret. Raises :class:`UnknownEntityError`, which repeats neither."""
    holder = who.office.directory().holder(named, time.time())
    try:
        return await control.get(desk(who), named if holder is None else holder.id)
    except UnknownEntityError:
        raise UnknownEntityError(
            "there is no such key; name it by its secret, or by its id"
        ) from None


async def show_all(who: Asked, kept: Sequence[Kept[Key]]) -> list[dict[str, Any]]:
    """Keys as LiteLLM shows them."""
    sums = await spent(who, "key", [each.entity for each in kept])
    return [show(each, sums) for each in kept]


def show(kept: Kept[Key], sums: Spent) -> dict[str, Any]:
    """A key as LiteLLM shows it."""
    key = kept.entity
    return {
        "token": kept.id,
        "token_id": kept.id,
        "key_name": key.shown,
        "key_alias": key.name or None,
        "spend": sums.of(key),
        "expires": maybe_instant(key.expires_at),
        "models": list(key.models),
        "user_id": key.user or None,
        "team_id": key.team or None,
        "metadata": dict(key.metadata),
        "tags": list(key.tags),
        "blocked": key.blocked,
        "created_at": instant(key.created_at),
        "updated_at": instant(key.updated_at),
        **show_limits(key, sums.known),
    }


def _fields(body: KeyBody, held: Held) -> control.KeyFields:
    found = common(body, held)
    said = body.model_fields_set
    if "key_alias" in said:
        found["name"] = body.key_alias or ""
    if "team_id" in said:
        found["team"] = body.team_id or ""
    if "user_id" in said:
        found["user"] = body.user_id or ""
    if "tags" in said:
        found["tags"] = body.tags or []
    if "duration" in said:
        found["expires"] = None if body.duration in (None, "-1") else body.duration
    return control.KeyFields(**found)


def _named(body: KeyBody) -> str:
    if not body.key:
        raise BadRequestError("key: is missing", code="invalid_request", param="key")
    return body.key


async def _blocked(who: Asked, body: KeyBody, *, blocked: bool) -> dict[str, Any]:
    at = desk(who)
    kept = await control.block(at, (await resolve(who, _named(body))).id, blocked=blocked)
    await who.office.applied()
    return show(kept, await spent(who, "key", [kept.entity]))


async def _regenerated(who: Asked, named: str, body: KeyBody) -> dict[str, Any]:
    check_unused(who, body.new_key)
    at = desk(who)
    kept = await resolve(who, named)
    changes = _fields(body, Held(kept.entity.budgets, kept.entity.limits))
    await control.update(at, kept.id, changes, kept.version)
    made = await control.rotate(
        at, kept.id, overlap=body.grace_period or 0, secret=body.new_key or ""
    )
    await who.office.applied()
    return await _made(who, made)


async def _made(who: Asked, made: control.Issued) -> dict[str, Any]:
    shown = show(made.kept, await spent(who, "key", [made.kept.entity]))
    return {"key": made.secret, **shown}
