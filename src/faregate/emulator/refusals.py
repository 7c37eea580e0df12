"""Azure's error answers, in its own spellings. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, json

_JSON = "application/json"


class Refusal(Struct, frozen=True, kw_only=True):
    """An answer that is an error, as it goes on the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = _JSON


class Refused(Exception):  # noqa: N818 - an answer, carried up to where answers are written
    """Raised by a check; carries the answer to give."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


def _made(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Refusal:
    return Refusal(status=status, body=json.encode(body), headers=headers or {})


def coded(status: int, code: str, message: str, **headers: str) -> Refusal:
    """An error object with a code and a message only, as Azure's front door writes it."""
    return _made(status, {"error": {"code": code, "message": message}}, headers)


def invalid(message: str, param: str | None = None, code: str | None = None) -> Refusal:
    """A 400 in OpenAI's form."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return _made(400, {"error": error})


def unauthorized() -> Refusal:
    """The 401 that has no ``error`` object."""
    message = (
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        "(https://cognitiveservices.azure.com), or have expired."
    )
    return _made(401, {"statusCode": 401, "message": message})


def forbidden() -> Refusal:
    """The 403 of a resource that takes Entra tokens only."""
    return coded(
        403,
        "AuthenticationTypeDisabled",
        "Key based authentication is disabled for this resource.",
    )


def no_deployment() -> Refusal:
    """The 404 of a deployment the resource does not have."""
    return coded(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again.",
    )


def no_resource() -> Refusal:
    """The 404 of a path the resource does not have, or of a missing ``api-version``."""
    return coded(404, "404", "Resource not found")


def throttled(seconds: str, headers: Mapping[str, str]) -> Refusal:
    """A 429; the text names the seconds to wait whatever the headers say."""
    message = (
        "Your requests to model-router for model-router in East US 2 have exceeded the token rate "
        f"limit of your current AIServices S0 pricing tier. Please retry after {seconds} seconds."
    )
    return _made(429, {"error": {"code": "429", "message": message}}, headers)


def filtered_prompt(spelling: str) -> Refusal:
    """The 400 of a prompt the content filter refuses, in either spelling of its verdict."""
    safe = {"filtered": False, "severity": "safe"}
    verdict = {
        "hate": safe,
        "jailbreak": {"filtered": True, "detected": True},
        "self_harm": safe,
        "sexual": safe,
        "violence": safe,
    }
    inner, results = ("innererror", "content_filter_result")
    if spelling == "inner_error":
        inner, results = ("inner_error", "content_filter_results")
    error = {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
        "management policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        inner: {"code": "ResponsibleAIPolicyViolation", results: verdict},
    }
    return _made(400, {"error": error})


def too_long(window: int, tokens: int) -> Refusal:
    """The 400 of a prompt that no model of the deployment takes."""
    return invalid(
        f"This model's maximum context length is {window} tokens. However, your messages resulted "
        f"in {tokens} tokens. Please reduce the length of the messages.",
        "messages",
        "context_length_exceeded",
    )


def unsupported(param: str) -> Refusal:
    """The 400 of a parameter the model does not take."""
    hint = " Use 'max_completion_tokens' instead." if param == "max_tokens" else ""
    return invalid(
        f"Unsupported parameter: '{param}' is not supported with this model.{hint}",
        param,
        "unsupported_parameter",
    )


def server_error(status: int) -> Refusal:
    """A failure on the service's side."""
    texts = {
        500: ("InternalServerError", "The server had an error while processing your request."),
        502: ("BadGateway", "Bad gateway."),
        503: ("ServiceUnavailable", "The service is temporarily unable to process your request."),
        504: ("GatewayTimeout", "The gateway did not receive a response in time."),
        529: ("Overloaded", "The model is overloaded. Please try again later."),
        408: ("Timeout", "The operation was timeout."),
    }
    code, message = texts.get(status, ("Error", f"The service answered {status}."))
    return coded(status, code, message)


def html() -> Refusal:
    """A page of some proxy on the way, with status 200."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
    return Refusal(status=200, body=page, content_type="text/html; charset=utf-8")
