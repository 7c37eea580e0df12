"""The samples in the documents, run as they are printed.

- A ```` ```python ```` block is run. The blocks of one document run one after another in one
  interpreter, as a reader would type them, with ``AZURE_AI_API_BASE`` and ``AZURE_AI_API_KEY``
  pointing at an emulator of the document's own.
- A ```` ```console ```` block that begins with ``$ faregate prices`` is run, too.
- A ```` ```text ```` block that follows a Python block, and the lines under a command, are what
  it prints. Call ids and instants differ from run to run and are compared as if all were the same.
- ``<!-- not run: why -->`` on the line before a block keeps it from being run; it must still be
  valid Python.

``python -m tests.house.samples`` writes what the samples print into the documents.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_KINDS = ("tutorial", "how-to", "reference", "explanation")
WITH_SAMPLES = [
    ROOT / "README.md",
    *sorted(path for kind in _KINDS for path in (ROOT / "docs" / kind).glob("*.md")),
]

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: [^>]+ -->\n\Z")
_CHANGING = (
    (re.compile(r"\bcall_[0-9a-f]{28}\b"), "call_01"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-11-22T12:00:00Z"),
    (re.compile(r"(?<= on )20\d\d-\d\d-\d\d(?=:)"), "2026-11-22"),
    (re.compile(r"\bhttp://127\.0\.0\.1:\d+"), "http://127.0.0.1:8790"),
)
_RUNNER = """
import contextlib, io, json, sys
namespace = {"__name__": "__main__"}
printed = []
for where, code in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, where, "exec"), namespace)
    printed.append(out.getvalue())
json.dump(printed, sys.stdout)
"""


class Sample(NamedTuple):
    """One thing to run, and where its output stands in the document (None: it is not shown)."""

    where: str
    language: str
    code: str
    run: bool
    shown: slice | None


def stable(text: str) -> str:
    """The text with ids and instants made the same, and no blanks at the ends of lines."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


def samples_of(path: Path) -> list[Sample]:
    """The Python and ``faregate prices`` samples of a document, in order."""
    text = path.read_text("utf-8")
    return list(_samples(path.relative_to(ROOT).as_posix(), text))


def _samples(name: str, text: str) -> Iterator[Sample]:
    fences = list(_FENCE.finditer(text))
    for at, fence in enumerate(fences):
        language, body = fence[1], fence[2]
        where = f"{name}:{text.count(chr(10), 0, fence.start()) + 1}"
        run = not _NOT_RUN.search(text[: fence.start()])
        if language == "python":
            after = fences[at + 1] if at + 1 < len(fences) else None
            shown = slice(*after.span(2)) if after is not None and after[1] == "text" else None
            yield Sample(where, language, body, run, shown)
        elif language == "console" and body.startswith("$ faregate prices"):
            command, _, _ = body.replace("\\\n", "").partition("\n")
            begin = fence.start(2) + len(body) - len(_after_command(body))
            yield Sample(where, language, command[2:], run, slice(begin, fence.end(2)))


def _after_command(body: str) -> str:
    """What stands under the command, which may be broken over lines by backslashes."""
    line, _, rest = body.partition("\n")
    return _after_command(rest) if line.endswith("\\") else rest


def outputs(samples: list[Sample], environment: Mapping[str, str]) -> dict[str, str]:
    """What each sample printed, by where it stands. Raises AssertionError when one fails."""
    python = [each for each in samples if each.language == "python" and each.run]
    found: dict[str, str] = {}
    if python:
        given = json.dumps([(each.where, each.code) for each in python])
        printed = json.loads(
            _run([sys.executable, "-W", "error", "-c", _RUNNER], given, environment)
        )
        found |= dict(zip((each.where for each in python), printed, strict=True))
    for each in samples:
        if each.language == "console" and each.run:
            start = "from faregate.cli import main; main(prog_name='faregate')"
            command = [sys.executable, "-c", start, *shlex.split(each.code)[1:]]
            found[each.where] = _run(command, "", environment, allowed=(0, 1))
    return found


def _run(
    command: list[str], given: str, environment: Mapping[str, str], allowed: tuple[int, ...] = (0,)
) -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        timeout=60,
        check=False,
    )
    assert done.returncode in allowed, done.stderr or done.stdout
    return done.stdout


def environment_for(url: str) -> dict[str, str]:
    """What a reader has exported, for an emulator at ``url``."""
    return {"AZURE_AI_API_BASE": f"{url}/openai/v1", "AZURE_AI_API_KEY": "emulator-key"}


def main() -> None:
    """Write what the samples print into the documents."""
    from faregate.emulator.serve import running_emulator

    for path in WITH_SAMPLES:
        samples = samples_of(path)
        if not samples:
            continue
        with running_emulator() as url:
            printed = outputs(samples, environment_for(url))
        text = path.read_text("utf-8")
        for each in reversed(samples):
            if each.shown is not None and each.where in printed:
                fresh = printed[each.where].strip("\n") + "\n"
                if stable(fresh) != stable(text[each.shown]):
                    text = text[: each.shown.start] + fresh + text[each.shown.stop :]
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
