"""Prometheus metrics: what a finished call adds, and what a scrape is given.

Adding touches dicts of integers and nothing else; everything dear is done when somebody asks.
Labels are bounded: model and deployment names come from the configuration, whatever else comes in
is "other"; names that arrive from outside (a served model, an error code) are kept up to a number.
"""

import contextlib
import platform
import threading
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path

from faregate.gateway import metric_slots, metric_text
from faregate.gateway.bounded import NONE, OTHER, Bounded
from faregate.gateway.metric_families import Counts, Families, Family
from faregate.gateway.metric_slots import Slot, Snapshot, Told
from faregate.gateway.process_status import status_of
from faregate.gateway.release import running_version
from faregate.types import UNITS, Charge, Row

CONTENT_TYPE = metric_text.CONTENT_TYPE
"""What ``render`` returns, for the answer's ``content-type``."""

HEALTHY, COOLING, HALF_OPEN = 0, 1, 2

_SERVED_MODELS = 200
_KEYS = 1_000
_ERRORS = 100
_CLASSES = (NONE, "1xx", "2xx", "3xx", "4xx", "5xx")

_RARER_UNITS = tuple(unit for unit in UNITS if unit not in {"input", "output"})
_rarer = attrgetter(*_RARER_UNITS)


class Metrics:
    """The numbers of this worker, and of its siblings when they share a directory.

    ``models`` and ``deployments`` are the configured names. ``shared`` is a directory the workers
    of one server have in common, made for this run; None for a single worker. ``keys`` adds the
    name of the client's key as a label, which can be many time series. Make it in the worker,
    after any fork. Raises :class:`OSError` when the directory cannot be used.
    """

    def __init__(
        self,
        models: Iterable[str],
        deployments: Iterable[str],
        *,
        shared: Path | None = None,
        keys: bool = False,
    ) -> None:
        self._own = Families()
        self._models: dict[str, str] = {}
        self._deployments: dict[str, str] = {}
        self._served = Bounded(_SERVED_MODELS)
        self._errors = Bounded(_ERRORS)
        self._keys = Bounded(_KEYS) if keys else None
        self._dropped: Callable[[], int] | None = None
        self._watched: list[Callable[[str], Iterable[Counts]]] = [self._drops]
        self._told: list[Told] = []
        self._states: Callable[[], Iterable[tuple[str, int]]] | None = None
        self._slot: Slot | None = None
        self._publishing = threading.Lock()
        self._stop = threading.Event()
        self._publisher: threading.Thread | None = None
        self.know(models, deployments)
        if shared is not None:
            self._slot = Slot(shared)
            before = self._slot.left_behind()
            if before is not None:
                metric_slots.add(self._own, before)
            self.publish()

    def know(self, models: Iterable[str], deployments: Iterable[str]) -> None:
        """Replace the configured names, after a reload. Counts under old names stay."""
        self._models = {name: name for name in models}
        self._deployments = {"": NONE, **{name: name for name in deployments}}
        for labels in list(self._own.state.at):
            if labels[0] not in self._deployments:
                del self._own.state.at[labels]

    def admitted(self) -> None:
        """A call was admitted; ``finished`` follows exactly once."""
        self._own.in_flight.at[()] += 1

    def finished(self) -> None:
        """An admitted call has ended, however it did."""
        self._own.in_flight.at[()] -= 1

    def refused(self, status: int, code: str) -> None:
        """A request was refused before admission, with our own error code."""
        self._own.refusals.at[str(status), self._errors[code]] += 1

    def deployment_state(self, deployment: str, state: int) -> None:
        """A deployment is now ``HEALTHY``, ``COOLING`` or ``HALF_OPEN``."""
        self._own.state.at[(self._deployments.get(deployment, OTHER),)] = state

    def count_dropped_lines(self, read: Callable[[], int]) -> None:
        """Where to ask, at a scrape, how many log lines were dropped."""
        self._dropped = read

    def watch(self, read: Callable[[str], Iterable[Counts]]) -> None:
        """Where to ask for families of this worker alone, whenever its numbers are shown or shared;
        it is given the worker's number, for a label. ``read`` runs in any thread."""
        self._watched.append(read)

    def watch_states(self, read: Callable[[], Iterable[tuple[str, int]]]) -> None:
        """Where to ask for (deployment, state) whenever this worker's numbers are shown or shared.

        ``read`` runs in any thread. Without it a state is what ``deployment_state`` last said,
        which siblings would go on showing.
        """
        self._states = read

    def record(self, row: Row) -> None:
        """Count one finished call."""
        own = self._own
        model = self._models.get(row.requested_model, OTHER)
        deployment = self._deployments.get(row.deployment, OTHER)
        key = self._keys[row.key] if self._keys is not None else ""
        status = _CLASSES[row.status // 100] if 100 <= row.status < 600 else NONE
        own.requests.at[model, deployment, key, status, row.outcome] += 1
        for attempt in row.attempts:
            name = self._deployments.get(attempt.deployment, OTHER)
            own.attempts.at[name, self._errors[attempt.error]] += 1
        if row.fallbacks:
            own.fallbacks.at[(model,)] += row.fallbacks
        if row.receipt is not None:
            for charge in row.receipt.charges:
                self._charge(model, key, charge)
        started = row.started
        if row.first_byte is not None:
            own.overhead.observe((), row.overhead_us)
        own.request_time.observe((model,), int((row.ended - started) * 1e6))
        if row.attempts:
            own.upstream_time.observe((deployment,), int(row.upstream_seconds * 1e6))
        if row.stream and row.first_byte is not None:
            own.first_chunk.observe((deployment,), int((row.first_byte - started) * 1e6))

    def _charge(self, model: str, key: str, charge: Charge) -> None:
        own = self._own
        deployment = self._deployments.get(charge.deployment, OTHER)
        served = self._served[charge.served_model]
        usage = charge.usage
        tokens = own.tokens.at
        if usage.input:
            tokens[model, deployment, key, served, "input"] += usage.input
        if usage.output:
            tokens[model, deployment, key, served, "output"] += usage.output
        rarer = _rarer(usage)
        if any(rarer):
            for unit, count in zip(_RARER_UNITS, rarer, strict=True):
                if count:
                    tokens[model, deployment, key, served, unit] += count
        if usage.reasoning:
            own.reasoning.at[model, deployment, served] += usage.reasoning
        # The lines, not the total: of an unpriced attempt the routing fee may still be known.
        known = 0
        for line in charge.lines:
            known += line.amount
            if line.kind == "router_fee":
                own.router_fee.at[model, deployment] += line.amount
        if known:
            own.spend.at[model, deployment, key, served] += known
        own.charges.at[deployment, charge.status] += 1
        if charge.status == "unpriced":
            own.unpriced.at[deployment, served] += 1

    def render(self) -> bytes:
        """Every worker's numbers as one text. Safe from any thread.

        The own snapshot is written first: whichever worker is asked next shows at least as much, so
        no counter is ever seen to go back.
        """
        self.publish()
        total = Families()
        own = self._take()
        metric_slots.add(total, own)
        living = [(self._slot.number if self._slot is not None else 0, own)]
        if self._slot is not None:
            for number, snapshot, alive in self._slot.others():
                metric_slots.add(total, snapshot)
                if alive:
                    living.append((number, snapshot))
        for _, snapshot in living:
            total.in_flight.at[()] += snapshot.in_flight
            for deployment, state in snapshot.states.items():
                worst = max(state, total.state.at[(deployment,)])
                total.state.at[(deployment,)] = worst
        return metric_text.render([*total.all(), *self._about(living)])

    def _about(self, living: list[tuple[int, Snapshot]]) -> list[Family]:
        build = Counts(
            "faregate_build_info",
            "Always 1; the labels say what is running.",
            ("version", "python"),
            kind="gauge",
        )
        build.at[running_version(), platform.python_version()] = 1
        workers = Counts("faregate_workers", "Living worker processes.", kind="gauge")
        workers.at[()] = len(living)
        more = metric_slots.gather(told for _, snapshot in living for told in snapshot.told)
        return [build, workers, *more, *_processes(living)]

    def _drops(self, worker: str) -> list[Counts]:
        dropped = Counts(
            "faregate_log_lines_dropped_total",
            "Log lines the worker dropped because its output was slow or closed.",
            ("worker",),
        )
        if self._dropped is not None:
            dropped.at[(worker,)] = self._dropped()
        return [dropped]

    def publish(self) -> None:
        """Write this worker's snapshot for the others. Nothing without a shared directory.

        A full disk is no reason to fail: the last snapshot stays and the next one may succeed.
        """
        if self._slot is None:
            return
        with self._publishing, contextlib.suppress(OSError):
            self._slot.write(self._take())

    def _take(self) -> Snapshot:
        if self._states is not None:
            # The relay may add a deployment meanwhile; the next second is early enough.
            with contextlib.suppress(RuntimeError):
                for deployment, state in self._states():
                    self.deployment_state(deployment, state)
        number = str(self._slot.number if self._slot is not None else 0)
        # The loop's thread may change what is read; the last numbers do for a second more.
        with contextlib.suppress(RuntimeError, IndexError):
            self._told = [
                metric_slots.told(family) for read in self._watched for family in read(number)
            ]
        taken = metric_slots.take(self._own)
        taken.told = self._told
        return taken

    def start(self, every: float = 1.0) -> None:
        """Publish every so many seconds from a thread of its own, until ``close``."""
        if self._slot is None or self._publisher is not None:
            return

        def run() -> None:
            while not self._stop.wait(every):
                self.publish()

        self._publisher = threading.Thread(target=run, name="faregate-metrics", daemon=True)
        self._publisher.start()

    def close(self) -> None:
        """Publish a last time and give up the slot; the counts stay for the siblings."""
        self._stop.set()
        if self._publisher is not None:
            self._publisher.join()
            self._publisher = None
        if self._slot is not None:
            self.publish()
            self._slot.leave()
            self._slot = None


def _processes(living: list[tuple[int, Snapshot]]) -> list[Family]:
    worker = ("worker",)
    memory = Counts(
        "faregate_process_resident_memory_bytes", "Resident memory.", worker, kind="gauge"
    )
    cpu = Counts(
        "faregate_process_cpu_seconds_total",
        "Processor time, user and system.",
        worker,
        measure="seconds",
    )
    files = Counts("faregate_process_open_fds", "Open file descriptors.", worker, kind="gauge")
    started = Counts(
        "faregate_process_start_time_seconds",
        "When the worker started, in Unix seconds.",
        worker,
        kind="gauge",
    )
    for number, snapshot in living:
        status = status_of(snapshot.pid)
        if status is None:
            continue
        labels = (str(number),)
        memory.at[labels] = status.memory
        cpu.at[labels] = status.cpu_us
        files.at[labels] = status.open_files
        started.at[labels] = status.started
    return [memory, cpu, files, started]
