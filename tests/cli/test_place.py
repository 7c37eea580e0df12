"""Where commands find the ledger, beside a gateway whose secrets they have not."""

from pathlib import Path

import pytest

from tests.cli.conftest import Place

MODEL = """
  - model_name: {name}
    params: {{model: azure_ai/gpt-4.1-nano, api_base: {base}, api_key: os.environ/NANO_KEY{more}}}
"""


def configure(place: Place, *models: str, general: str = "") -> tuple[str, str]:
    directory = general or f"data_dir: {place.directory}"
    place.config.write_text(
        f"model_list:{''.join(models)}\ngeneral_settings: {{{directory}}}\n", "utf-8"
    )
    return "--config", str(place.config)


def model(name: str, base: str = "https://a.example/openai/v1/", more: str = "") -> str:
    return MODEL.format(name=name, base=base, more=more)


def test_secrets_of_the_gateway_are_not_needed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(place, model("nano"))
    assert "no model fits 'nanu'" in place.complains("keys", "make", "--model", "nanu", *config)
    place.run("keys", "make", "--name", "one", "--model", "nano", *config)
    place.run("budgets", "make", "1", "--deployment", "nano/gpt-4.1-nano", *config)
    assert "No call waited" in place.says("prices", "fill", *config)
    monkeypatch.setenv("NANO_KEY", "set")
    assert "one" in place.says("keys", "list", *config)


def test_what_depends_on_a_missing_variable_is_not_taken_for_certain(place: Place) -> None:
    twins = (model("nano", "os.environ/FIRST"), model("nano", "os.environ/SECOND", ", order: 1"))
    config = configure(place, *twins)
    place.run("keys", "make", "--model", "nano", *config)
    done = place.run("budgets", "make", "1", "--deployment", "nano/x", *config)
    assert "was not checked" in done.stderr
    assert place.json("prices", "fill", *config)["asked"] is False


@pytest.mark.parametrize(
    "general", ["database_url: os.environ/NOWHERE", "data_dir: os.environ/NOWHERE"]
)
def test_where_the_ledger_is_must_be_known(place: Place, general: str) -> None:
    said = place.complains(
        "keys", "list", *configure(place, model("nano"), general=general), code=1
    )
    assert "the environment variable NOWHERE is not set" in said
    assert "name the ledger's directory with --data-dir instead" in said
    assert "not-set-here" not in said


def test_a_bad_configuration_is_told(place: Place, tmp_path: Path) -> None:
    config = configure(place, model("nano", more=", rpm: many"))
    assert "rpm" in place.complains("keys", "list", *config, code=1)
    missing = ("--config", str(tmp_path / "none.yaml"))
    assert "none.yaml" in place.complains("keys", "list", *missing, code=1)
    both = (*config, "--data-dir", str(tmp_path))
    assert "give one" in place.complains("keys", "list", *both)
