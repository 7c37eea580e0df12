"""The Store: what the ledger can be asked, and the nouns of its answers.

One contract suite runs over every implementation: SQLite, PostgreSQL and the twin in memory. Money
is pico-dollars, times are Unix seconds (kept to the microsecond), days are those of the ledger's
:class:`~faregate.store.calendar.Calendar`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from faregate.core.budget import Payer
from faregate.money import Usd
from faregate.store.calendar import Calendar
from faregate.types import JsonObject, Outcome, Receipt, Row

RowStatus: TypeAlias = Literal[
    "priced", "unpriced", "estimated", "inconsistent", "unsettled", "unbilled"
]
"""A receipt's status; ``unsettled`` for a call lost in a crash, ``unbilled`` for one that has no
receipt because nothing that bills was reached."""

Dimension: TypeAlias = Literal[
    "key", "team", "user", "tag", "model", "served_model", "deployment", "provider", "day"
]
"""What spend can be grouped by. ``model`` is the requested one, ``user`` the owner of the key."""

DIMENSIONS: tuple[Dimension, ...] = (
    "key",
    "team",
    "user",
    "tag",
    "model",
    "served_model",
    "deployment",
    "provider",
    "day",
)


class Filter(Struct, frozen=True, kw_only=True):
    """Which rows. Every field narrows; a tuple means any of its values, an empty one no limit."""

    key: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    tag: str | None = None
    """One tag, since calls that carry several would otherwise count twice; an empty text means
    calls without any."""
    model: tuple[str, ...] = ()
    """The requested model."""
    sent_model: tuple[str, ...] = ()
    served_model: tuple[str, ...] = ()
    deployment: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    outcome: tuple[Outcome, ...] = ()
    status: tuple[RowStatus, ...] = ()
    http_status: tuple[int, ...] = ()
    error: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    request_id: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    end_user: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    traceparent: tuple[str, ...] = ()
    stream: bool | None = None
    adjusted: bool | None = None
    """Whether the receipt was changed after the fact."""
    min_cost: Usd | None = None
    max_cost: Usd | None = None
    """On what is known to be spent, both ends included."""
    min_seconds: float | None = None
    """From the start to the end; included."""
    min_first_byte: float | None = None
    """Seconds from the start to the first byte; calls without one do not fit."""
    min_tokens_in: int | None = None
    min_tokens_out: int | None = None
    since: float | None = None
    until: float | None = None
    """On the start of the call: ``since`` included, ``until`` not."""
    call_id: str = ""
    """The beginning of a call id, or all of it."""


class Adjustment(Struct, frozen=True, kw_only=True):
    """A receipt replaced after the fact, and what was known until then."""

    at: float
    reason: str
    before: Receipt | None
    after: Receipt


class Entry(Struct, frozen=True, kw_only=True):
    """A row as the ledger keeps it: the call with the receipt that holds now."""

    row: Row
    status: RowStatus
    total: Usd | None
    """None while it cannot be known."""
    spend: Usd
    """What is known to be spent: the total, or the sum of the lines that are known."""
    adjustments: tuple[Adjustment, ...] = ()
    """Oldest first. The first one's ``before`` is what was known when the call ended."""


class Page(Struct, frozen=True):
    """Rows, newest first, and where the next page begins (None: there is no more)."""

    entries: tuple[Entry, ...]
    cursor: str | None = None


class Duration(Struct, frozen=True):
    """When a call started, said its first byte and ended."""

    started: float
    first_byte: float | None
    ended: float


class SpendLine(Struct, frozen=True, kw_only=True, gc=False):
    """One group of a question about spend."""

    group: tuple[str, ...]
    """The values, in the order of ``by``; a day as ``2026-11-22``, none as an empty text."""
    calls: int = 0
    failed: int = 0
    """Of them: failed, refused after admission, or lost."""
    tokens: Mapping[str, int]
    """By unit, and ``reasoning`` as a shown part of the output; only what is not zero."""
    spend: Usd = 0
    router_fee: Usd = 0
    """A shown part of ``spend``."""
    priced: int = 0
    estimated: int = 0
    unpriced: int = 0
    """Calls whose spend is not wholly known: where this is above zero, ``spend`` is a minimum."""
    inconsistent: int = 0
    unsettled: int = 0


