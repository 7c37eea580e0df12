"""``faregate check`` and ``faregate --config``: what is said before the first call."""

import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.test_config_compat import ENVIRON, WHOLE
from tests.e2e import lives, wire
from tests.e2e.lives import entry
from tests.e2e.processes import FAREGATE, MASTER_KEY, Emulator, environment
from tests.house.samples import ROOT

BAD = """\
model_list:
  - model_name: first
    litellm_params:
      model: azure_ai/model_router/x
      api_base: https://r.cognitiveservices.azure.com
      api_key: os.environ/NOT_SET_ANYWHERE
  - model_name: second
    litellm_params:
      model: openai/gpt-5-mini
      api_key: sk-abcdefghijklmnopqrstuvwxyz
      weigth: 3
  - model_name: third
    litellm_params:
      model: openai/gpt-5-mini
router_settings:
  fallbacks: [{first: [fourth]}]
  routing_strategy: fastest
general_setings:
  master_key: x
"""

PLAIN = "model_list: []\n"


def test_check_says_everything_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    done = lives.run("check", str(path), env=environment())
    assert done.returncode == 1
    said = done.stderr.splitlines()
    for line, what in [
        (6, "NOT_SET_ANYWHERE"),
        (11, "did you mean 'weight'?"),
        (14, "OPENAI_API_KEY"),
        (17, "simple-shuffle"),
        (18, "did you mean 'general_settings'?"),
    ]:
        assert any(f"{path}:{line}: error: " in each and what in each for each in said), what
    assert any(f"{path}:16: warning: " in each and "'fourth'" in each for each in said)
    assert said[-1] == f"{path}: 5 errors; nothing was started"
    assert "sk-abcdef" not in done.stderr + done.stdout
    started = lives.run("--config", str(path), env=environment())
    assert (started.returncode, started.stderr) == (1, done.stderr)


