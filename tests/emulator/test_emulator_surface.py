"""Every URL shape, both ways to authenticate, the refusals and the headers of a resource."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from faregate.emulator import running_emulator
from tests.emulator.emulator_api import CHAT, KEY, Api


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running_emulator() as url:
        yield Api(url)


ASK = {"model": "model-router", "messages": [{"role": "user", "content": "Say hi"}]}


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/chat/completions",
        "/openai/v1/chat/completions?api-version=preview",
        "/openai/deployments/model-router/chat/completions?api-version=2024-10-21",
        "/openai/deployments/Model-Router/chat/completions?api-version=2025-01-01-preview",
        "/api/projects/my-project/openai/v1/chat/completions",
        "/models/chat/completions?api-version=2024-05-01-preview",
        "/v1/chat/completions",
        "/chat/completions",
    ],
)
def test_every_url_shape_answers(api: Api, path: str) -> None:
    answered = api.request("POST", path, ASK)
    assert answered.status == 200
    assert answered.json["choices"][0]["message"]["content"] == "hi"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/openai/deployments/model-router/chat/completions"),
        ("POST", "/openai/deployments/model-router/chat/completions?api-version=soon"),
        ("POST", "/models/chat/completions"),
        ("POST", "/openai/v1/chat/completion"),
        ("POST", "/openai/v1/responses"),
        ("GET", CHAT),
    ],
)
def test_other_paths_are_no_resource(api: Api, method: str, path: str) -> None:
    answered = api.request(method, path, ASK)
    assert answered.status == 404
    assert answered.json == {"error": {"code": "404", "message": "Resource not found"}}


def test_the_deployment_of_the_path_wins(api: Api) -> None:
    path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    answered = api.request("POST", path, ASK)
    assert answered.json["model"] == "gpt-4o-2024-11-20"
    assert answered.headers["x-ms-deployment-name"] == "gpt-4o"


def test_an_unknown_deployment(api: Api) -> None:
    answered = api.chat(model="nobody")
    assert answered.status == 404
    assert answered.json["error"]["code"] == "DeploymentNotFound"
    assert answered.json["error"]["message"].startswith("The API deployment for this resource")


def test_auto_needs_no_deployment(api: Api) -> None:
    assert api.chat(model="auto").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"api-key": "emulator-key"},
        {"Authorization": "Bearer emulator-key"},
        {"Authorization": "Bearer eyJhbGciOi.anything.entra"},
    ],
)
def test_keys_and_tokens_are_taken(api: Api, headers: dict[str, str]) -> None:
    assert api.chat(headers=headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"api-key": "wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "emulator-key"},
    ],
)
def test_without_a_key_the_401_has_no_error_object(api: Api, headers: dict[str, str]) -> None:
    answered = api.chat(headers=headers)
    assert answered.status == 401
    assert answered.json["statusCode"] == 401
    assert "error" not in answered.json
    assert "wrong" not in answered.body.decode()


def test_response_headers(api: Api) -> None:
    answered = api.chat()
    headers = answered.headers
    assert headers["x-ms-deployment-name"] == "model-router"
    assert headers["x-ms-region"] == "East US 2"
    assert headers["apim-request-id"] != headers["x-request-id"]
    assert int(headers["x-ratelimit-remaining-tokens"]) > 0
    assert int(headers["x-ratelimit-remaining-requests"]) > 0
    assert api.chat().headers["x-request-id"] != headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"content": "hi"}]}, "messages[0]"),
        ({"n": 0}, "n"),
        ({"n": "three"}, "n"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"model": ""}, "model"),
        ({"tools": 5}, "tools"),
        ({"tools": [5]}, "tools"),
        ({"stop": [1]}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": True}, "max_completion_tokens"),
        ({"response_format": "json"}, "response_format"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_senseless_requests_are_refused(api: Api, body: dict[str, Any], param: str) -> None:
    answered = api.chat(**body)
    assert answered.status == 400
    assert answered.json["error"]["param"] == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    answered = api.request("POST", CHAT, body)
    assert answered.status == 400
    assert answered.json["error"]["type"] == "invalid_request_error"


def test_direct_reasoning_deployments_refuse_max_tokens(api: Api) -> None:
    refused = api.chat(model="gpt-5-mini", max_tokens=10)
    assert refused.status == 400
    assert refused.json["error"]["code"] == "unsupported_parameter"
    assert refused.json["error"]["param"] == "max_tokens"
    assert "Use 'max_completion_tokens' instead." in refused.json["error"]["message"]
    assert api.chat(model="gpt-5-mini", temperature=0.2).json["error"]["param"] == "temperature"
    assert api.chat(model="model-router", max_tokens=1000, temperature=0.2).status == 200
    assert api.chat(model="gpt-4.1", max_tokens=1000, temperature=0.2).status == 200


def test_a_prompt_over_the_window_is_refused(api: Api) -> None:
    answered = api.chat("word " * 130_000, model="gpt-4o")
    assert answered.status == 400
    assert answered.json["error"]["code"] == "context_length_exceeded"
    assert "maximum context length is 128000 tokens" in answered.json["error"]["message"]


def test_the_catalogue(api: Api) -> None:
    listed = api.request("GET", "/openai/v1/models").json
    names = [row["id"] for row in listed["data"]]
    assert listed["object"] == "list"
    assert {"model-router", "gpt-5-nano", "text-embedding-3-small"} <= set(names)
    assert api.request("GET", "/openai/v1/models/gpt-5-nano").json["id"] == "gpt-5-nano"
    assert api.request("GET", "/openai/v1/models/nobody").status == 404
    assert api.request("GET", "/openai/v1/models", headers={}).status == 401


def test_the_openai_client_speaks_to_it(api: Api) -> None:
    base = f"{api.url}/openai/v1"
    with openai.OpenAI(base_url=base, api_key="emulator-key", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="model-router", messages=[{"role": "user", "content": "Say hi"}]
        )
        assert answer.choices[0].message.content == "hi"
        assert answer.usage is not None
        usage = answer.usage
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(
                model="nobody", messages=[{"role": "user", "content": "Say hi"}]
            )
        assert "model-router" in [model.id for model in client.models.list()]


def test_the_azure_client_speaks_to_it(api: Api) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=api.url,
        api_key="emulator-key",
        api_version="2024-10-21",
        max_retries=0,
    ) as client:
        stream = client.chat.completions.create(
            model="azure-model-router",
            messages=[{"role": "user", "content": "Say hello there"}],
            stream=True,
        )
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert text == "hello there"


def test_embeddings(api: Api) -> None:
    base = f"{api.url}/openai/v1"
    with openai.OpenAI(base_url=base, api_key="emulator-key", max_retries=0) as client:
        found = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
        again = client.embeddings.create(
            model="text-embedding-3-small", input="one", encoding_format="float"
        )
        short = client.embeddings.create(
            model="text-embedding-3-large", input=[1, 2, 3], dimensions=8
        )
    assert [row.index for row in found.data] == [0, 1]
    assert len(found.data[0].embedding) == 1536
    assert found.data[0].embedding == pytest.approx(again.data[0].embedding, abs=1e-6)
    assert sum(value * value for value in again.data[0].embedding) == pytest.approx(1)
    assert found.usage.prompt_tokens == found.usage.total_tokens == 2
    assert len(short.data[0].embedding) == 8
    assert short.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "text-embedding-3-small", "input": 7}, 400),
        ({"model": "text-embedding-3-small", "input": "a", "dimensions": 5000}, 400),
        ({"model": "gpt-4o", "input": "a"}, 400),
        ({"model": "nobody", "input": "a"}, 404),
    ],
)
def test_senseless_embeddings_are_refused(api: Api, body: dict[str, object], status: int) -> None:
    assert api.request("POST", "/openai/v1/embeddings", body, KEY).status == status


def test_chat_on_an_embeddings_deployment_is_refused(api: Api) -> None:
    answered = api.chat(model="text-embedding-3-small")
    assert answered.status == 400
    assert answered.json["error"]["code"] == "OperationNotSupported"


def test_ids_are_unlike(api: Api) -> None:
    ids = {api.chat().json["id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"chatcmpl-[0-9a-f]{24}", one) for one in ids)


def test_the_guides_python_sample_runs(capsys: pytest.CaptureFixture[str]) -> None:
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "emulate-azure-in-ci.md"
    samples = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert len(samples) == 1
    exec(compile(samples[0], str(guide), "exec"), {})
    assert capsys.readouterr().out == "gpt-4.1-nano-2025-04-14 hello\n"
