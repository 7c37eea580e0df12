"""What a request asks for: the few facts that steer it; the rest of its body stays bytes."""

from collections.abc import Mapping

from msgspec import Raw

from faregate.errors import BadRequestError
from faregate.wire import splice

_LONGEST_ID = 128


class Asked:
    """What a request asks for: its body opened at the top, and the few facts that steer it."""

    __slots__ = (
        "end_user",
        "members",
        "model",
        "patience",
        "receipt",
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
        self.tokens = 0
        """About how many tokens it sends."""
        self.end_user = ""
        if "user" in members:
            user = splice.value_of(members, "user")
            self.end_user = user[:_LONGEST_ID] if isinstance(user, str) else ""
        _check_list(members, "messages" if chat else "input", text=not chat)


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
