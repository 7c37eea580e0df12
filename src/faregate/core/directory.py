"""Who may call, and what each call counts against: all keys, teams, users, budgets and limits.

A directory never changes. A change makes another one, which is swapped in whole, so a call sees
either all of a change or nothing of it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, tzinfo

from msgspec import Struct

from faregate.core.budget import (
    Account,
    Budget,
    Caller,
    Payer,
    RateLimit,
    accounts_of,
    check,
    check_limit,
    index_accounts,
)
from faregate.core.keys import (
    Key,
    Refusal,
    Role,
    Team,
    User,
    authorise,
    barred,
    find_key,
    index_keys,
)
from faregate.errors import ConfigError

MASTER = "master"
"""The id of the master key, as rows and logs show it."""

_REMEMBERED = 4096
_READS = "a viewer reads and makes no calls; call with a key, or ask an admin for one"


class Holder(Struct, frozen=True, kw_only=True):
    """Who presents a key."""

    id: str
    """The key's id, as rows keep it."""
    role: Role = ""
    key: Key | None = None
    """None for the master key, and for a person who signed in without one."""
    team: Team | None = None
    user: User | None = None
    team_id: str = ""
    user_id: str = ""
    tags: tuple[str, ...] = ()
    """Those of the key and of its team."""
    name: str = ""
    """Of a person who signed in without a key."""

    @property
    def title(self) -> str:
        """What to call this holder."""
        return self.key.name if self.key is not None else self.name or "master key"

    def barred(self, now: float) -> Refusal | None:
        """Why this holder may do nothing at ``now``; None when it may."""
        return None if self.key is None else barred(self.key, now, self.team, self.user)

    def refusal(self, model: str) -> Refusal | None:
        """Why this holder may not call ``model``; None when it may."""
        if self.key is None:
            return None if self.role == "admin" else Refusal("model_not_allowed", _READS)
        found = authorise(self.key, model, 0.0, self.team, self.user)
        return found if found is not None and found.why == "model_not_allowed" else None


MASTER_HOLDER = Holder(id=MASTER, role="admin")


class Maker:
    """Makes the accounts of budgets and limits, and remembers those of the last directory: most
    are the same in the next one. Raises what :func:`check` and :func:`check_limit` do."""

    def __init__(self, zones: Callable[[str], tzinfo] = lambda _: UTC) -> None:
        """``zones`` finds a time zone by its IANA name; it raises :class:`ConfigError`."""
        self._zones = zones
        self._before: dict[int, tuple[Budget | RateLimit, Account]] = {}
        self._now: dict[int, tuple[Budget | RateLimit, Account]] = {}

    def begin(self) -> None:
        """Another directory is made: what is not asked for again is forgotten."""
        self._before, self._now = self._now, {}

    def make(self, what: Budget | RateLimit) -> Account:
        """The account of a budget or limit."""
        known = self._before.get(id(what))  # the same one, which is kept here and so still alive
        if known is None:
            if isinstance(what, Budget):
                known = (what, check(what, self._zones(what.zone)))
            else:
                known = (what, check_limit(what))
        self._now[id(what)] = known
        return known[1]


