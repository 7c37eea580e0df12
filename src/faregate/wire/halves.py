r"""Half a character in JSON: ``"\ud83d"`` without the ``\ude00`` that belongs to it.

Whoever cuts text by UTF-16 units, as JavaScript does, sends such halves, in two chunks of a stream
say. They are no Unicode text, so strict readers refuse the whole object for them.
"""

import re

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_ANY = re.compile(rb"\\u[dD][89a-fA-F]")
_REPLACED = rb"\ufffd"


def mended(text: bytes) -> bytes | None:
    """The JSON with the replacement character for every half; None where it has none."""
    if not _ANY.search(text):
        return None
    found = _ESCAPE.sub(_replaced, text)
    return found if found != text else None


def _replaced(found: "re.Match[bytes]") -> bytes:
    return _REPLACED if found["half"] else found[0]
