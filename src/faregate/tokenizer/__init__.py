"""Token counts without a network: OpenAI's two current vocabularies, shipped in the package.

Importing this costs nothing; the first count loads a vocabulary (about 0.3 s) and keeps it.
Counts are for estimates, for answers that lack their usage, and for the emulator. They are exact
for OpenAI's models (:func:`is_exact`) and an approximation for every other vendor's.
"""

from faregate.tokenizer.encodings import count_text, encoding_for, is_exact, tokens_of
from faregate.tokenizer.messages import count_messages

__all__ = ["count_messages", "count_text", "encoding_for", "is_exact", "tokens_of"]
