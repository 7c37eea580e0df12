"""How much a model can take and say at most, for bounding what a call may cost. Data, not code.

Only used as bounds: a figure may be larger than the truth, and where no limit is published the
context stands for it. Names are matched by their beginning, the longest one first.
"""

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Tokens: of prompt and answer together, of the answer, and of one picture."""

    context: int
    output: int
    image: int = 20_000
    thinks_beyond: bool = False
    """It bills reasoning beside the answer, which the request's ``max_tokens`` does not bound."""


_LONG = 1_050_000
UNKNOWN = Limits(2_000_000, 128_000, 50_000)
"""For a model the table does not know."""

LIMITS: dict[str, Limits] = {
    "gpt-6": Limits(_LONG, 128_000),
    "gpt-5.6": Limits(_LONG, 128_000),
    "gpt-5.5": Limits(_LONG, 128_000),
    "gpt-5.4": Limits(_LONG, 128_000),
    "gpt-5": Limits(400_000, 128_000),
    "gpt-5-chat": Limits(128_000, 16_384),
    "gpt-5.2-chat": Limits(128_000, 16_384),
    "gpt-5.3-chat": Limits(128_000, 16_384),
    "o1": Limits(200_000, 100_000),
    "o3": Limits(200_000, 100_000),
    "o4": Limits(200_000, 100_000),
    "gpt-4.1": Limits(1_047_576, 32_768),
    "gpt-4o": Limits(128_000, 16_384),
    "gpt-4o-mini": Limits(128_000, 16_384, 48_200),
    "gpt-4": Limits(128_000, 8_192),
    "gpt-35": Limits(16_385, 4_096),
    "gpt-3.5": Limits(16_385, 4_096),
    "gpt-oss": Limits(131_072, 131_072),
    "text-embedding": Limits(300_000, 0),
    "deepseek": Limits(163_840, 163_840),
    "llama-4": Limits(1_048_576, 1_048_576),
    "grok-4": Limits(256_000, 256_000),
    "grok-4.6": Limits(1_000_000, 1_000_000),
    "grok-4-1-fast": Limits(2_000_000, 2_000_000, thinks_beyond=True),
    "grok-4.1-fast": Limits(2_000_000, 2_000_000, thinks_beyond=True),
    "grok-4-fast": Limits(2_000_000, 2_000_000, thinks_beyond=True),
    "fw-glm": Limits(202_752, 202_752),
    "fw-kimi": Limits(262_144, 262_144),
    "claude": Limits(1_000_000, 128_000),
    "claude-haiku-4-5": Limits(200_000, 64_000),
    "claude-sonnet-4-5": Limits(1_000_000, 64_000),
}

OF_LIST: dict[str, dict[str, Limits]] = {
    "azure": {
        "grok-4-1-fast": Limits(2_000_000, 128_000, thinks_beyond=True),
        "grok-4.1-fast": Limits(2_000_000, 128_000, thinks_beyond=True),
    },
}
"""Where a provider serves less than a model's maker, by the provider's name in the price book."""

POOL = (
    "gpt-6-astra", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.4",
    "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.2", "gpt-5", "gpt-5-mini", "gpt-5-nano", "o4-mini",
    "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "gpt-oss-120b",
    "claude-fable-5-1", "claude-opus-5", "claude-sonnet-5", "claude-opus-4-8", "claude-opus-4-7",
    "claude-opus-4-6", "claude-sonnet-4-5", "claude-haiku-4-5", "grok-4.6",
    "grok-4-1-fast-reasoning", "grok-4", "FW-GLM-5.3", "FW-GLM-5.3-Flash", "FW-Kimi-K3",
    "DeepSeek-V3.2", "Llama-4-Maverick-17B-128E-Instruct-FP8",
)  # fmt: skip
"""The models Azure's router may pick where no subset is set, as of November 2026."""

_BY_LENGTH = sorted(LIMITS, key=len, reverse=True)


def limits_of(model: str, price_list: str = "") -> Limits:
    """The limits of a model by its name, in any case, at the provider of this price list."""
    lower = model.lower()
    for name, found in OF_LIST.get(price_list, {}).items():
        if lower.startswith(name):
            return found
    for name in _BY_LENGTH:
        if lower.startswith(name):
            return LIMITS[name]
    return UNKNOWN
