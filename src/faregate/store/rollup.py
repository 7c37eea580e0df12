"""A row's share of the daily roll-ups: which series it counts in, and how much. Pure.

Counts of calls go to the series of the deployment that answered; money and tokens go, charge by
charge, to the deployment and the model that were billed. So the spend of a deployment is what its
provider bills, and a call with a billed failure counts once.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeVar

from faregate.core.budget import Payer
from faregate.money import Usd
from faregate.store.text import name
from faregate.types import UNITS, Charge, Receipt, Row, Usage

COUNTS = ("calls", "failed")
TOKENS = (*UNITS, "reasoning")
MONEY = ("spend", "router_fee")
STATES = ("priced", "estimated", "unpriced", "inconsistent", "unsettled")
MEASURES = (*COUNTS, *TOKENS, *MONEY, *STATES)
"""What a roll-up adds up, in the order of an amount's list."""

_AT = {measure: index for index, measure in enumerate(MEASURES)}
_SPEND, _FEE = _AT["spend"], _AT["router_fee"]
_FIRST_TOKEN = _AT[TOKENS[0]]
_FAILED = frozenset({"failed", "refused", "lost"})
_counts: Callable[[Usage], tuple[int, ...]] = attrgetter(*TOKENS)
_EMPTY = (0,) * len(MEASURES)

DAY = 86_400
_MOST_TOKENS = 10**12
_MOST_SPEND = 2**63 - 1


class Series(NamedTuple):
    """The names under which amounts are added up."""

    key: str
    team: str
    user: str
    model: str
    served_model: str
    deployment: str
    provider: str
    tag: str = ""
    """One tag, in the roll-up by tag; empty in the other one."""
    tagged: bool = False
    """Whether the calls carry tags."""


Place = TypeVar("Place", bound=Hashable)

Amounts = list[int]
Share = tuple[Series, Amounts]


class Judged(NamedTuple):
    """What the ledger makes of a row's receipt."""

    status: str
    """A :data:`~faregate.store.protocol.RowStatus`."""
    receipt: Receipt | None
    """The receipt, if it counts."""
    spend: int
    """Pico-dollars that are known to be spent: of each charge its total, or its known lines."""


def judged(row: Row) -> Judged:
    """The pricing status of a row, and what of its receipt counts."""
    receipt = row.receipt
    if receipt is None:
        return Judged("unsettled" if row.outcome == "lost" else "unbilled", None, 0)
    if not believable(receipt):
        return Judged("inconsistent", None, 0)
    return Judged(receipt.status, receipt, sum(map(_known, receipt.charges)))


def paid(row: Row, payer: Payer, payer_id: str) -> Usd:
    """What a payer's budgets pay for a call, as the store adds it up once it has the row."""
    _state, counted, spend = judged(row)
    if payer == "deployment":
        charges = counted.charges if counted is not None else ()
        return sum(_known(each) for each in charges if each.deployment == payer_id)
    if payer == "tag":
        return spend if payer_id in row.tags else 0
    names = {
        "key": row.key,
        "team": row.team,
        "user": row.user,
        "model": row.requested_model,
        "everything": "",
    }
    return spend if names[payer] == payer_id else 0


def payers(row: Row) -> set[tuple[Payer, str]]:
    """Everybody whose budgets may pay for a call, whether they have one or not."""
    found: set[tuple[Payer, str]] = {
        ("key", row.key),
        ("team", row.team),
        ("user", row.user),
        ("model", row.requested_model),
        ("everything", ""),
    }
    found |= {("tag", each) for each in row.tags}
    if row.receipt is not None:
        found |= {("deployment", each.deployment) for each in row.receipt.charges}
    return found


def believable(receipt: Receipt) -> bool:
    """Whether the ledger can count with it: below 9.2 million USD and 10**12 tokens of a unit.

    A row beyond that keeps its receipt and counts as inconsistent, with no spend: a provider that
    reports such numbers must neither stop the ledger nor spoil its sums.
    """
    spend = 0
    for charge in receipt.charges:
        usage = charge.usage
        counts = _counts(usage)
        if min(counts) < 0 or max(counts) > _MOST_TOKENS:
            return False
        spend += _known(charge)
    return -_MOST_SPEND <= spend <= _MOST_SPEND


