"""What a call cost, or would cost; counting tokens; putting a stream together again."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from faregate import providers
from faregate.client.objects import ModelResponse, Receipt, fields_of, iter_choices
from faregate.core import receipt as receipts
from faregate.core.naming import parse_model
from faregate.core.usage import convention_of, read_usage
from faregate.errors import ConfigError, UnpricedError
from faregate.money import MoneyError, parse_usd, to_float
from faregate.prices.load import book_of
from faregate.providers.auth import from_environment
from faregate.types import Charge, Deployment, Target, Usage
from faregate.wire.openai_chat import Reading

_MOST_CALLS = 1024  # tool calls of one answer
_MOST = 10**18  # pico-dollars: a million dollars for one call


def get_llm_provider(
    model: str,
    custom_llm_provider: str | None = None,
    api_base: str | None = None,
    api_key: str | None = None,
) -> tuple[str, str, str | None, str | None]:
    """(model as sent, provider, API key, API base) of a model string."""
    target = _target(model, custom_llm_provider, api_base)
    provider = providers.get(target.provider)
    key, base, _ = from_environment(provider, os.environ)
    return target.upstream_model, provider.name, api_key or key or None, api_base or base or None


def token_counter(
    model: str = "",
    text: str | list[str] | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    **_ignored: Any,
) -> int:
    """Tokens of a text, or of messages as a prompt; exact for OpenAI's models, else an estimate."""
    from faregate import tokenizer

    name = model.rpartition("/")[2]
    if messages is not None:
        return tokenizer.count_messages([dict(each) for each in messages], name, _dicts(tools))
    if text is None:
        raise ConfigError("token_counter needs text or messages")
    pieces = [text] if isinstance(text, str) else text
    return sum(tokenizer.count_text(piece, name) for piece in pieces)


def _dicts(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if tools is None else [dict(each) for each in tools]


def cost_per_token(  # noqa: PLR0913 - the signature people already call
    model: str = "",
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    *,
    custom_llm_provider: str | None = None,
    cache_read_input_tokens: int = 0,
    cache_creation_input_tokens: int = 0,
    scope: str = "global",
    service_tier: str = "standard",
    **_ignored: Any,
) -> tuple[float, float]:
    """(USD for the prompt, USD for the completion) of so many tokens, at today's prices.

    The cached and cache-written tokens are part of ``prompt_tokens``. Raises
    :class:`UnpricedError` where no price is in force.
    """
    usage = read_usage(
        {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": cache_read_input_tokens,
                "cache_write_tokens": cache_creation_input_tokens,
            },
        },
        "openai",
    )
    if usage.problem:
        raise ConfigError(f"cost_per_token: {usage.problem}")
    target = _target(model, custom_llm_provider, None)
    found = _charge(target, model, "", usage, (scope, service_tier))
    prompt = sum(line.amount for line in found.lines if line.unit != "output")
    completion = sum(line.amount for line in found.lines if line.unit == "output")
    return to_float(prompt), to_float(completion)


def completion_cost(
    completion_response: Any = None,
    model: str | None = None,
    prompt: str = "",
    messages: Sequence[Mapping[str, Any]] = (),
    completion: str = "",
    custom_llm_provider: str | None = None,
    **_ignored: Any,
) -> float:
    """USD of a call, routing fee included.

    Right for our answers, for their JSON read back in, for a rebuilt stream, and for a provider's
    own answer together with ``model`` (``azure_ai/model_router/…`` says it was routed). With texts
    instead of an answer it is an estimate. Raises :class:`UnpricedError` where the cost cannot be
    known; it never answers 0 for that.
    """
    if completion_response is None:
        return _estimate(model, prompt, messages, completion, custom_llm_provider)
    receipt = getattr(completion_response, "receipt", None)
    if isinstance(receipt, Receipt):
        return _known(receipt.total, receipt.status, receipt.charge.reason)
    fields = fields_of(completion_response)
    usage = fields.get("usage")
    usage = fields_of(usage) if usage is not None else {}
    stated = _stated(usage)
    if stated is not None:
        return stated
    if not usage:
        raise UnpricedError("the answer has no usage, so its cost is unknown")
    return _computed(fields, usage, model, custom_llm_provider)


def _stated(usage: Mapping[str, Any]) -> float | None:
    """The cost Faregate wrote into the answer's usage; None when it did not."""
    details = usage.get("cost_details")
    if not isinstance(details, Mapping) or "status" not in details or "route" not in details:
        return None
    try:
        total = None if details.get("total") is None else parse_usd(str(details["total"]))
    except MoneyError as error:
        raise UnpricedError(f"usage.cost_details.total: {error}") from None
    if total is not None and not 0 <= total <= _MOST:
        raise UnpricedError("usage.cost_details.total is no cost of a call")
    return _known(total, str(details["status"]), str(details.get("reason", "")))


