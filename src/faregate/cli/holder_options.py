"""What keys, teams and users have in common on the command line: budgets, limits, models, tags.

A budget is named by its window and a limit by what it counts, so that one of several can be changed
without repeating the others.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import click
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from faregate.cli.ledger_work import BadInputError
from faregate.control import fields
from faregate.control.budgets import RESERVING, BudgetFields
from faregate.control.errors import FieldError
from faregate.control.limits import MEASURES, PER, LimitFields, per
from faregate.core.budget import Budget, RateLimit
from faregate.core.keys import Key, Team, User
from faregate.core.windows import TOTAL, BudgetWindow
from faregate.money import format_usd

Command = TypeVar("Command", bound=Callable[..., Any])

_LIMIT = re.compile(
    r"(?P<measure>[a-z]+)(?:=(?P<count>[0-9_,]{1,24}))?(?:/(?P<per>[a-z]+))?(?:@(?P<model>.+))?\Z"
)
_FORM = f"MEASURE=COUNT[/PER][@MODEL], such as requests=1000/day; {', '.join(MEASURES)} are counted"
NONE = "none"
"""The amount of a soft limit that is taken away."""


class Spending(NamedTuple):
    """An amount and the window it is for."""

    amount: str
    window: BudgetWindow | None
    """None: where none was named."""


class SpendingType(click.ParamType[Spending]):
    """``10``, ``10/1mo`` or ``$0.50/rolling 24h``."""

    name = "usd[/window]"

    def __init__(self, *, removable: bool = False) -> None:
        self._removable = removable

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Spending:
        if isinstance(value, Spending):
            return value
        amount, slash, window = str(value).partition("/")
        try:
            if not (self._removable and amount == NONE):
                fields.amount("", amount)
            return Spending(amount, fields.window("", window) if slash else None)
        except FieldError as error:
            self.fail(str(error), param, ctx)


class WholeType(click.IntRange):
    """A whole number from 0 up, in the digits 0 to 9."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, str) and not value.isascii():
            self.fail(f"{value[:40]!r} is not a whole number in the digits 0 to 9", param, ctx)
        return int(super().convert(value, param, ctx))  # type: ignore[arg-type]


class WindowType(click.ParamType[BudgetWindow]):
    """``1mo``, ``7d``, ``rolling 24h`` …"""

    name = "window"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> BudgetWindow:
        if isinstance(value, BudgetWindow):
            return value
        try:
            return fields.window("", str(value))
        except FieldError as error:
            self.fail(str(error), param, ctx)


class LimitType(click.ParamType[LimitFields]):
    """``requests=1000/day``, ``parallel=4``, ``tokens=50000/minute@nano``."""

    name = "measure=count[/per]"

    def __init__(self, *, counted: bool = True) -> None:
        """Without a count it names a limit, and its ``limit`` is 0."""
        self._counted = counted
        if not counted:
            self.name = "measure[/per]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> LimitFields:
        if isinstance(value, LimitFields):
            return value
        found = _LIMIT.match(str(value))
        form = _FORM if self._counted else _FORM.replace("=COUNT", "").replace("=1000", "")
        if found is None or bool(found["count"]) is not self._counted:
            self.fail(f"{str(value)[:60]!r} is no limit: write {form}", param, ctx)
        if found["measure"] not in MEASURES or (found["per"] or "minute") not in PER:
            self.fail(
                f"{str(value)[:60]!r}: {', '.join(MEASURES)} are counted, per {', '.join(PER)}",
                param,
                ctx,
            )
        return LimitFields(
            measure=found["measure"],
            limit=int(re.sub("[_,]", "", found["count"] or "0") or 0),
            per=found["per"],
            model=found["model"] or "",
        )


