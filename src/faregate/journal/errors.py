"""What the journal says when it cannot promise to keep a call."""

from faregate.errors import FaregateError


class JournalError(FaregateError):
    """The journal cannot be written or read: the disk is full, failing or not ours to use.

    Raised at admission, the call must be refused: nothing would remember it. Names the file and
    the system's reason. It may work again a moment later.
    """


class JournalFull(JournalError):  # noqa: N818 - a state, not a fault
    """The journal has grown to its bound, because the database has not taken rows for long."""