def _known(total: int | None, status: str, reason: str) -> float:
    if total is None:
        raise UnpricedError(f"the cost of this call is unknown ({status}): {reason}")
    return to_float(total)


def _computed(
    fields: Mapping[str, Any], raw: Mapping[str, Any], model: str | None, provider: str | None
) -> float:
    """The cost of an answer that came without a receipt."""
    reading = Reading()
    reading.see(fields)
    usage = read_usage(raw, convention_of(raw))
    served = reading.model
    if not model and not served:
        raise ConfigError("completion_cost: the answer names no model; pass model=")
    target = _target(model or served, provider, None)
    prefix, slash, rest = served.partition("/")
    if slash and providers.known(prefix.lower()):
        served = rest
    found = _charge(target, model or served, served, usage, ("global", reading.price_tier()))
    return _known(found.total, found.status, found.reason)


def _estimate(
    model: str | None,
    prompt: str,
    messages: Sequence[Mapping[str, Any]],
    completion: str,
    provider: str | None,
) -> float:
    if not model:
        raise ConfigError("completion_cost needs an answer, or a model with texts")
    count = token_counter(model, messages=messages) if messages else token_counter(model, prompt)
    usage = Usage(input=count, output=token_counter(model, completion), estimated=True)
    found = _charge(_target(model, provider, None), model, "", usage, ("global", "standard"))
    return _known(found.total, found.status, found.reason)


def _target(model: str, provider: str | None, api_base: str | None) -> Target:
    return parse_model(
        model, known=providers.known, provider=provider or "", api_base=api_base or ""
    )


def _charge(
    target: Target, requested: str, served: str, usage: Usage, where: tuple[str, str]
) -> Charge:
    """The charge at today's prices. Raises :class:`UnpricedError` when there is no total."""
    provider = providers.get(target.provider)
    scope, tier = where
    deployment = Deployment(
        id=target.upstream_model,
        provider=provider.name,
        route=target.route,
        upstream_model=target.upstream_model,
        api_base=provider.api_base,
        scope=scope,
    )
    outcome = receipts.Outcome(
        requested_model=requested, served_model=served, usage=usage, tier=tier, at=time.time()
    )
    found = receipts.charge(book_of(os.environ), provider.price_list, deployment, outcome)
    if found.total is None:
        raise UnpricedError(f"the cost is unknown ({found.status}): {found.reason}")
    return found


def stream_chunk_builder(
    chunks: Sequence[Any],
    messages: Sequence[Mapping[str, Any]] | None = None,  # noqa: ARG001 - the signature people call
) -> ModelResponse:
    """The whole answer from its chunks, with usage, cost and receipt as the last chunk had them."""
    fields: dict[str, Any] = {"object": "chat.completion", "choices": []}
    choices: dict[int, dict[str, Any]] = {}
    receipt: Receipt | None = None
    hidden: dict[str, Any] = {}
    for chunk in chunks:
        found = fields_of(chunk)
        fields.update(
            (name, value)
            for name, value in found.items()
            if name not in ("choices", "object") and value not in (None, "", 0)
        )
        for choice in iter_choices(found):
            _merge_choice(choices, choice)
        own = getattr(chunk, "receipt", None)
        receipt = own if isinstance(own, Receipt) else receipt
        hidden = getattr(chunk, "_hidden_params", None) or hidden
    fields["choices"] = [choices[index] for index in sorted(choices)]
    response = ModelResponse(fields)
    response.receipt = receipt
    response._hidden_params = dict(hidden)
    return response


def _merge_choice(choices: dict[int, dict[str, Any]], choice: Mapping[str, Any]) -> None:
    index = choice.get("index") or 0
    merged = choices.setdefault(
        index,
        {"index": index, "message": {"role": "assistant", "content": None}, "finish_reason": None},
    )
    if choice.get("finish_reason") is not None:
        merged["finish_reason"] = choice["finish_reason"]
    message = merged["message"]
    for name, value in (choice.get("delta") or {}).items():
        if name == "tool_calls":
            for call in value or ():
                _merge_tool_call(message.setdefault("tool_calls", []), call)
        elif name == "role":
            message["role"] = value or message["role"]
        elif isinstance(value, str):
            message[name] = (message.get(name) or "") + value
        elif value is not None:
            message[name] = value


def _merge_tool_call(calls: list[dict[str, Any]], piece: Mapping[str, Any]) -> None:
    index = piece.get("index")
    index = len(calls) if not isinstance(index, int) or not 0 <= index < _MOST_CALLS else index
    while len(calls) <= index:
        calls.append({"id": None, "type": "function", "function": {"name": None, "arguments": ""}})
    call = calls[index]
    if piece.get("id"):
        call["id"] = piece["id"]
    function = piece.get("function") or {}
    if function.get("name"):
        call["function"]["name"] = function["name"]
    call["function"]["arguments"] += function.get("arguments") or ""
