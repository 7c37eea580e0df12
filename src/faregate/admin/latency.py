"""How long calls took, from the last rows of the log: the sums do not know it."""

from collections.abc import Sequence

from faregate.admin.wire import Instant, Shown, instant
from faregate.core import figures
from faregate.store.protocol import Duration
from faregate.types import Row


class Latency(Shown):
    """How long the last calls took, in seconds. Null where there was none."""

    calls: int
    """How many were looked at: the last ones."""
    complete: bool
    """Whether those are all completed calls that were asked for, so that the figures are exact."""
    since: Instant | None
    """When the oldest of them started."""
    p50: float | None
    p95: float | None
    first_byte_p50: float | None
    first_byte_p95: float | None


def latency(rows: Sequence[Row | Duration], *, complete: bool) -> Latency:
    """Of rows of the log, the newest first."""
    whole = sorted(max(row.ended - row.started, 0.0) for row in rows)
    first = sorted(
        max(row.first_byte - row.started, 0.0) for row in rows if row.first_byte is not None
    )
    return Latency(
        calls=len(rows),
        complete=complete,
        since=instant(rows[-1].started) if rows else None,
        p50=figures.quantile(whole, 0.5),
        p95=figures.quantile(whole, 0.95),
        first_byte_p50=figures.quantile(first, 0.5),
        first_byte_p95=figures.quantile(first, 0.95),
    )
