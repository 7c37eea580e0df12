"""The house's own rules: what an import costs, how large a file may be, which version this is."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import faregate
from faregate.prices.load import load_book
from tests.house.samples import ROOT

SOURCE = ROOT / "src" / "faregate"
FILES = sorted(SOURCE.rglob("*.py"))

MOST_MODULES = 300
MOST_LINES = 400
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 6

EXPECTED_SIGNATURES = {
    "cost_per_token": "the signature people already call",
    "completion_cost": "the signature people already call",
}
"""Functions with more parameters than the rest may have, and why."""

_HEAVY = (
    "asyncio", "click", "concurrent.futures", "http.client", "httptools", "logging", "openai",
    "socket", "ssl", "threading", "tiktoken", "urllib.request", "uvicorn", "uvloop",
)  # fmt: skip
_SPY = """
import json, os, sys

reads, events = [], []

def spied(original):
    def method(self, key, *rest):
        reads.append(str(key))
        return original(self, key, *rest)
    return method

environ = type(os.environ)
environ.__getitem__ = spied(environ.__getitem__)
environ.__contains__ = spied(environ.__contains__)
environ.get = spied(environ.get)
environ.copy = lambda self: reads.append("everything")
environ.__iter__ = lambda self: reads.append("everything")
sys.addaudithook(lambda name, given: events.append(name))
{statement}
before = list(reads)
import _thread
print(json.dumps([
    sorted(sys.modules), _thread._count(), before,
    sorted({each for each in events if each.startswith(("socket.", "subprocess.", "os.fork"))}),
]))
"""


class Imported(NamedTuple):
    """What was there after a statement."""

    modules: list[str]
    threads: int
    variables: list[str]
    events: list[str]


def imported(statement: str) -> Imported:
    """What a fresh interpreter has and has done after ``statement``."""
    script = _SPY.replace("{statement}", statement)
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    return Imported(*json.loads(done.stdout))


def test_importing_does_nothing() -> None:
    found = imported("import faregate")
    assert len(found.modules) <= MOST_MODULES
    assert [name for name in _HEAVY if name in found.modules] == []
    assert found.threads == 0
    assert found.variables == []
    assert found.events == []


def test_importing_a_call_starts_nothing() -> None:
    found = imported("from faregate import acompletion, completion, completion_cost")
    assert len(found.modules) <= MOST_MODULES
    unused = ("click", "uvicorn", "tiktoken", "openai", "azure", "faregate.emulator")
    assert [name for name in unused if name in found.modules] == []
    assert found.threads == 0
    own = ("PYTHON", "_PYTHON")  # the interpreter's and its library's
    assert [name for name in found.variables if not name.startswith(own)] == []
    assert found.events == []


def test_the_spy_sees() -> None:
    script = "import os, socket, threading; os.environ.get('HOME'); socket.socket().close()"
    wait = "; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    found = imported(script + wait)
    assert found.threads == 1
    assert "HOME" in found.variables
    assert "socket.__new__" in found.events


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < MOST_LINES
    for function in functions(ast.parse(text)):
        assert function.end_lineno is not None
        length = function.end_lineno - function.lineno + 1
        assert length < LONGEST_FUNCTION, f"{function.name} has {length} lines"
        if function.name not in EXPECTED_SIGNATURES:
            count = len(parameters(function))
            assert count <= MOST_PARAMETERS, f"{function.name} takes {count} parameters"


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, but for commands, whose parameters are their options."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = " ".join(ast.unparse(each) for each in node.decorator_list)
            if "click." not in decorators and ".command" not in decorators:
                yield node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The parameters a caller gives: neither self nor cls, nor what begins with a star."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def test_names_say_something() -> None:
    empty = {"utils", "helpers", "common", "manager", "data", "info"}
    assert [path for path in SOURCE.rglob("*") if path.stem in empty] == []


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_there_is_one_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    assert first is not None
    assert project()["project"]["version"] == faregate.__version__ == first[1]


def test_the_lock_file_has_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    for entry in entries:
        if entry.startswith("#"):
            continue
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, f"{entry[:60]} has no hash"
    locked = {re.split(r"[=\[]", entry)[0].lower() for entry in entries}
    wanted = [re.split(r"[<>=;\[ ]", each)[0] for each in project()["project"]["dependencies"]]
    assert {name.lower() for name in wanted} <= locked


def test_every_price_says_where_it_is_from() -> None:
    rows = load_book().prices()
    assert len(rows) > 1000
    for row in rows:
        assert row.source, row.id
        if row.source.startswith("genai-prices"):
            continue  # another test asked the vendors' list, which does not say since when
        assert row.observed_at > 0, row.id
        assert row.effective_from > 0, row.id
        assert row.confidence != "meter" or row.source_meter, row.id


def test_public_names_are_there() -> None:
    for name in faregate.__all__:
        assert getattr(faregate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = faregate.nonsense
