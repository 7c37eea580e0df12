"""What other people's clients are installed from: exact versions with hashes, and no address."""

import json
import re
import tomllib

from tests.e2e.environments import LOCK, NODE, ROOT


def test_the_python_clients() -> None:
    text = LOCK.read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, f"{entry[:60]} has no hash"
    locked = {entry.partition("==")[0] for entry in entries}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["dependency-groups"]["clients"]
    assert {re.split(r"[<>=\[]", each)[0] for each in wanted} <= locked


def test_the_node_client() -> None:
    lock = json.loads((NODE / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert "node_modules/openai" in packages
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert entry["integrity"].startswith("sha512-"), name
    assert "://" not in (NODE / "package-lock.json").read_text("utf-8")
