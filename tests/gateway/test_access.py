"""Budgets beside the calls: soft limits are told, and what the configuration says is in force."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from faregate.core.budget import Account, SoftLimit, check
from faregate.core.directory import Directory
from faregate.gateway import access
from faregate.gateway.access import EVERYTHING, Access, AccessOptions
from faregate.types import HttpRequest
from faregate.upstream.transport import Answer
from faregate.upstream.transport_errors import ConnectFailed
from tests.gateway.gatehouse import budget, until
from tests.gateway.settings import settings

HOOK = "https://hooks.example/T0/secret-part"


class Hook:
    """Stands in for the transport to a webhook."""

    def __init__(self, reply: Answer | Exception) -> None:
        self.posted: list[Any] = []
        self._reply = reply

    async def send(self, request: HttpRequest, *_: object) -> Answer:
        """As the transport does."""
        self.posted.append((request.url, msgspec.json.decode(request.body)))
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


def made(**sections: Any) -> tuple[Access, list[Directory]]:
    """An access without a ledger, and the directories it told of."""
    config = settings(**sections)
    told: list[Directory] = []

    async def other(_: str) -> None:
        return

    return Access(AccessOptions(), None, lambda: config, told.append, other), told


def reached() -> SoftLimit:
    account: Account = check(budget("10", soft_limit=8 * 10**12, id="b1"))
    return SoftLimit(account, 8_123_400_000_000)


async def test_a_soft_limit_is_told_in_the_log_and_to_the_webhook(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hook = Hook(Answer(200, {}, b"ok"))
    monkeypatch.setattr(access, "shared", lambda: hook)
    found, _ = made(general_settings={"alert_webhook_url": HOOK})
    with caplog.at_level(logging.WARNING):
        found._warn(reached())
        await until(lambda: hook.posted)
    text = (
        "the budget of key k1 (1mo) has reached its soft limit: $8.1234 spent,"
        " soft limit $8.00, limit $10.00"
    )
    assert text in caplog.text
    assert found.soft_limits == 1
    ((url, body),) = hook.posted
    assert url == HOOK
    assert body == {
        "text": text,
        "budget": "b1",
        "scope": "key",
        "scope_id": "k1",
        "spent": "8.1234",
        "soft_limit": "8",
        "limit": "10",
    }


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (ConnectFailed("hooks.example:443: refused"), "not delivered"),
        (Answer(404, {}, b""), "the webhook answered 404"),
    ],
)
async def test_a_webhook_that_fails_costs_a_line(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    reply: Answer | Exception,
    said: str,
) -> None:
    monkeypatch.setattr(access, "shared", lambda: Hook(reply))
    found, _ = made(general_settings={"alert_webhook_url": HOOK})
    found._warn(reached())
    await until(lambda: said in caplog.text)
    assert "secret-part" not in caplog.text


async def test_the_configuration_limits_everything() -> None:
    found, told = made(litellm_settings={"max_budget": 12.5, "budget_duration": "1d"})
    found.start()
    (account,) = told[-1].every_account()
    assert (account.id, account.limit) == (f"usd/{EVERYTHING}", 12_500_000_000_000)
    assert str(account.window) == "1d"
    assert account.scope == "everything"
    await found.stop()
    found, told = made()
    found.start()
    assert not told[-1].limited
    await asyncio.gather(found.stop())
