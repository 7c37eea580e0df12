"""What an application may know about the client behind a request, beyond ASGI."""

import asyncio
from collections.abc import Callable


class ClientConnection:
    """One request's view of its client; the server puts it in ``scope["faregate.client"]``.

    ``gone``: the connection is lost, nothing more can reach the client.
    ``half_closed``: the client sent its FIN with the request in flight. It may still be reading
    (``shutdown(SHUT_WR)``) or have closed for good: TCP tells only once something is written.
    ``on_gone``: called at once, without arguments, when ``half_closed`` turns true and again when
    ``gone`` does; set it before the first await that should be interruptible, and look at both
    flags then, for they may be true already. It must not raise.
    ``body_limit_hit``: the body was refused for its size; the client has its 413 already.
    ``task``: what runs the application for this request; None where the server does not say.
    """

    __slots__ = ("body_limit_hit", "gone", "half_closed", "on_gone", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.gone = False
        self.half_closed = False
        self.on_gone: Callable[[], None] | None = None
        self.body_limit_hit = False

    def pass_on(self, piece: bytes) -> bool:  # noqa: ARG002
        """Send a further piece of a streamed body now. False: it has to go through ASGI's ``send``,
        which says what is wrong, or waits."""
        return False
