"""Nothing that looks like a key is written: the last net under every message and traceback.

Code that knows it holds a secret does not put it into a message in the first place; this is for
what comes from elsewhere. It masks too much rather than too little.
"""

import re
from collections.abc import Iterable

MASK = "[redacted]"

_BEARER = re.compile(r"(?i)\b(bearer)\s+[^\s\"',;]{4,}")
_LABELLED = re.compile(
    r"""(?ix)
    ( \b (?: [\w-]{0,40} api[-_]?key | authorization | ocp-apim-subscription-key
           | [\w-]{0,40} (?: secret | password | passwd | [-_]token ) | token | sig | signature )
      \b (?: ["']? \s* [:=] \s* | ["'] \s* , \s* ) (?: b (?=["']) )? )
    (?: (?P<quote>["']) [^"'\n]{1,4096} (?P=quote)
      | (?: (?:bearer|basic) \s+ )? [^\s"',;&})\]]+ )
    """
)
_PREFIXED = re.compile(
    r"""(?x)
    (?<![A-Za-z0-9])
    (?: (?P<prefix> [spr]k- ) [\w-]{4,}
      | (?: xai | gsk | hf | gh[a-z] | github_pat | glpat | nvapi | pplx | csk | r8 | fw | tgp_v1 )
        [-_] [\w-]{12,}
      | AIza [\w-]{30,}
      | AKIA [A-Z0-9]{12,}
      | eyJ [\w-]{8,} \. [\w-]+ (?: \. [\w-]* )?
    )
    """
)
_BARE = re.compile(
    r"""(?x)
    (?<![\w+-])
    (?: [0-9a-fA-F]{32} (?![\w+-])
      | (?= [A-Za-z_+-]{0,4096} [0-9] ) [\w+-]{60,} ={0,2}
    )
    """
)
_HARMLESS = re.compile(r"(?:[a-z]{1,8}[_-])?[0-9A-Fa-f-]{1,64}\Z").match
_USERINFO = re.compile(r"://[^/\s@]{1,512}@")


class Redactor:
    """Masks what looks like a key, and the very secrets it was told of."""

    def __init__(self) -> None:
        self._known: re.Pattern[str] | None = None

    def conceal(self, secrets: Iterable[str]) -> None:
        """Also mask these texts wherever they occur; replaces what was told before.

        Texts under four characters are passed over: they would mask half of every message.
        """
        texts = sorted({text for text in secrets if len(text) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, texts))) if texts else None

    def text(self, message: str) -> str:
        """A message with every suspect part masked."""
        message = self._named(_USERINFO.sub(f"://{MASK}@", message))
        message = _LABELLED.sub(rf"\1{MASK}", message)
        return _BARE.sub(MASK, message)

    def name(self, text: str) -> str:
        """An id or a name chosen by somebody else.

        Long hex numbers stay: trace ids and UUIDs look like that.
        """
        return text if _HARMLESS(text) else self._named(text)

    def _named(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _PREFIXED.sub(_keep_prefix, _BEARER.sub(rf"\1 {MASK}", text))


def _keep_prefix(found: re.Match[str]) -> str:
    return (found["prefix"] or "") + MASK
