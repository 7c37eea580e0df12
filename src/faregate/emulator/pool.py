"""The models of the emulated resource, as data: what each is, can do and reports."""

from msgspec import Struct


class Model(Struct, frozen=True, kw_only=True):
    """A model of the catalogue. ``cost`` and ``quality`` are ranks: higher is dearer, better."""

    name: str
    version: str = ""
    cost: int
    quality: int
    reasoning: bool = False
    vision: bool = False
    tools: bool = True
    window: int = 200_000
    reports_cache: bool = True
    reports_cache_write: bool = False
    reasoning_outside: bool = False
    """Reasoning is left out of ``completion_tokens`` and stays inside ``total_tokens``."""
    refuses_max_tokens: bool = False
    """Refuses ``max_tokens`` and a temperature, as OpenAI's reasoning models do."""
    own_deployment: bool = False
    """A router uses it only where the resource deploys it itself, so only in a named subset."""

    @property
    def served(self) -> str:
        """The name a response carries: ``name-version``, or the bare catalogue name."""
        return f"{self.name}-{self.version}" if self.version else self.name


def _reasoner(name: str, version: str, cost: int, quality: int, **facts: object) -> Model:
    values: dict[str, object] = {"window": 400_000, "vision": True, **facts}
    return Model(
        name=name,
        version=version,
        cost=cost,
        quality=quality,
        reasoning=True,
        refuses_max_tokens=True,
        **values,  # type: ignore[arg-type]
    )


def _claude(name: str, cost: int, quality: int, version: str = "") -> Model:
    return Model(
        name=name,
        version=version,
        cost=cost,
        quality=quality,
        vision=True,
        own_deployment=True,
    )


_LONG = 1_050_000

POOL: tuple[Model, ...] = (
    _reasoner("gpt-6-astra", "2026-09-03", 100, 100, window=_LONG, reports_cache_write=True),
    _reasoner("gpt-5.6-sol", "2026-07-09", 80, 95, window=_LONG, reports_cache_write=True),
    _reasoner("gpt-5.6-terra", "2026-07-09", 62, 86, window=_LONG, reports_cache_write=True),
    _reasoner("gpt-5.6-luna", "2026-07-09", 24, 74, window=_LONG, reports_cache_write=True),
    _reasoner("gpt-5.5", "2026-04-24", 82, 92, window=_LONG),
    _reasoner("gpt-5.4", "2026-03-05", 64, 88, window=_LONG),
    _reasoner("gpt-5.4-mini", "2026-03-17", 46, 70),
    _reasoner("gpt-5.4-nano", "2026-03-17", 22, 48),
    _reasoner("gpt-5.2", "2025-12-11", 60, 84),
    _reasoner("gpt-5", "2025-08-07", 56, 82),
    _reasoner("gpt-5-mini", "2025-08-07", 36, 66),
    _reasoner("gpt-5-nano", "2025-08-07", 8, 40),
    _reasoner("o4-mini", "2025-04-16", 50, 76, window=200_000),
    Model(name="gpt-4.1", version="2025-04-14", cost=58, quality=68, vision=True, window=1_047_576),
    Model(
        name="gpt-4.1-mini",
        version="2025-04-14",
        cost=34,
        quality=52,
        vision=True,
        window=1_047_576,
    ),
    Model(
        name="gpt-4.1-nano", version="2025-04-14", cost=6, quality=36, vision=True, window=1_047_576
    ),
    Model(name="gpt-4o", version="2024-11-20", cost=61, quality=64, vision=True, window=128_000),
    Model(
        name="gpt-4o-mini", version="2024-07-18", cost=10, quality=42, vision=True, window=128_000
    ),
    Model(name="gpt-oss-120b", cost=12, quality=54, window=131_072, reports_cache=False),
    Model(name="DeepSeek-V3.2", cost=28, quality=69, window=128_000, reports_cache=False),
    Model(
        name="Llama-4-Maverick-17B-128E-Instruct-FP8",
        cost=20,
        quality=50,
        vision=True,
        tools=False,
        window=1_000_000,
        reports_cache=False,
    ),
    Model(name="grok-4", cost=72, quality=80, reasoning=True, window=256_000),
    Model(name="grok-4.6", cost=59, quality=85, reasoning=True, window=1_000_000),
    Model(
        name="grok-4-1-fast-reasoning",
        cost=14,
        quality=62,
        reasoning=True,
        reasoning_outside=True,
        window=2_000_000,
        reports_cache=False,
    ),
    Model(name="FW-GLM-5.3", cost=48, quality=73),
    Model(name="FW-GLM-5.3-Flash", cost=18, quality=56),
    Model(name="FW-Kimi-K3", cost=66, quality=78, window=256_000),
    _claude("claude-fable-5-1", 98, 99),
    _claude("claude-opus-5", 84, 97),
    _claude("claude-opus-4-8", 83, 94),
    _claude("claude-opus-4-7", 83, 91),
    _claude("claude-opus-4-6", 83, 90),
    _claude("claude-sonnet-5", 52, 87),
    _claude("claude-sonnet-4-5", 65, 81, "20250929"),
    _claude("claude-haiku-4-5", 44, 67, "20251001"),
)
"""The pool of the router version 2025-11-18, as of autumn 2026."""

EMBEDDINGS: dict[str, int] = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
"""Embedding models and the length of their vectors."""

_BY_NAME = {model.name.lower(): model for model in POOL} | {
    model.served.lower(): model for model in POOL
}


def find(name: str) -> Model | None:
    """The pool's model of that name, dated or undated, in any case."""
    return _BY_NAME.get(name.lower())


def find_or_invent(name: str) -> Model:
    """The pool's model, or one outside every catalogue that is served under the name as given."""
    return find(name) or Model(name=name, cost=50, quality=60, vision=True, window=1_000_000)
