"""What a request asks for: the few facts that steer it; the rest of its body stays bytes."""

from collections.abc import Mapping
from typing import NamedTuple, TypeGuard

from msgspec import Raw

from faregate.errors import BadRequestError
from faregate.wire import splice

_LONGEST_ID = 128
_MOST_TAGS = 32


class Asked:
    """What a request asks for: its body opened at the top, and the few facts that steer it."""

    __slots__ = (
        "end_user",
        "members",
        "model",
        "patience",
        "receipt",
        "size",
        "stream",
        "tokens",
        "usage",
    )

    def __init__(self, members: dict[str, Raw], model: str, *, chat: bool) -> None:
        """Raises :class:`BadRequestError` naming the field that is wrong."""
        self.members = members
        self.model = model or _text(members, "model")
        self.stream = chat and _flag(members, "stream")
        options = splice.value_of(members, "stream_options") if self.stream else None
        if options is not None and not isinstance(options, dict):
            raise _wrong("stream_options", "an object")
        self.usage = bool(options and options.get("include_usage"))
        self.receipt = bool(options and options.pop("include_receipt", False))
        if self.stream:
            # Asked for always: an interrupted stream may lose it, and without it nothing is exact.
            members["stream_options"] = splice.raw({**(options or {}), "include_usage": True})
        self.patience = 0.0
        """Seconds it may take, retries and fallbacks included."""
        self.size = 0
        """Bytes of its body."""
        self.tokens = 0
        """About how many tokens it sends."""
        self.end_user = ""
        if "user" in members:
            user = splice.value_of(members, "user")
            self.end_user = user[:_LONGEST_ID] if isinstance(user, str) else ""
        _check_list(members, "messages" if chat else "input", text=not chat)


class Labels(NamedTuple):
    """What a client says its call is for."""

    tags: tuple[str, ...]
    session: str


NO_LABELS = Labels((), "")


def labels_of(headers: Mapping[bytes, bytes], members: Mapping[str, Raw]) -> Labels:
    """The tags and the session of a call: by our headers or LiteLLM's, or in its ``metadata``."""
    said = headers.get(b"x-faregate-tags") or headers.get(b"x-litellm-tags")
    session = headers.get(b"x-faregate-session-id") or headers.get(b"x-litellm-session-id")
    if said is None and session is None and "metadata" not in members:
        return NO_LABELS
    found = [] if said is None else _header(said).split(",")
    named = "" if session is None else _header(session)
    if "metadata" in members:
        metadata = splice.value_of(members, "metadata")
        if isinstance(metadata, dict):
            tags, own = metadata.get("tags"), metadata.get("session_id")
            found += [each for each in tags if isinstance(each, str)] if _is_list(tags) else []
            named = named or (own if isinstance(own, str) else "")
    clean = (_label(each) for each in found[:_MOST_TAGS])
    return Labels(tuple(dict.fromkeys(each for each in clean if each)), _label(named))


def _header(value: bytes) -> str:
    """What a client wrote into a header: UTF-8, as in a body, or what HTTP used to mean."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _label(text: str) -> str:
    """A client's label as it is kept: printable and bounded."""
    return "".join(c for c in text.strip()[:_LONGEST_ID] if c.isprintable())


def _wrong(name: str, expected: str) -> BadRequestError:
    return BadRequestError(f"{name!r} must be {expected}", code="invalid_type", param=name)


def _text(members: Mapping[str, Raw], name: str) -> str:
    raw = members.get(name)
    if raw is None:
        raise BadRequestError(
            f"{name!r} is missing: name one of the models of GET /v1/models",
            code="missing_required_parameter",
            param=name,
        )
    found = splice.value_of(members, name)
    if not isinstance(found, str) or not found:
        raise _wrong(name, "a non-empty text")
    return found


def _flag(members: Mapping[str, Raw], name: str) -> bool:
    raw = members.get(name)
    if raw is None:
        return False
    said = bytes(raw)
    if said in (b"true", b"false", b"null"):
        return said == b"true"
    raise _wrong(name, "true or false")


def _check_list(members: Mapping[str, Raw], name: str, *, text: bool) -> None:
    """A list that is there and is not empty; its contents are the provider's business."""
    raw = members.get(name)
    if raw is None:
        raise BadRequestError(f"{name!r} is missing", code="missing_required_parameter", param=name)
    said = memoryview(raw)
    first = bytes(said[:1])
    if text and first == b'"' and len(said) > 2:
        return
    if first != b"[":
        raise _wrong(name, "a non-empty text or list" if text else "a list")
    if bytes(said[:64]).strip(b"[] \t\r\n") == b"" and len(said) <= 64:
        raise BadRequestError(f"{name!r} is empty", code="empty_array", param=name)
