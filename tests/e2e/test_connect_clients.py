"""docs/how-to/connect-clients.md: what it tells people to type does what it shows."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.environments import ROOT, ClientsPython, NodeModules, run
from tests.e2e.processes import Gateway, environment

GUIDE = ROOT / "docs" / "how-to" / "connect-clients.md"
_FENCE = re.compile(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = "http://localhost:4000"


class Sample(NamedTuple):
    """A block of the guide, and what is shown to come of it (empty where nothing is)."""

    heading: str
    language: str
    code: str
    shown: str


def samples() -> list[Sample]:
    """Every block that does something, in order."""
    found: list[Sample] = []
    heading = ""
    for title, language, code in _FENCE.findall(GUIDE.read_text("utf-8")):
        if title:
            heading = title
        elif language == "text":
            found[-1] = found[-1]._replace(shown=code)
        else:
            found.append(Sample(heading, language, code, ""))
    return found


def of(language: str) -> list[Sample]:
    """The samples in one language."""
    return [each for each in samples() if each.language == language]


@pytest.fixture
def shell_environment(gateway: Gateway, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """A reader's environment: the key exported, a home of their own."""

    def make(**more: str) -> dict[str, str]:
        return environment(FAREGATE_KEY=gateway.key, HOME=str(tmp_path), **more)

    return make


def pointed(code: str, gateway: Gateway) -> str:
    """The code with this gateway's address."""
    return code.replace(_ADDRESS, gateway.url)


@pytest.mark.parametrize("sample", of("python"), ids=lambda each: each.heading)
def test_python(
    sample: Sample,
    clients: ClientsPython,
    gateway: Gateway,
    shell_environment: Callable[..., dict[str, str]],
) -> None:
    assert _ADDRESS in sample.code
    assert sample.shown
    printed = clients.run_text(pointed(sample.code, gateway), shell_environment())
    assert printed == sample.shown


@pytest.mark.parametrize("sample", of("javascript"), ids=lambda each: each.heading)
def test_javascript(
    sample: Sample,
    node: NodeModules,
    gateway: Gateway,
    shell_environment: Callable[..., dict[str, str]],
) -> None:
    assert node.run(pointed(sample.code, gateway), shell_environment()) == sample.shown


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(gateway: Gateway, shell_environment: Callable[..., dict[str, str]]) -> None:
    (sample,) = [each for each in of("console") if each.heading == "curl"]
    command = pointed(sample.code, gateway).removeprefix("$ ")
    answer = json.loads(run(["bash", "-c", command], shell_environment()))
    assert answer["usage"]["cost_details"]["status"] == "priced"


def test_llm(
    clients: ClientsPython,
    gateway: Gateway,
    tmp_path: Path,
    shell_environment: Callable[..., dict[str, str]],
) -> None:
    models, session = [each for each in samples() if each.heading == "llm"]
    home = tmp_path / "llm"
    home.mkdir()
    written = pointed(models.code, gateway)
    (home / "extra-openai-models.yaml").write_text(written, "utf-8")
    env = shell_environment(LLM_USER_PATH=str(home))
    env["PATH"] = f"{clients.binaries}:{env['PATH']}"
    lines = session.code.splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    shown = [line for line in lines if not line.startswith("$ ")]
    printed = run(["bash", "-ec", "\n".join(commands)], env)
    assert printed.strip().splitlines() == shown
    said = run(["bash", "-c", 'dirname "$(llm logs path)"'], env)
    assert said.strip() == str(home)


def test_what_the_gateway_says_when_it_starts(gateway: Gateway) -> None:
    session = of("console")[0].code.splitlines()
    said = gateway.printed().replace(str(gateway.port), "4000").splitlines()
    for line in session[1:]:
        start = line.partition(":")[0] if line.startswith("models") else line
        assert any(each.startswith(start) for each in said), line


def test_every_client_is_there() -> None:
    headings = {each.heading for each in samples()}
    assert headings >= {
        "curl",
        "openai for Python",
        "AzureOpenAI for Python",
        "openai for Node",
        "LangChain",
        "pydantic-ai",
        "llm",
    }
