"""Errors in every spelling we know of, and in none."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate import errors
from faregate.types import ErrorFacts
from faregate.wire.failures import to_exception
from faregate.wire.openai_errors import decode_error, error_in_chunk

FILTER = {
    "hate": {"filtered": False, "severity": "safe"},
    "jailbreak": {"filtered": True, "detected": True},
}
FILTERED = "The response was filtered due to the prompt triggering Azure OpenAI's content policy."
UNAUTHORIZED = (
    "Unauthorized. Access token is missing, invalid, audience is incorrect "
    "(https://cognitiveservices.azure.com), or have expired."
)
THROTTLED = (
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2023-05-15 "
    "have exceeded token rate limit of your current AIServices S0 pricing tier. "
    "Please retry after 86400 seconds. Please go here: https://aka.ms/oai/quotaincrease"
)


def decode(status: int, body: Any, headers: dict[str, str] | None = None) -> ErrorFacts:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_error(status, headers or {}, raw)


def raised(status: int, body: Any, provider: str = "azure_ai") -> errors.APIError:
    return to_exception(decode(status, body), provider, f"{provider}/model_router/x", "x")


@pytest.mark.parametrize("inner", ["innererror", "inner_error"])
@pytest.mark.parametrize("results", ["content_filter_result", "content_filter_results"])
@pytest.mark.parametrize("provider", ["azure_ai", "azure", "openai"])
@pytest.mark.parametrize("code", ["content_filter", None])
def test_the_content_filter(inner: str, results: str, provider: str, code: str | None) -> None:
    body = {
        "error": {
            "message": FILTERED,
            "type": None,
            "param": "prompt",
            "code": code,
            "status": 400,
            inner: {"code": "ResponsibleAIPolicyViolation", results: FILTER},
        }
    }
    facts = decode(400, body)
    assert (facts.kind, facts.filter_result, facts.body) == ("content_filter", FILTER, body)
    error = raised(400, body, provider)
    assert type(error) is errors.ContentPolicyViolationError
    assert error.content_filter_result == FILTER
    assert (error.status_code, error.llm_provider, error.param) == (400, provider, "prompt")
    assert error.code == "content_filter"


def test_filter_results_beside_the_code_only() -> None:
    facts = decode(400, {"error": {"message": "no", "content_filter_results": FILTER}})
    assert (facts.kind, facts.filter_result) == ("content_filter", FILTER)


def test_a_filter_that_was_down_is_no_refusal() -> None:
    assert decode(500, {"error": {"code": "content_filter_error", "message": "x"}}).kind == ""


CASES: list[tuple[int, Any, type[errors.APIError], str, str]] = [
    (
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource "
                   "does not exist. If you created the deployment within the last 5 minutes, "
                   "please wait a moment and try again."}},
        errors.NotFoundError,
        "DeploymentNotFound",
        "Check the deployment's name and that api_base is its resource",
    ),
    (
        404,
        {"error": {"code": "404", "message": "Resource not found"}},
        errors.NotFoundError,
        "not_found",
        "Check the path of api_base",
    ),
    (
        401,
        {"statusCode": 401, "message": UNAUTHORIZED},
        errors.AuthenticationError,
        "invalid_api_key",
        "Check the key, or the token's scope (its audience)",
    ),
    (
        401,
        {"error": {"code": "401", "message": "Access denied due to invalid subscription key or "
                   "wrong API endpoint."}},
        errors.AuthenticationError,
        "invalid_api_key",
        "Check the key and that it belongs to this endpoint",
    ),
    (
        403,
        {"error": {"code": "AuthenticationTypeDisabled",
                   "message": "Key based authentication is disabled for this resource."}},
        errors.PermissionDeniedError,
        "AuthenticationTypeDisabled",
        "use Entra ID",
    ),
    (
        403,
        {"error": {"code": "PermissionDenied", "message": "Principal does not have access."}},
        errors.PermissionDeniedError,
        "PermissionDenied",
        "Check that the credential's role allows this call",
    ),
    (
        429,
        {"error": {"code": "429", "message": THROTTLED}},
        errors.RateLimitError,
        "rate_limit_exceeded",
        "wait, raise its quota or add a fallback",
    ),
    (
        429,
        {"error": {"code": "too_many_requests", "message": "Your requests to gpt-4.1-nano for "
                   "gpt-4.1-nano in Sweden Central have exceeded the token rate limit. "
                   "Please retry after 45 seconds."}},
        errors.RateLimitError,
        "too_many_requests",
        "45 seconds",
    ),
    (
        400,
        {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this "
                   "model. Use 'max_completion_tokens' instead.",
                   "type": "invalid_request_error", "param": "max_tokens",
                   "code": "unsupported_parameter"}},
        errors.UnsupportedParamsError,
        "unsupported_parameter",
        "set drop_params",
    ),
    (
        400,
        {"error": {"message": "Unsupported value: 'temperature' does not support 0.2.",
                   "type": "invalid_request_error", "param": "temperature",
                   "code": "unsupported_value"}},
        errors.UnsupportedParamsError,
        "unsupported_value",
        "set drop_params",
    ),
    (
        400,
        {"error": {"message": "This model's maximum context length is 200000 tokens. However, "
                   "your messages resulted in 200042 tokens.",
                   "type": "invalid_request_error", "param": "messages",
                   "code": "context_length_exceeded"}},
        errors.ContextWindowExceededError,
        "context_length_exceeded",
        "larger window",
    ),
    (
        400,
        {"type": "error", "error": {"type": "invalid_request_error",
                                    "message": "prompt is too long: 210000 tokens > 200000"}},
        errors.ContextWindowExceededError,
        "context_length_exceeded",
        "larger window",
    ),
    (
        400,
        {"error": {"message": "Invalid 'messages[0].content': string too long.",
                   "type": "invalid_request_error", "param": "messages[0].content",
                   "code": "string_above_max_length"}},
        errors.ContextWindowExceededError,
        "string_above_max_length",
        "larger window",
    ),
    (
        400,
        {"error": {"message": "string too long", "param": "user",
                   "code": "string_above_max_length"}},
        errors.BadRequestError,
        "string_above_max_length",
        "too long",
    ),
    (
        429,
        {"error": {"message": "You exceeded your current quota, please check your plan.",
                   "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
        errors.BudgetExceededError,
        "insufficient_quota",
        "waiting does not help",
    ),
    (402, {"error": {"message": "Insufficient Balance"}}, errors.BudgetExceededError,
     "budget_exceeded", "Insufficient Balance"),
    (500, {"error": "boom"}, errors.InternalServerError, "internal_server_error", "500: boom"),
    (400, {"detail": "Not enough"}, errors.BadRequestError, "bad_request", "Not enough"),
    (
        422,
        {"detail": [{"loc": ["body", "messages", 0], "msg": "field required", "type": "missing"}]},
        errors.UnprocessableEntityError,
        "unprocessable_entity",
        "field required (at body.messages.0)",
    ),
    (
        400,
        {"object": "error", "message": "bad thing", "type": "BadRequestError", "code": 400},
        errors.BadRequestError,
        "bad_request",
        "bad thing",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code", "words"), CASES)
def test_known_bodies(
    status: int, body: Any, kind: type[errors.APIError], code: str, words: str
) -> None:
    error = raised(status, body)
    assert type(error) is kind
    assert error.code == code
    assert str(error).startswith("azure_ai deployment 'x' answered ")
    assert words in str(error)
    assert error.model == "azure_ai/model_router/x"
    assert error.body == body


def test_a_whole_message() -> None:
    assert str(raised(429, {"error": {"message": "Slow down", "code": "429"}})) == (
        "azure_ai deployment 'x' answered 429: Slow down. "
        "Too much for the deployment's limit: wait, raise its quota or add a fallback."
    )


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            502,
            b"<!doctype html><html><head><title>502 Bad Gateway</title>",
            "HTML: 502 Bad Gateway",
        ),
        (503, b"<html>", "a page of HTML"),
        (500, b"", "an empty answer"),
        (500, b" \r\n", "an empty answer"),
        (500, b'{"error": {"message": "cut of', "breaks off"),
        (500, b"upstream connect error", "upstream connect error"),
        (500, b"\xff\xfe\x00", "\ufffd"),
        (500, b"{}", "HTTP 500 without an explanation"),
        (500, b"null", "null"),
        (500, b'"only a text"', "only a text"),
        (500, b"[]", "JSON"),
        (400, b'[{"error": {"code": 400, "message": "first"}}]', "first"),
        (500, b'{"error": null, "message": "beside"}', "beside"),
        (500, b'{"error": {"code": "x", "message": null}}', "HTTP 500 without an explanation"),
        (500, b'\xef\xbb\xbf{"error": {"message": "marked"}}', "marked"),
        (400, b'{"errors": [{"message": "plural"}]}', "plural"),
        (400, b'{"title": "Bad", "detail": "problem+json", "status": 400}', "problem+json"),
        (400, b'{"message": {"detail": [{"msg": "nested list"}]}}', "nested list"),
        (400, b'{"detail": {"error": {"message": "nested"}}}', "nested"),
        (400, b'{"error": {"message": "{\\"error\\": {\\"message\\": \\"a text\\"}}"}}', "a text"),
        (400, b'{"error": {"message": "Provider said", "metadata": {"raw": "no"}}}', "said: no"),
    ],
)
def test_odd_bodies(status: int, body: bytes, words: str) -> None:
    facts = decode(status, body)
    assert facts.status == status
    assert words in facts.message


def test_a_page_is_never_quoted_whole() -> None:
    assert len(decode(502, b"<html>" + b"x" * 10_000_000).message) < 400


def test_an_answer_that_is_no_error_status() -> None:
    assert decode(200, b"<html>").status == 502
    assert decode(200, {"error": {"code": "RateLimitReached", "message": "x"}}).status == 429
    assert decode(302, b"").status == 502


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"error": {"message": "Unrecognized request argument supplied: foo"}}, "foo"),
        ({"error": {"message": "Unknown parameter: 'a.b[0]'."}}, "a.b[0]"),
        ({"error": {"message": "x", "code": "unknown_parameter", "param": "y"}}, "y"),
        (
            {
                "object": "error",
                "message": {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "stream_options", "include_usage"],
                            "msg": "Extra inputs are not permitted",
                        }
                    ]
                },
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            },
            "stream_options.include_usage",
        ),
    ],
)
def test_unsupported_parameters_are_named(body: Any, param: str) -> None:
    facts = decode(400, body)
    assert (facts.kind, facts.param) == ("unsupported_param", param)
    assert raised(400, body).param == param


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_words_of_a_refusal_mean_nothing_under_another_status(status: int) -> None:
    for words in ("prompt is too long", "maximum context length", "Unsupported parameter: 'x'"):
        assert decode(status, {"error": {"message": words}}).kind == ""


def test_messages_are_bounded_and_printable() -> None:
    facts = decode(400, {"error": {"message": "a\x00b\r\nc\u202ed" + "e" * 5000, "code": 7}})
    assert facts.message.startswith("a b c de")
    assert len(facts.message) == 2000
    assert facts.code == "7"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-" + "aB3" * 12,
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIi." + "abc",
        "Bearer abcdefghijklmnop123",
        "A1" * 42,
    ],
)
def test_keys_an_upstream_repeats_are_masked(secret: str) -> None:
    message = decode(401, {"error": {"message": f"Incorrect API key provided: {secret}."}}).message
    assert "[masked]" in message
    assert secret.removeprefix("Bearer ") not in message


@pytest.mark.parametrize(
    ("chunk", "status"),
    [
        ({"error": {"message": "x", "code": 429}}, 429),
        ({"error": {"message": "x", "code": "429"}}, 429),
        ({"error": {"message": "x", "status": 503}}, 503),
        ({"error": {"code": "RateLimitReached", "message": "x"}}, 429),
        ({"error": {"code": "too_many_requests", "message": "x"}}, 429),
        ({"error": {"message": "Rate limit is exceeded. Try again in 7 seconds."}}, 429),
        ({"error": {"message": "You are being throttled"}}, 429),
        ({"error": {"message": "exceeded token rate limit"}}, 429),
        ({"error": {"type": "rate_limit_error", "message": "x"}}, 429),
        ({"error": {"code": "content_filter", "message": "x"}}, 400),
        ({"error": {"code": "context_length_exceeded", "message": "x"}}, 400),
        ({"error": {"type": "invalid_request_error", "message": "x"}}, 400),
        ({"error": {"type": "authentication_error", "message": "x"}}, 401),
        ({"error": {"code": "DeploymentNotFound", "message": "x"}}, 404),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 503),
        ({"error": {"type": "server_error", "message": "The server had an error"}}, 500),
        ({"error": {"message": "x", "code": 0}}, 500),
        ({"error": "boom"}, 500),
        ({"statusCode": 401, "message": "Unauthorized."}, 401),
        ({"object": "error", "message": "bad", "code": 400}, 400),
    ],
)
def test_errors_inside_a_stream(chunk: dict[str, Any], status: int) -> None:
    facts = error_in_chunk(chunk)
    assert facts is not None
    assert facts.status == status
    assert to_exception(facts, "azure_ai", "m", "x").status_code == status


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"choices": []},
        {"choices": [{"delta": {"content": "error: rate limit"}}], "error": None},
        {"choices": [], "error": {}},
        {"choices": [], "error": ""},
        {"choices": [], "message": "x", "code": 429},
        {"message": "x"},
        {"message": "x", "code": 200},
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    ],
)
def test_other_chunks_are_no_errors(chunk: dict[str, Any]) -> None:
    assert error_in_chunk(chunk) is None


def test_the_delay_in_a_streams_error_is_read() -> None:
    facts = error_in_chunk({"error": {"code": 429, "message": "Please retry after 7 seconds."}})
    assert facts is not None
    assert facts.retry_after == 7.0
    assert to_exception(facts, "azure_ai", "m", "x").retry_after == 7.0


def test_headers_and_delay_reach_the_exception() -> None:
    headers = {"Retry-After": "3", "x-request-id": "r"}
    facts = decode(429, {"error": {"message": "x"}}, headers)
    error = to_exception(facts, "azure_ai", "m", "x", headers)
    assert (error.retry_after, error.headers["x-request-id"]) == (3.0, "r")


@given(st.integers(100, 599), st.binary(max_size=400))
def test_any_bytes_decode(status: int, body: bytes) -> None:
    facts = decode_error(status, {}, body)
    assert facts.message
    assert 400 <= facts.status <= 599
    assert "\n" not in facts.message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "code", "type", "param", "detail", "innererror", "status"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.integers(400, 599), ANY)
def test_any_json_decodes(status: int, value: Any) -> None:
    facts = decode_error(status, {}, msgspec.json.encode(value))
    error = to_exception(facts, "azure_ai", "m", "x")
    assert str(error).startswith("azure_ai deployment 'x' answered ")
    if isinstance(value, dict):
        inside = error_in_chunk(value)
        assert inside is None or 400 <= inside.status <= 599


def test_deep_nesting_decodes() -> None:
    for body in (b"[" * 100_000, b'{"error":' * 50_000, b'{"error":' * 900 + b"1" + b"}" * 900):
        assert decode_error(500, {}, body).status == 500
