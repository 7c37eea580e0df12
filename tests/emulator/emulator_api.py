"""A plain HTTP client for the emulator's tests: what is sent and received is seen as it is."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

CHAT = "/openai/v1/chat/completions"
KEY = {"api-key": "emulator-key"}
PREVIEW = {**KEY, "Foundry-Features": "ModelRouterControls=V1Preview"}


class Answered(Struct):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def chunks(self) -> list[Any]:
        """The decoded events of a stream, without the closing ``[DONE]``."""
        events = [event.removeprefix(b"data: ") for event in self.body.split(b"\n\n") if event]
        return [json.loads(event) for event in events if event != b"[DONE]"]

    @property
    def text(self) -> str:
        """The content of a stream's first choice."""
        deltas = [
            choice.get("delta", {}).get("content") or ""
            for chunk in self.chunks
            for choice in chunk["choices"]
            if choice["index"] == 0
        ]
        return "".join(deltas)


class Api:
    """Speaks to one emulator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address = (str(urlsplit(url).hostname), int(urlsplit(url).port or 0))

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] = KEY,
    ) -> Answered:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answered(status=response.status, headers=found, body=response.read())
        finally:
            connection.close()

    def chat(
        self, question: str = "Say hi", *, headers: Mapping[str, str] = KEY, **body: Any
    ) -> Answered:
        asked = {
            "model": "model-router",
            "messages": [{"role": "user", "content": question}],
            **body,
        }
        return self.request("POST", CHAT, asked, headers)

    def served(self, question: str = "Say hi", **body: Any) -> str:
        answered = self.chat(question, **body)
        assert answered.status == 200, answered.body
        return str(answered.json["model"])

    def fault(self, fault: str, question: str = "Say hi to them all", **body: Any) -> Answered:
        return self.chat(question, headers={**KEY, "x-emulate-fault": fault}, **body)

    def control(self, method: str, name: str, body: Any = None) -> Any:
        answered = self.request(method, f"/_emulator/{name}", body, {})
        assert answered.status == 200, answered.body
        return answered.json

    def meter(self) -> Any:
        return self.control("GET", "meter")
