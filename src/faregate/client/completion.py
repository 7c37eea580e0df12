"""Chat completions and embeddings, asynchronous and synchronous."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

from faregate.client import attempts
from faregate.client.bridge import SyncStream, run
from faregate.client.call import Call
from faregate.client.objects import Answer, EmbeddingResponse, ModelResponse
from faregate.client.options import split
from faregate.client.reach import transport_for
from faregate.client.streams import CompletionStream
from faregate.core.receipt_text import cost_fields
from faregate.errors import ConfigError
from faregate.money import to_float
from faregate.tokenizer.estimate import estimate_usage, usage_fields
from faregate.types import HttpRequest, JsonObject
from faregate.upstream import transport as upstream
from faregate.wire import openai_chat

Messages = Sequence[Mapping[str, Any]]
Kind = TypeVar("Kind", bound=Answer)


@overload
async def acompletion(
    model: str, messages: Messages, *, stream: Literal[False] = False, **params: Any
) -> ModelResponse: ...
@overload
async def acompletion(
    model: str, messages: Messages, *, stream: Literal[True], **params: Any
) -> CompletionStream: ...
@overload
async def acompletion(
    model: str, messages: Messages, *, stream: bool | None, **params: Any
) -> ModelResponse | CompletionStream: ...
async def acompletion(
    model: str, messages: Messages, *, stream: bool | None = False, **params: Any
) -> ModelResponse | CompletionStream:
    """One chat completion; what it cost is in ``response.receipt``.

    ``model`` is ``provider/model`` (``azure_ai/model_router/my-deployment``, ``openai/gpt-5``).
    Of ``params``, those that steer Faregate (``api_key``, ``api_base``, ``timeout``,
    ``num_retries``, ``scope``, ``routing_config`` …, see docs/reference/sdk.md) stay here;
    everything else is sent to the provider unchanged, fields we have never heard of included.

    With ``stream=True`` the result is a :class:`CompletionStream`, open once its first chunk is in.
    Raises the exceptions of :mod:`faregate.errors`; :class:`ConfigError` and a missing key before
    anything is sent.
    """
    options, sent = split(params, stream=bool(stream))
    body: JsonObject = {"messages": _plain(messages), **sent}
    if "response_format" in body:
        body["response_format"] = _response_format(body["response_format"])
    if not stream:
        call = Call(model, "chat/completions", options, body)
        return await attempts.attempt(call, _complete)
    asked = _ask_for_usage(body)
    body["stream"] = True
    call = Call(model, "chat/completions", options, body)
    if not call.provider.asks_stream_usage and not asked:
        call.body.pop("stream_options", None)

    async def once(
        call: Call, request: HttpRequest, timeouts: upstream.Timeouts
    ) -> CompletionStream:
        answer = await attempts.open_stream(transport_for(call.options), call, request, timeouts)
        return await CompletionStream(call, answer, usage_asked=asked).open()

    return await attempts.attempt(call, once)


@overload
def completion(
    model: str, messages: Messages, *, stream: Literal[False] = False, **params: Any
) -> ModelResponse: ...
@overload
def completion(
    model: str, messages: Messages, *, stream: Literal[True], **params: Any
) -> SyncStream: ...
@overload
def completion(
    model: str, messages: Messages, *, stream: bool | None, **params: Any
) -> ModelResponse | SyncStream: ...
def completion(
    model: str, messages: Messages, *, stream: bool | None = False, **params: Any
) -> ModelResponse | SyncStream:
    """:func:`acompletion` for code that does not await; a stream is an ordinary iterator."""
    found = run(acompletion(model, messages, stream=stream, **params))
    return SyncStream(found) if isinstance(found, CompletionStream) else found


async def aembedding(model: str, input: Any, **params: Any) -> EmbeddingResponse:  # noqa: A002
    """Embeddings of a text, a list of texts, or token ids; with a receipt like any other call."""
    options, sent = split(params, stream=False)
    call = Call(model, "embeddings", options, {"input": input, **sent})
    return await attempts.attempt(call, _embed)


def embedding(model: str, input: Any, **params: Any) -> EmbeddingResponse:  # noqa: A002
    """:func:`aembedding` for code that does not await."""
    return run(aembedding(model, input, **params))


async def _complete(call: Call, request: HttpRequest, timeouts: upstream.Timeouts) -> ModelResponse:
    answer = await attempts.send(transport_for(call.options), call, request, timeouts)
    found, reading = _read(call, answer)
    return _priced(ModelResponse, call, answer, found, reading)


async def _embed(
    call: Call, request: HttpRequest, timeouts: upstream.Timeouts
) -> EmbeddingResponse:
    answer = await attempts.send(transport_for(call.options), call, request, timeouts)
    found, reading = _read(call, answer)
    return _priced(EmbeddingResponse, call, answer, found, reading)


def _read(call: Call, answer: upstream.Answer) -> tuple[JsonObject, openai_chat.Reading]:
    try:
        found = openai_chat.decode_answer(answer.body)
    except openai_chat.WireError as error:
        raise attempts.no_answer(call, str(error), answer.headers) from None
    if found.get("error"):
        failure = attempts.stream_error(call, found, answer.headers)
        if failure is not None:
            raise failure
    reading = openai_chat.Reading()
    reading.see(found)
    return found, reading


def _priced(
    kind: type[Kind],
    call: Call,
    answer: upstream.Answer,
    found: JsonObject,
    reading: openai_chat.Reading,
) -> Kind:
    """The answer with ``usage.cost``, the receipt and the parameters people read."""
    usage = reading.usage() or estimate_usage(call.body, reading)
    receipt = call.receipt(reading, usage)
    counts = reading.raw_usage or usage_fields(usage)
    found["usage"] = {**counts, **cost_fields(receipt)}
    if reading.model:
        found["model"] = call.shown_model(reading.model)
    response = kind(found)
    response.receipt = receipt
    response._response_headers = dict(answer.headers)
    hidden = call.hidden_params(answer.headers)
    hidden["receipt"] = receipt
    hidden["response_cost"] = None if receipt.total is None else to_float(receipt.total)
    response._hidden_params = hidden
    return response


def _ask_for_usage(body: JsonObject) -> bool:
    """Always ask; returns whether the caller did. An interrupted stream may lose it otherwise."""
    options = body.get("stream_options")
    if options is not None and not isinstance(options, Mapping):
        raise ConfigError("stream_options must be an object such as {'include_usage': True}")
    asked = options is not None and bool(options.get("include_usage"))
    body["stream_options"] = {**(options or {}), "include_usage": True}
    return asked


def _response_format(wanted: Any) -> Any:
    """A pydantic model class as the strict JSON schema it stands for; all else as it is."""
    schema_of = getattr(wanted, "model_json_schema", None)
    if not inspect.isclass(wanted) or not callable(schema_of):
        return wanted
    schema = _strict(schema_of())
    named = {"name": wanted.__name__, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": named}


def _strict(schema: Any) -> Any:
    """A JSON schema as strict mode demands it: nothing optional, nothing beyond it."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(each) for name, each in schema.items() if name != "default"}
    if found.get("type") == "object" and isinstance(found.get("properties"), dict):
        found["additionalProperties"] = False
        found["required"] = list(found["properties"])
    return found


def _plain(messages: object) -> list[Any]:
    """Messages as JSON objects; answers' messages can be put back into the list as they are."""
    if not isinstance(messages, list | tuple):
        raise ConfigError('messages must be a list such as [{"role": "user", "content": "Hello"}]')
    return [each if isinstance(each, dict) else _message(each) for each in messages]


def _message(message: Any) -> Any:
    dump = getattr(message, "model_dump", None)
    if callable(dump) and not inspect.isclass(message):
        return dump(exclude_none=True)
    if isinstance(message, Mapping):
        return dict(message)
    raise ConfigError(
        f"a message is a {type(message).__name__}; expected an object with role and content"
    )
