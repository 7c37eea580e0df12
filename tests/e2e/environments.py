"""Where other people's clients are installed: once, in ``.venv-clients``, from lock files.

What cannot be installed, because there is no registry or no npm, skips its tests with the reason.
"""

import fcntl
import hashlib
import shutil
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import environment

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLACE = ROOT / ".venv-clients"
LOCK = ROOT / "requirements-clients.lock"
NODE = HERE / "node"

_INSTALL_SECONDS = 420
_RUN_SECONDS = 60


class ClientsPython:
    """A Python with LangChain, pydantic-ai, llm and openai."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries

    def run(self, script: str, *arguments: str) -> str:
        """What ``tests/e2e/clients/<script>`` prints. Raises AssertionError when it fails."""
        path = str(HERE / "clients" / script)
        return run([str(self.binaries / "python"), path, *arguments], environment())

    def run_text(self, code: str, env: dict[str, str]) -> str:
        """What a program prints."""
        return run([str(self.binaries / "python"), "-c", code], env)


class NodeModules:
    """A directory whose ``node_modules`` has the openai package."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, code: str, env: dict[str, str]) -> str:
        """What an ES module prints. Raises AssertionError when it fails."""
        command = ["node", "--input-type=module", "--unhandled-rejections=strict", "-"]
        return run(command, env, given=code, cwd=self.directory)


def run(
    command: list[str], env: dict[str, str], *, given: str = "", cwd: Path | None = None
) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=env,
        cwd=cwd,
        timeout=_RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clients_python() -> ClientsPython:
    """The environment with the Python clients, made when its lock file is new."""
    place = PLACE / "python"
    stamp = place / ".installed"
    wanted = _digest(LOCK)
    binaries = place / "bin"
    with _one_at_a_time():
        if not _is(stamp, wanted):
            venv.create(place, with_pip=True, clear=True)
            pip = [str(binaries / "python"), "-m", "pip", "--quiet", "--retries", "1"]
            _install([*pip, "install", "--require-hashes", "-r", str(LOCK)], place)
            stamp.write_text(wanted)
    return ClientsPython(binaries)


def node_modules() -> NodeModules:
    """A directory with the Node packages, made when their lock file is new."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    place = PLACE / "node"
    stamp = place / ".installed"
    wanted = _digest(NODE / "package-lock.json")
    with _one_at_a_time():
        if not _is(stamp, wanted):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NODE / name, place)
            npm = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
            _install(npm, place)
            stamp.write_text(wanted)
    return NodeModules(place)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two test runs in one checkout must not install over one another."""
    PLACE.mkdir(exist_ok=True)
    with (PLACE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(command: list[str], cwd: Path) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=cwd, timeout=_INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not finish within {_INSTALL_SECONDS} s")
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        pytest.skip(f"cannot be installed here: {said[-1] if said else 'no reason given'}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted
