"""Includes: several files as one configuration."""

from pathlib import Path

import pytest

from faregate.config import ConfigProblems, load
from tests.config.written import loaded, problems, said

ENTRY = "{{model_name: {0}, params: {{model: openai/{0}, api_key: k}}}}"


def models(*names: str) -> str:
    return "model_list:\n" + "".join(f"  - {ENTRY.format(name)}\n" for name in names)


def test_lists_are_put_together_and_sections_united() -> None:
    settings = loaded(
        "include: [a.yaml, b.yaml]\nrouter_settings: {num_retries: 4}\n" + models("m"),
        files={
            "a.yaml": models("n") + "router_settings: {timeout: 30}\n",
            "b.yaml": models("o") + "general_settings: {drain_timeout: 3}\n",
        },
    )
    assert list(settings.models) == ["m", "n", "o"]
    assert (settings.routing.num_retries, settings.routing.timeout) == (4, 30.0)
    assert settings.general.drain_timeout == 3.0
    assert settings.files == ("config.yaml", "a.yaml", "b.yaml")
    assert settings.models["n"][0].file == "a.yaml"


def test_a_problem_names_the_file_it_is_in() -> None:
    found = problems("include: a.yaml\n", files={"a.yaml": "\n\nmodel_list: [{model_name: m}]"})
    assert [(each.file, each.line) for each in found] == [("a.yaml", 3)]


def test_a_key_in_two_files_is_refused() -> None:
    text = "include: a.yaml\nrouter_settings: {timeout: 1}\n" + models("m")
    found = problems(text, files={"a.yaml": "\nrouter_settings: {timeout: 2}\n"})
    assert str(found[0]) == (
        "a.yaml:2: error: router_settings.timeout: is stated in config.yaml:2 already"
    )


def test_a_model_of_the_same_name_in_two_files_has_two_deployments() -> None:
    settings = loaded("include: a.yaml\n" + models("m"), files={"a.yaml": models("m")})
    assert len(settings.models["m"]) == 2


def test_cycles_and_repetitions_are_refused() -> None:
    (message,) = said("include: config.yaml\n" + models("m"))
    assert message == "1: error: include: includes itself by way of config.yaml > config.yaml"
    found = problems(
        "include: a.yaml\n" + models("m"), files={"a.yaml": "include: ./x/../config.yaml\n"}
    )
    assert "config.yaml > a.yaml > config.yaml" in found[0].message
    (message,) = said("include: [a.yaml, a.yaml]\n", files={"a.yaml": models("m")})
    assert "is included a second time" in message


def test_paths_are_relative_to_the_file_that_includes() -> None:
    files = {
        "sub/a.yaml": "include: [b.yaml, ../c.yaml]\n",
        "sub/b.yaml": models("b"),
        "c.yaml": models("c"),
    }
    settings = loaded("include: sub/a.yaml\n", files=files)
    assert settings.files == ("config.yaml", "sub/a.yaml", "sub/b.yaml", "c.yaml")
    assert list(settings.models) == ["b", "c"]


def test_a_file_that_is_not_there() -> None:
    (message,) = said("include: [gone.yaml]\n")
    assert message == "1: error: include: gone.yaml cannot be read: No such file or directory"


def test_a_file_that_is_no_text() -> None:
    def read(path: object) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigProblems, match=r"x\.yaml is not UTF-8 text"):
        load(Path("x.yaml"), {}, read)


def test_the_number_of_files_is_bounded() -> None:
    files = {f"f{n}.yaml": f"include: f{n + 1}.yaml\n" for n in range(80)}
    message = problems("include: f0.yaml\n", files=files)[0]
    assert "more than 64 files" in message.message


@pytest.mark.parametrize("value", ["5.5: x", "[[a]]", "{a: b}", "[null]"])
def test_include_takes_names(value: str) -> None:
    text = "include: {}\n".format(value if ":" not in value or value[0] == "{" else f"{{{value}}}")
    assert any("must be a list of file names" in each for each in said(text + models("m")))
