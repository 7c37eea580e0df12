"""What the openai package raises for what goes wrong, and what it does about it by itself."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.processes import Emulator, Gateway

HELLO: list[Any] = [{"role": "user", "content": "Say hello"}]


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


def test_a_wrong_key(gateway: Gateway) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-nobody", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="once", messages=HELLO)
    assert caught.value.code == "invalid_api_key"
    assert "sk-nobody" not in str(caught.value)


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-17", messages=HELLO)
    error = caught.value
    assert (error.code, error.param) == ("model_not_found", "model")
    assert "azure-model-router" in error.message
    assert "text-embedding-3-small" in error.message


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        ("401", openai.AuthenticationError, 401),
        ("403", openai.PermissionDeniedError, 403),
        ("404", openai.NotFoundError, 404),
        ("429", openai.RateLimitError, 429),
        ("500", openai.InternalServerError, 500),
        ("502", openai.InternalServerError, 502),
        ("503", openai.InternalServerError, 503),
        ("unsupported-parameter", openai.BadRequestError, 400),
        ("context-length", openai.BadRequestError, 400),
        ("content-filter", openai.BadRequestError, 400),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_upstreams_errors(
    client: openai.OpenAI,
    emulator: Emulator,
    fault: str,
    kind: type[openai.APIStatusError],
    status: int,
    stream: bool,
) -> None:
    emulator.fault(fault)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="once", messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.response.headers["x-faregate-attempts"] == "1"
    assert "emulator-key" not in str(caught.value)


def test_a_content_filter_says_what_it_found(client: openai.OpenAI, emulator: Emulator) -> None:
    for fault in ("content-filter", "content-filter;spelling=inner_error"):
        emulator.fault(fault)
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="once", messages=HELLO)
        assert caught.value.code == "content_filter"
        body: Any = caught.value.body
        verdicts = body["innererror"]["content_filter_result"]
        assert any(verdict.get("filtered") for verdict in verdicts.values())


def test_a_context_that_is_too_long(client: openai.OpenAI, emulator: Emulator) -> None:
    emulator.fault("context-length")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="once", messages=HELLO)
    assert caught.value.code == "context_length_exceeded"


def test_a_completion_cut_by_the_filter_is_an_answer(
    client: openai.OpenAI, emulator: Emulator
) -> None:
    emulator.fault("content-filter-completion")
    answer = client.chat.completions.create(model="once", messages=HELLO)
    assert answer.choices[0].finish_reason == "content_filter"


def test_throttling_says_how_long_to_wait(client: openai.OpenAI, emulator: Emulator) -> None:
    emulator.fault("429;retry-after-ms=150")
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="once", messages=HELLO)
    assert caught.value.response.headers["retry-after-ms"] == "150"
    assert caught.value.response.headers["retry-after"] == "1"


def test_the_package_retries_what_we_do_not(gateway: Gateway, emulator: Emulator) -> None:
    emulator.fault("429;retry-after-ms=20", times=2)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=2) as client:
        raw = client.chat.completions.with_raw_response.create(model="once", messages=HELLO)
    assert raw.retries_taken == 2
    assert raw.parse().choices[0].message.content == "hello"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_we_retry_before_the_package_notices(
    client: openai.OpenAI, emulator: Emulator, stream: bool
) -> None:
    emulator.fault("429;retry-after-ms=20", times=2)
    raw = client.chat.completions.with_raw_response.create(
        model="azure-model-router", messages=HELLO, stream=stream
    )
    assert raw.headers["x-faregate-attempts"] == "3"
    assert raw.retries_taken == 0
    assert b"hello" in raw.http_response.read()


def test_an_error_within_a_stream(client: openai.OpenAI, slow_emulator: Emulator) -> None:
    slow_emulator.fault("error-in-stream;after=4")
    stream = client.chat.completions.create(
        model="slow", messages=[{"role": "user", "content": "A story"}], stream=True
    )
    seen = [next(stream) for _ in range(3)]
    with stream, pytest.raises(openai.APIError) as caught:
        list(stream)
    assert seen
    assert not isinstance(caught.value, openai.APIStatusError)
    assert caught.value.message
