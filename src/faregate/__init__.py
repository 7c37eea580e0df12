"""Faregate: which model served a call, and exactly what it cost.

    import faregate

    response = faregate.completion(
        model="azure_ai/model_router/my-deployment",
        messages=[{"role": "user", "content": "Hello!"}],
    )
    print(response.model, response.receipt)

Importing this does nothing and reads nothing: each name is loaded when it is first used.
Settings for the whole process are plain attributes, all unset: ``api_key``, ``api_base``,
``api_version``, ``drop_params``, ``num_retries``, ``request_timeout``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faregate import exceptions as exceptions
    from faregate.client.as_litellm import install_as_litellm as install_as_litellm
    from faregate.client.bridge import SyncStream as SyncStream
    from faregate.client.completion import acompletion as acompletion
    from faregate.client.completion import aembedding as aembedding
    from faregate.client.completion import completion as completion
    from faregate.client.completion import embedding as embedding
    from faregate.client.cost import completion_cost as completion_cost
    from faregate.client.cost import cost_per_token as cost_per_token
    from faregate.client.cost import get_llm_provider as get_llm_provider
    from faregate.client.cost import stream_chunk_builder as stream_chunk_builder
    from faregate.client.cost import token_counter as token_counter
    from faregate.client.objects import EmbeddingResponse as EmbeddingResponse
    from faregate.client.objects import Message as Message
    from faregate.client.objects import ModelResponse as ModelResponse
    from faregate.client.objects import ModelResponseStream as ModelResponseStream
    from faregate.client.objects import Receipt as Receipt
    from faregate.client.streams import CompletionStream as CompletionStream
    from faregate.errors import APIConnectionError as APIConnectionError
    from faregate.errors import APIError as APIError
    from faregate.errors import AuthenticationError as AuthenticationError
    from faregate.errors import BadGatewayError as BadGatewayError
    from faregate.errors import BadRequestError as BadRequestError
    from faregate.errors import BudgetExceededError as BudgetExceededError
    from faregate.errors import ConfigError as ConfigError
    from faregate.errors import ContentPolicyViolationError as ContentPolicyViolationError
    from faregate.errors import ContextWindowExceededError as ContextWindowExceededError
    from faregate.errors import FaregateError as FaregateError
    from faregate.errors import InternalServerError as InternalServerError
    from faregate.errors import NotFoundError as NotFoundError
    from faregate.errors import PermissionDeniedError as PermissionDeniedError
    from faregate.errors import PriceBookError as PriceBookError
    from faregate.errors import RateLimitError as RateLimitError
    from faregate.errors import ServiceUnavailableError as ServiceUnavailableError
    from faregate.errors import Timeout as Timeout
    from faregate.errors import UnpricedError as UnpricedError
    from faregate.errors import UnprocessableEntityError as UnprocessableEntityError
    from faregate.errors import UnsupportedParamsError as UnsupportedParamsError
    from faregate.upstream.limits import Timeouts as Timeouts

__version__ = "0.1.0"

_ERRORS = (
    "APIConnectionError", "APIError", "AuthenticationError", "BadGatewayError", "BadRequestError",
    "BudgetExceededError", "ConfigError", "ContentPolicyViolationError",
    "ContextWindowExceededError", "FaregateError", "InternalServerError", "NotFoundError",
    "PermissionDeniedError", "PriceBookError", "RateLimitError", "ServiceUnavailableError",
    "Timeout", "UnpricedError", "UnprocessableEntityError", "UnsupportedParamsError",
)  # fmt: skip
_HOMES = {
    "SyncStream": "client.bridge",
    "acompletion": "client.completion",
    "aembedding": "client.completion",
    "completion": "client.completion",
    "embedding": "client.completion",
    "completion_cost": "client.cost",
    "cost_per_token": "client.cost",
    "get_llm_provider": "client.cost",
    "stream_chunk_builder": "client.cost",
    "token_counter": "client.cost",
    "EmbeddingResponse": "client.objects",
    "Message": "client.objects",
    "ModelResponse": "client.objects",
    "ModelResponseStream": "client.objects",
    "CompletionStream": "client.streams",
    "install_as_litellm": "client.as_litellm",
    "Receipt": "client.objects",
    "Timeouts": "upstream.limits",
    **dict.fromkeys(_ERRORS, "errors"),
}

__all__ = [*_HOMES, "__version__", "exceptions"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "exceptions":
        return import_module("faregate.exceptions")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'faregate' has no attribute {name!r}")
    found = getattr(import_module(f"faregate.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
