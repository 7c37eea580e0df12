"""Errors of OpenAI-like APIs, Azure's many spellings among them, as facts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from faregate.types import ErrorFacts, JsonObject
from faregate.wire.error_text import clean, cleaned
from faregate.wire.retry_delay import retry_delay

Kind: TypeAlias = Literal["", "content_filter", "context_window", "unsupported_param", "budget"]

_LARGEST = 1 << 20
_DEEPEST = 4
_INNER = ("innererror", "inner_error")
_FILTER_RESULTS = ("content_filter_result", "content_filter_results")
_MESSAGES = ("message", "msg", "detail", "error_description", "title", "reason")
_CODES = ("code", "statusCode", "status_code", "status")

_FILTER_CODES = frozenset(
    {
        "content_filter",
        "contentfilter",
        "responsibleaipolicyviolation",
        "content_policy_violation",
        "content_filtered",
    }
)
_FILTER_TEXT = re.compile(r"content management policy|content[_ ]policy violation", re.IGNORECASE)
_WINDOW_TEXT = re.compile(
    r"maximum context length|prompt is too long|input is too long|exceeds? (?:the |its )?context"
    r"|context (?:window|length|limit)\b.{0,60}\b(?:exceed|too)"
    r"|exceed.{0,60}\bcontext (?:window|length|limit)"
    r"|context_length_exceeded",
    re.IGNORECASE,
)
_WINDOW_CODES = frozenset({"context_length_exceeded", "context_window_exceeded"})
_UNSUPPORTED_CODES = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"}
)
_UNSUPPORTED_TEXT = re.compile(
    r"(?:unsupported (?:parameter|value)|unrecognized request arguments? supplied"
    r"|unknown parameter):\s*'?(?P<name>[\w.\[\]]{1,80})",
    re.IGNORECASE,
)
_BUDGET_CODES = frozenset({"budget_exceeded", "insufficient_quota", "insufficient_balance"})
_REFUSED = (400, 413, 422)
_THROTTLE = re.compile(
    r"rate.?limit|too.?many.?requests|throttl|exceeded.{0,40}\b(?:rate|quota|limit)"
    r"|no.?capacity|retry after \d",
    re.IGNORECASE,
)
_OVERLOAD = re.compile(r"overloaded|service.?unavailable|temporarily unavailable", re.IGNORECASE)
_STATUS_OF_WORD = {
    "invalid_request_error": 400,
    "badrequest": 400,
    "bad_request": 400,
    "authentication_error": 401,
    "unauthorized": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "permissiondenied": 403,
    "forbidden": 403,
    "not_found_error": 404,
    "notfound": 404,
    "deploymentnotfound": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "timeout": 408,
    "timeout_error": 408,
}


def decode_error(
    status: int, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> ErrorFacts:
    """The facts of an error answer. Never raises, whatever the bytes.

    ``now`` (Unix seconds) is needed to read a ``retry-after`` that is a date.
    """
    found = _json(body)
    if found is None:
        return _of_text(status, headers, body, now)
    return _of_object(found, status, headers, now)


def error_in_chunk(chunk: Mapping[str, Any]) -> ErrorFacts | None:
    """The error that a stream's chunk carries inside a 200, or None for any other chunk.

    The status is the error's own where it has one, else what its words amount to, else 500.
    """
    error = chunk.get("error")
    if not (isinstance(error, (dict, str)) and error) and not _bare_error(chunk):
        return None
    return _of_object(dict(chunk), None, {}, None)


def _bare_error(chunk: Mapping[str, Any]) -> bool:
    """An error without an ``error`` object: ``{"statusCode": 429, "message": …}``."""
    if "choices" in chunk or not isinstance(chunk.get("message"), str):
        return False
    return chunk.get("object") == "error" or any(_numeric(chunk.get(key)) for key in _CODES)


def _of_object(
    found: JsonObject, status: int | None, headers: Mapping[str, str], now: float | None
) -> ErrorFacts:
    error = _innermost(found, _DEEPEST)
    raw = _message(error, found)
    code, kind_of_error = _code(error, found), _word(error.get("type"))
    results = _filter_results(error)
    answered = status if status is not None and status >= 400 else _own_status(error, found)
    words = (code, kind_of_error, _word(_inner(error).get("code")))
    kind, implied = _kind(words, raw, error.get("param"), answered, results is not None)
    shown = answered or implied or _status_in_words(words, raw)
    return ErrorFacts(
        status=shown,
        message=clean(raw) or f"HTTP {shown} without an explanation",
        code=code,
        type=kind_of_error,
        param=_param(error, raw, kind),
        kind=kind,
        filter_result=results,
        retry_after=retry_delay(headers, raw, now=now),
        body=cleaned(found if results is None or error is found.get("error") else {"error": error}),
    )


def _of_text(status: int, headers: Mapping[str, str], body: bytes, now: float | None) -> ErrorFacts:
    text = body[:_LARGEST].decode("utf-8", "replace").strip("\ufeff \t\r\n\x00")
    if not text:
        message = "an empty answer"
    elif text.startswith("<"):
        title = re.search(r"<title[^>]{0,200}>([^<]{1,300})</title", text[:20000], re.IGNORECASE)
        message = f"a page of HTML: {clean(title[1], 300)}" if title else "a page of HTML"
    elif text.startswith(("{", "[")):
        message = f"JSON that breaks off or is broken: {clean(text, 300)}"
    else:
        message = clean(text) or "bytes that are no text"
    kind, _ = _kind(("", "", ""), message, None, status, False)
    return ErrorFacts(
        status=status if status >= 400 else 502,
        message=message,
        kind=kind,
        retry_after=retry_delay(headers, text[:4000], now=now),
    )


def _json(body: bytes | str) -> JsonObject | None:
    """The JSON object in a body (the first one, in a list); None when there is none."""
    if len(body) > _LARGEST:
        return None
    if isinstance(body, bytes):
        body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return _as_object(found)


def _as_object(found: object) -> JsonObject | None:
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, str):
        return {"message": found} if found else None
    return found if isinstance(found, dict) else None


def _candidates(found: JsonObject) -> Iterator[JsonObject]:
    """Objects one level down that may be the real error, best first."""
    for key in ("error", "errors", "detail", "message"):
        value = found.get(key)
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            value = _json(value)
        if isinstance(value, dict) and value:
            yield value
        elif key == "error" and isinstance(value, str) and value:
            yield {"message": value}


def _innermost(found: JsonObject, depth: int) -> JsonObject:
    """The object that says most precisely what went wrong."""
    for candidate in _candidates(found) if depth else ():
        inner = _innermost(candidate, depth - 1)
        if any(key in inner for key in (*_MESSAGES, *_CODES, *_INNER, "type")):
            return inner
    return found


def _message(error: JsonObject, found: JsonObject) -> str:
    for holder in (error, found):
        for key in _MESSAGES:
            value = holder.get(key)
            if isinstance(value, str) and value.strip():
                return value + _where(holder) + _raw(holder)
    return ""


def _where(error: JsonObject) -> str:
    """The place a FastAPI-style validation error points at."""
    place = error.get("loc")
    if not isinstance(place, list) or not place:
        return ""
    return f" (at {'.'.join(str(part)[:80] for part in place[:8])})"


def _raw(error: JsonObject) -> str:
    """What a reseller's upstream said, where it is handed on (``metadata.raw``)."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return f": {raw[:4000]}" if isinstance(raw, str) and raw else ""


