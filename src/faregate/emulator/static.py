"""One fixed answer for every chat completion, with as little work as possible (for benchmarks)."""

from typing import Any

from msgspec import json

from faregate.emulator import frames
from faregate.emulator.answers import Answer, fixed
from faregate.emulator.asgi import Receive, Scope, Send
from faregate.emulator.pool import find_or_invent

_PATH = "chat/completions"
_TEXT = "Copenhagen is the capital of Denmark, and has been since the fifteenth century."
_USAGE: dict[str, Any] = {
    "completion_tokens": 16,
    "completion_tokens_details": {
        "accepted_prediction_tokens": 0,
        "audio_tokens": 0,
        "reasoning_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
    "prompt_tokens": 120,
    "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
    "total_tokens": 136,
}


class StaticAnswer:
    """Takes every chat completion: no key is asked for, nothing is counted or metered."""

    def __init__(self) -> None:
        made: Answer = fixed(_TEXT, find_or_invent("gpt-4.1-nano"), _USAGE)
        around = frames.Envelope(
            id="chatcmpl-static",
            created=1_763_424_000,
            model=made.model.served,
            usage=_USAGE,
            stream_usage=True,
        )
        self._body = json.encode(frames.whole(made, around))
        self._frames = tuple(frames.stream(made, around))
        self._start = {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(self._body)).encode("ascii")),
                (b"x-request-id", b"static"),
            ],
        }

    def takes(self, scope: Scope) -> bool:
        """Whether a request is a chat completion."""
        path: str = scope["path"]
        return path.endswith(_PATH)

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send the fixed answer, streamed if the body says so."""
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        if b'"stream":true' not in body and b'"stream": true' not in body:
            await send(self._start)
            await send({"type": "http.response.body", "body": self._body})
            return
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for one in self._frames:
            await send({"type": "http.response.body", "body": one, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
