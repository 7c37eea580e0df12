"""What is masked in kept prompts and answers, however a client writes it."""

import json
import re
import threading

import pytest

from faregate.gateway import masking
from faregate.gateway.masking import MASK, NOT_KEPT, masked

CARD = r"\b\d{4}-\d{4}\b"
SLOW = r"\w+[@#]"


def test_what_fits_an_expression_is_masked() -> None:
    text = '{"content":"card 4111-1111-1111-1111 of a@b.example"}'
    found = masked(text, (r"\b(?:\d{4}-){3}\d{4}\b", r"[\w.]+@[\w.]+"))
    assert found == f'{{"content":"card {MASK} of {MASK}"}}'


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ('{"content":"M\\u00fcller"}', "Müller"),
        ('{"content":"a\\u0040b.example"}', r"\w+@\w+"),
        ('{"content":"card:\\n1234-5678"}', CARD),
        ('{"a":[{"b":"\\t1234-5678"}]}', CARD),
        ('{"1234\\u002d5678":1}', CARD),
        (json.dumps({"arguments": json.dumps({"name": "Müller", "card": "\n1234-5678"})}), CARD),
        (json.dumps({"arguments": json.dumps({"name": "Müller"})}), "Müller"),
    ],
)
def test_an_escape_hides_nothing(text: str, mask: str) -> None:
    found = masked(text, (mask,))
    assert MASK in found
    assert not re.search(mask, str(json.loads(found)))


def test_an_expression_may_be_about_the_json_itself() -> None:
    assert masked('{"pin":1234,"n":1}', (r'"pin":\d+',)) == f'{{{MASK},"n":1}}'


def test_what_is_not_masked_stays_byte_for_byte() -> None:
    text = '{ "content" : "caf\\u00e9", "n": 1.0, "n": 2 }'
    assert masked(text, ("Müller",)) == text


def test_what_is_no_json_is_masked_as_text() -> None:
    assert masked("{cut off 1234-5678", (CARD,)) == f"{{cut off {MASK}"
    deep = "[" * 100_000 + "1234-5678"
    assert masked(deep, (CARD,)).endswith(MASK)


def test_a_text_that_takes_too_long_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "SECONDS", 0.02)
    picture = json.dumps({"image_url": "A" * 1_000_000})
    assert masked(picture, (SLOW,)) == NOT_KEPT


def test_others_go_on_while_a_text_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "SECONDS", 0.5)
    found: list[str] = []
    picture = "A" * 1_000_000
    slow = threading.Thread(target=lambda: found.append(masked(picture, (SLOW,))))
    slow.start()
    turns = 0
    while slow.is_alive():
        turns += 1
    assert found == [NOT_KEPT]
    assert turns > 1_000
