"""Azure's retail meters: a meter's name to (model, scope, tier, context, unit), or why not.

``5.6 sol ShortCo Cd Inp Std Gl 1M Tokens`` is the price of a million cached input tokens of
gpt-5.6-sol, Global, standard tier, short context. Every meter gets one of three answers:
:class:`Meter`, :class:`Skipped` with a reason from a closed set, or :class:`UnknownMeter`, which a
caller must show to a person. Nothing is dropped silently and nothing is guessed.
"""

import re
from typing import Literal, TypeAlias

from msgspec import Struct

from faregate.providers.azure_meter_models import (
    FAMILIES,
    INPUT_ONLY,
    MODELS,
    SPEAKS_AUDIO,
    UNCLEAR,
)
from faregate.types import Context, Unit

ScopeFamily: TypeAlias = Literal["global", "data_zone", "regional"]
"""What the meter's own name says of where tokens are processed; the region says the rest."""

SkipReason: TypeAlias = Literal["capacity", "fine_tuning", "not_tokens", "unclear"]
"""``capacity``: reserved throughput by the hour or month · ``fine_tuning``: training, hosting,
graders and tuned models · ``not_tokens``: images, seconds, pages, searches, sessions …
· ``unclear``: a token meter that is no price of one unit of one model."""


class Meter(Struct, frozen=True, kw_only=True):
    """What a meter measures. A price of the meter is for ``per`` tokens."""

    model: str
    scope: ScopeFamily
    tier: str
    context: Context
    unit: Unit
    per: int


class Skipped(Struct, frozen=True):
    """A meter that is known not to be a token price, and why."""

    reason: SkipReason
    detail: str = ""


class UnknownMeter(Struct, frozen=True):
    """A meter this parser does not understand. Report it; do not drop it."""

    problem: str


_SUFFIX = re.compile(r"\s(?:(1m) )?tokens$")
_UNITS = {"1K": 1_000, "1M": 1_000_000}

# Words that Azure glues together, taken apart before anything is read.
_GLUED = {
    "realtimeprvw": "realtime preview",
    "realtimeprvwaudinp": "realtime preview aud inp",
    "realtimeprvwaudoutp": "realtime preview aud outp",
    "realtimeprvwtxtinp": "realtime preview txt inp",
    "realtimeprvwtxtoutp": "realtime preview txt outp",
    "prvw": "preview",
    "rtime": "realtime",
    "batchoutp": "batch outp",
    "mini0718": "mini 0718",
    "aud1217": "aud 1217",
    "txt1217": "txt 1217",
    "gpt4omini": "gpt 4o mini",
    "gpt4o": "gpt 4o",
    "gpt4": "gpt 4",
    "gpt35": "gpt 3.5",
    "turbo4k": "turbo 4k",
    "turbo16k": "turbo 16k",
    "turbo128k": "turbo 128k",
    "trb16k": "trb 16k",
    "deepseekv3.2": "deepseek v3.2",
    "grok4": "grok 4",
    "54": "5.4",
    "35": "3.5",
    "125": "0125",
    "mn": "mini",
    "image": "img",
    "audio": "aud",
    "text": "txt",
}
_SCOPES: dict[str, ScopeFamily] = {
    **dict.fromkeys(("gl", "glb", "glbl", "global"), "global"),
    **dict.fromkeys(("dz", "dzn", "dzone", "datazone"), "data_zone"),
    **dict.fromkeys(("rg", "rgnl", "regn", "regnl", "regional"), "regional"),
}
_INPUT = frozenset({"inp", "inpt", "input", "in"})
_OUTPUT = frozenset({"out", "outp", "outpt", "output", "opt"})
_CACHED = frozenset({"cd", "cchd", "ccchd", "cched", "cached", "cache", "ch"})
_TIERS = {"pp": "priority", "flex": "flex", "batch": "batch", "std": "standard"}
_CONTEXTS: dict[str, Context] = {"shortco": "short", "longco": "long", "l": "long"}
_MODALITIES = frozenset({"aud", "txt", "img"})
_WORDS_OF_UNITS = _INPUT | _OUTPUT | _CACHED | {"wr"}
_TUNING = re.compile(r"\bdev ft\b|\br?ft\b|ft(?=regnl)|\bfine tuned\b|\bgrader\b|\btr(ai)?ni?ng\b")
_CAPACITY = re.compile(r"\bprovisioned\b|^standard unit$")

_UNIT_OF: dict[tuple[str, str, bool], Unit] = {
    ("txt", "input", False): "input",
    ("txt", "input", True): "cache_read",
    ("txt", "output", False): "output",
    ("aud", "input", False): "audio_input",
    ("aud", "input", True): "audio_cache_read",
    ("aud", "output", False): "audio_output",
    ("img", "input", False): "image_input",
    ("img", "input", True): "image_cache_read",
    ("img", "output", False): "image_output",
}


