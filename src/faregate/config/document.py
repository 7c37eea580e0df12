"""YAML text to a tree in which every node knows its file and line.

Safe by construction: no tag makes an object, keys are unique, and size, depth and the number of
nodes (aliases counted as often as they stand) are bounded.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import yaml
from msgspec import Struct

from faregate.config.problems import Problem

LARGEST_TEXT = 4 * 1024 * 1024
"""Characters in one file."""

MOST_NODES = 200_000
DEEPEST = 64

_PREFIX = "tag:yaml.org,2002:"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "map", "seq"})
_TRUE = frozenset({"true", "yes", "on"})
_INTEGER = re.compile(r"[+-]?[0-9][0-9_]*\Z")


class Scalar(Struct, frozen=True):
    """A text, number, boolean or null, as written. ``kind`` is what YAML takes it for."""

    file: str
    line: int
    text: str
    kind: str
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Whether nothing is stated."""
        return self.kind == "null"


class Items(Struct, frozen=True):
    """A list."""

    file: str
    line: int
    items: tuple["Node", ...]
    size: int = 1


class Entry(Struct, frozen=True):
    """A key's place and its value."""

    file: str
    line: int
    node: "Node"


class Table(Struct, frozen=True):
    """A mapping."""

    file: str
    line: int
    entries: Mapping[str, Entry]
    size: int = 1


Node: TypeAlias = Scalar | Items | Table


class _Refused(Exception):  # noqa: N818 - never leaves the module
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def compose(text: str, file: str, note: Callable[[Problem], None]) -> Node | Problem | None:
    """The tree of a text, None for an empty one, or the first thing that makes it no tree.

    ``note`` is told of keys that are given twice; the first one stands.
    """
    if len(text) > LARGEST_TEXT:
        return Problem(file, 0, "", f"the file is larger than {LARGEST_TEXT} characters")
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER), file, note).document()
    except _Refused as refused:
        return Problem(file, refused.line, "", refused.message)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        return Problem(file, line, "", f"this is not YAML: {error.problem or error.context}")
    except yaml.YAMLError:
        return Problem(file, 0, "", "this is not YAML: it holds a character that may not stand")


def plain(node: Node) -> Any:
    """The node as JSON-like values. Times stay texts; numbers that JSON cannot hold too."""
    if isinstance(node, Table):
        return {name: plain(entry.node) for name, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    if node.kind == "null":
        return None
    if node.kind == "bool":
        return node.text.lower() in _TRUE
    if node.kind == "int" and _INTEGER.match(node.text) and len(node.text) < 40:
        return int(node.text)
    if node.kind == "float" and node.text[-1:].isdigit() and ":" not in node.text:
        return float(node.text)
    return node.text


class _Composer:
    def __init__(self, events: Iterator[Any], file: str, note: Callable[[Problem], None]) -> None:
        self._events = events
        self._note = note
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        found: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found is not None:
                    raise _Refused(_line(event), "a second document (---); one file holds one")
                found = self._node(next(self._events), 0)
        return None if isinstance(found, Scalar) and found.is_null else found

    def _node(self, event: Any, depth: int) -> Node:
        if depth > DEEPEST:
            raise _Refused(_line(event), f"nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                raise _Refused(_line(event), f"the alias *{event.anchor} has no anchor before it")
            self._count(event, known.size)
            return known
        self._count(event, 1)
        before = self._nodes
        if isinstance(event, yaml.ScalarEvent):
            node: Node = Scalar(self._file, _line(event), event.value, _kind(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            _kind(event)
            items = tuple(self._items(depth))
            node = Items(self._file, _line(event), items, 1 + self._nodes - before)
        else:
            _kind(event)
            entries = self._entries(depth)
            node = Table(self._file, _line(event), entries, 1 + self._nodes - before)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise _Refused(_line(event), f"more than {MOST_NODES} values, aliases included")

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise _Refused(_line(event), "a key must be a plain text")
            value = self._node(next(self._events), depth + 1)
            if key.kind == "merge":
                for name, entry in _merge(key, value).items():
                    merged.setdefault(name, entry)
            elif key.text in entries:
                first = entries[key.text].line
                message = f"the key {key.text[:60]!r} is given twice; first in line {first}"
                self._note(Problem(self._file, key.line, "", message))
            else:
                entries[key.text] = Entry(key.file, key.line, value)
        return {**merged, **entries} if merged else entries


def _merge(key: Scalar, value: Node) -> Mapping[str, Entry]:
    """What ``<<`` brings in: one mapping, or several of which the first wins."""
    tables = value.items if isinstance(value, Items) else (value,)
    found: dict[str, Entry] = {}
    for table in tables:
        if not isinstance(table, Table):
            raise _Refused(key.line, "<< takes a mapping, or a list of mappings")
        for name, entry in table.entries.items():
            found.setdefault(name, entry)
    return found


def _kind(event: Any) -> str:
    tag = event.tag
    if tag is None or tag == "!":
        if not isinstance(event, yaml.ScalarEvent):
            return ""
        tag = str(
            _RESOLVER.resolve(  # type: ignore[no-untyped-call]
                yaml.ScalarNode, event.value, event.implicit
            )
        )
    kind = tag.removeprefix(_PREFIX)
    if kind == "merge" or kind in _TAGS:
        return "str" if kind == "timestamp" else kind
    if kind == "value":  # a lone "=", which YAML 1.1 set apart
        return "str"
    raise _Refused(_line(event), f"the tag {str(event.tag)[:60]} is not understood; leave it out")


def _line(event: Any) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 0
