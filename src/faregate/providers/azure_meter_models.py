"""Azure's billing meters do not name models; this table says which model a meter means.

Kept by hand on purpose. Meter names follow no grammar one could trust (``54 mini``, ``trb16k``,
``K2.5 cached`` for ``Kimi-K2.5``), so a meter of a model that is not listed here is reported as
unknown rather than guessed.

The key is (family of the meter's product, the meter's words once the words for unit, scope, tier,
context and modality are taken out). The value is the model's name, in lower case.
"""

from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    "azure openai": "openai",
    "azure openai embedding": "openai",
    "azure openai free meter": "openai",
    "azure openai gpt5": "openai",
    "azure openai gpt6": "openai",
    "azure openai media": "openai",
    "azure openai oss models": "openai",
    "azure openai pp ft gpt4s": "openai",
    "azure openai reasoning": "openai",
    "azure deepseek models": "deepseek",
    "azure fireworks models": "fireworks",
    "azure grok models": "xai",
    "azure kimi": "kimi",
    "azure llama models": "meta",
    "azure mistral models": "mistral",
    "cohere models": "cohere",
}
"""Product names of the Retail Prices API, in lower case, to a family of meter names."""

_OPENAI: dict[str, str] = {
    # GPT-6 and GPT-5; a leading "gpt" is dropped before the look-up.
    "6 astra": "gpt-6-astra",
    "6 sol": "gpt-6-sol",
    "6 luna": "gpt-6-luna",
    "6.1 sol": "gpt-6.1-sol",
    "6.1 terra": "gpt-6.1-terra",
    "5.6 sol": "gpt-5.6-sol",
    "5.6 terra": "gpt-5.6-terra",
    "5.6 luna": "gpt-5.6-luna",
    "5.5": "gpt-5.5",
    "5.4": "gpt-5.4",
    "5.4 mini": "gpt-5.4-mini",
    "5.4 nano": "gpt-5.4-nano",
    "5.4 pro": "gpt-5.4-pro",
    "5.3 chat": "gpt-5.3-chat",
    "5.3 codex": "gpt-5.3-codex",
    "5.2": "gpt-5.2",
    "5.2 chat": "gpt-5.2-chat-2025-12-11",
    "5.2 chat 0210": "gpt-5.2-chat",
    "5.2 codex": "gpt-5.2-codex",
    "5.2 pro": "gpt-5.2-pro",
    "5.1": "gpt-5.1",
    "5.1 chat": "gpt-5.1-chat",
    "5.1 codex": "gpt-5.1-codex",
    "5.1 codex max": "gpt-5.1-codex-max",
    "5.1 codex mini": "gpt-5.1-codex-mini",
    "5": "gpt-5",
    "5 chat": "gpt-5-chat",
    "5 codex": "gpt-5-codex",
    "5 mini": "gpt-5-mini",
    "5 nano": "gpt-5-nano",
    "5 pro": "gpt-5-pro",
    "chat latest 05052026": "gpt-chat-latest-2026-05-05",
    "chat latest 05282026": "gpt-chat-latest-2026-05-28",
    # GPT-4
    "4.5 0227": "gpt-4.5-preview",
    "4.1": "gpt-4.1",
    "4.1 mini": "gpt-4.1-mini",
    "4.1 nano": "gpt-4.1-nano",
    "4o 0513": "gpt-4o-2024-05-13",
    "4o 0806": "gpt-4o-2024-08-06",
    "4o 1120": "gpt-4o-2024-11-20",
    "4o mini 0718": "gpt-4o-mini",
    "4 turbo 128k": "gpt-4-turbo",
    "4 turbo vision 128k": "gpt-4-turbo-vision",
    "4 8k": "gpt-4",
    "4 32k": "gpt-4-32k",
    # GPT-3.5
    "3.5 turbo 4k": "gpt-35-turbo",
    "3.5 turbo 16k": "gpt-35-turbo-16k",
    "3.5 turbo 16k 1106": "gpt-35-turbo-1106",
    "3.5 turbo 16k 0125": "gpt-35-turbo-0125",
    "3.5 trb 16k": "gpt-35-turbo-1106",
    "3.5 trb 16k 0125": "gpt-35-turbo-0125",
    "3.5 turbo instruct": "gpt-35-turbo-instruct",
    # Reasoning, open weights and the rest
    "o1": "o1",
    "o1 1217": "o1",
    "o1 mini": "o1-mini",
    "o1 preview": "o1-preview",
    "o1 pro": "o1-pro",
    "o3 0416": "o3",
    "o3 mini 0131": "o3-mini",
    "o3 pro": "o3-pro",
    "o3 deep research 0626": "o3-deep-research",
    "o4 mini 0416": "o4-mini",
    "codex mini": "codex-mini",
    "computer use": "computer-use-preview",
    "oss 120b": "gpt-oss-120b",
    "oss 20b": "gpt-oss-20b",
    # Embeddings
    "embedding ada": "text-embedding-ada-002",
    "text embedding 3 large": "text-embedding-3-large",
    "text embedding 3 small": "text-embedding-3-small",
    # Speech, images
    "4o realtime preview": "gpt-4o-realtime-preview-2024-10-01",
    "4o realtime": "gpt-4o-realtime-preview-2024-10-01",
    "4o rt 1217": "gpt-4o-realtime-preview-2024-12-17",
    "4o rt 0603": "gpt-4o-realtime-preview-2025-06-03",
    "4o mini rt 1217": "gpt-4o-mini-realtime-preview",
    "4o aud 1217": "gpt-4o-audio-preview-2024-12-17",
    "4o aud 0603": "gpt-4o-audio-preview-2025-06-03",
    "4o mini aud 1217": "gpt-4o-mini-audio-preview",
    "4o transcribe": "gpt-4o-transcribe",
    "4o tcrb d": "gpt-4o-transcribe-diarize",
    "4o mini transcribe": "gpt-4o-mini-transcribe-2025-03-20",
    "4o mini trscb 1215": "gpt-4o-mini-transcribe-2025-12-15",
    "4o mini tts": "gpt-4o-mini-tts-2025-03-20",
    "4o mini tts 1215": "gpt-4o-mini-tts-2025-12-15",
    "aud 0828": "gpt-audio",
    "aud 1.5": "gpt-audio-1.5",
    "aud mini": "gpt-audio-mini-2025-10-06",
    "aud mini 1215": "gpt-audio-mini-2025-12-15",
    "rt 0828": "gpt-realtime",
    "rt 1.5": "gpt-realtime-1.5",
    "rt mini": "gpt-realtime-mini-2025-10-06",
    "rt mini 1215": "gpt-realtime-mini-2025-12-15",
    "realtime 2": "gpt-realtime-2",
    "realtime 2.1": "gpt-realtime-2.1",
    "realtime 2.1 mini": "gpt-realtime-2.1-mini",
    "image 1": "gpt-image-1",
    "image 1 mini": "gpt-image-1-mini",
    "image 1.5": "gpt-image-1.5",
    "image 2": "gpt-image-2",
}

