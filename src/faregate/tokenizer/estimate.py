"""Usage counted by us, where the provider did not say; always marked as an estimate."""

from collections.abc import Mapping
from typing import Any

from faregate.types import JsonObject, Usage
from faregate.wire.openai_chat import Reading


def estimate_usage(body: Mapping[str, Any], reading: Reading) -> Usage:
    """Tokens of the request as sent and of the text as received."""
    from faregate import tokenizer

    model = reading.model or str(body.get("model", ""))
    messages = body.get("messages")
    prompt = (
        tokenizer.count_messages(messages, model, body.get("tools"))
        if isinstance(messages, list)
        else _count_input(body.get("input"), model)
    )
    output = tokenizer.count_text("".join(reading.text), model) if reading.text else 0
    return Usage(input=prompt, output=output, estimated=True)


def _count_input(source: Any, model: str) -> int:
    """Tokens of an embeddings input: text, a list of texts, or token ids."""
    from faregate import tokenizer

    if isinstance(source, str):
        return tokenizer.count_text(source, model)
    if isinstance(source, list):
        if source and all(isinstance(each, int) for each in source):
            return len(source)
        return sum(_count_input(each, model) for each in source)
    return 0


def usage_fields(usage: Usage) -> JsonObject:
    """Counts in the shape of OpenAI's ``usage``."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