class Directory:
    """Everything that decides whether a call may be made. Immutable."""

    def __init__(
        self,
        keys: Iterable[Key] = (),
        teams: Iterable[Team] = (),
        users: Iterable[User] = (),
        budgets: Iterable[Budget] = (),
        limits: Iterable[RateLimit] = (),
        maker: Maker | None = None,
    ) -> None:
        """``maker`` is one for a line of directories, of which each resembles the one before.

        Budgets and limits that mean nothing are left out and named in ``problems``: one bad entry
        must not take the others down.
        """
        self.keys: Mapping[str, Key] = {each.id: each for each in keys}
        self.teams: Mapping[str, Team] = {each.id: each for each in teams}
        self.users: Mapping[str, User] = {each.id: each for each in users}
        self.problems: list[str] = []
        self.budgets: dict[str, Budget] = {}
        """Every budget that is in force, those of keys, teams and users included, by account id."""
        self.estimates: bool = False
        """Whether any budget holds likely amounts instead of worst cases."""
        self._hashes = index_keys(self.keys.values())
        self._holders: dict[str, Holder] = {}
        self._touched: dict[tuple[object, ...], tuple[Account, ...]] = {}
        self._accounts = index_accounts(self._ready(list(budgets), list(limits), maker or Maker()))

    def holder(self, presented: str, now: float) -> Holder | None:
        """Who presents a key; None for a key that nobody was given or whose rotation is over."""
        key = find_key(self._hashes, presented, now)
        if key is None:
            return None
        found = self._holders.get(key.id)
        if found is None:
            found = self._holders[key.id] = self._holder(key)
        return found

    def holder_of(self, key_id: str) -> Holder | None:
        """The holder of a key by the key's id."""
        key = self.keys.get(key_id)
        return None if key is None else self._holder(key)

    def accounts(
        self, holder: Holder, model: str, tags: tuple[str, ...], alias_of: str = ""
    ) -> tuple[Account, ...]:
        """Every account a call touches, but those of deployments. ``tags`` are all of the call;
        ``alias_of`` is the name that ``model`` is an alias of, where it is one.
        """
        if not self._accounts:
            return ()
        name = (holder.id, holder.team_id, holder.user_id, model, tags, alias_of)
        found = self._touched.get(name)
        if found is None:
            if len(self._touched) >= _REMEMBERED:  # models and tags come from clients
                self._touched.clear()
            caller = Caller(
                key=holder.id,
                team=holder.team_id,
                user=holder.user_id,
                tags=tags,
                model=model,
                alias_of=alias_of,
            )
            found = self._touched[name] = tuple(accounts_of(caller, self._accounts))
        return found

    def deployment_accounts(self, deployment: str) -> tuple[Account, ...]:
        """The accounts of one deployment."""
        return tuple(self._accounts.get(("deployment", deployment), ()))

    def accounts_for(self, payer: Payer, payer_id: str) -> tuple[Account, ...]:
        """The accounts of one payer."""
        return tuple(self._accounts.get((payer, payer_id), ()))

    def every_account(self) -> tuple[Account, ...]:
        """All accounts."""
        return tuple(each for group in self._accounts.values() for each in group)

    @property
    def limited(self) -> bool:
        """Whether anything is limited at all."""
        return bool(self._accounts)

    def reserves_estimates(self, account: Account) -> bool:
        """Whether a budget holds likely amounts instead of worst cases."""
        budget = self.budgets.get(account.id)
        return budget is not None and budget.reserve == "estimate"

    def _holder(self, key: Key) -> Holder:
        team = self.teams.get(key.team)
        user = self.users.get(key.user)
        tags = key.tags if team is None else tuple(dict.fromkeys((*key.tags, *team.tags)))
        return Holder(
            id=key.id,
            role=key.role,
            key=key,
            team=team,
            user=user,
            team_id=key.team,
            user_id=key.user,
            tags=tags,
        )

    def _ready(self, budgets: list[Budget], limits: list[RateLimit], maker: Maker) -> list[Account]:
        for holders in (self.keys, self.teams, self.users):
            entities: Iterable[Key | Team | User] = holders.values()
            for entity in entities:
                budgets += entity.budgets
                limits += entity.limits
        accounts: dict[str, Account] = {}
        maker.begin()
        for budget in budgets:
            try:
                account = maker.make(budget)
            except ConfigError as error:
                self.problems.append(str(error))
                continue
            accounts[account.id] = account
            self.budgets[account.id] = budget
            self.estimates = self.estimates or budget.reserve == "estimate"
        for limit in limits:
            try:
                account = maker.make(limit)
            except ConfigError as error:
                self.problems.append(str(error))
                continue
            accounts[account.id] = account
        return list(accounts.values())