class SpentBy(Struct, frozen=True):
    """A question: what a payer's calls have cost that started at ``since`` (Unix seconds) or later.

    ``payer_id`` is empty for ``everything``; for a tag it means calls without any. The model is the
    requested one.
    """

    payer: Payer
    payer_id: str
    since: float
    slot_seconds: float | None = None
    """In slots of this length, counted from 1970 on; None: in one sum."""


class Traffic(Struct, frozen=True):
    """The calls of a deployment, and what is known to be spent on them."""

    deployment: str
    calls: int = 0
    spend: Usd = 0


class Moved(Struct, frozen=True, kw_only=True):
    """What became of rows that count on a day of another zone than the ledger's."""

    rows: int
    """So many have their day now."""
    left: bool
    """Whether there may be more, and no other process is at it."""


class Content(Struct, frozen=True, kw_only=True):
    """What was asked and answered in a call, for those who want it kept."""

    call_id: str
    at: float
    """When the call started; by it contents are purged."""
    prompt: str | None = None
    """The request, as JSON text."""
    answer: str | None = None
    """The answer: text, or JSON text."""

    def __repr__(self) -> str:
        """Without prompt and answer: reprs end up in logs."""
        return f"Content({self.call_id})"


class Entity(Struct, frozen=True, kw_only=True):
    """A versioned JSON document: a key, team, user, budget, deployment, added price …"""

    kind: str
    id: str
    version: int
    """1 for the first; one more with each change, a deletion included."""
    document: JsonObject | None
    """None after a deletion."""
    changed_at: float


class Change(Struct, frozen=True, kw_only=True):
    """One entry of the audit log. The log is only ever appended to."""

    sequence: int
    """Rises by one with each change in the database; what :meth:`Store.changes` counts by."""
    at: float
    actor: str
    kind: str
    id: str
    version: int
    before: JsonObject | None
    after: JsonObject | None


class ChangePage(Struct, frozen=True):
    """Audit entries, newest first, and where the next page begins."""

    changes: tuple[Change, ...]
    cursor: str | None = None


