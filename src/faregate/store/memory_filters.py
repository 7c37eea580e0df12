"""Which rows of the store in memory are meant."""

from faregate.store import reading
from faregate.store.calls import COLUMNS, PRICED_COLUMNS, Record, priced_values
from faregate.store.protocol import Entry, Filter
from faregate.store.spent import Asked
from faregate.store.text import clean, microseconds
from faregate.types import Row


def paid_by(row: Row, kept: Record, question: Asked) -> bool:
    """Whether a payer's budgets pay for a row."""
    names = {
        "key": row.key,
        "team": row.team,
        "user": row.user,
        "model": row.requested_model,
        "deployment": row.deployment,
        "everything": "",
    }
    if question.payer == "tag":
        return question.name in (kept.tags or ("",))
    return names[question.payer] == question.name


def matches(entry: Entry, kept: Record, only: Filter) -> bool:
    """Whether a filter lets a row through."""
    row = entry.row
    columns = dict(zip(COLUMNS, kept.values, strict=True))
    columns |= dict(zip(PRICED_COLUMNS, priced_values(row), strict=True))
    for field, column in reading.COLUMN_OF.items():
        values = getattr(only, field)
        fit = [clean(each) if isinstance(each, str) else each for each in values]
        if fit and columns[column] not in fit:
            return False
    return (
        (only.tag is None or (clean(only.tag) in kept.tags if only.tag else not kept.tags))
        and (not only.request_id or row.request_id in [clean(each) for each in only.request_id])
        and (only.stream is None or row.stream is only.stream)
        and (only.adjusted is None or bool(entry.adjustments) is only.adjusted)
        and (only.min_cost is None or entry.spend >= only.min_cost)
        and (only.max_cost is None or entry.spend <= only.max_cost)
        and _is_as_slow(row, kept, only)
        and (only.min_tokens_in is None or columns["input_tokens"] >= only.min_tokens_in)
        and (only.min_tokens_out is None or columns["output_tokens"] >= only.min_tokens_out)
        and (only.since is None or kept.started >= microseconds(only.since))
        and (only.until is None or kept.started < microseconds(only.until))
        and row.call_id.startswith(clean(only.call_id))
    )


def _is_as_slow(row: Row, kept: Record, only: Filter) -> bool:
    whole = microseconds(row.ended) - kept.started
    if only.min_seconds is not None and whole < microseconds(only.min_seconds):
        return False
    if only.min_first_byte is None:
        return True
    return row.first_byte is not None and (
        microseconds(row.first_byte) - kept.started >= microseconds(only.min_first_byte)
    )
