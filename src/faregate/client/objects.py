"""What calls return: JSON objects whose fields are reached by attribute or by key.

Each is a ``dict``, so nothing the provider sends is lost or renamed; the fields people use are
declared for type checkers and are None when absent.
"""

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self, cast

import msgspec

from faregate import types
from faregate.core import receipt_text
from faregate.types import JsonObject


class Receipt(types.Receipt, frozen=True, kw_only=True):
    """All charges of one call. ``print`` it to read it; ``as_json()`` to keep it."""

    def __str__(self) -> str:
        return receipt_text.as_text(self)

    def as_json(self) -> JsonObject:
        """Plain JSON; money is exact decimal text in USD, an unknown total is null."""
        return receipt_text.as_json(self)


class Record(dict[str, Any]):
    """A JSON object with attribute access. Declared fields that are absent read as None."""

    __slots__ = ()
    _declared: ClassVar[frozenset[str]] = frozenset()
    _nested: ClassVar[Mapping[str, type["Record"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        names: set[str] = set()
        for base in cls.__mro__:
            names.update(inspect.get_annotations(base))
        cls._declared = frozenset(name for name in names if not name.startswith("_"))

    def __init__(self, source: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        super().__init__(source or (), **fields)
        for name, kind in self._nested.items():
            value = self.get(name)
            if type(value) is dict:
                self[name] = kind(value)
            elif type(value) is list:
                self[name] = [kind(each) if type(each) is dict else each for each in value]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            if name in self._declared:
                return None
            fields = ", ".join(self) or "no fields"
            raise AttributeError(
                f"{type(self).__name__} has no field {name!r} (it has {fields})"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own_slots():
            object.__setattr__(self, name, value)
        else:
            self[name] = value

    @classmethod
    def _own_slots(cls) -> tuple[str, ...]:
        return ()

    def model_dump(self, *, exclude_none: bool = False, **_ignored: Any) -> JsonObject:
        """Plain dicts and lists, all the way down; every field the provider sent."""
        return cast("JsonObject", _plain(self, exclude_none))

    def model_dump_json(
        self, *, indent: int | None = None, exclude_none: bool = False, **_ignored: Any
    ) -> str:
        """The same as JSON text."""
        encoded = msgspec.json.encode(self.model_dump(exclude_none=exclude_none))
        return (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()

    def to_dict(self) -> JsonObject:
        """Another name for :meth:`model_dump`."""
        return self.model_dump()

    def to_json(self, *, indent: int | None = 2, **_ignored: Any) -> str:
        """Another name for :meth:`model_dump_json`."""
        return self.model_dump_json(indent=indent)

    def json(self, **_ignored: Any) -> JsonObject:
        """Another name for :meth:`model_dump`: LiteLLM's ``json()`` gives a dict, too."""
        return self.model_dump()

    def model_copy(self, *, deep: bool = False, **_ignored: Any) -> Self:
        """A copy; with ``deep`` of everything inside."""
        return copy.deepcopy(self) if deep else copy.copy(self)

    def dict(self, **_ignored: Any) -> JsonObject:
        """Another name for :meth:`model_dump`."""
        return self.model_dump()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.items())
        return f"{type(self).__name__}({fields})"


def _plain(value: Any, exclude_none: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _plain(each, exclude_none)
            for name, each in value.items()
            if not (exclude_none and each is None)
        }
    if isinstance(value, list):
        return [_plain(each, exclude_none) for each in value]
    return value


class Function(Record):
    """The function a tool call names."""

    name: str | None
    arguments: str


class ToolCall(Record):
    """One tool call of a message, or a piece of one in a stream."""

    index: int | None
    id: str | None
    type: str | None
    function: Function

    _nested = {"function": Function}  # noqa: RUF012 - a ClassVar of the base


class Message(Record):
    """A message of an answer."""

    role: str
    content: str | None
    refusal: str | None
    reasoning_content: str | None
    tool_calls: list[ToolCall] | None
    function_call: Function | None
    annotations: list[Any] | None
    audio: Any

    _nested = {"tool_calls": ToolCall, "function_call": Function}  # noqa: RUF012


class Delta(Message):
    """What one chunk adds to a message. Every field may be None."""


class Choice(Record):
    """One choice of an answer."""

    index: int
    message: Message
    finish_reason: str | None
    logprobs: Any
    content_filter_results: JsonObject | None

    _nested = {"message": Message}  # noqa: RUF012


class ChunkChoice(Record):
    """One choice of a chunk. ``delta`` is always there, if empty."""

    index: int
    delta: Delta
    finish_reason: str | None
    logprobs: Any
    content_filter_results: JsonObject | None

    _nested = {"delta": Delta}  # noqa: RUF012

    def __init__(self, source: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        super().__init__(source, **fields)
        if not isinstance(self.get("delta"), Delta):
            self["delta"] = Delta()  # Azure's asynchronous filter sends choices without one


class PromptTokensDetails(Record):
    """What of the prompt was cached, written to the cache, or audio."""

    cached_tokens: int | None
    cache_write_tokens: int | None
    audio_tokens: int | None


class CompletionTokensDetails(Record):
    """What of the completion was reasoning or audio."""

    reasoning_tokens: int | None
    audio_tokens: int | None
    accepted_prediction_tokens: int | None
    rejected_prediction_tokens: int | None


class TokenUsage(Record):
    """The provider's ``usage``, with ``cost`` (USD, absent while unknown) and ``cost_details``."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | None
    completion_tokens_details: CompletionTokensDetails | None
    cost: float | None
    cost_details: JsonObject | None

    _nested = {  # noqa: RUF012
        "prompt_tokens_details": PromptTokensDetails,
        "completion_tokens_details": CompletionTokensDetails,
    }


class Answer(Record):
    """What every answer has beside its JSON: the receipt and the facts about the call."""

    __slots__ = ("_hidden_params", "_response_headers", "_response_ms", "receipt")

    receipt: Receipt | None
    _hidden_params: dict[str, Any]
    _response_headers: dict[str, str]
    _response_ms: float | None

    def __init__(self, source: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        super().__init__(source, **fields)
        self.receipt = None
        self._hidden_params = {}
        self._response_headers = {}
        self._response_ms = None

    @classmethod
    def _own_slots(cls) -> tuple[str, ...]:
        return Answer.__slots__

    def __reduce__(self) -> tuple[Any, ...]:
        slots = {name: getattr(self, name) for name in Answer.__slots__}
        return (_rebuild, (type(self), dict(self), slots))


def _rebuild(kind: type[Answer], fields: JsonObject, slots: JsonObject) -> Answer:
    found = kind(fields)
    for name, value in slots.items():
        object.__setattr__(found, name, value)
    return found


class ModelResponse(Answer):
    """An answer of a chat completion. ``receipt`` says what it cost and why."""

    __slots__ = ()

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: TokenUsage | None
    system_fingerprint: str | None
    service_tier: str | None

    _nested = {"choices": Choice, "usage": TokenUsage}  # noqa: RUF012

    @classmethod
    def model_validate(cls, source: Mapping[str, Any]) -> Self:
        """An answer from its JSON object, as :meth:`model_dump` gave it."""
        return cls(dict(source))


class ModelResponseStream(Answer):
    """One chunk of a streamed answer. The last one has ``usage`` and ``receipt``."""

    __slots__ = ()

    id: str
    object: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: TokenUsage | None
    system_fingerprint: str | None
    service_tier: str | None

    _nested = {"choices": ChunkChoice, "usage": TokenUsage}  # noqa: RUF012


class EmbeddingResponse(Answer):
    """An answer of an embeddings call."""

    __slots__ = ()

    object: str
    model: str
    data: list[Any]
    usage: TokenUsage | None

    _nested = {"data": Record, "usage": TokenUsage}  # noqa: RUF012


def fields_of(answer: object) -> Mapping[str, Any]:
    """The JSON object of an answer however it is held: ours, a dict, or another library's model.

    Raises :class:`TypeError` for anything else.
    """
    if isinstance(answer, Mapping):
        return answer
    dump = getattr(answer, "model_dump", None)
    if callable(dump):
        found = dump()
        if isinstance(found, Mapping):
            return found
    raise TypeError(
        f"expected an answer (an object with model_dump(), or a dict), got {type(answer).__name__}"
    )


def iter_choices(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The choices that are objects."""
    for choice in answer.get("choices") or ():
        if isinstance(choice, Mapping):
            yield choice
