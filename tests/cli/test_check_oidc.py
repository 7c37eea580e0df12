"""``faregate check`` and single sign-on."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from faregate.cli import main

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-5, api_key: key}
general_settings:
  oidc:
    issuer: https://login.example/tenant
    client_id: app
    client_secret: os.environ/OIDC_SECRET
    default_role: admin
"""


def checked(directory: Path) -> tuple[int, str]:
    path = directory / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    done = CliRunner().invoke(main, ["check", str(path)], env={"OIDC_SECRET": "very-secret"})
    assert "very-secret" not in done.output
    return done.exit_code, done.output


def test_what_is_dangerous_is_warned_of(tmp_path: Path) -> None:
    code, said = checked(tmp_path)
    assert code == 0, said
    assert "config.yaml:10: warning: general_settings.oidc.default_role: everybody" in said


def test_a_missing_library_is_named_before_anybody_signs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faregate.admin.oidc_token.find_spec", lambda _: None)
    code, said = checked(tmp_path)
    assert code == 1
    assert "pip install 'faregate[sso]'" in said
