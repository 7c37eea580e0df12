"""How the ledger, the budgets and the kept prompts of one worker stand, for ``/metrics``."""

from collections.abc import Callable, Iterable

from faregate.gateway.access import Access
from faregate.gateway.contents import Contents
from faregate.gateway.ledger import Ledger
from faregate.gateway.metric_families import Counts

_WORKER = ("worker",)


def ledger_families(ledger: Ledger, contents: Contents) -> Callable[[str], Iterable[Counts]]:
    """What ``/metrics`` asks about the ledger."""

    def read(worker: str) -> Iterable[Counts]:
        return (
            _gauge(
                "faregate_ledger_up", "1 while the database takes rows.", worker, ledger.store_up
            ),
            _gauge(
                "faregate_ledger_pending_rows",
                "Rows in the journal that the database does not have yet.",
                worker,
                ledger.pending,
            ),
            _lag(worker, ledger.lag),
            _gauge(
                "faregate_ledger_journal_bytes",
                "The size of this worker's journal.",
                worker,
                ledger.journal_bytes,
            ),
            _counter(
                "faregate_contents_dropped_total",
                "Prompts and answers that were not kept, since too many waited.",
                worker,
                contents.dropped,
            ),
        )

    return read


def access_families(access: Access) -> Callable[[str], Iterable[Counts]]:
    """What ``/metrics`` asks about budgets and limits."""

    def read(worker: str) -> Iterable[Counts]:
        return (
            _gauge(
                "faregate_counters_up",
                "1 while budgets and limits can be asked.",
                worker,
                not access.counters_down,
            ),
            _counter(
                "faregate_counters_failures_total",
                "Calls whose budgets or limits could not be known.",
                worker,
                access.gate.failures,
            ),
            _counter(
                "faregate_soft_limits_total",
                "Budgets that reached their soft limit.",
                worker,
                access.soft_limits,
            ),
        )

    return read


def _gauge(name: str, explained: str, worker: str, value: int) -> Counts:
    family = Counts(name, explained, _WORKER, kind="gauge")
    family.at[(worker,)] = int(value)
    return family


def _counter(name: str, explained: str, worker: str, value: int) -> Counts:
    family = Counts(name, explained, _WORKER)
    family.at[(worker,)] = value
    return family


def _lag(worker: str, seconds: float) -> Counts:
    family = Counts(
        "faregate_ledger_lag_seconds",
        "How long the oldest of those rows waits.",
        _WORKER,
        kind="gauge",
        measure="seconds",
    )
    family.at[(worker,)] = int(seconds * 1e6)
    return family