class Store(Protocol):
    """The ledger's database.

    Every verb but ``open`` and ``close`` raises :class:`~faregate.store.errors.LedgerError` before
    the store is open and :class:`~faregate.store.errors.LedgerUnavailableError` when the database
    cannot answer. Verbs may run at the same time.
    """

    async def open(self) -> None:
        """Connect and bring the schema up to date, one process at a time.

        Raises :class:`~faregate.store.errors.LedgerVersionError` for a database of a newer version,
        and :class:`~faregate.store.errors.LedgerUnavailableError` when it cannot be reached or may
        not be used: that alone may pass, also when somebody has put the address right. Any other
        :class:`~faregate.errors.FaregateError` is not worth a second try.
        """

    async def close(self) -> None:
        """Let go of every connection. A second time does nothing."""

    async def append(self, rows: Sequence[Row]) -> int:
        """Write rows and their roll-ups in one transaction; how many were new.

        A row whose call id is there already changes nothing, so a batch may be repeated as often
        as it takes. Either all of the batch is there afterwards or, with an exception, none of it.
        Raises :class:`~faregate.store.errors.RefusedValueError` when a row of it can never be kept.
        """

    async def adjust(self, call_id: str, receipt: Receipt, *, reason: str, at: float) -> bool:
        """Replace the receipt of a call, keep the one before, and let the roll-ups follow.

        False when the call has this receipt already. Raises
        :class:`~faregate.store.errors.UnknownCallError` when there is no such row.
        """

    async def rows(self, only: Filter, *, cursor: str | None = None, limit: int = 100) -> Page:
        """A page of the log, newest first. Rows that arrive meanwhile neither repeat nor hide any.

        Raises :class:`ValueError` for a cursor that is none or a limit outside 1 … 10,000.
        """

    async def mark(self, only: Filter, *, cursor: str | None = None, count: int) -> str | None:
        """A cursor with ``count`` calls above it, and a few more where some began in the same
        microsecond; there are calls below it only where one began earlier. None: not so many are
        left. It takes a walk through an index where the filter has at most one.

        Raises :class:`ValueError` for a cursor that is none.
        """

    async def durations(self, only: Filter, *, limit: int = 1000) -> list[Duration]:
        """How long the newest calls took that the filter lets through, the newest first.

        Raises :class:`ValueError` for a limit outside 1 … 10,000.
        """

    async def row(self, call_id: str) -> Entry | None:
        """The row of a call with its adjustments, or None."""

    async def spend(
        self,
        by: Sequence[Dimension],
        *,
        only: Filter | None = None,
        since: date | None = None,
        until: date | None = None,
        skip: int = 0,
        limit: int | None = None,
    ) -> list[SpendLine]:
        """Spend by any dimensions, from the daily roll-ups, the dearest group first; of many groups
        those after the first ``skip``, at most ``limit``.

        ``since`` is included, ``until`` is not. ``by=()`` is one line for everything. By ``tag`` a
        call counts once under each of its tags, and one without any under the empty text. Raises
        :class:`ValueError` for a filter on what the roll-ups do not know.
        """

    async def spent(self, questions: Sequence[SpentBy]) -> list[list[tuple[float, Usd]]]:
        """What is known to be spent by several payers, each for itself and in their order: what
        budgets are restored from, in a few queries however many they are.

        An answer has the sums of the question's slots, each with an instant within its slot, in
        order; slots of nothing are left out. Without slots it is one sum, at ``since``. A lost call
        counts with its worst case.

        Each day adds up to what its roll-up says, also after its rows are purged: then what no row
        tells apart counts in the day's last slot. So a deployment pays for its own charges; only
        where a slot or ``since`` divides a day, it pays for its rows, other deployments' failed
        charges in them included. Where slots are half a day long or longer, they divide only the
        day ``since`` is in and the last one there is; the others count whole in their last slot,
        up to a day late. Raises :class:`ValueError` for a payer or a slot that is none.
        """

    async def traffic(self, deployments: Sequence[str], since: float) -> list[Traffic]:
        """The calls the log has under these deployments, in their order, that started at ``since``
        (Unix seconds) or later. It takes a walk through an index past each of those calls."""

    async def calendar(self) -> Calendar:
        """Which instants days begin at: what turns a date into an instant, and an instant into a
        date, wherever that is compared with sums. There is one for everybody."""

    async def keep_days_in(self, zone: str) -> bool:
        """From now on days are those of a zone; False when they are already.

        Rows are on their days in it once they were moved (:meth:`move_days`), later ones at once.
        Raises :class:`~faregate.errors.ConfigError` for a name that is none.
        """

    async def move_days(self, *, batch: int = 1000) -> Moved:
        """Move rows, the newest first, to their days in the ledger's zone, in one transaction and
        about ``batch`` at most. Whatever is asked before, during and after adds up to the same.

        Rows that are purged already keep their days. Whoever counts rows at the same time waits.
        """

    async def put(
        self,
        kind: str,
        identity: str,
        document: JsonObject | None,
        *,
        actor: str,
        at: float,
        expected_version: int | None = None,
    ) -> Entity:
        """Write the next version of an entity and its audit entry in one transaction.

        A document of None deletes. ``expected_version`` 0 means it must not exist; another must be
        the version it has, else :class:`~faregate.store.errors.VersionConflictError`.
        """

    async def get(self, kind: str, identity: str) -> Entity | None:
        """The entity, or None when there is none or it was deleted."""

    async def entities(self, kind: str, only: Collection[str] | None = None) -> list[Entity]:
        """The entities of a kind that are not deleted, by id: all, or those of these ids."""

    async def changes(self, since: int = 0, *, limit: int = 1000) -> list[Change]:
        """Changes after sequence number ``since``, oldest first: what a process has yet to learn.
        None is skipped, even when several processes write at once."""

    async def audit(self, *, cursor: str | None = None, limit: int = 100) -> ChangePage:
        """A page of the audit log, newest first."""

    async def put_contents(self, batch: Sequence[Content]) -> None:
        """Keep prompts and answers, all or none; where a call has them, nothing changes.

        Each text is cut at 262,144 characters and ends with a mark then. Raises
        :class:`~faregate.store.errors.RefusedValueError` for a call id that cannot be one.
        """

    async def contents(self, call_id: str) -> Content | None:
        """What was asked and answered in a call; None where it was not kept."""

    async def purge_contents(self, before: float, *, batch: int = 500) -> int:
        """Delete contents of calls that started before an instant, at most ``batch`` in one
        transaction, and say how many: 0 means done. Rows stay."""

    async def purge(self, before: float, *, batch: int = 5000) -> int:
        """Delete rows of calls that started before an instant, and say how many: 0 means done.

        At most ``batch`` in one transaction, but for a whole day on PostgreSQL, which goes at once.
        Roll-ups stay, and so do contents.
        """

    async def ping(self) -> None:
        """Return when the database answers; raise when it does not."""