_OTHERS: dict[tuple[str, str], str] = {
    ("deepseek", "mai ds r1"): "mai-ds-r1",
    ("deepseek", "r1"): "deepseek-r1",
    ("deepseek", "v3"): "deepseek-v3",
    ("deepseek", "v3 0324"): "deepseek-v3-0324",
    ("deepseek", "v3.1"): "deepseek-v3.1",
    ("deepseek", "v3.2"): "deepseek-v3.2",
    ("deepseek", "v3.2 sp"): "deepseek-v3.2-speciale",
    ("deepseek", "v4 flash"): "deepseek-v4-flash",
    ("deepseek", "v4 pro"): "deepseek-v4-pro",
    ("fireworks", "fw deepseek v3.2"): "fw-deepseek-v3.2",
    ("fireworks", "fw deepseek v4 pro"): "fw-deepseek-v4-pro",
    ("fireworks", "fw glm 5"): "fw-glm-5",
    ("fireworks", "fw glm 5.1"): "fw-glm-5.1",
    ("fireworks", "fw glm 5.2"): "fw-glm-5.2",
    ("fireworks", "fw glm 5.3"): "fw-glm-5.3",
    ("fireworks", "fw glm 5.3 flash"): "fw-glm-5.3-flash",
    ("fireworks", "fw gpt oss 120b"): "fw-gpt-oss-120b",
    ("fireworks", "fw kimi k2.5"): "fw-kimi-k2.5",
    ("fireworks", "fw kimi k2.6"): "fw-kimi-k2.6",
    ("fireworks", "fw kimi k2.7 code"): "fw-kimi-k2.7-code",
    ("fireworks", "fw kimi k3"): "fw-kimi-k3",
    ("fireworks", "fw minimax 3"): "fw-minimax-3",
    ("fireworks", "fw minimax m2.5"): "fw-minimax-m2.5",
    ("xai", "grok 3"): "grok-3",
    ("xai", "grok 3 mini"): "grok-3-mini",
    ("xai", "grok 4"): "grok-4",
    ("xai", "grok 4 fast"): "grok-4-fast-reasoning",
    ("xai", "grok 4.1"): "grok-4-1-fast-reasoning",
    ("xai", "grok 4.2"): "grok-4.2",
    ("xai", "4.3"): "grok-4.3",
    ("xai", "4.6"): "grok-4.6",
    ("xai", "grok 4.6"): "grok-4.6",
    ("xai", "code fast 1"): "grok-code-fast-1",
    ("kimi", "k2 thinking"): "kimi-k2-thinking",
    ("kimi", "k2.5 thinking"): "kimi-k2.5",
    ("kimi", "k2.5"): "kimi-k2.5",
    ("kimi", "k2.6 thinking"): "kimi-k2.6",
    ("kimi", "k2.6"): "kimi-k2.6",
    ("kimi", "k2.7 code"): "kimi-k2.7-code",
    ("meta", "llama 3.3 70b"): "llama-3.3-70b-instruct",
    ("meta", "llama 4 maverick 17b"): "llama-4-maverick-17b-128e-instruct-fp8",
    ("mistral", "codestral"): "codestral-2501",
    ("mistral", "large 3"): "mistral-large-3",
    ("mistral", "mm3.5"): "mistral-medium-3.5",
    ("cohere", "command a"): "cohere-command-a",
    ("cohere", "command a plus"): "cohere-command-a-plus",
    ("cohere", "embed v4"): "embed-v-4-0",
}

