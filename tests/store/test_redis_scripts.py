"""The scripts against the accounts in memory: the same lives, the same answers, with one clock."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faregate.core.budget import (
    Account,
    Actual,
    Budget,
    Claim,
    Hold,
    RateLimit,
    Refused,
    Spend,
    Unrestored,
    check,
    check_limit,
)
from faregate.core.holds import Accounts
from faregate.core.windows import TOTAL, parse_window
from faregate.store.redis_digests import DIGESTS
from faregate.store.redis_forms import Forms
from faregate.store.redis_scripts import CLOSE, RESERVE, RESTORE, decode, encode
from tests.store.redis_servers import LOCAL, prefix_of_its_own, url_or_skip

NOON = 1_795_348_800.0
_CLOCK = "redis.call('TIME')"


class Twin:
    """The scripts, asked one by one, with a clock of ours in place of the server's."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self.prefix = prefix_of_its_own()
        self._forms = Forms(self.prefix, "me")
        self.now = NOON

    def run(self, script: str, keys: list[str], args: list[str]) -> list[str]:
        seconds, micros = int(self.now), round(self.now % 1 * 10**6)
        assert _CLOCK in script
        ours = script.replace(_CLOCK, f"{{'{seconds}', '{micros}'}}")
        found: Any = self._client.eval(ours, len(keys), *keys, *args)
        return [each.decode() for each in found]

    def reserve(self, call: str, claims: list[Claim]) -> Hold | list[str]:
        args = ["hold", call, "me", "60000", "era"]
        for claim in claims:
            args += self._forms.asking(claim, self.now)
        reply = self.run(RESERVE, self._forms.reserving(call, claims), args)
        if reply[0] != "ok":
            return reply
        return Hold(
            call_id=call,
            claims=tuple(claims),
            slots=tuple(float(each) for each in reply[3::2]),
            used=tuple(decode(each)[0] for each in reply[4::2]),
            at=self.now,
            era=reply[2],
        )

    def close(self, hold: Hold, verb: str, usd: int = 0, tokens: int = 0) -> str:
        forms = self._forms
        keys = [forms.era, forms.holds, forms.lapsed, forms.done(hold.call_id)]
        keys += [forms.key(claim.account) for claim in hold.claims]
        amounts = [encode(usd), encode(tokens), encode(0)]
        args = [hold.call_id, verb, *amounts, hold.era, forms.record(hold), "again"]
        return self.run(CLOSE, keys, args)[0]

    def restore(self, account: Account, spends: list[Spend]) -> None:
        keys = [self._forms.key(account), self._forms.owners]
        self.run(RESTORE, keys, self._forms.restoring(account, spends))

    def look(self, account: Account) -> tuple[int, int]:
        claims = [Claim(account, 0)]
        args = ["look", "", "me", "60000", "era", *self._forms.asking(claims[0], self.now)]
        return decode(self.run(RESERVE, self._forms.reserving("", claims), args)[4])

    def forget(self) -> None:
        left = list(self._client.scan_iter(f"{{{self.prefix}}}:*", 5000))
        if left:
            self._client.delete(*left)


@pytest.fixture(scope="module")
def client() -> "Iterator[redis.Redis]":
    url_or_skip()
    made = redis.Redis.from_url(LOCAL, socket_timeout=10)
    yield made
    made.close()


def accounts(scale: int) -> list[Account]:
    made = [
        check(Budget(id=text, scope="key", scope_id="k", limit=100 * scale, window=window))
        for text, window in (
            ("total", TOTAL),
            ("hour", parse_window("1h")),
            ("month", parse_window("1mo")),
            ("rolling", parse_window("rolling 10m")),
        )
    ]
    for measure, limit in (("requests", 6), ("tokens", 100 * scale), ("parallel", 3)):
        made.append(
            check_limit(
                RateLimit(scope="key", scope_id="k", measure=measure, limit=min(limit, 10**15))  # type: ignore[arg-type]
            )
        )
    return made


