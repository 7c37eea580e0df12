"""What steers a call stays here; what is the caller's own is left as it was."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import faregate
from faregate.client.bookkeeping import BOOKKEEPING
from faregate.client.options import split
from faregate.prices.load import COLUMNS
from faregate.types import HttpRequest
from tests.sdk.capture import captured_request
from tests.sdk.conftest import HELLO


def test_litellms_bookkeeping_is_never_sent() -> None:
    given: dict[str, Any] = dict.fromkeys(BOOKKEEPING, "SECRET")
    _, headers, body = captured_request(model="azure_ai/x", messages=HELLO, **given)
    assert body == {"model": "x", "messages": HELLO}
    assert "SECRET" not in str(headers)


@pytest.mark.parametrize("name", ["azure_password", "azure_username"])
def test_credentials_we_cannot_use_are_refused(name: str) -> None:
    given: dict[str, Any] = {name: "p"}
    with pytest.raises(faregate.ConfigError, match="managed identity"):
        faregate.completion("azure_ai/x", HELLO, api_base="http://127.0.0.1:1", **given)


def test_no_repr_shows_a_secret() -> None:
    arguments = {
        "api_key": "sk-SECRET-abc123",
        "azure_ad_token": "SECRET",
        "extra_headers": {"x": "SECRET"},
    }
    options, _ = split(dict(arguments), stream=False)
    request = HttpRequest("POST", "http://h/p?key=SECRET", {"api-key": "SECRET"}, b"SECRET")
    assert "SECRET" not in repr(options) + repr(request)


def test_the_callers_objects_are_left_alone() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "a", "strict": True}}
    _, _, body = captured_request(
        model="azure_ai/x",
        messages=HELLO,
        response_format=schema,
        additional_drop_params=["response_format.json_schema.strict"],
    )
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "a"}}
    assert schema["json_schema"] == {"name": "a", "strict": True}


class City(BaseModel):
    """A city."""

    name: str
    people: int = 0


def test_a_pydantic_model_is_its_strict_schema() -> None:
    _, _, body = captured_request(model="azure_ai/x", messages=HELLO, response_format=City)
    sent = body["response_format"]["json_schema"]
    assert (sent["name"], sent["strict"]) == ("City", True)
    assert sent["schema"]["required"] == ["name", "people"]
    assert sent["schema"]["additionalProperties"] is False


def test_a_key_can_be_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "from-env")
    _, headers, _ = captured_request(
        model="azure_ai/x", messages=HELLO, api_key="os.environ/MY_KEY"
    )
    assert headers["authorization"] == "Bearer from-env"


def test_prices_of_ones_own_come_from_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, emulator_url: str
) -> None:
    file = tmp_path / "own.csv"
    rows = [",".join(COLUMNS)]
    for unit in ("input", "output"):
        price = f"azure,gpt-9-mystery,global,standard,short,,{unit},1,2026-01-01,,own,,2026-01-01"
        rows.append(f"own/{unit},{price},page")
    file.write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("FAREGATE_PRICE_FILES", str(file))
    receipt = faregate.completion(
        "azure_ai/model_router/azure-model-router",
        HELLO,
        api_base=f"{emulator_url}/openai/v1",
        api_key="emulator-key",
        extra_headers={"x-emulate-fault": "serve;model=gpt-9-mystery"},
    ).receipt
    assert receipt is not None
    assert receipt.status == "priced"
    assert receipt.lines[0].price_id == "own/input"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"stream": True, "stream_options": ["x"]}, "stream_options must be an object"),
    ({"base_model": 5}, "base_model must be text"),
    ({"extra_headers": {"x": "a\r\nb"}}, "cannot stand in a header"),
    ({"extra_headers": {"x": "€"}}, "cannot stand in a header"),
    ({"extra_headers": {"x y": "a"}}, "cannot stand in a header"),
    ({"temperature": float("nan")}, "JSON cannot carry"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_what_cannot_be_sent_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(faregate.ConfigError, match=words):
        faregate.completion("azure_ai/x", HELLO, api_base="http://[::1]:1", api_key="k", **changes)


def test_answers_have_the_methods_people_call() -> None:
    response = faregate.ModelResponse(id="1", choices=[{"index": 0, "message": {"content": "x"}}])
    assert response.json()["choices"][0]["message"]["content"] == "x"
    assert '"id": "1"' in response.to_json()
    assert response.model_dump_json(exclude_unset=True)
    assert response.model_copy(deep=True) == response
    error = faregate.BudgetExceededError(current_cost=2.0, max_budget=1.0)
    assert (error.status_code, error.max_budget) == (429, 1.0)
