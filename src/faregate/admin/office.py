"""What the admin needs of the process it is in. ``service.py`` has the one that serves."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from faregate.config.settings import ModelDeployment, Settings
from faregate.control.stored_models import Stored, Terms
from faregate.core.budget import Account, Standing
from faregate.core.directory import Directory, Holder
from faregate.core.pricebook import PriceBook
from faregate.store.protocol import Store
from faregate.store.repricing import Learnt
from faregate.types import Receipt

Health: TypeAlias = Literal["healthy", "cooling", "probing", "failing"]


class DeploymentState(Struct, frozen=True, kw_only=True):
    """How a deployment is, as this process knows it."""

    state: Health = "healthy"
    in_flight: int = 0
    cooldown_seconds: float = 0.0
    time_to_first_byte: float | None = None
    """A running mean in seconds; None before the first call."""
    checked_at: float | None = None
    """Unix seconds of the last active check; None where there was none."""
    check_error: str = ""
    """Why that one failed; a code, never a message."""


class LedgerState(Struct, frozen=True, kw_only=True):
    """How the ledger is."""

    database: Literal["up", "down", "off"]
    """``off``: the configuration keeps none."""
    pending_rows: int = 0
    lag_seconds: float = 0.0
    journal_bytes: int = 0
    problem: str = ""
    """Why calls are refused; empty when they are not."""


class Status(Struct, frozen=True, kw_only=True):
    """How this process is."""

    status: Literal["healthy", "refusing", "stopping"]
    version: str
    started_at: float
    """Unix seconds."""
    workers: int
    ledger: LedgerState
    counters: Literal["memory", "redis"] = "memory"
    """Where budgets and limits are counted."""
    counters_up: bool = True
    applied: int = 0
    """The newest change of keys, teams, budgets … that this process has applied."""
    problems: tuple[str, ...] = ()
    """What an operator should look at, a sentence each; no secrets."""


class Tried(Struct, frozen=True, kw_only=True):
    """What became of one real call to a deployment."""

    call_id: str
    ok: bool
    status: int
    """The provider's; ours where there was no answer."""
    seconds: float
    served_model: str = ""
    receipt: Receipt | None = None
    """What it cost; None where nothing is billed."""
    code: str = ""
    """Of the error; empty for a success."""
    message: str = ""
    """The error in words, without any credential."""
    provider_message: str = ""
    """What the provider said itself."""


class Office(Protocol):
    """The process that serves, as the admin sees it. Every method is called in its event loop."""

    def store(self) -> Store:
        """The ledger's database.

        Raises :class:`~faregate.errors.ServiceUnavailableError` while it is not open, or where the
        configuration keeps no ledger.
        """

    def settings(self) -> Settings:
        """The configuration in force."""

    def directory(self) -> Directory:
        """The keys, teams, users, budgets and limits in force."""

    def terms(self) -> Terms:
        """What deployments of the database are read with."""

    def stored_models(self) -> Sequence[Stored]:
        """The deployments of the database as they are in force here, those left out included."""

    async def try_deployment(self, entry: ModelDeployment, model: str, holder: Holder) -> Tried:
        """Call a deployment once, whether or not it is in force, as ``model`` and for ``holder``,
        who pays for it. Raises :class:`~faregate.errors.APIError` where the call is not admitted,
        and :class:`~faregate.errors.ConfigError` for a deployment that cannot be called."""

    def book(self) -> PriceBook:
        """The prices in force, the added ones included."""

    async def applied(self) -> None:
        """Return once this process has applied the newest change. Called after each write, so that
        a key that was just made works at once; gives up by itself after a second or so."""

    def holder_of_request(self, method: str, headers: Mapping[str, str]) -> Holder:
        """Who asks: the key of the headers (lower-case names), or of a session's cookie, which
        needs more of a request that changes something.

        Raises :class:`~faregate.errors.AuthenticationError` for no key, an unknown one, one that is
        blocked or has expired, and a session that is over;
        :class:`~faregate.errors.PermissionDeniedError` for a request of another page.
        """

    async def standings(self, accounts: Sequence[Account]) -> tuple[Standing, ...] | None:
        """How accounts stand, those that are known, in any order; None while the counters do not
        answer."""

    def reload(self) -> str:
        """Read the configuration again and say in a sentence what became of it.

        Raises :class:`~faregate.errors.ConfigError` for a bad one; the running one stays.
        """

    def status(self) -> Status:
        """How this process is."""

    def conditions(self) -> Mapping[str, DeploymentState]:
        """What is known of deployments, by id; one that was never called may be missing."""

    async def prices_changed(self) -> None:
        """An added price came or went: return once :meth:`book` has it."""

    async def price_learnt(self, learnt: Learnt) -> None:
        """A row has the receipt it lacked: charge ``learnt.amounts`` to the budgets of their
        payers, and open the gate of a deployment that waited for a price."""
