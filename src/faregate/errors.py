"""One exception tree. Each class knows its HTTP status, its code and whether a retry can help.

    FaregateError
    ├─ ConfigError                     a setting is missing or wrong; nothing was sent
    ├─ PriceBookError                  a price file cannot be read or contradicts itself
    ├─ UnpricedError                   no price row; the cost is unknown, never zero
    └─ APIError                        what a provider (or the way to it) answered
       ├─ BadRequestError          400
       │  ├─ UnsupportedParamsError
       │  ├─ ContextWindowExceededError
       │  └─ ContentPolicyViolationError
       ├─ AuthenticationError      401
       ├─ PermissionDeniedError    403
       ├─ NotFoundError            404
       ├─ Timeout                  408
       ├─ UnprocessableEntityError 422
       ├─ RateLimitError           429
       │  └─ BudgetExceededError
       └─ InternalServerError      500
          ├─ APIConnectionError
          ├─ BadGatewayError       502
          └─ ServiceUnavailableError 503

Messages say what happened, to which deployment and what to do. They never hold a secret.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class FaregateError(Exception):
    """The root of every exception raised on purpose."""


class ConfigError(FaregateError, ValueError):
    """A setting, argument or environment variable is missing or wrong; nothing was sent."""


class PriceBookError(FaregateError, ValueError):
    """A price file cannot be read, or a row in it is wrong. Names file and line."""


class UnpricedError(FaregateError, LookupError):
    """No price row is in force for what was asked, so there is no number to give."""


class APIError(FaregateError):
    """A call failed at the provider or on the way there.

    Attributes: ``status_code``, ``message``, ``llm_provider``, ``model`` (as the caller named it),
    ``code``, ``param``, ``body`` (the provider's JSON, if any), ``headers``, ``retry_after``
    (seconds the provider asked to wait, or None), ``receipt`` (of what was billed anyway, or None).
    """

    status_code: int = 500
    default_code: ClassVar[str] = "api_error"
    default_type: ClassVar[str] = "api_error"
    retryable: bool = False
    """Whether the same call may succeed a moment later."""

    def __init__(
        self,
        message: str,
        llm_provider: str = "",
        model: str = "",
        *,
        status_code: int | None = None,
        code: str = "",
        param: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.llm_provider = llm_provider
        self.model = model
        if status_code is not None:
            self.status_code = status_code
        self.code = code or self.default_code
        self.param = param
        self.type: str = details.get("type") or self.default_type
        self.body: dict[str, Any] | None = details.get("body")
        self.headers: Mapping[str, str] = details.get("headers") or {}
        self.retry_after: float | None = details.get("retry_after")
        self.receipt: Any = details.get("receipt")

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.llm_provider, self.model, self.__dict__))


def _rebuild(
    kind: type[APIError], message: str, provider: str, model: str, state: dict[str, Any]
) -> APIError:
    error = kind(message, provider, model)
    error.__dict__.update(state)
    return error


class BadRequestError(APIError):
    """400: the provider refuses the request as it stands."""

    status_code = 400
    default_code = "bad_request"
    default_type = "invalid_request_error"


class UnsupportedParamsError(BadRequestError):
    """400: a parameter the model does not take."""

    default_code = "unsupported_parameter"


class ContextWindowExceededError(BadRequestError):
    """400: the prompt is longer than the model (or the smallest of a router's pool) takes."""

    default_code = "context_length_exceeded"


class ContentPolicyViolationError(BadRequestError):
    """400: the provider's content filter refused it. ``content_filter_result`` has the verdicts."""

    default_code = "content_filter"

    @property
    def content_filter_result(self) -> dict[str, Any]:
        """The filter's verdict by category, in the provider's words; empty when it gives none."""
        error = (self.body or {}).get("error")
        inner = (
            (error.get("innererror") or error.get("inner_error") or {})
            if isinstance(error, dict)
            else {}
        )
        if not isinstance(inner, dict):
            return {}
        found = inner.get("content_filter_result") or inner.get("content_filter_results") or {}
        return found if isinstance(found, dict) else {}


class AuthenticationError(APIError):
    """401: the credential is missing, wrong or expired."""

    status_code = 401
    default_code = "invalid_api_key"
    default_type = "authentication_error"


class PermissionDeniedError(APIError):
    """403: the credential may not do this."""

    status_code = 403
    default_code = "permission_denied"
    default_type = "permission_error"


class NotFoundError(APIError):
    """404: no such deployment, model or path."""

    status_code = 404
    default_code = "not_found"
    default_type = "invalid_request_error"


class Timeout(APIError):  # noqa: N818 - the name people import
    """408: no answer in time (connect, first byte, between chunks or in total)."""

    status_code = 408
    default_code = "timeout"
    default_type = "timeout_error"
    retryable = True


class UnprocessableEntityError(APIError):
    """422: understood and refused."""

    status_code = 422
    default_code = "unprocessable_entity"
    default_type = "invalid_request_error"


class RateLimitError(APIError):
    """429: too many requests or tokens; ``retry_after`` says how long to wait where known."""

    status_code = 429
    default_code = "rate_limit_exceeded"
    default_type = "rate_limit_error"
    retryable = True


class BudgetExceededError(RateLimitError):
    """429: a budget is spent. Waiting a moment does not help, so it is not retried."""

    default_code = "budget_exceeded"
    default_type = "budget_exceeded"
    retryable = False

    def __init__(
        self,
        message: str = "",
        llm_provider: str = "",
        model: str = "",
        *,
        current_cost: float | None = None,
        max_budget: float | None = None,
        **details: Any,
    ) -> None:
        if not message:
            message = f"the budget of {max_budget} USD is used up ({current_cost} USD spent)"
        super().__init__(message, llm_provider, model, **details)
        self.current_cost = current_cost
        self.max_budget = max_budget


class InternalServerError(APIError):
    """500 and other failures on the provider's side."""

    status_code = 500
    default_code = "internal_server_error"
    default_type = "server_error"
    retryable = True


class APIConnectionError(InternalServerError):
    """No usable answer: the connection could not be made or broke off."""

    default_code = "connection_error"


class BadGatewayError(InternalServerError):
    """502: the answer was no answer (HTML, broken JSON, a body over the limit)."""

    status_code = 502
    default_code = "bad_gateway"


class ServiceUnavailableError(InternalServerError):
    """503: the provider is down or overloaded."""

    status_code = 503
    default_code = "service_unavailable"


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: Timeout,
    422: UnprocessableEntityError,
    429: RateLimitError,
    500: InternalServerError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
}
_BY_KIND: dict[str, type[APIError]] = {
    "content_filter": ContentPolicyViolationError,
    "context_window": ContextWindowExceededError,
    "unsupported_param": UnsupportedParamsError,
    "budget": BudgetExceededError,
}


def class_for(status: int, kind: str = "") -> type[APIError]:
    """The exception class of an HTTP status and, where known, of the kind of refusal."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return ServiceUnavailableError if status == 529 else InternalServerError
    return BadRequestError if 400 <= status < 500 else APIError
