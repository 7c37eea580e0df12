"""Structured logs: one line a finished call, and every other message beside it.

``configure`` is called once, by the command line. A call's line is made from its row, which holds
no prompt, answer or secret; every other message goes through redaction.
"""

import logging
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from faregate.errors import ConfigError
from faregate.gateway.line_writer import LineWriter
from faregate.gateway.log_lines import human_call, human_message, json_call, json_message, level_of
from faregate.gateway.redaction import Redactor
from faregate.types import Row

Format: TypeAlias = Literal["json", "human"]

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_LONGEST = 65_536
_OURS: Final = logging.getLogger("faregate")


class Logs:
    """The log of this process. ``close`` writes what is still buffered."""

    def __init__(self, form: Format, level: int, fd: int, *, colour: bool) -> None:
        self._redactor = Redactor()
        self._form = form
        self._level = level
        self._colour = colour
        self._writer = LineWriter(fd, self._note)
        self._handler = _Handler(self)

    @property
    def dropped(self) -> int:
        """Lines lost because the output was slow or closed."""
        return self._writer.dropped

    def conceal(self, secrets: Iterable[str]) -> None:
        """Mask these very texts too, wherever they turn up; call again after a reload."""
        self._redactor.conceal(secrets)

    def record(self, row: Row) -> None:
        """Write the line of a finished call: at info, or at warning when it failed."""
        level = level_of(row)
        if level < self._level:
            return
        if self._form == "json":
            self._writer.put(json_call(row, level, self._redactor))
        else:
            self._writer.put(human_call(row, colour=self._colour))

    def message(self, record: logging.LogRecord) -> None:
        """Write a message of the standard library's logging."""
        text = self._redactor.text(record.getMessage())
        trace = ""
        if record.exc_info and record.exc_info[0] is not None:
            trace = self._redactor.text(_FORMATTER.formatException(record.exc_info))
        make = json_message if self._form == "json" else human_message
        self._writer.put(make(record, text[:_LONGEST], trace[-_LONGEST:]))

    def close(self, timeout: float = 2.0) -> None:
        """Detach from the standard library's logging and write what is buffered."""
        logging.getLogger().removeHandler(self._handler)
        _OURS.setLevel(logging.NOTSET)
        self._writer.close(timeout)

    def attach(self) -> None:
        """Become the one handler of the standard library's logging."""
        root = logging.getLogger()
        root.handlers[:] = [self._handler]
        # In detail libraries tell what they are given: a database's driver every value it stores,
        # prompts that are kept included.
        root.setLevel(max(self._level, logging.INFO))
        _OURS.setLevel(self._level)
        logging.captureWarnings(capture=True)

    def _note(self, lost: int) -> bytes:
        record = logging.makeLogRecord(
            {"name": "faregate.logs", "levelno": logging.WARNING, "levelname": "WARNING"}
        )
        text = f"{lost} log lines were dropped: the output was slow or closed"
        make = json_message if self._form == "json" else human_message
        return make(record, text, "")


class _Handler(logging.Handler):
    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._logs.message(record)
        except Exception:  # noqa: BLE001 - a message that cannot be formatted must not raise
            self.handleError(record)


def configure(
    form: Format = "json", level: str = "info", *, fd: int = 1, colour: bool = False
) -> Logs:
    """Set up logging for this process; call it once, after any fork.

    Raises :class:`ConfigError` for a form or a level that does not exist.
    """
    if form not in {"json", "human"}:
        raise ConfigError(f"log format {form!r} is neither json nor human")
    if level not in LEVELS:
        raise ConfigError(f"log level {level!r} is none of {', '.join(LEVELS)}")
    logs = Logs(form, LEVELS[level], fd, colour=colour)
    logs.attach()
    return logs


_FORMATTER = logging.Formatter()
