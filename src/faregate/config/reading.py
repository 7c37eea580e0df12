"""From nodes to values by the tables of keys, with every problem noted and none raised."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from faregate.config.document import Entry, Items, Node, Scalar, Table
from faregate.config.foreign import Advice
from faregate.config.keys import Keys
from faregate.config.kinds import Wrong
from faregate.config.problems import Level, Problem

_MOST = 200
"""Problems that are listed; a file with more is another kind of file."""


class Found(Struct, frozen=True):
    """A section that was read: values by key, and where each stands. Without nulls."""

    path: str
    file: str
    line: int
    values: Mapping[str, Any]
    entries: Mapping[str, Entry]
    rest: Mapping[str, Entry]
    """Entries with other keys, where the section takes them."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a key, or ``default`` where it is not stated."""
        return self.values.get(name, default)

    def chosen(self, names: Iterable[str]) -> dict[str, Any]:
        """The stated values among these keys, for a constructor."""
        return {name: self.values[name] for name in names if name in self.values}


class Reader:
    """Collects problems while it reads. ``environ`` answers ``os.environ/NAME``."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[Problem] = []

    def note(self, place: Node | Entry, key: str, message: str, level: Level = "error") -> None:
        """One problem, at a node's or an entry's line."""
        self.add(Problem(place.file, place.line, key, message, level))

    def note_line(self, file: str, line: int, key: str, message: str) -> None:
        """One error, at a line."""
        self.add(Problem(file, line, key, message))

    def add(self, problem: Problem) -> None:
        """One problem; the same one twice is one."""
        if problem not in self.problems and len(self.problems) < _MOST:
            self.problems.append(problem)

    @property
    def failed(self) -> bool:
        """Whether an error was noted."""
        return any(problem.level == "error" for problem in self.problems)

    def section(
        self,
        node: Node | None,
        path: str,
        keys: Keys,
        foreign: Advice | None = None,
        *,
        inner: Iterable[str] = (),
        rest: Iterable[str] | None = (),
    ) -> Found:
        """A section by its table of keys.

        ``foreign`` are LiteLLM's keys with what to do instead, ``inner`` the names of sections
        within it, which are left alone, ``rest`` other keys to hand back as they are (None: all).
        """
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return Found(path, "", 0, {}, {}, {})
        if not isinstance(node, Table):
            self.note(node, path, "must be a mapping of keys to values")
            return Found(path, node.file, node.line, {}, {}, {})
        values: dict[str, Any] = {}
        others: dict[str, Entry] = {}
        entries: dict[str, Entry] = {}
        names = list(keys) + list(inner)
        for name, entry in node.entries.items():
            place = f"{path}.{name}" if path else name
            if name in keys:
                self._value(name, entry, place, keys, values, entries)
            elif name in inner:
                entries[name] = entry
            elif foreign is not None and name in foreign:
                self._foreign(entry, place, foreign[name])
            elif rest is None or name in rest:
                others[name] = entry
            else:
                self.note(entry, place[:200], f"unknown key{nearest(name, names)}")
        return Found(path, node.file, node.line, values, entries, others)

    def items(self, node: Node | None, path: str) -> tuple[Node, ...]:
        """The items of a list; a problem for anything else."""
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return ()
        if isinstance(node, Items):
            return node.items
        self.note(node, path, "must be a list (each entry begins with a dash)")
        return ()

    def _value(
        self,
        name: str,
        entry: Entry,
        place: str,
        keys: Keys,
        values: dict[str, Any],
        entries: dict[str, Entry],
    ) -> None:
        key = keys[name]
        if isinstance(entry.node, Scalar) and entry.node.is_null:
            return
        proper = key.same_as or name
        if proper in entries:
            self.note(entry, place, f"is stated a second time ({proper} is the same key)")
            return
        entries[proper] = entry
        try:
            value = key.kind.read(entry.node, self.environ)
        except Wrong as wrong:
            self.note(wrong.node, place, wrong.message)
            return
        if value is not None:
            values[proper] = value
        if key.status == "later" and value not in (None, False):
            self.note(entry, place, "is read, but has no effect in this version", "warning")

    def _foreign(self, entry: Entry, place: str, advice: str) -> None:
        if not _says_nothing(entry.node):
            self.note(entry, place, f"is LiteLLM's and not supported: {advice}", "warning")


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the known name that ``name`` resembles, or an empty text."""
    folded = name.lower().replace("-", "_")[:80]
    found = difflib.get_close_matches(folded, list(names), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _says_nothing(node: Node) -> bool:
    """Whether a key switched off or left empty: ignoring it loses nothing."""
    if isinstance(node, Scalar):
        return node.is_null or node.text.lower() in ("", "false", "no", "off", "0")
    return not (node.items if isinstance(node, Items) else node.entries)
