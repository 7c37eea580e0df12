"""What really goes out: one request, taken down by a server of our own."""

import http.server
import json
import threading
from typing import Any

import faregate

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-5-nano-2025-08-07",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()


def captured_request(**arguments: Any) -> tuple[str, dict[str, str], dict[str, Any]]:
    """(path, headers in lower case, body) of the request a call makes."""
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append((self.path, headers, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}/openai/v1"
        given: dict[str, Any] = {"api_base": base, "api_key": "k", "num_retries": 0} | arguments
        faregate.completion(**given)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert len(seen) == 1
    return seen[0]
