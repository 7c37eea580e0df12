"""Counters shared by several processes and machines: one Redis or Valkey, one round trip a call.

The windows follow the Redis server's clock. What cannot be told to the server during an outage is
kept and told later; what the server forgets (it restarted empty, it evicted a key) is noticed and
asked for from the ledger, because a budget that is not known is refused as ``Unrestored``.
"""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from faregate.core.budget import (
    Account,
    Actual,
    Claim,
    Hold,
    Refused,
    SoftLimit,
    Spend,
    Standing,
    Unrestored,
    settled_amount,
)
from faregate.core.holds import HOLD_SECONDS, checked
from faregate.core.windows import slotting
from faregate.store.counters import Admission, Unavailable
from faregate.store.redis_forms import Forms, Later, slot_of
from faregate.store.redis_lane import Lane, Unreachable, connect
from faregate.store.redis_repairs import RAISE
from faregate.store.redis_scripts import (
    BEAT,
    CLOSE,
    FORGET,
    INHERIT,
    RESERVE,
    RESTORE,
    decode,
    encode,
)

TIMEOUT = 0.05
"""Seconds a batch may take before its calls are answered ``Unavailable``."""

OWNER_SECONDS = 15.0
"""How long a process that says nothing keeps its holds."""

CALM = 0.5
"""Seconds until a settled call is in the database, with time to spare: what other processes settled
before an outage is waited for, in case the server comes back empty."""

_LATER = 100_000


