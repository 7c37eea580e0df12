"""Configurations written in tests."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from faregate.config import ConfigProblems, Problem, Settings, load
from faregate.config.checks import Priced

MAIN = "config.yaml"

ONE = """
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-5, api_key: key}
"""
"""The least that is useful."""


def loaded(
    text: str,
    environ: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    *,
    priced: Priced | None = None,
) -> Settings:
    """The settings of a text; ``files`` are further files by name."""
    texts = {MAIN: text, **(files or {})}

    def read(path: Path) -> str:
        found = texts.get(str(path))
        if found is None:
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return textwrap.dedent(found)

    return load(Path(MAIN), environ or {}, read, priced=priced)


def problems(
    text: str,
    environ: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Every problem of a text that cannot be used."""
    try:
        loaded(text, environ, files)
    except ConfigProblems as found:
        return list(found.problems)
    raise AssertionError("the configuration was accepted")


def outcome(text: str, environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """The warnings of a text that can be used, or the problems of one that cannot.

    Whatever else is raised is a defect, and so is a refusal without an error.
    """
    try:
        return loaded(text, environ).warnings
    except ConfigProblems as found:
        if all(each.level == "warning" for each in found.problems):
            raise AssertionError("refused without an error") from found
        return found.problems


def said(
    text: str,
    environ: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> list[str]:
    """The errors alone, as they are printed, without the file."""
    found = problems(text, environ, files)
    return [str(each).removeprefix(f"{MAIN}:") for each in found if each.level == "error"]


def with_params(lines: str) -> str:
    """A configuration of one model with these further parameters, the first in line 6."""
    head = "model_list:\n  - model_name: m\n    litellm_params:\n"
    head += "      model: openai/gpt-5\n      api_key: key\n"
    return head + textwrap.indent(textwrap.dedent(lines).strip("\n"), "      ") + "\n"
