"""Keys, teams, users, budgets and limits as the documents the store keeps of them.

Fields are only ever added, with defaults; a document of a newer version loses nothing that this
one knows. Money is whole pico-dollars in them, times are Unix seconds.
"""

from typing import Literal, TypeAlias, TypeVar, cast

import msgspec

from faregate.core.budget import Budget, RateLimit
from faregate.core.keys import Key, Team, User
from faregate.errors import ConfigError
from faregate.types import JsonObject

Noun: TypeAlias = Literal["key", "team", "user", "budget", "limit"]
"""The kinds of entities that decide who may call and what for."""

_TYPES: dict[str, type] = {
    "key": Key,
    "team": Team,
    "user": User,
    "budget": Budget,
    "limit": RateLimit,
}

NOUNS: tuple[Noun, ...] = ("key", "team", "user", "budget", "limit")

E = TypeVar("E", Key, Team, User, Budget, RateLimit)


def to_document(entity: Key | Team | User | Budget | RateLimit) -> JsonObject:
    """The document that is kept of an entity."""
    return cast("JsonObject", msgspec.to_builtins(entity))


def of_document(kind: type[E], document: JsonObject) -> E:
    """The entity of a document. Raises :class:`ConfigError` for one that is none."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"a stored {kind.__name__.lower()} cannot be read: {error}") from None


def noun_type(noun: Noun) -> type:
    """The type that the documents of a kind are read as."""
    return _TYPES[noun]
