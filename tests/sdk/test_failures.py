"""What goes wrong, as exceptions and marked receipts."""

import asyncio
import json
from typing import Any
from urllib.request import urlopen

import pytest

import faregate
from faregate.upstream.transport import shared
from tests.sdk.conftest import HELLO, Post

FAULTS: list[tuple[str, type[faregate.APIError], int]] = [
    ("401", faregate.AuthenticationError, 401),
    ("403", faregate.PermissionDeniedError, 403),
    ("404", faregate.NotFoundError, 404),
    ("408", faregate.Timeout, 408),
    ("429", faregate.RateLimitError, 429),
    ("500", faregate.InternalServerError, 500),
    ("502", faregate.BadGatewayError, 502),
    ("503", faregate.ServiceUnavailableError, 503),
    ("content-filter", faregate.ContentPolicyViolationError, 400),
    ("content-filter;spelling=inner_error", faregate.ContentPolicyViolationError, 400),
    ("context-length", faregate.ContextWindowExceededError, 400),
    ("unsupported-parameter;param=logprobs", faregate.UnsupportedParamsError, 400),
    ("html-200", faregate.BadGatewayError, 502),
    ("empty-200", faregate.BadGatewayError, 502),
    ("bad-json", faregate.BadGatewayError, 502),
    ("invalid-utf8", faregate.BadGatewayError, 502),
    ("reset", faregate.APIConnectionError, 500),
    ("reset-in-body", faregate.APIConnectionError, 500),
    ("truncate", faregate.APIConnectionError, 500),
]


@pytest.mark.parametrize(("fault", "kind", "status"), FAULTS)
def test_a_failure_is_its_exception(
    own: dict[str, Any], post: Post, fault: str, kind: type[faregate.APIError], status: int
) -> None:
    post("faults", fault=fault)
    with pytest.raises(kind) as caught:
        faregate.completion(**own)
    error = caught.value
    assert type(error) is kind
    assert error.status_code == status
    assert error.llm_provider == "azure_ai"
    assert error.model == own["model"]
    assert "azure-model-router" in error.message
    assert "emulator-key" not in repr(error.__dict__) + str(error)


STREAM_FAULTS: list[tuple[str, type[faregate.APIError]]] = [
    ("429", faregate.RateLimitError),
    ("throttle-in-stream", faregate.RateLimitError),
    ("html-200", faregate.BadGatewayError),
    ("empty-200", faregate.BadGatewayError),
    ("reset", faregate.APIConnectionError),
]


@pytest.mark.parametrize(("fault", "kind"), STREAM_FAULTS)
def test_a_stream_that_fails_at_once_fails_before_it_begins(
    own: dict[str, Any], post: Post, fault: str, kind: type[faregate.APIError]
) -> None:
    post("faults", fault=fault)
    with pytest.raises(kind):
        faregate.completion(**own, stream=True)


BROKEN: list[tuple[str, type[faregate.APIError]]] = [
    ("error-in-stream", faregate.InternalServerError),
    ("reset-in-body", faregate.APIConnectionError),
    ("truncate", faregate.APIConnectionError),
    ("bad-json", faregate.BadGatewayError),
    ("invalid-utf8", faregate.BadGatewayError),
]


@pytest.mark.parametrize(("fault", "kind"), BROKEN)
def test_a_stream_that_breaks_off_raises_with_an_estimated_receipt(
    own: dict[str, Any], post: Post, fault: str, kind: type[faregate.APIError]
) -> None:
    post("faults", fault=fault)
    stream = faregate.completion(**own, stream=True)
    with pytest.raises(kind) as caught:
        list(stream)
    assert caught.value.receipt.status == "estimated"
    assert caught.value.receipt.total > 0
    assert stream.receipt == caught.value.receipt


@pytest.mark.parametrize("fault", ["no-done", "drip", "split;bytes=3", "async-filter"])
def test_odd_streams_are_read_to_the_end(own: dict[str, Any], post: Post, fault: str) -> None:
    whole = faregate.completion(**own)
    post("faults", fault=fault)
    chunks = list(faregate.completion(**own, stream=True))
    assert chunks[-1].receipt is not None
    assert whole.receipt is not None
    assert chunks[-1].receipt.total == whole.receipt.total
    rebuilt = faregate.stream_chunk_builder(chunks)
    assert rebuilt.choices[0].message.content == whole.choices[0].message.content


def test_an_answer_too_large_is_refused(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="huge;mb=100")
    with pytest.raises(faregate.BadGatewayError, match="body is over"):
        faregate.completion(**own)


def test_a_throttled_call_is_tried_again_after_the_delay_asked_for(
    own: dict[str, Any], post: Post
) -> None:
    post("faults", fault="429;retry-after-ms=20", times=2)
    assert faregate.completion(**own | {"num_retries": 2}).receipt is not None


def test_a_502_of_the_provider_is_tried_again_and_a_page_is_not(
    own: dict[str, Any], post: Post
) -> None:
    post("faults", fault="502")
    assert faregate.completion(**own | {"num_retries": 1}).receipt is not None
    post("faults", fault="html-200")
    with pytest.raises(faregate.BadGatewayError):
        faregate.completion(**own | {"num_retries": 3})