def test_check_of_a_good_one(emulator: Emulator, tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(lives.config(entry("one", "model_router/x", emulator.url)))
    done = lives.run("check", str(path), env=lives.variables(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path} is good: 1 model names, 1 deployments, 0 warnings\n"
    done = lives.run("check", str(tmp_path / "absent.yaml"), env=environment())
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_a_file_of_litellms_starts_unchanged(tmp_path: Path) -> None:
    env = lives.variables(tmp_path, **ENVIRON)
    checked = lives.run("check", str(_written(tmp_path, WHOLE)), env=env)
    assert checked.returncode == 0, checked.stderr
    with lives.started(tmp_path, WHOLE, env=env) as life:
        life.key = "sk-1234"
        assert {"azure-model-router", "gpt-4"} <= set(life.models())
        said = life.printed()
        for key in ("callbacks", "cache", "alerting"):
            assert re.search(rf"config.yaml:\d+: warning: \S*\b{key}: ", said), key
        assert "the master key is weak" in said


def test_a_master_key_is_made_and_kept(tmp_path: Path) -> None:
    env = lives.variables(tmp_path, FAREGATE_MASTER_KEY="")
    with lives.started(tmp_path, PLAIN, env=env) as life:
        (key,) = re.findall(r"master key \([^)]*\): (sk-fg-\S{40,})", life.printed())
        kept = tmp_path / "state" / "master_key"
        assert kept.read_text().strip() == key
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        assert life.get("/v1/models", authorization=f"Bearer {key}")[0] == 200
        assert life.get("/v1/models", authorization="Bearer sk-fg-other")[0] == 401
    with lives.started(tmp_path, PLAIN, env=env) as life:
        assert key not in life.printed()
        assert life.get("/v1/models", authorization=f"Bearer {key}")[0] == 200


def test_no_place_for_a_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = lives.variables(
        tmp_path, FAREGATE_MASTER_KEY="", FAREGATE_DATA_DIR=str(tmp_path / "file" / "below")
    )
    done = lives.run("--config", str(_written(tmp_path, PLAIN)), "--port", "0", env=env)
    assert done.returncode == 1
    assert "FAREGATE_MASTER_KEY" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_weak_key_where_others_can_reach_it(tmp_path: Path, host: str) -> None:
    path = _written(tmp_path, PLAIN)
    env = lives.variables(tmp_path, FAREGATE_MASTER_KEY="sk-1234")
    done = lives.run("--config", str(path), "--host", host, "--port", "0", env=env)
    if "address family" in done.stderr:
        pytest.skip("no IPv6 on this machine")
    assert done.returncode == 1
    assert "the master key is weak" in done.stderr
    assert "allow_weak_master_key" in done.stderr
    assert "sk-1234" not in done.stderr


def test_a_weak_key_that_is_allowed(tmp_path: Path) -> None:
    text = lives.config(general={"allow_weak_master_key": True})
    env = lives.variables(tmp_path, FAREGATE_MASTER_KEY="sk-1234")
    with lives.started(tmp_path, text, "--host", "0.0.0.0", env=env) as life:
        assert "warning: the master key is weak" in life.printed()
        assert life.get("/v1/models", authorization="Bearer sk-1234")[0] == 200


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        path = _written(tmp_path, PLAIN)
        done = lives.run("--config", str(path), "--port", port, env=lives.variables(tmp_path))
    assert done.returncode == 1
    assert "the port is taken" in done.stderr
    assert "Traceback" not in done.stderr


_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, sys.argv[2:])
"""


@pytest.fixture
def stop_later() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with the test, whatever becomes of it."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for each in found:
        each.kill()
        each.wait()


def test_a_socket_that_systemd_opened(
    emulator: Emulator, tmp_path: Path, stop_later: list[subprocess.Popen[bytes]]
) -> None:
    path = _written(tmp_path, lives.config(entry("one", "model_router/model-router", emulator.url)))
    out = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as sock, out.open("wb") as file:
        command = [sys.executable, "-c", _ACTIVATE, str(sock.fileno()), *FAREGATE]
        process = subprocess.Popen(
            [*command, "--config", str(path)],
            pass_fds=(sock.fileno(),),
            stdout=file,
            stderr=file,
            env=lives.variables(tmp_path),
        )
        stop_later.append(process)
        port = sock.getsockname()[1]
        life = lives.Life(process, f"http://127.0.0.1:{port}", out, path)
        # The socket takes connections before there is a server: the first call only waits.
        assert life.ask_model("one")[0] == 200, life.printed()
        assert f"ready at http://127.0.0.1:{port}" in life.printed()
    process.terminate()
    assert life.stopped() == 0


def test_a_weak_key_on_a_socket_that_systemd_opened(tmp_path: Path) -> None:
    path = _written(tmp_path, PLAIN)
    with socket.create_server(("0.0.0.0", 0)) as sock:
        done = subprocess.run(
            [sys.executable, "-c", _ACTIVATE, str(sock.fileno()), *FAREGATE, "--config", str(path)],
            pass_fds=(sock.fileno(),),
            capture_output=True,
            text=True,
            env=lives.variables(tmp_path, FAREGATE_MASTER_KEY="sk-1234"),
            timeout=20,
            check=False,
        )
    assert done.returncode == 1
    assert "the master key is weak" in done.stderr


def test_without_a_configuration(tmp_path: Path) -> None:
    done = subprocess.run(
        [*FAREGATE, "serve"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "pass --config" in done.stderr


def test_the_configuration_of_the_directory(emulator: Emulator, tmp_path: Path) -> None:
    _written(tmp_path, lives.config(entry("one", "model_router/x", emulator.url)))
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*FAREGATE, "serve", "--port", "0"],
            cwd=tmp_path,
            stdout=file,
            stderr=file,
            env=lives.variables(tmp_path),
        )
    try:
        wire.soon(lambda: "is ready at" in out.read_text(), seconds=20)
        assert "models: one" in out.read_text()
        assert MASTER_KEY not in out.read_text()
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


def _written(directory: Path, text: str) -> Path:
    path = directory / "config.yaml"
    path.write_text(text, "utf-8")
    assert os.access(path, os.R_OK)
    return path


def test_the_example_of_the_readme(emulator: Emulator, tmp_path: Path) -> None:
    """The configuration and the call as they are printed there, with the emulator's address."""
    text = (ROOT / "README.md").read_text("utf-8")
    (config,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (call,) = re.findall(r"^\$ (curl .*)$", text, re.MULTILINE)
    base = "https://your-endpoint.cognitiveservices.azure.com"
    assert base in config
    with lives.started(tmp_path, config.replace(base, emulator.url)) as life:
        command = shlex.split(call.replace("<master key>", life.key))
        command = [each.replace("localhost:4000", f"127.0.0.1:{life.port}") for each in command]
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        done = subprocess.run([*command, "-si"], capture_output=True, text=True, check=True)
    head, _, body = done.stdout.partition("\n\n")
    answer = json.loads(body)
    model = answer["model"].removeprefix("azure_ai/")
    total = answer["usage"]["cost_details"]["total"]
    for line in (f"x-faregate-model: {model}", f"x-faregate-cost: {total}", "HTTP/1.1 200 OK"):
        assert line in head
        assert line in text  # what is shown there is what comes
    assert f'"model":"azure_ai/{model}"' in text
