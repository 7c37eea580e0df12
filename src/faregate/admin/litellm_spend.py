"""LiteLLM's ``/spend/logs``, ``/global/spend/report`` and ``/model/info``. Their numbers are floats
in USD; the exact ones are those of ``/api``."""

import time
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from faregate.admin.litellm_keys import resolve
from faregate.admin.narrowing import day, own
from faregate.admin.table import Table
from faregate.admin.wire import Asked, Who, instant
from faregate.config.settings import ModelDeployment
from faregate.control.errors import UnknownEntityError
from faregate.control.waiting import price_list
from faregate.core.pricebook import PriceBook, Rates
from faregate.errors import BadRequestError
from faregate.money import to_float
from faregate.store.protocol import Entry, Filter, SpendLine
from faregate.types import INPUT_UNITS

table = Table("litellm")

_HIDDEN = {"include_in_schema": False, "response_model": None}
_MOST = 1000
"""Calls of /spend/logs; all of them are at /api/calls, by pages."""

_OUTPUT_UNITS = ("output", "audio_output", "image_output")


class LogsQuery(BaseModel):
    """Which calls /spend/logs shows."""

    api_key: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    summarize: bool = True


@table.route("GET", "/spend/logs", "own", "litellmSpendLogs", **_HIDDEN)
async def logs(who: Who, asked: Annotated[LogsQuery, Query()]) -> list[dict[str, Any]]:
    """Calls, newest first (the last 1,000); with dates and ``summarize`` sums by day."""
    store = who.office.store()
    calendar = await store.calendar()
    today = calendar.today(time.time())
    first, last = day("start_date", asked.start_date, today), day("end_date", asked.end_date, today)
    only = own(who, Filter(key=await _keys(who, asked.api_key), user=_one(asked.user_id)))
    if first is not None and last is not None and asked.summarize:
        return await _by_day(who, only, first, last + timedelta(days=1))
    narrowed = Filter(
        key=only.key,
        user=only.user,
        call_id="" if not (asked.request_id or "").startswith("call_") else asked.request_id or "",
        request_id=() if (asked.request_id or "").startswith("call_") else _one(asked.request_id),
        since=None if first is None else calendar.begins(first),
        until=None if last is None else calendar.begins(last + timedelta(days=1)),
    )
    return [_row(each) for each in (await store.rows(narrowed, limit=_MOST)).entries]


class ReportQuery(BaseModel):
    """What /global/spend/report sums up."""

    start_date: str
    end_date: str
    group_by: str = "team"
    api_key: str | None = None
    internal_user_id: str | None = None
    team_id: str | None = None


@table.route("GET", "/global/spend/report", "read", "litellmSpendReport", **_HIDDEN)
async def report(who: Who, asked: Annotated[ReportQuery, Query()]) -> list[dict[str, Any]]:
    """Spend by team (of each day), or by key."""
    today = (await who.office.store().calendar()).today(time.time())
    first, last = day("start_date", asked.start_date, today), day("end_date", asked.end_date, today)
    if first is None or last is None:
        raise BadRequestError("state start_date and end_date", code="invalid_request")
    only = Filter(
        key=await _keys(who, asked.api_key),
        user=_one(asked.internal_user_id),
        team=_one(asked.team_id),
    )
    until = last + timedelta(days=1)
    if asked.group_by == "team":
        return await _by_team(who, only, first, until)
    if asked.group_by == "api_key":
        return await _by_key(who, only, first, until)
    raise BadRequestError(
        "group_by: is team or api_key; /api/spend groups by more",
        code="invalid_request",
        param="group_by",
    )


@table.route("GET", "/model/info", "own", "litellmModelInfo", **_HIDDEN)
async def model_info(who: Who, litellm_model_id: str | None = None) -> dict[str, Any]:
    """The deployments whose model the key may call, without credentials."""
    book, now = who.office.book(), time.time()
    found = [
        _model(each, book, now)
        for each in who.office.settings().deployments()
        if litellm_model_id in (None, each.id)
        and (who.sees_all or who.holder.refusal(each.model_name) is None)
    ]
    return {"data": found}


@table.route("GET", "/v1/model/info", "own", "litellmModelInfoV1", **_HIDDEN)
async def model_info_v1(who: Who, litellm_model_id: str | None = None) -> dict[str, Any]:
    """The same."""
    return await model_info(who, litellm_model_id)


async def _keys(who: Asked, named: str | None) -> tuple[str, ...]:
    """The id of a key that is named by its id, also of one that is gone, or by its secret."""
    if not named:
        return ()
    try:
        return ((await resolve(who, named)).id,)
    except UnknownEntityError:
        if named.startswith("sk-"):
            raise
        return (named,)