def test_a_throttle_inside_a_stream_is_tried_again(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="throttle-in-stream")
    stream = faregate.completion(**own | {"num_retries": 1}, stream=True)
    assert list(stream)[-1].receipt is not None


def test_the_last_error_is_the_one_raised(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="429;retry-after-ms=1")
    post("faults", fault="401")
    with pytest.raises(faregate.AuthenticationError):
        faregate.completion(**own | {"num_retries": 5})


def test_a_delay_longer_than_the_time_left_is_not_waited_for(
    own: dict[str, Any], post: Post
) -> None:
    post("faults", fault="429;retry-after=30")
    with pytest.raises(faregate.RateLimitError) as caught:
        faregate.completion(**own | {"num_retries": 3}, timeout=5)
    assert caught.value.retry_after == 30


def test_silence_is_a_timeout_and_is_not_tried_again(
    own: dict[str, Any], post: Post, own_emulator: str
) -> None:
    post("faults", fault="stall", times=2)
    with pytest.raises(faregate.Timeout):
        faregate.completion(**own | {"num_retries": 3}, timeout=0.2)
    with urlopen(f"{own_emulator}/_emulator/faults") as answer:
        assert sum(each["times"] for each in json.load(answer)) == 1


def test_silence_inside_a_stream_is_a_timeout_with_a_receipt(
    own: dict[str, Any], post: Post
) -> None:
    post("faults", fault="stall-in-stream")
    timeouts = faregate.Timeouts(between=0.2)
    with pytest.raises(faregate.Timeout) as caught:
        list(faregate.completion(**own, stream=True, timeout=timeouts))
    assert caught.value.receipt.status == "estimated"


async def test_a_cancelled_call_closes_its_connection(own: dict[str, Any], post: Post) -> None:
    post("faults", fault="stall")
    task = asyncio.create_task(faregate.acompletion(**own))
    while shared().stats.in_use == 0:  # noqa: ASYNC110 - the transport has no event for it
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shared().stats.open == 0


async def test_a_stream_left_early_closes_its_connection_and_is_estimated(
    own: dict[str, Any], post: Post
) -> None:
    post("faults", fault="stall-in-stream")
    async with await faregate.acompletion(**own, stream=True) as stream:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    assert stream.receipt is not None
    assert stream.receipt.status == "estimated"
    assert shared().stats.open == 0


async def test_a_stream_read_to_the_end_gives_its_connection_back(own: dict[str, Any]) -> None:
    for _ in range(3):
        async for _chunk in await faregate.acompletion(**own, stream=True):
            pass
    assert (shared().stats.open, shared().stats.idle) == (1, 1)


def test_a_missing_key_is_said_before_anything_is_sent() -> None:
    with pytest.raises(faregate.AuthenticationError, match="AZURE_AI_API_KEY or AZURE_API_KEY"):
        faregate.completion("azure_ai/model_router/x", HELLO, api_base="http://127.0.0.1:1")


def test_a_missing_base_is_said_before_anything_is_sent() -> None:
    with pytest.raises(faregate.ConfigError, match="AZURE_AI_API_BASE"):
        faregate.completion("azure_ai/model_router/x", HELLO, api_key="k")


BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"model": "azure_ai/model_router/"}, "empty part"),
    ({"model": "nonsense/model"}, "no known provider"),
    ({"model": "azur_ai/x", "api_base": None}, "did you mean"),
    ({"messages": "hello"}, "messages must be a list"),
    ({"messages": [object()]}, "expected an object with role and content"),
    ({"temperature": object()}, "cannot be written as JSON"),
    ({"timeout": -1}, "positive number"),
    ({"num_retries": -1}, "num_retries"),
    ({"discount": 2}, "discount"),
    ({"input_cost_per_token": "cheap"}, "input_cost_per_token"),
    ({"input_cost_per_token": 1e-15}, "whole number of pico-dollars"),
    ({"routing_config": {"mode": "best"}}, "mode"),
    ({"api_key": "line\nbreak"}, "line break"),
    ({"scope": "nowhere"}, "data_zone_us"),
    ({"ssl_verify": "/not/there.pem"}, "no file"),
    ({"extra_headers": ["x"]}, "extra_headers"),
    ({"mock_response": "x"}, "faregate emulate"),
]


@pytest.mark.parametrize(("changes", "words"), BAD_ARGUMENTS)
def test_an_argument_that_makes_no_sense_is_named(changes: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "model": "azure_ai/model_router/x",
        "messages": HELLO,
        "api_base": "http://127.0.0.1:1",
        "api_key": "k",
    }
    if changes.get("model") == "nonsense/model":
        del given["api_base"]
    with pytest.raises(faregate.ConfigError, match=words):
        faregate.completion(**given | changes)


def test_nobody_there_is_a_connection_error() -> None:
    with pytest.raises(faregate.APIConnectionError, match=r"127\.0\.0\.1:1"):
        faregate.completion(
            "azure_ai/model_router/x",
            HELLO,
            api_base="http://127.0.0.1:1",
            api_key="k",
            num_retries=0,
        )
