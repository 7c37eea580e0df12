import stat
from pathlib import Path

import pytest

from faregate.cli.master_key import check_weak, data_dir, find_key, is_loopback, weakness
from faregate.errors import ConfigError

STRONG = "sk-fg-3lJm0Zq8vYt2WcXr7BnKpQ"


def test_a_configured_key_comes_before_the_environment(tmp_path: Path) -> None:
    environ = {"FAREGATE_MASTER_KEY": "from-env", "LITELLM_MASTER_KEY": "theirs"}
    assert find_key("configured", environ, tmp_path) == ("configured", False)
    assert find_key("", environ, tmp_path) == ("from-env", False)
    assert find_key("", {"LITELLM_MASTER_KEY": "theirs"}, tmp_path) == ("theirs", False)


def test_a_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "place"
    key, made = find_key("", {}, directory)
    assert made
    assert weakness(key) == ""
    assert stat.S_IMODE((directory / "master_key").stat().st_mode) == 0o600
    assert find_key("", {}, directory) == (key, False)


def test_nowhere_to_keep_it_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="FAREGATE_MASTER_KEY"):
        find_key("", {}, blocked / "below")


@pytest.mark.parametrize(
    "key", ["sk-1234", "", "a" * 40, "sk-my-password-is-long-enough", "x" * 19]
)
def test_a_weak_key_warns_here_and_is_refused_elsewhere(key: str) -> None:
    assert "weak" in check_weak(key, "127.0.0.1", allowed=False)
    assert "weak" in check_weak(key, "0.0.0.0", allowed=True)
    with pytest.raises(ConfigError, match="allow_weak_master_key"):
        check_weak(key, "0.0.0.0", allowed=False)


def test_a_strong_key_is_silent() -> None:
    assert check_weak(STRONG, "0.0.0.0", allowed=False) == ""


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_the_data_directory() -> None:
    assert data_dir("/a/b", {}) == Path("/a/b")
    assert data_dir("", {"FAREGATE_DATA_DIR": "/c"}) == Path("/c")
    assert data_dir("", {"XDG_DATA_HOME": "/d"}) == Path("/d/faregate")
    assert data_dir("", {}).name == "faregate"
