"""For code that says ``import litellm`` and cannot be changed."""

import sys
from types import ModuleType


def install_as_litellm() -> None:
    """Make ``import litellm`` mean Faregate in this process.

    Also ``litellm.exceptions``, ``litellm.utils`` and ``litellm.types.utils``, with the names of
    theirs that Faregate has. Raises :class:`RuntimeError` when LiteLLM itself is already imported.
    """
    import faregate
    from faregate import exceptions
    from faregate.client import cost, objects

    present = sys.modules.get("litellm")
    if present is faregate:
        return
    if present is not None:
        raise RuntimeError(
            "litellm is imported already; call faregate.install_as_litellm() before that"
        )
    types = ModuleType("litellm.types")
    utils = ModuleType("litellm.types.utils")
    for name in (
        "ModelResponse", "ModelResponseStream", "EmbeddingResponse", "Message", "Delta", "Function",
        "PromptTokensDetails", "CompletionTokensDetails",
    ):  # fmt: skip
        setattr(utils, name, getattr(objects, name))
    utils.__dict__.update(
        Choices=objects.Choice,
        StreamingChoices=objects.ChunkChoice,
        Usage=objects.TokenUsage,
        ChatCompletionMessageToolCall=objects.ToolCall,
    )
    common = ModuleType("litellm.utils")
    common.__dict__.update(utils.__dict__)
    common.__dict__.update(token_counter=cost.token_counter, get_llm_provider=cost.get_llm_provider)
    types.__dict__["utils"] = utils
    sys.modules.update(
        {
            "litellm": faregate,
            "litellm.exceptions": exceptions,
            "litellm.utils": common,
            "litellm.types": types,
            "litellm.types.utils": utils,
        }
    )