def _decorated(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    return reduce(lambda made, option: option(made), reversed(list(options)), command)


def budget_terms(*, several: bool) -> Callable[[Command], Command]:
    """Options that say more about a budget, or about one of several."""
    whose = "; of several budgets it names the window of one: 8/1mo" if several else ""
    options = [
        click.option(
            "--soft-limit",
            "soft_limits",
            type=SpendingType(removable=True),
            metavar="USD[/WINDOW]" if several else "USD",
            multiple=True,
            help=f"From here on there is a warning, and nothing is refused{whose}. 'none' takes it"
            " away.",
        ),
        click.option("--zone", help="Whose calendar counts: Europe/Berlin. Default: UTC."),
        click.option(
            "--reserve",
            type=click.Choice(RESERVING),
            help="How much a call holds while it is under way. Default: worst_case.",
        ),
    ]
    return lambda command: _decorated(command, options)


def limited(command: Command) -> Command:
    """Options for the budgets and limits that somebody carries."""
    budget = click.option(
        "--budget",
        "budgets",
        type=SpendingType(),
        multiple=True,
        help="USD that may be spent in a window: 10/1mo, 1/day, '5/rolling 24h', 100/total; one"
        " for each window.",
    )
    window = click.option(
        "--window", type=WindowType(), help="The window of a --budget that names none."
    )
    rates = [
        click.option(f"--{name}", type=WholeType(), help=text)
        for name, text in (
            ("rpm", "Requests in any minute."),
            ("tpm", "Tokens in any minute."),
            ("parallel", "Calls at once."),
        )
    ]
    limit = click.option(
        "--limit",
        "limits",
        type=LimitType(),
        multiple=True,
        help="Any other limit: requests=1000/day, tokens=50000/minute@nano for calls of one model.",
    )
    command = _decorated(command, [*rates, limit])
    return budget(window(budget_terms(several=True)(command)))


def relimited(command: Command) -> Command:
    """The same for a change, with what is taken away."""
    gone = [
        click.option(
            "--remove-budget",
            "gone_budgets",
            type=WindowType(),
            multiple=True,
            help="The budget of this window: 1mo.",
        ),
        click.option(
            "--remove-limit",
            "gone_limits",
            type=LimitType(counted=False),
            multiple=True,
            help="The limit of this: requests/minute, parallel, tokens/day@nano.",
        ),
    ]
    return limited(_decorated(command, gone))


def described(command: Command) -> Command:
    """Options for what somebody is called and may call."""
    return _decorated(
        command,
        [
            click.option("--name", help="For people. An id is made of it."),
            click.option(
                "--model",
                "models",
                multiple=True,
                help="A model that may be called; * stands for any characters. None: every model.",
            ),
            click.option(
                "--metadata",
                metavar="NAME=TEXT",
                multiple=True,
                help="Anything worth keeping. In a change, NAME= takes it away.",
            ),
        ],
    )


def tagged(command: Command) -> Command:
    """The option for tags."""
    return click.option(
        "--tag", "tags", multiple=True, help="A tag that every call carries, for spend and budgets."
    )(command)


def texts(given: Sequence[str]) -> Sequence[str] | UnsetType:
    """A list that replaces the one before: unset where nothing was said, empty for ``''``."""
    if not given:
        return UNSET
    return [] if list(given) == [""] else list(given)


def metadata(given: Sequence[str], present: Mapping[str, Any]) -> Mapping[str, Any] | UnsetType:
    """What is kept, with the pairs that are stated in place of theirs."""
    found = dict(present)
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadInputError(f"--metadata: {pair[:60]!r} is no NAME=TEXT")
        found[name] = text
        if not text:
            del found[name]
    return found if given else UNSET


def carried(given: dict[str, Any], holder: Key | Team | User | None = None) -> dict[str, Any]:
    """``budgets`` and ``limits`` for control, taken out of a command's options; what ``holder`` has
    beside them stays."""
    present: tuple[Budget, ...] = () if holder is None else holder.budgets
    limits: tuple[RateLimit, ...] = () if holder is None else holder.limits
    return {"budgets": _budgets(given, present), "limits": _limits(given, limits)}


def _budgets(
    given: dict[str, Any], present: Iterable[Budget]
) -> Sequence[BudgetFields] | UnsetType:
    stated, window = given.pop("budgets"), given.pop("window")
    soft, zone, reserve = given.pop("soft_limits"), given.pop("zone"), given.pop("reserve")
    gone: Sequence[BudgetWindow] = given.pop("gone_budgets", ())
    if window is not None and not any(each.window is None for each in stated):
        raise BadInputError("--window is that of a --budget that names none; there is no such one")
    if not (stated or gone or soft or zone or reserve):
        return UNSET
    found = {each.window: _fields(each) for each in present}
    for each in gone:
        if found.pop(each, None) is None:
            raise BadInputError(f"--remove-budget: there is no budget for {each}{_those(found)}")
    named: list[BudgetWindow] = []
    for amount, its_window in stated:
        chosen = its_window or window or TOTAL
        if chosen in named:
            raise BadInputError(f"--budget: there are two for {chosen}; one can hold")
        named.append(chosen)
        plain = found.get(chosen) or BudgetFields(limit=amount, window=str(chosen))
        found[chosen] = replace(plain, limit=amount)
    _terms(found, named or list(found), zone, reserve)
    _soften(found, named, soft)
    return list(found.values())


def _terms(
    found: dict[BudgetWindow, BudgetFields],
    chosen: Iterable[BudgetWindow],
    zone: str | None,
    reserve: str | None,
) -> None:
    if (zone or reserve) and not found:
        raise BadInputError("--zone and --reserve say more about a budget, and there is none")
    for window in chosen:
        if zone is not None:
            found[window] = replace(found[window], zone=zone)
        if reserve is not None:
            found[window] = replace(found[window], reserve=reserve)


def _soften(
    found: dict[BudgetWindow, BudgetFields],
    named: Sequence[BudgetWindow],
    soft: Iterable[Spending],
) -> None:
    for amount, window in soft:
        sole = named if len(named) == 1 else list(found)
        if window is None and len(sole) != 1:
            raise BadInputError(
                f"--soft-limit: of which budget? Name its window: {amount}/1mo{_those(found)}"
            )
        chosen = sole[0] if window is None else window
        if chosen not in found:
            raise BadInputError(f"--soft-limit: there is no budget for {chosen}{_those(found)}")
        found[chosen] = replace(found[chosen], soft_limit=None if amount == NONE else amount)


def _those(found: Iterable[BudgetWindow]) -> str:
    names = ", ".join(map(str, found))
    return f"; there are budgets for {names}" if names else ""


def _fields(budget: Budget) -> BudgetFields:
    soft = budget.soft_limit
    return BudgetFields(
        limit=format_usd(budget.limit),
        window=str(budget.window),
        zone=budget.zone,
        soft_limit=None if soft is None else format_usd(soft),
        reserve=budget.reserve,
    )


def _limits(
    given: dict[str, Any], present: Iterable[RateLimit]
) -> Sequence[LimitFields] | UnsetType:
    stated: list[LimitFields] = list(given.pop("limits"))
    for name, measure in (("rpm", "requests"), ("tpm", "tokens"), ("parallel", "parallel")):
        count = given.pop(name)
        if count is not None:
            stated.append(LimitFields(measure=measure, limit=count))
    gone: Sequence[LimitFields] = given.pop("gone_limits", ())
    if not stated and not gone:
        return UNSET
    found = {
        _counts(fields_): fields_
        for fields_ in (
            LimitFields(measure=each.measure, limit=each.limit, per=per(each), model=each.model)
            for each in present
        )
    }
    for each in gone:
        if found.pop(_counts(each), None) is None:
            raise BadInputError(f"--remove-limit: there is no limit of {limit_name(each)}")
    twice: set[tuple[str, str, str]] = set()
    for each in stated:
        name_ = _counts(each)
        if name_ in twice:
            raise BadInputError(f"--limit: {limit_name(each)} is limited twice; one can hold")
        twice.add(name_)
        found[name_] = each
    return list(found.values())


def _counts(limit: LimitFields) -> tuple[str, str, str]:
    """What a limit counts: two of it cannot hold."""
    length = "" if limit.measure == "parallel" else limit.per or "minute"
    return limit.measure, length, limit.model


def limit_name(limit: LimitFields) -> str:
    """``requests/minute@nano``, as it is typed."""
    measure, length, model = _counts(limit)
    return measure + (f"/{length}" if length else "") + (f"@{model}" if model else "")
