"""The documents about the configuration say what the tables of keys say."""

import json
import re

import pytest

from faregate.config import schema as schemas
from faregate.config.keys import PARAMS
from tests.config.reference import FOREIGN, PAGE, SCHEMA, TABLES, page, schema_text
from tests.config.written import loaded

AGAIN = "run `python -m tests.config.reference`"


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, AGAIN


def test_the_schema_is_up_to_date() -> None:
    assert SCHEMA.read_text("utf-8") == schema_text(), AGAIN


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_on_the_page(name: str) -> None:
    text = PAGE.read_text("utf-8")
    table = text.split(f"<!-- keys: {name} -->")[1].split("<!-- end -->")[0]
    for key in TABLES[name][0]:
        assert f"| `{key}`" in table


@pytest.mark.parametrize("name", FOREIGN)
def test_every_key_that_is_not_supported_is_on_the_page(name: str) -> None:
    text = PAGE.read_text("utf-8")
    table = text.split(f"<!-- foreign: {name} -->")[1].split("<!-- end -->")[0]
    assert {key for key in FOREIGN[name] if f"`{key}`" not in table} == set()


def test_the_example_of_the_page_loads_without_a_warning() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    names = ("AZURE_MODEL_ROUTER_API_KEY", "OPENAI_API_KEY", "FAREGATE_MASTER_KEY")
    settings = loaded(found[1], dict.fromkeys(names, "k"))
    assert settings.names() == ("azure-model-router", "spare")
    assert settings.warnings == ()


def test_the_schema_knows_every_section_and_both_spellings() -> None:
    found = json.loads(schema_text())
    assert {"model_list", "settings", "litellm_settings", "include"} <= set(found["properties"])
    params = found["$defs"]["params"]["properties"]
    assert set(PARAMS) <= set(params)
    assert params["rpm"]["anyOf"][1] == schemas.REFERENCE
    assert params["organization"]["deprecated"]
    assert found["properties"]["router_settings"]["properties"]["num_retries"]["default"] == 2


def test_no_key_is_both_ours_and_unsupported() -> None:
    for name, table in FOREIGN.items():
        if name in TABLES:
            assert not set(table) & set(TABLES[name][0])
