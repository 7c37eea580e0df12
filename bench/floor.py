"""The floor: the least an application on uvicorn can do, which is to forward with our transport.

No key, no routing, no price, no receipt, no metric; it reads no body. What a gateway costs beside
it is what those things cost. ``python -m bench.floor URL PORT``.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from faregate.types import HttpRequest
from faregate.upstream.transport import Transport

Message = MutableMapping[str, Any]

_HEADERS = {"content-type": "application/json", "api-key": "bench"}


class Floor:
    """Forwards every request to one address."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/chat/completions"
        self._transport = Transport()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one request (ASGI)."""
        assert scope["type"] == "http"
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        request = HttpRequest("POST", self._url, _HEADERS, body)
        if b'"stream":true' in body:
            await self._stream(request, send)
            return
        answer = await self._transport.send(request)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _stream(
        self, request: HttpRequest, send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async with await self._transport.stream(request) as answer:
            headers = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for piece in answer:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def main(arguments: list[str]) -> None:
    """Serve until stopped."""
    url, port = arguments
    uvicorn.run(
        Floor(url),
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