MODELS: Mapping[tuple[str, str], str] = {
    **{("openai", words): model for words, model in _OPENAI.items()},
    **_OTHERS,
}
"""(family, words left over) to the model."""

SPEAKS_AUDIO = frozenset(
    {"4o aud 1217", "4o aud 0603", "4o mini aud 1217", "aud 0828", "aud 1.5", "aud mini"}
    | {"aud mini 1215"}
)
"""Residues in which ``aud`` is part of the name: without a word for text, the meter is audio."""

INPUT_ONLY = frozenset({"embedding ada", "text embedding 3 large", "text embedding 3 small"}) | {
    "embed v4"
}
"""Embeddings: their meters say no direction, there being only one."""

UNCLEAR: Mapping[tuple[str, str], str] = {
    ("openai", "latest 05052026"): "names no model that is sold under this name",
    ("openai", "az babbage 002"): "one meter for prompt and completion of a retired model",
    ("openai", "az davinci 002"): "one meter for prompt and completion of a retired model",
    ("openai", "babbage 002 base"): "one meter for prompt and completion of a retired model",
    ("openai", "davinci 002 base"): "one meter for prompt and completion of a retired model",
    ("openai", "az 3.5 turbo"): "one meter for prompt and completion of a retired model",
    ("openai", "az embeddings ada"): "superseded by the meters that name a scope",
    ("openai", "az 3.5 turbo 16k 1106"): "superseded by the meters that name a scope",
    ("openai", "az 4 turbo 128k"): "superseded by the meters that name a scope",
    ("openai", "az 4 turbo vision 128k"): "superseded by the meters that name a scope",
}
"""Token meters that cannot be turned into a price of one unit of one model, and why."""
