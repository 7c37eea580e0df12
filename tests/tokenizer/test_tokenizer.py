"""Counts are OpenAI's, need no network and end in bounded time whatever the text."""

import gzip
import hashlib
import socket
import subprocess
import sys
import time
from importlib.resources import files
from typing import Any

import pytest

from faregate.tokenizer import count_messages, count_text, encoding_for, is_exact


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("o200k_base", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
        ("cl100k_base", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    ],
)
def test_the_vocabulary_is_the_published_one(name: str, digest: str) -> None:
    packed = files("faregate.tokenizer").joinpath("ranks", f"{name}.tiktoken.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == digest


@pytest.mark.parametrize(
    ("model", "encoding", "exact"),
    [
        ("gpt-4o", "o200k_base", True),
        ("gpt-4.1-nano-2025-04-14", "o200k_base", True),
        ("azure/gpt-5-nano", "o200k_base", True),
        ("o4-mini", "o200k_base", True),
        ("gpt-oss-120b", "o200k_base", True),
        ("gpt-4", "cl100k_base", True),
        ("gpt-4-turbo", "cl100k_base", True),
        ("gpt-3.5-turbo", "cl100k_base", True),
        ("gpt-35-turbo", "cl100k_base", True),
        ("text-embedding-3-small", "cl100k_base", True),
        ("claude-haiku-4-5", "o200k_base", False),
        ("DeepSeek-V3.2", "o200k_base", False),
        ("grok-4", "o200k_base", False),
        ("", "o200k_base", False),
    ],
)
def test_the_encoding_of_a_model(model: str, encoding: str, exact: bool) -> None:
    assert encoding_for(model).name == encoding
    assert is_exact(model) is exact


@pytest.mark.parametrize(
    ("text", "o200k", "cl100k"),
    [
        ("", 0, 0),
        ("hello world", 2, 2),
        ("tiktoken is great!", 6, 6),
        ("お誕生日おめでとう", 8, 9),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
    ],
)
def test_published_counts(text: str, o200k: int, cl100k: int) -> None:
    assert count_text(text, "gpt-4o") == o200k
    assert count_text(text, "gpt-4") == cl100k


def test_a_text_survives_both_ways() -> None:
    text = "It's DON'T they'LL\r\n\t  naïve Ünïcödé 的 😀 x1234567 // <|endoftext|> e\u0301  "
    for model in ("gpt-4o", "gpt-4"):
        encoding = encoding_for(model)
        assert encoding.decode(encoding.encode_ordinary(text)) == text


def test_special_tokens_in_a_text_are_text() -> None:
    assert count_text("<|endoftext|>") > 1


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, " " * 1_000_000, " " * 999_999 + "x", "\t " * 500_000, "\n" * 1_000_000],
    ids=["letters", "spaces", "spaces-then-a-letter", "mixed-white-space", "newlines"],
)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_hostile_text_is_counted_in_bounded_time(text: str, model: str) -> None:
    start = time.process_time()
    assert 0 < count_text(text, model) <= len(text)
    assert time.process_time() - start < 20


def test_blocks_do_not_change_the_count_of_words() -> None:
    words = "The quick brown fox jumps over the lazy dog. " * 10_000
    assert len(words) > 400_000
    assert count_text(words, "gpt-4o") == len(encoding_for("gpt-4o").encode_ordinary(words))


def test_lone_surrogates_are_counted() -> None:
    assert count_text("\ud800") > 0


def test_a_chat_is_counted_by_openais_convention() -> None:
    chat = [{"role": "user", "content": "hello world"}]
    assert count_messages(chat, "gpt-4o") == 3 + 3 + 1 + 2
    named = [{"role": "user", "content": "hello world", "name": "bob"}]
    assert count_messages(named, "gpt-4o") == 3 + 3 + 1 + 2 + count_text("bob") + 1


def test_list_content_images_and_tools_are_counted() -> None:
    text = {"type": "text", "text": "hello world"}
    low = {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}}
    high = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert count_messages([{"role": "user", "content": [text]}]) == 9
    assert count_messages([{"role": "user", "content": [text, low]}]) == 9 + 85
    assert count_messages([{"role": "user", "content": [text, high]}]) == 9 + 765
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    assert count_messages([{"role": "user", "content": [text]}], tools=[tool]) > 9 + 10


def test_odd_messages_are_counted_without_complaint() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    odd: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": ["plain", 3, {"type": "input_audio"}]},
    ]
    assert count_messages(odd) > 10


def test_counting_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    from faregate.tokenizer import encodings

    def refuse(*_: object, **__: object) -> socket.socket:
        raise AssertionError("a socket was opened")

    encodings._load.cache_clear()
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert count_text("hello world", "gpt-4o") == 2


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, faregate.tokenizer; print('tiktoken' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
