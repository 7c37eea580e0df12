"""What can be wrong with a change. Messages say what, where and what to do; they hold no secret."""

from collections.abc import Iterator
from contextlib import contextmanager

from faregate.errors import ConfigError, FaregateError
from faregate.money import MoneyError


class FieldError(ConfigError):
    """A field of a change is wrong; nothing was written. ``field`` is where, as ``budgets.0``."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


class UnknownEntityError(FaregateError, LookupError):
    """There is no entity of that id."""


class ConflictError(FaregateError):
    """What is asked for contradicts what is there, such as an id that is taken."""


@contextmanager
def about(field: str) -> Iterator[None]:
    """Errors of a field's value, said of the field."""
    try:
        yield
    except FieldError as error:
        raise FieldError(
            f"{field}.{error.field}" if error.field else field, error.message
        ) from None
    except (ConfigError, MoneyError) as error:
        raise FieldError(field, str(error)) from None
