"""Which vocabulary a model uses, how it is loaded, and how a text of any shape is counted."""

import gzip
import re
import threading
from base64 import b64decode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

_CL100K = re.compile(r"gpt-4(-|$)|gpt-3\.?5|text-embedding-")
_OPENAI = re.compile(r"gpt-(3\.?5|4|5|oss)|chatgpt-4o|o[134](-|$)|text-embedding-")

_BLOCK = 200_000
"""Characters encoded at once. The splitting pattern backtracks over runs of white space and gives
up (in a panic, not an exception) near half a million of them."""
_SEAM = re.compile(r"[A-Za-z0-9](?= [A-Za-z])")
_SEAM_WINDOW = 400

_END_OF_TEXT = "<|endoftext|>"
_END_OF_PROMPT = "<|endofprompt|>"

_CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_O200K_PATTERN = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_CONTRACTION}",
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_CONTRACTION}",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
)
_CL100K_PATTERN = (
    "'(?i:[sdmt]|ll|ve|re)",
    r"[^\r\n\p{L}\p{N}]?+\p{L}++",
    r"\p{N}{1,3}+",
    r" ?[^\s\p{L}\p{N}]++[\r\n]*+",
    r"\s++$",
    r"\s*[\r\n]",
    r"\s+(?!\S)",
    r"\s",
)
_PATTERNS = {"o200k_base": "|".join(_O200K_PATTERN), "cl100k_base": "|".join(_CL100K_PATTERN)}
_SPECIAL = {
    "o200k_base": {_END_OF_TEXT: 199999, _END_OF_PROMPT: 200018},
    "cl100k_base": {
        _END_OF_TEXT: 100257,
        "<|fim_prefix|>": 100258,
        "<|fim_middle|>": 100259,
        "<|fim_suffix|>": 100260,
        _END_OF_PROMPT: 100276,
    },
}
_loading = threading.Lock()


def _bare(model: str) -> str:
    return model.rsplit("/", 1)[-1].lower()


def encoding_name(model: str) -> str:
    """``cl100k_base`` for GPT-4, GPT-3.5 and the embeddings, ``o200k_base`` for all others."""
    return "cl100k_base" if _CL100K.match(_bare(model)) else "o200k_base"


def is_exact(model: str) -> bool:
    """Whether counts for this model use the model's own vocabulary, so are no approximation."""
    return bool(_OPENAI.match(_bare(model)))


@cache
def _load(name: str) -> "Encoding":
    from tiktoken import Encoding

    packed = files("faregate.tokenizer").joinpath("ranks", f"{name}.tiktoken.gz").read_bytes()
    words = gzip.decompress(packed).split()
    ranks = dict(zip(map(b64decode, words[::2]), map(int, words[1::2]), strict=True))
    return Encoding(
        name=name,
        pat_str=_PATTERNS[name],
        mergeable_ranks=ranks,
        special_tokens=_SPECIAL[name],
    )


def encoding_for(model: str) -> "Encoding":
    """The encoding of a model, loaded once and kept; safe to call from several threads."""
    with _loading:
        return _load(encoding_name(model))


def count_text(text: str, model: str = "") -> int:
    """Tokens of a text, which is never read as special tokens.

    Any text is counted in time linear in its length. Above 200,000 characters it is counted in
    blocks, cut between words where there are words; only a text without them can come out one
    token too high for each cut.
    """
    return len(tokens_of(text, model))


def tokens_of(text: str, model: str = "") -> list[int]:
    """The tokens that :func:`count_text` counts, by their numbers in the model's vocabulary."""
    encode = encoding_for(model).encode_ordinary
    if len(text) <= _BLOCK:
        return encode(text)
    tokens: list[int] = []
    start = 0
    while start < len(text):
        end = _cut(text, start)
        tokens += encode(text[start:end])
        start = end
    return tokens


def _cut(text: str, start: int) -> int:
    end = start + _BLOCK
    if end >= len(text):
        return len(text)
    seams = [seam.end() for seam in _SEAM.finditer(text, end - _SEAM_WINDOW, end)]
    return seams[-1] if seams else end
