"""What is wrong with a configuration: every problem with its file, line and key."""

from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.errors import ConfigError

Level: TypeAlias = Literal["error", "warning"]


class Problem(Struct, frozen=True):
    """One thing wrong. ``line`` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    key: str
    """Where in the document, such as ``model_list[0].litellm_params.api_base``; may be empty."""
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.level, self.key, self.message) if part)


class ConfigProblems(ConfigError):  # noqa: N818 - it is many errors
    """A configuration that cannot be used, with all its problems, warnings included.

    ``problems`` is in the order of the files. The text has one problem a line, and no secret.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["ConfigProblems"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)