def parse_meter(product: str, meter: str, unit_of_measure: str) -> Meter | Skipped | UnknownMeter:
    """What a meter of the Retail Prices API measures.

    ``product`` and ``meter`` are ``productName`` and ``meterName``; ``unit_of_measure`` must agree
    with the meter's own name (``… 1M Tokens`` is ``1M``, ``… Tokens`` is ``1K``).
    """
    family = FAMILIES.get(product.strip().lower())
    text = re.sub(r"[\s_-]+", " ", meter.strip().lower()).replace("data zone", "datazone")
    if _CAPACITY.search(text):
        return Skipped("capacity")
    if _TUNING.search(text):
        return Skipped("fine_tuning")
    suffix = _SUFFIX.search(text)
    if suffix is None:
        return _without_tokens(text, unit_of_measure)
    per = 1_000_000 if suffix.group(1) else 1_000
    if _UNITS.get(unit_of_measure.strip().upper()) != per:
        return UnknownMeter(
            f"its name says {'1M' if per > 1_000 else '1K'} tokens, its unit {unit_of_measure!r}"
        )
    if family is None:
        return UnknownMeter(f"no meters of the product {product!r} are known")
    return _read(family, _words(text[: suffix.start()]), per)


def _without_tokens(text: str, unit_of_measure: str) -> Skipped | UnknownMeter:
    last = text.rsplit(" ", 1)[-1]
    counted = {
        "images", "pages", "search", "calls", "session", "video", "second", "seconds", "unit",
        "characters", "gb", "hours", "minutes", "queries", "transactions",
    }  # fmt: skip
    if last in counted:
        return Skipped("not_tokens", f"counts {last} by {unit_of_measure}")
    return UnknownMeter(f"it ends in {last!r}, which is no unit this parser knows")


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in text.split(" "):
        words.extend(_GLUED.get(word, word).split(" "))
    if words and words[0] == "gpt":
        words = words[1:]
    elif words[:2] == ["az", "gpt"]:
        words = ["az", *words[2:]]
    return words


def _read(family: str, words: list[str], per: int) -> Meter | Skipped | UnknownMeter:
    residue = [
        word
        for word in words
        if word not in _WORDS_OF_UNITS and word not in _SCOPES and word not in _TIERS
        and word not in _CONTEXTS
    ]  # fmt: skip
    unclear = UNCLEAR.get((family, " ".join(residue)))
    if unclear:
        return Skipped("unclear", unclear)
    model, name, modality = _model(family, residue)
    if not model:
        return UnknownMeter(f"no model is known by the words {' '.join(residue)!r} ({family})")
    scopes = {_SCOPES[word] for word in words if word in _SCOPES}
    tiers = {_TIERS[word] for word in words if word in _TIERS}
    contexts = {_CONTEXTS[word] for word in words if word in _CONTEXTS}
    if len(scopes) != 1 or len(tiers) > 1 or len(contexts) > 1:
        return UnknownMeter("it names no scope, or more than one scope, tier or context")
    unit = _unit(set(words), modality, name)
    if unit is None:
        return UnknownMeter("it does not say which tokens it counts")
    return Meter(
        model=model,
        scope=scopes.pop(),
        tier=tiers.pop() if tiers else "standard",
        context=contexts.pop() if contexts else "short",
        unit=unit,
        per=per,
    )


def _model(family: str, residue: list[str]) -> tuple[str, str, str]:
    """(model, its words, modality); the last word for a modality counts if the rest is a model."""
    for at in range(len(residue) - 1, -1, -1):
        if residue[at] in _MODALITIES:
            name = _spell(residue[:at] + residue[at + 1 :])
            model = MODELS.get((family, name))
            if model:
                return model, name, residue[at]
            break
    name = _spell(residue)
    return MODELS.get((family, name), ""), name, "aud" if name in SPEAKS_AUDIO else "txt"


def _spell(words: list[str]) -> str:
    """The words as the table writes them: ``image`` and ``text`` within a name are spelt out."""
    spelt = {"img": "image", "txt": "text"}
    return " ".join(spelt.get(word, word) for word in words)


def _unit(words: set[str], modality: str, name: str) -> Unit | None:
    cached = bool(words & _CACHED)
    given, taken = bool(words & _INPUT), bool(words & _OUTPUT)
    if "wr" in words:
        return "cache_write" if cached and not given and not taken and modality == "txt" else None
    if given and taken:
        return None
    if name in INPUT_ONLY or (cached and not taken):
        given = True
    if not given and not taken:
        return None
    return _UNIT_OF.get((modality, "input" if given else "output", cached))
