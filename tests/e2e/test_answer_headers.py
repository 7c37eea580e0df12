"""What else answers carry: LiteLLM's headers where they are asked for, and CORS."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.e2e.processes import Gateway

Start = Callable[[str], AbstractContextManager[Gateway]]

LITELLM = """
general_settings:
  compat_headers: litellm
"""
CORS = """
general_settings:
  cors_origins: ["https://app.example"]
"""


def test_no_headers_of_litellm_unasked(gateway: Gateway) -> None:
    _, _, headers = gateway.chat("azure-model-router")
    assert not [name for name in headers if name.startswith("x-litellm")]
    assert not [name for name in headers if name.startswith("access-control")]


def test_headers_of_litellm(start_gateway: Start) -> None:
    with start_gateway(LITELLM) as gateway:
        _, _, headers = gateway.chat("azure-model-router")
        streamed = gateway.stream("azure-model-router").headers
        assert headers["x-litellm-response-cost"] == headers["x-faregate-cost"]
        assert headers["x-litellm-call-id"] == headers["x-faregate-call-id"]
        assert headers["x-litellm-model-id"] == headers["x-faregate-deployment"]
        assert headers["x-litellm-model-group"] == "azure-model-router"
        assert "x-litellm-response-cost" not in streamed
        assert streamed["x-litellm-call-id"] == streamed["x-faregate-call-id"]


def test_cors(start_gateway: Start) -> None:
    with start_gateway(CORS) as gateway:
        theirs = {"origin": "https://app.example"}
        asked = {
            **theirs,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-lang",
        }
        status, _, headers = gateway.ask("OPTIONS", "/v1/chat/completions", headers=asked)
        assert status == 204
        assert headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in headers["access-control-allow-methods"]
        assert "x-stainless-lang" in headers["access-control-allow-headers"]
        body = {"model": "nano", "messages": [{"role": "user", "content": "Say hello"}]}
        for sent, status in ((gateway.bearer, 200), ({}, 401)):
            found, _, headers = gateway.ask(
                "POST", "/v1/chat/completions", body, {**theirs, **sent}
            )
            assert found == status
            assert headers["access-control-allow-origin"] == "https://app.example"
            assert "origin" in headers["vary"].lower()
        for path in ("/v1/chat/completions", "/nowhere"):
            _, _, headers = gateway.ask(
                "OPTIONS", path, headers={**asked, "origin": "https://other.example"}
            )
            assert "access-control-allow-origin" not in headers
