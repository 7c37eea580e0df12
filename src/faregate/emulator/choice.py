"""How the emulated router picks: by the look of the prompt, always alike for the same prompt.

Pure. The rules are plain on purpose: a test can say in advance which model will answer.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias
from zlib import crc32

from msgspec import Struct

from faregate.emulator.pool import POOL, Model

Mode: TypeAlias = Literal["balanced", "cost", "quality"]
MODES: tuple[Mode, ...] = ("balanced", "cost", "quality")

Kind: TypeAlias = Literal["simple", "writing", "code", "reasoning", "long", "image"]

LONG_PROMPT = 16_000
"""From this many tokens on, the length of a prompt decides."""
SHORT_PROMPT = 300

_CODE = re.compile(
    r"```|\b(def|class|function|import|SELECT|refactor|unit tests?|stack ?trace|traceback|regex|"
    r"python|javascript|typescript|rust|golang|sql|bug|compile[rs]?|code)\b",
    re.IGNORECASE,
)
_REASONING = re.compile(
    r"\b(prove|proof|theorem|integral|derivative|equation|solve|step by step|reason|puzzle|"
    r"optimi[sz]e|probability|how many|calculate|trade-?offs?|plan)\b|\d\s*[-+*/^=]\s*\d",
    re.IGNORECASE,
)
_EXAMINED = 20_000
"""Characters of a prompt that are looked at; a million more change nothing."""

PREFERRED: dict[Kind, tuple[str, ...]] = {
    "simple": ("gpt-5-nano", "gpt-4.1-nano", "gpt-4o-mini", "gpt-5.4-nano"),
    "writing": ("gpt-5-mini", "gpt-4.1-mini", "DeepSeek-V3.2", "gpt-oss-120b"),
    "code": ("gpt-5-mini", "gpt-5.4-mini", "FW-Kimi-K3", "DeepSeek-V3.2"),
    "reasoning": ("o4-mini", "gpt-5", "gpt-5.6-luna", "grok-4-1-fast-reasoning", "grok-4"),
    "long": ("gpt-4.1", "gpt-5.4", "gpt-4.1-mini", "grok-4.6"),
    "image": ("gpt-4o", "gpt-4.1", "gpt-4o-mini", "gpt-5-mini"),
}
"""What balanced mode likes for each kind of prompt; it alternates between the first two able."""

ENOUGH: dict[Kind, int] = {
    "simple": 0,
    "writing": 50,
    "code": 62,
    "reasoning": 74,
    "long": 60,
    "image": 40,
}
"""The quality that cost mode still asks for."""


class Look(Struct, frozen=True, kw_only=True):
    """What the router sees of a request."""

    text: str
    tokens: int
    images: bool = False
    tools: bool = False
    effort: str = ""


def kind_of(look: Look) -> Kind:
    """The kind of prompt: an image, a long one, reasoning, code, plain writing or a simple one."""
    text = look.text[:_EXAMINED]
    if look.images:
        return "image"
    if look.tokens >= LONG_PROMPT:
        return "long"
    if look.effort in ("high", "xhigh") or _REASONING.search(text):
        return "reasoning"
    if _CODE.search(text):
        return "code"
    if look.tools or look.tokens > SHORT_PROMPT:
        return "writing"
    return "simple"


def able(look: Look, models: Iterable[Model]) -> list[Model]:
    """The models that can take the request at all: its images, its tools and its length."""
    return [
        model
        for model in models
        if (model.vision or not look.images)
        and (model.tools or not look.tools)
        and look.tokens < model.window
    ]


def supports(model: Model, body: dict[str, Any]) -> bool:
    """Whether a model supports every parameter sent (``require_parameters``)."""
    sampling = {"temperature", "top_p", "stop", "presence_penalty", "frequency_penalty", "logprobs"}
    if model.reasoning:
        return not sampling & body.keys()
    return "reasoning_effort" not in body


def choose(look: Look, mode: Mode, allowed: Sequence[Model] = ()) -> Model | None:
    """The model that answers, from the allowed ones (none named: the whole pool).

    The same look, mode and models give the same answer. None when no model can take the prompt.
    """
    named = bool(allowed)
    models = able(look, allowed if named else (m for m in POOL if not m.own_deployment))
    if not models:
        return None
    kind = kind_of(look)
    if mode == "quality":
        return max(models, key=lambda model: (model.quality, model.name))
    if mode == "balanced":
        by_name = {model.name: model for model in models}
        liked = [by_name[name] for name in PREFERRED[kind] if name in by_name][:2]
        if liked:
            return liked[crc32(look.text.encode("utf-8", "surrogatepass")) % len(liked)]
    good = [model for model in models if model.quality >= ENOUGH[kind]]
    if good:
        return min(good, key=lambda model: (model.cost, model.name))
    return max(models, key=lambda model: (model.quality, model.name))
