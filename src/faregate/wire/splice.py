"""JSON objects opened at the top only: what is not changed passes through byte for byte.

A gateway changes two or three members of a body. Decoding only the top level costs a scan, keeps
every number and escape as the provider wrote it, and puts the rest back untouched.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from faregate.wire.halves import mended
from faregate.wire.openai_chat import WireError

Members: TypeAlias = dict[str, Raw]
"""The members of an object, each as its own JSON text."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

_open = msgspec.json.Decoder(Members).decode
_close = msgspec.json.Encoder().encode
_value = msgspec.json.Decoder().decode


def open_object(body: bytes) -> Members:
    """The members of a JSON object. Raises :class:`WireError` saying what is wrong with it.

    Half a character becomes the replacement character: nothing could be read of it otherwise.
    """
    try:
        return _open(body)
    except msgspec.ValidationError:
        raise WireError("the body must be a JSON object") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        whole = mended(body)
        if whole is not None:
            return open_object(whole)
        raise WireError(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise WireError("the body is nested too deeply") from None


def close_object(members: Mapping[str, Any]) -> bytes:
    """The object's bytes, members in their order; those that are no :class:`Raw` are encoded."""
    return _close(members)


def value_of(members: Mapping[str, Raw], name: str) -> Any:
    """One member, decoded; None when it is absent or null."""
    raw = members.get(name)
    if raw is None:
        return None
    try:
        return _value(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise WireError(f"{name!r} is not valid JSON") from None


def text_of(members: Members, name: str) -> str:
    """One member when it is a text, else an empty one."""
    found = value_of(members, name)
    return found if isinstance(found, str) else ""


def laid_over(found: Raw | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """An object with members of ours in place of, or behind, its own; ours alone where ``found``
    is no object. Every number of it stays as it was written."""
    if found is None:
        return dict(own)
    try:
        return {**_open(found), **own}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return dict(own)


def raw(value: Any) -> Raw:
    """A value as a member."""
    return Raw(_close(value))


def check_depth(body: bytes, deepest: int) -> None:
    """Raises :class:`WireError` for a body nested deeper than ``deepest``.

    Most bodies have fewer brackets than that in all, which two counts tell.
    """
    if body.count(b"[") + body.count(b"{") <= deepest:
        return
    depth = 0
    for found in _STRUCTURE.finditer(body):
        mark = found[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth > deepest:
                raise WireError(f"the body is nested deeper than {deepest} levels")
        elif mark in (b"]", b"}"):
            depth -= 1