def _one(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


async def _by_day(who: Asked, only: Filter, first: date, until: date) -> list[dict[str, Any]]:
    lines = await who.office.store().spend(
        ("day", "key", "user", "served_model"), only=only, since=first, until=until
    )
    days: dict[str, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda each: each.group):
        when, key, user, model = line.group
        found = days.setdefault(
            when, {"startTime": when, "spend": 0, "users": {}, "models": {}, "api_keys": {}}
        )
        found["spend"] += line.spend
        for name, value in (("users", user), ("models", model), ("api_keys", key)):
            found[name][value] = found[name].get(value, 0) + line.spend
    return [_floats(each) for each in days.values()]


def _floats(found: dict[str, Any]) -> dict[str, Any]:
    """Sums of pico-dollars, added up as whole numbers, as floats."""
    shown = {**found, "spend": to_float(found["spend"])}
    for name in ("users", "models", "api_keys"):
        shown[name] = {key: to_float(value) for key, value in found[name].items()}
    return shown


async def _by_team(who: Asked, only: Filter, first: date, until: date) -> list[dict[str, Any]]:
    calendar = await who.office.store().calendar()
    lines = await who.office.store().spend(
        ("day", "team", "key", "served_model"), only=only, since=first, until=until
    )
    days: dict[str, dict[str, list[SpendLine]]] = {}
    for line in sorted(lines, key=lambda each: each.group):
        days.setdefault(line.group[0], {}).setdefault(line.group[1], []).append(line)
    return [
        {
            "group_by_day": calendar.midnight(date.fromisoformat(when)).isoformat(),
            "teams": [
                {
                    "team_name": team or None,
                    "total_spend": _sum(found),
                    "metadata": [
                        {
                            "model": each.group[3],
                            "spend": to_float(each.spend),
                            "total_tokens": _prompt(each) + _completion(each),
                            "api_key": each.group[2],
                        }
                        for each in found
                    ],
                }
                for team, found in teams.items()
            ],
        }
        for when, teams in days.items()
    ]


async def _by_key(who: Asked, only: Filter, first: date, until: date) -> list[dict[str, Any]]:
    lines = await who.office.store().spend(
        ("key", "served_model"), only=only, since=first, until=until
    )
    keys: dict[str, list[SpendLine]] = {}
    for line in lines:
        keys.setdefault(line.group[0], []).append(line)
    return [
        {
            "api_key": key,
            "total_cost": _sum(found),
            "total_input_tokens": sum(map(_prompt, found)),
            "total_output_tokens": sum(map(_completion, found)),
            "model_details": [
                {
                    "model": each.group[1],
                    "total_cost": to_float(each.spend),
                    "total_input_tokens": _prompt(each),
                    "total_output_tokens": _completion(each),
                }
                for each in found
            ],
        }
        for key, found in keys.items()
    ]


def _sum(lines: Sequence[SpendLine]) -> float:
    return to_float(sum(each.spend for each in lines))


def _prompt(line: SpendLine) -> int:
    return sum(line.tokens.get(unit, 0) for unit in INPUT_UNITS)


def _completion(line: SpendLine) -> int:
    return sum(line.tokens.get(unit, 0) for unit in _OUTPUT_UNITS)


def _row(entry: Entry) -> dict[str, Any]:
    row = entry.row
    charges = row.receipt.charges if row.receipt else ()
    prompt = sum(each.usage.prompt for each in charges)
    completion = sum(each.usage.completion for each in charges)
    return {
        "request_id": row.call_id,
        "call_type": row.operation,
        "api_key": row.key,
        "spend": to_float(entry.spend),
        "status": "success" if row.outcome == "completed" else "failure",
        "cost_status": entry.status,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "startTime": instant(row.started),
        "endTime": instant(row.ended),
        "completionStartTime": None if row.first_byte is None else instant(row.first_byte),
        "model": charges[-1].served_model if charges else row.requested_model,
        "model_group": row.requested_model,
        "model_id": row.deployment,
        "custom_llm_provider": row.provider,
        "user": row.user,
        "team_id": row.team,
        "end_user": row.end_user,
        "request_tags": list(row.tags),
        "requester_ip_address": row.client,
        "session_id": row.session,
        "cache_hit": "False",
        "metadata": {},
    }


def _model(entry: ModelDeployment, book: PriceBook, now: float) -> dict[str, Any]:
    facts = entry.deployment
    prices = _prices(entry, book, now)
    return {
        "model_name": entry.model_name,
        "litellm_params": {
            "model": entry.model,
            "api_base": facts.api_base,
            "api_version": facts.api_version or None,
            "rpm": entry.rpm,
            "tpm": entry.tpm,
            "custom_llm_provider": facts.provider,
        },
        "model_info": {
            "id": entry.id,
            "db_model": False,
            "mode": entry.mode,
            "base_model": facts.base_model or None,
            "litellm_provider": facts.provider,
            "input_cost_per_token": prices.get("input"),
            "output_cost_per_token": prices.get("output"),
            **entry.details,
        },
    }


def _prices(entry: ModelDeployment, book: PriceBook, now: float) -> dict[str, float]:
    facts = entry.deployment
    if facts.own_prices is not None:
        return {unit: to_float(price) for unit, price in facts.own_prices.per_token.items()}
    if facts.route == "model_router":
        return {}
    name = facts.base_model or facts.upstream_model
    rates = book.lookup(price_list(facts.provider), name, facts.scope, at=now)
    if not isinstance(rates, Rates):
        return {}
    return {unit: to_float(row.per_token) for unit, row in rates.short.items()}
