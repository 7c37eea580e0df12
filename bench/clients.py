"""The clients measured, each as three functions. A package is imported when its client is made.

This file also runs in the interpreter of an environment that has LiteLLM and no Faregate.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

MESSAGES = [{"role": "user", "content": "word " * 119 + "word"}]
"""About 120 tokens."""
_ROUTED = "azure_ai/model_router/bench"
_KEY = "bench-key"


class Client(NamedTuple):
    """What can be measured of a client; None where it has no such thing."""

    version: str
    acall: Callable[[], Awaitable[Any]]
    """One whole answer."""
    astream: Callable[[], Awaitable[Any]]
    """One streamed answer, read to its end."""
    call: Callable[[], Any] | None


async def _drained(stream: Any) -> None:
    async for _ in stream:
        pass


def transport(url: str) -> Client:
    """Faregate's transport alone: bytes out, bytes in. The floor of what a call can cost."""
    import json

    import faregate
    from faregate.types import HttpRequest
    from faregate.upstream.transport import shared

    headers = {"content-type": "application/json", "authorization": f"Bearer {_KEY}"}

    def request(**more: Any) -> HttpRequest:
        body = json.dumps({"model": "bench", "messages": MESSAGES, **more}).encode()
        return HttpRequest("POST", f"{url}/chat/completions", headers, body)

    whole, streamed = request(), request(stream=True)

    async def astream() -> None:
        async with await shared().stream(streamed) as answer:
            await _drained(answer)

    return Client(faregate.__version__, lambda: shared().send(whole), astream, None)


def faregate(url: str) -> Client:
    """The SDK: typed answer and receipt included."""
    import faregate as sdk

    given: dict[str, Any] = {
        "model": _ROUTED,
        "messages": MESSAGES,
        "api_base": url,
        "api_key": _KEY,
    }

    async def astream() -> None:
        await _drained(await sdk.acompletion(stream=True, **given))

    return Client(
        sdk.__version__,
        lambda: sdk.acompletion(**given),
        astream,
        lambda: sdk.completion(**given),
    )


def openai(url: str) -> Client:
    """The openai package, which computes no cost."""
    import openai as package

    given: dict[str, Any] = {"model": "bench", "messages": MESSAGES}
    asynchronous = package.AsyncOpenAI(base_url=url, api_key=_KEY)
    synchronous = package.OpenAI(base_url=url, api_key=_KEY)

    async def astream() -> None:
        streamed = given | {"stream": True, "stream_options": {"include_usage": True}}
        await _drained(await asynchronous.chat.completions.create(**streamed))

    return Client(
        package.__version__,
        lambda: asynchronous.chat.completions.create(**given),
        astream,
        lambda: synchronous.chat.completions.create(**given),
    )


def litellm(url: str) -> Client:
    """LiteLLM, with its own price map from its package."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from importlib.metadata import version

    import litellm as package

    package.suppress_debug_info = True
    given: dict[str, Any] = {
        "model": _ROUTED,
        "messages": MESSAGES,
        "api_base": url,
        "api_key": _KEY,
    }

    async def astream() -> None:
        options = {"include_usage": True}
        await _drained(await package.acompletion(stream=True, stream_options=options, **given))

    return Client(
        version("litellm"),
        lambda: package.acompletion(**given),
        astream,
        lambda: package.completion(**given),
    )


CLIENTS: dict[str, Callable[[str], Client]] = {
    "transport": transport,
    "faregate": faregate,
    "openai": openai,
    "litellm": litellm,
}
