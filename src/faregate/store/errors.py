"""What can go wrong with the ledger. Messages name the place and never hold a password."""

from faregate.errors import FaregateError


class LedgerError(FaregateError):
    """The root: the ledger cannot do what was asked."""


class LedgerUnavailableError(LedgerError):
    """The database cannot be reached, is full, or broke off. The same call may succeed later, and
    repeating an append is safe. No other error of the ledger's passes by waiting."""


class LedgerVersionError(LedgerError):
    """The database was written by a newer Faregate; nothing in it was touched."""


class RefusedValueError(LedgerError, ValueError):
    """A value is none the database can hold, now or later; nothing of its batch was written."""


class VersionConflictError(LedgerError):
    """The entity is at another version than the writer thought; nothing was written."""


class UnknownCallError(LedgerError, LookupError):
    """There is no row of that call."""
