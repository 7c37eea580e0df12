"""What a client says its call is for, wherever it says so."""

import msgspec
import pytest
from msgspec import Raw

from faregate.gateway.asked import labels_of


@pytest.mark.parametrize("header", [b"x-faregate-tags", b"x-litellm-tags"])
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_a_tag_in_a_header_is_the_tag_in_a_body(header: bytes, coding: str) -> None:
    """Else its budget would be got round by an umlaut."""
    body = {"metadata": Raw(msgspec.json.encode({"tags": ["größe", "b"]}))}
    said = labels_of({header: "größe, b".encode(coding)}, {})
    assert said == labels_of({}, body)
    assert said.tags == ("größe", "b")


def test_a_session_in_a_header_is_read_as_it_was_written() -> None:
    assert labels_of({b"x-faregate-session-id": "über".encode()}, {}).session == "über"