class RedisCounters:
    """The :class:`~faregate.store.counters.Counters` of several processes."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "faregate",
        timeout: float = TIMEOUT,
        owner_seconds: float = OWNER_SECONDS,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        """``prefix`` begins every key; processes with the same one share their counters.

        Raises :class:`~faregate.errors.ConfigError` for an address that means nothing.
        """
        self._lane = Lane(connect(url, timeout), timeout, self._back)
        self._forms = Forms(prefix, secrets.token_hex(8))
        self._owner_ms = str(int(owner_seconds * 1000))
        self._owner_seconds = owner_seconds
        self._hold_seconds = hold_seconds
        self._skew = 0.0
        self._open: dict[str, tuple[Hold, float]] = {}
        self._lapsed: dict[str, None] = {}
        self._later: deque[Later] = deque(maxlen=_LATER)
        self._beating: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._back_at = float("-inf")
        self.on_loss: Callable[[], None] = lambda: None
        """Told when the server may know less than was spent: it was away, or has forgotten."""

    @property
    def down(self) -> str:
        """Why the server is not asked at the moment, for readiness and metrics; else empty."""
        return self._lane.down

    @property
    def untold(self) -> int:
        """How much the server has still to be told."""
        return len(self._later)

    async def start(self) -> None:
        """Begin to say that this process lives, and to give back what dead ones held."""
        await self.beat()
        self._beating = asyncio.create_task(self._keep_beating())

    async def close(self) -> None:
        """Tell what can still be told, then let the connection go."""
        with contextlib.suppress(Unreachable):
            await self._tell()
        for task in (self._beating, self._telling):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._lane.close()

    async def reserve(self, call_id: str, claims: Sequence[Claim]) -> Admission:
        """Hold every claim or none, in one round trip (two at a window's edge)."""
        checked(claims)
        try:
            reply = await self._ask("hold", call_id, claims)
        except (Unreachable, asyncio.CancelledError) as error:
            hold = self._unheld(call_id, claims)
            if isinstance(error, asyncio.CancelledError):
                self._later.append(self._closing(hold, "release", None))
                self._tell_soon()
                raise
            return Unavailable(str(error), hold)
        if reply[0] == "twice":
            raise ValueError(f"call {call_id} has a hold already")
        if reply[0] == "unknown":
            return Unrestored(tuple(claims[int(index)].account.id for index in reply[3:]))
        if reply[0] == "no":
            return self._refused(claims[int(reply[2])], reply)
        hold = Hold(
            call_id=call_id,
            claims=tuple(claims),
            slots=tuple(float(slot) for slot in reply[3::2]),
            used=tuple(decode(each)[0] for each in reply[4::2]),
            at=int(reply[1]) / 1000,
            era=reply[2],
        )
        self._open[call_id] = (hold, time.monotonic() + self._hold_seconds)
        return hold

    async def settle(self, hold: Hold, actual: Actual) -> tuple[SoftLimit, ...]:
        """Replace a hold by what the call took, exactly once; later, where nobody answers now."""
        reply = await self._close(hold, "settle", actual)
        reached = []
        for claim, text in zip(hold.claims, reply[2:], strict=False):
            soft = claim.account.soft_limit
            if soft is None or not text:
                continue
            used, held = decode(text)
            spent = used - held
            if spent - settled_amount(claim, actual) < soft <= spent:
                reached.append(SoftLimit(claim.account, spent))
        return tuple(reached)

    async def release(self, hold: Hold) -> None:
        """Give a hold back whole."""
        await self._close(hold, "release", None)

    async def restore(self, accounts: Iterable[Account], spends: Iterable[Spend]) -> bool:
        """Make budgets known, with what the ledger says was spent; the first process counts."""
        return await self._with_spends(RESTORE, self._forms.owners, accounts, spends) is not None

    async def make_up(
        self, accounts: Iterable[Account], spends: Iterable[Spend]
    ) -> list[Spend] | None:
        """Raise budgets that stand below what the ledger says was spent: the server missed that.

        What was missing, by account; None where that cannot be done now, because the server does
        not answer or some process has still to tell it of calls that the ledger may have.
        """
        accounts = list(accounts)
        if self._later:
            return None
        replies = await self._with_spends(RAISE, self._forms.untold, accounts, spends)
        if replies is None or any(reply[0] == "busy" for reply in replies):
            return None
        found = zip(accounts, replies, strict=True)
        raised = [(each.id, decode(reply[2])[0]) for each, reply in found if len(reply) > 2]
        return [Spend(name, time.time(), amount) for name, amount in raised if amount]

    async def _with_spends(
        self, script: str, key: str, accounts: Iterable[Account], spends: Iterable[Spend]
    ) -> list[list[str]] | None:
        """The script's answer for each account; None where there is none."""
        by_account: dict[str, list[Spend]] = {}
        for spend in spends:
            by_account.setdefault(spend.account, []).append(spend)
        forms = self._forms
        replies = []
        try:
            for each in accounts:  # one by one: a batch of them may take longer than calls wait
                args = forms.restoring(each, by_account.get(each.id, ()))
                replies.append(await self._run(script, [forms.key(each), key], args))
        except Unreachable:
            return None
        return replies

    def calm_in(self) -> float:
        """Seconds until what was settled before the last outage is in the ledger."""
        return max(self._back_at + CALM - time.monotonic(), 0.0)

    async def charge(self, account: Account, amount: int, at: float) -> None:
        """Record an amount without a hold, now or as soon as the server answers."""
        hold = Hold(
            call_id=f"charge-{secrets.token_hex(8)}",
            claims=(Claim(account, 0),),
            slots=(slot_of(account, at),),
            at=at,
            held=False,
        )
        await self._close(hold, "settle", Actual(usd=amount, tokens=amount, unpriced=amount))

    async def inherit(
        self, call_id: str, at: float, claims: Sequence[Claim], actual: Actual
    ) -> bool:
        """What a dead process held for a call becomes what the call took, once; now, or as soon as
        the server answers.

        ``claims`` are the budgets that pay, with what each pays; the ledger has the call already.
        False where the server has forgotten since the call began (``at``, Unix seconds): those
        budgets may have been read from the ledger before it had the call.
        """
        forms = self._forms
        keys = [forms.era, forms.owners, forms.lapsed]
        keys += [forms.key(claim.account) for claim in claims]
        args = [forms.holds_of, call_id, f"{at * 1000:.0f}"]
        args += [encode(each) for each in (actual.tokens, actual.unpriced)]
        args += [encode(claim.amount) for claim in claims]
        reply = await self._say(Later(INHERIT, keys, args))
        return reply[:1] != ["young"]

    async def forget(self, account: Account) -> None:
        """Drop what is known of an account, now or as soon as the server answers."""
        await self._say(Later(FORGET, [self._forms.key(account)], []))

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        """How accounts stand, without those never restored; None where nobody answers."""
        try:
            reply = await self._ask("look", "", [Claim(account, 0) for account in accounts])
        except Unreachable:
            return None
        pairs = zip(accounts, reply[3::2], reply[4::2], strict=True)
        return tuple(self._standing(account, slot, text) for account, slot, text in pairs if text)

    async def beat(self) -> int | None:
        """Say that this process lives; how many holds of dead ones were given back."""
        forms = self._forms
        try:
            reply = await self._run(
                BEAT,
                [forms.owners, forms.lapsed, forms.untold],
                [forms.owner, self._owner_ms, forms.holds_of, str(len(self._later))],
            )
        except Unreachable:
            return None
        return int(reply[2])

    async def _ask(self, mode: str, call_id: str, claims: Sequence[Claim]) -> list[str]:
        """One RESERVE; again where a window ended by the server's clock and not yet by ours."""
        keys = self._forms.reserving(call_id, claims)
        for _ in range(3):
            now = time.time() + self._skew
            era = f"{now * 1000:.0f}-{secrets.token_hex(8)}"
            args = [mode, call_id, self._forms.owner, self._owner_ms, era]
            for claim in claims:
                args += self._forms.asking(claim, now)
            reply = await self._run(RESERVE, keys, args)
            if reply[0] != "again":
                self._note_birth(reply)
                return reply
        raise Unreachable("the clock of the server does not stand still")

    def _note_birth(self, reply: Sequence[str]) -> None:
        """Stay calm after the server has forgotten, also where it was never away (a flush)."""
        if reply[0] in ("ok", "unknown"):
            born, dash, _ = reply[2].partition("-")
            age = (int(reply[1]) - int(born)) / 1000 if dash else CALM
            if age < CALM and self._back_at < time.monotonic() - age:
                self._back_at = time.monotonic() - age
                self.on_loss()

    async def _run(self, script: str, keys: Sequence[str], args: Sequence[str]) -> list[str]:
        reply = await self._lane.run(script, keys, args)
        if len(reply) > 1 and script is not FORGET:
            self._skew = int(reply[1]) / 1000 - time.time()
        return reply

    async def _close(self, hold: Hold, verb: str, actual: Actual | None) -> list[str]:
        ours = self._open.pop(hold.call_id, None) is not None or hold.call_id in self._lapsed
        if hold.held and not ours:
            return []  # closed before
        self._lapsed.pop(hold.call_id, None)
        return await self._say(self._closing(hold, verb, actual))

    def _closing(self, hold: Hold, verb: str, actual: Actual | None) -> Later:
        forms = self._forms
        actual = actual or Actual()
        keys = [forms.era, forms.holds, forms.lapsed, forms.done(hold.call_id)]
        keys += [forms.key(claim.account) for claim in hold.claims]
        amounts = [encode(each) for each in (actual.usd, actual.tokens, actual.unpriced)]
        known = "held" if hold.held else "unsure"
        args = [hold.call_id, verb, *amounts, hold.era, forms.record(hold), known]
        return Later(CLOSE, keys, args, again="again" if hold.held else "")

    def _unheld(self, call_id: str, claims: Sequence[Claim]) -> Hold:
        now = time.time() + self._skew
        return Hold(
            call_id=call_id,
            claims=tuple(claims),
            slots=tuple(slot_of(claim.account, now) for claim in claims),
            at=now,
            held=False,
        )

    def _refused(self, claim: Claim, reply: list[str]) -> Refused:
        account = claim.account
        standing = self._standing(account, reply[3], reply[4])
        if not account.window.rolling:
            free = standing.resets_at if claim.amount <= account.limit else None
        else:
            free = int(reply[5]) / 1000 if reply[5] else None
        return Refused(standing=standing, asked=claim.amount, free_at=free)

    def _standing(self, account: Account, slot: str, text: str) -> Standing:
        used, held = decode(text)
        if account.window.rolling:
            width, back = slotting(account.window)
            resets: float | None = (int(slot) + back * bool(used) + 1) * width / 1000
        else:
            resets = self._forms.window(account, int(slot) / 1000).end
        return Standing(account=account, spent=used - held, held=held, resets_at=resets)

    async def _say(self, what: Later) -> list[str]:
        """Tell the server, now or (in order, once it answers again) later."""
        if not self._later and not self._lane.down:
            try:
                return await self._run(what.script, what.keys, what.args)
            except Unreachable:
                what = what.repeated()
            except asyncio.CancelledError:
                self._later.append(what.repeated())
                self._tell_soon()
                raise
        self._later.append(what)
        self._tell_soon()
        return []

    def _back(self) -> None:
        self._back_at = time.monotonic()
        self._tell_soon()
        self.on_loss()

    def _tell_soon(self) -> None:
        if self._later and not self._lane.down and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        if not self._later:
            return
        await self.beat()  # others see that there is something to tell, and afterwards nothing
        while self._later:
            first = self._later.popleft()
            try:
                await self._run(first.script, first.keys, first.args)
            except (Unreachable, asyncio.CancelledError) as error:
                self._later.appendleft(first.repeated())
                if isinstance(error, Unreachable):
                    return
                raise
        await self.beat()

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._owner_seconds / 3)
            await self.beat()
            self._tell_soon()
            await self._lapse()

    async def _lapse(self) -> None:
        """Give back the holds of calls of this process that never ended."""
        now = time.monotonic()
        while self._open:
            hold, deadline = next(iter(self._open.values()))
            if deadline > now:
                return
            await self._close(hold, "lapse", None)
            self._lapsed[hold.call_id] = None
            if len(self._lapsed) > _LATER:
                del self._lapsed[next(iter(self._lapsed))]