def shares(row: Row, judgement: Judged | None = None) -> tuple[list[Share], list[Share]]:
    """What a row adds to the roll-up, and what to the roll-up by tag."""
    state, receipt, _spend = judgement or judged(row)
    tags = sorted({name(tag) for tag in row.tags} - {""}) if row.tags else []
    names = name(row.key), name(row.team), name(row.user), name(row.requested_model)
    own: dict[Series, Amounts] = {}
    answered = _answered(row)
    main = Series(*names, *answered, tagged=bool(tags))
    counts = own[main] = list(_EMPTY)
    counts[0] = 1
    counts[1] = int(row.outcome in _FAILED)
    if state in _AT:
        counts[_AT[state]] = 1
    if receipt is not None:
        for charge in receipt.charges:
            billed = (name(charge.served_model), name(charge.deployment), name(charge.provider))
            series = main if billed == answered else Series(*names, *billed, tagged=bool(tags))
            amounts = own.get(series)
            if amounts is None:
                amounts = own[series] = list(_EMPTY)
            _add_charge(amounts, charge)
    found = list(own.items())
    by_tag = [(series._replace(tag=tag), amounts) for tag in tags for series, amounts in found]
    return found, by_tag


def fold(parts: Iterable[tuple[Place, Amounts]]) -> dict[Place, Amounts]:
    """Amounts added up by where they belong, such as a day and a series."""
    grouped: dict[Place, list[Amounts]] = {}
    for place, amounts in parts:
        kept = grouped.get(place)
        if kept is None:
            grouped[place] = [amounts]
        else:
            kept.append(amounts)
    # Column by column, which for many rows of one place is a tenth of the work.
    return {
        place: list(each[0]) if len(each) == 1 else [*map(sum, zip(*each, strict=True))]
        for place, each in grouped.items()
    }


EVERYTHING = "everything"
"""The dimension whose one line a day, of no name, is the sum of all calls."""

_CALLER = ("key", "team", "user", "model")
_ANSWER = ("served_model", "deployment", "provider")
_caller: Callable[[Series], tuple[str, ...]] = attrgetter(*_CALLER)
_answer: Callable[[Series], tuple[str, ...]] = attrgetter(*_ANSWER)


def by_name(
    own: Mapping[tuple[int, Series], Amounts], tagged: Mapping[tuple[int, Series], Amounts]
) -> dict[tuple[str, int, str], Amounts]:
    """The same amounts by dimension, day and a single name; calls without a tag under none.

    Series are many because callers and answers combine: apart they are few, and quickly folded.
    """
    callers = fold(((day, _caller(s)), amounts) for (day, s), amounts in own.items())
    answers = fold(((day, s.tagged, _answer(s)), amounts) for (day, s), amounts in own.items())

    def lines() -> Iterator[tuple[tuple[str, int, str], Amounts]]:
        for (day, names), amounts in callers.items():
            for dimension, each in zip(_CALLER, names, strict=True):
                yield (dimension, day, each), amounts
        for (day, has_tags, names), amounts in answers.items():
            for dimension, each in zip(_ANSWER, names, strict=True):
                yield (dimension, day, each), amounts
            yield (EVERYTHING, day, ""), amounts
            if not has_tags:
                yield ("tag", day, ""), amounts
        for (day, series), amounts in tagged.items():
            yield ("tag", day, series.tag), amounts

    return fold(lines())


def add(into: Amounts, amounts: Sequence[int]) -> None:
    """Add in place."""
    for index, amount in enumerate(amounts):
        if amount:
            into[index] += amount


def minus(after: Sequence[Share], before: Sequence[Share]) -> list[Share]:
    """What turns ``before`` into ``after``; series that stay as they are are left out."""
    differences: dict[Series, Amounts] = {}
    for sign, found in ((1, after), (-1, before)):
        for series, amounts in found:
            into = differences.setdefault(series, list(_EMPTY))
            for index, amount in enumerate(amounts):
                into[index] += sign * amount
    return [(series, amounts) for series, amounts in differences.items() if any(amounts)]


def _answered(row: Row) -> tuple[str, str, str]:
    """Served model, deployment and provider the call counts under."""
    served = ""
    if row.receipt is not None and row.receipt.charges:
        last = row.receipt.charges[-1]
        if last.deployment == row.deployment:
            served = last.served_model
    return name(served), name(row.deployment), name(row.provider)


def _known(charge: Charge) -> int:
    if charge.total is not None:
        return charge.total
    return sum(line.amount for line in charge.lines)


def _add_charge(amounts: Amounts, charge: Charge) -> None:
    _add_usage(amounts, charge.usage)
    amounts[_SPEND] += _known(charge)
    for line in charge.lines:
        if line.kind == "router_fee":
            amounts[_FEE] += line.amount


def _add_usage(amounts: Amounts, usage: Usage) -> None:
    for index, count in enumerate(_counts(usage), _FIRST_TOKEN):
        if count:
            amounts[index] += count