def _word(value: object) -> str:
    return clean(value, 100) if isinstance(value, str) else ""


def _code(error: JsonObject, found: JsonObject) -> str:
    for holder in (error, found):
        value = holder.get("code")
        if isinstance(value, str) and value:
            return clean(value, 100)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:20]
    return ""


def _numeric(value: object) -> int | None:
    """An HTTP error status written as a number or as digits."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    return None


def _own_status(error: JsonObject, found: JsonObject) -> int | None:
    for holder in (error, found):
        for key in ("status", "status_code", "statusCode", "code"):
            status = _numeric(holder.get(key))
            if status is not None:
                return status
    return None


def _inner(error: JsonObject) -> JsonObject:
    for key in _INNER:
        value = error.get(key)
        if isinstance(value, dict):
            return value
    return {}


def _filter_results(error: JsonObject) -> JsonObject | None:
    for holder in (_inner(error), error):
        for key in _FILTER_RESULTS:
            value = holder.get(key)
            if isinstance(value, dict) and value:
                return value
    return None


def _kind(
    words: tuple[str, str, str], message: str, param: object, status: int | None, filtered: bool
) -> tuple[Kind, int]:
    """What sort of refusal it is, and the status it has when the upstream gives none."""
    folded = {word.lower() for word in words if word}
    refused = status is None or status in _REFUSED
    if folded & _BUDGET_CODES or status == 402:
        return "budget", 429
    if folded & _FILTER_CODES or (refused and (filtered or _FILTER_TEXT.search(message[:4000]))):
        return "content_filter", 400
    if not refused:
        return "", 0
    too_long = "string_above_max_length" in folded and str(param).startswith(("messages", "input"))
    if folded & _WINDOW_CODES or too_long or _WINDOW_TEXT.search(message[:4000]):
        return "context_window", 400
    if folded & _UNSUPPORTED_CODES or _UNSUPPORTED_TEXT.search(message[:4000]):
        return "unsupported_param", 400
    return "", 0


def _param(error: JsonObject, message: str, kind: Kind) -> str:
    param = _word(error.get("param"))
    if param or kind != "unsupported_param":
        return param
    named = _UNSUPPORTED_TEXT.search(message[:4000])
    if named:
        return named["name"].rstrip(".")
    place = error.get("loc")
    inside = [part for part in place if isinstance(part, str)] if isinstance(place, list) else []
    return clean(".".join(part for part in inside if part != "body"), 100)


def _status_in_words(words: tuple[str, str, str], message: str) -> int:
    """The status an error amounts to when nobody states one."""
    text = " ".join((*words, message[:4000]))
    if _THROTTLE.search(text):
        return 429
    for word in words:
        status = _STATUS_OF_WORD.get(word.lower())
        if status is not None:
            return status
    return 503 if _OVERLOAD.search(text) else 500
