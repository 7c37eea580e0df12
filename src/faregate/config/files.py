"""A main file and what it includes, as one document."""

from collections.abc import Callable
from pathlib import Path, PurePath

from msgspec import Struct

from faregate.config.document import Entry, Items, Node, Scalar, Table, compose
from faregate.config.problems import Problem
from faregate.config.reading import Reader

Read = Callable[[Path], str]
"""The text of a file. Raises OSError or ValueError (no UTF-8) where there is none."""

MOST_FILES = 64

LISTS = ("model_list",)
"""Top-level keys whose lists are put together; of other keys each may stand in one file."""


class Gathered(Struct, frozen=True):
    """All files as one table, and their paths, the main one first."""

    table: Table
    files: tuple[str, ...]


def gather(path: Path, read: Read, reader: Reader) -> Gathered:
    """The document of a file with its includes; problems are noted."""
    found = _Gathering(read, reader)
    found.add(path, None, ())
    return Gathered(Table(str(path), 1, found.entries), tuple(found.files))


class _Gathering:
    def __init__(self, read: Read, reader: Reader) -> None:
        self.files: list[str] = []
        self.entries: dict[str, Entry] = {}
        self._read = read
        self._reader = reader

    def add(self, path: Path, asked: Node | None, above: tuple[str, ...]) -> None:
        """Take one file in; ``above`` are the files that include it."""
        name = str(path)
        if name in above:
            self._note(asked, name, f"includes itself by way of {' > '.join((*above, name))}")
            return
        if name in self.files:
            self._note(asked, name, f"{name} is included a second time")
            return
        if len(self.files) >= MOST_FILES:
            self._note(asked, name, f"more than {MOST_FILES} files")
            return
        self.files.append(name)
        try:
            text = self._read(path)
        except ValueError:
            self._note(asked, name, f"{name} is not UTF-8 text")
            return
        except OSError as error:
            self._note(
                asked, name, f"{name} cannot be read: {error.strerror or type(error).__name__}"
            )
            return
        found = compose(text, name, self._reader.add)
        if isinstance(found, Problem):
            self._reader.add(found)
        elif found is None:
            self._note(asked, name, f"{name} is empty")
        elif not isinstance(found, Table):
            self._reader.note(found, "", "must be a mapping with keys such as model_list")
        else:
            self._merge(found)
            self._includes(found, path, (*above, name))

    def _note(self, asked: Node | None, name: str, message: str) -> None:
        if asked is None:
            self._reader.add(Problem(name, 0, "", message))
        else:
            self._reader.note(asked, "include", message)

    def _includes(self, table: Table, path: Path, above: tuple[str, ...]) -> None:
        entry = table.entries.get("include")
        if entry is None:
            return
        for item in entry.node.items if isinstance(entry.node, Items) else (entry.node,):
            if not isinstance(item, Scalar) or not item.text or item.is_null:
                self._reader.note(item, "include", "must be a list of file names")
                continue
            self.add(_beside(path, item.text), item, above)

    def _merge(self, table: Table) -> None:
        for name, entry in table.entries.items():
            known = self.entries.get(name)
            if name == "include":
                continue
            if known is None:
                self.entries[name] = entry
            elif name in LISTS:
                self.entries[name] = _joined(known, entry)
            elif isinstance(known.node, Table) and isinstance(entry.node, Table):
                self.entries[name] = self._united(name, known.node, entry.node)
            else:
                self._reader.note(entry, name, f"is stated in {known.file}:{known.line} already")

    def _united(self, name: str, first: Table, second: Table) -> Entry:
        """Two sections as one; a key that both have is a problem."""
        entries = dict(first.entries)
        for key, entry in second.entries.items():
            known = entries.setdefault(key, entry)
            if known is not entry:
                place = f"{known.file}:{known.line}"
                self._reader.note(entry, f"{name}.{key}", f"is stated in {place} already")
        return Entry(first.file, first.line, Table(first.file, first.line, entries))


def _joined(first: Entry, second: Entry) -> Entry:
    items = [node for each in (first, second) for node in _items(each.node)]
    return Entry(first.file, first.line, Items(first.file, first.line, tuple(items)))


def _items(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Items):
        return node.items
    return () if isinstance(node, Scalar) and node.is_null else (node,)


def _beside(path: Path, name: str) -> Path:
    """A path relative to the directory of the file that names it, without ``.`` and ``..``."""
    joined = PurePath(path.parent, name)
    parts: list[str] = []
    for part in joined.parts:
        if part == ".." and parts and parts[-1] not in ("..", joined.anchor):
            parts.pop()
        else:
            parts.append(part)
    return Path(*parts)