AMOUNTS = st.sampled_from((0, 1, 5, 10, 33, 60, 95))
STEPS = st.one_of(
    st.tuples(st.just("reserve"), st.lists(AMOUNTS, min_size=7, max_size=7),
              st.integers(1, 127)),
    st.tuples(st.just("settle"), st.integers(0, 20), st.integers(0, 90)),
    st.tuples(st.just("release"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("lapse"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from((0.4, 1.0, 9.0, 61.0, 700.0, 3600.0, 86400.0 * 40)),
              st.just(0)),
    st.tuples(st.just("back"), st.sampled_from((0.5, 5.0, 59.0)), st.just(0)),
)  # fmt: skip


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(STEPS, max_size=25),
    scale=st.sampled_from((1, 5 * 10**8, 10**9 - 1, 2**53 + 1, 10**21 + 3)),
)
def test_the_scripts_do_what_the_accounts_in_memory_do(
    client: "redis.Redis", steps: list[Any], scale: int
) -> None:
    twin, book, every = Twin(client), Accounts(), accounts(scale)
    spends = [Spend(each.id, NOON - 30, 5 * scale) for each in every if each.measure == "usd"]
    book.restore(every[:4], spends, NOON)
    for account in every[:4]:
        twin.restore(account, spends[:0] + [s for s in spends if s.account == account.id])
    calls: list[tuple[Hold, Hold]] = []
    latest = twin.now
    try:
        for index, (verb, what, extra) in enumerate(steps):
            latest = max(latest, twin.now)
            if verb == "wait":
                twin.now += what
            elif verb == "back":
                # Not by more than a minute's limit: of what is older than a window, memory keeps
                # something for longer than Redis does.
                twin.now = max(twin.now - what, latest - 59.0)
            elif verb == "reserve":
                _reserve(twin, book, every, calls, (f"c{index}", what, extra, scale))
            elif calls:
                _close(twin, book, calls[what % len(calls)], verb, extra * scale)
            for account in every:
                standing = book.standing(account, twin.now)
                assert standing is not None
                assert twin.look(account) == (
                    standing.spent + standing.held, standing.held,
                ), account.id  # fmt: skip
    finally:
        twin.forget()


def _reserve(
    twin: Twin,
    book: Accounts,
    every: list[Account],
    calls: list[tuple[Hold, Hold]],
    what: tuple[str, list[int], int, int],
) -> None:
    call, amounts, some, scale = what
    claims = [
        Claim(account, min(amount, 1) if account.measure in ("requests", "parallel")
              else amount * scale)
        for index, (account, amount) in enumerate(zip(every, amounts, strict=True))
        if some >> index & 1
    ]  # fmt: skip
    here, there = book.reserve(call, claims, twin.now), twin.reserve(call, claims)
    assert not isinstance(here, Unrestored)
    if isinstance(here, Hold):
        assert isinstance(there, Hold), there
        assert here.used == there.used
        calls.append((here, there))
        return
    assert isinstance(here, Refused)
    assert not isinstance(there, Hold)
    assert there[0] == "no"
    assert claims[int(there[2])].account == here.account
    assert decode(there[4]) == (here.standing.spent + here.standing.held, here.standing.held)
    if here.account.window.rolling:
        free = int(there[5]) / 1000 if there[5] else None
        assert free == here.free_at


def _close(twin: Twin, book: Accounts, pair: tuple[Hold, Hold], verb: str, usd: int) -> None:
    here, there = pair
    if verb == "lapse":
        done = here.call_id in book._open
        if done:
            hold, _ = book._open.pop(here.call_id)
            book._open = {here.call_id: (hold, -1.0), **book._open}
            assert book.expire(-0.5) == (hold,)
        elif here.call_id in book._lapsed:
            return  # the process that lapsed it does not do so again
    elif verb == "settle":
        done = book.settle(here, Actual(usd=usd, tokens=usd // 2)) is not None
    else:
        done = book.release(here)
    assert twin.close(there, verb, usd, usd // 2) == ("ok" if done else "gone")


@given(st.integers(-(10**24), 10**24))
def test_amounts_are_written_exactly(amount: int) -> None:
    used, held = decode(f"{encode(amount)}|{encode(-amount)}")
    assert (used, held) == (amount, -amount)


def test_each_script_has_a_name() -> None:
    assert len(set(DIGESTS.values())) == 7
