"""What is computed without a network: a price looked up, a receipt, a receipt as text."""

import time

from bench.timing import Cost, Effort, timed
from faregate.core import receipt
from faregate.core.receipt_text import as_text
from faregate.prices.load import load_book
from faregate.types import Deployment, Receipt, Usage

_SERVED = "gpt-4.1-nano-2025-04-14"


def measure(effort: Effort) -> dict[str, Cost]:
    """Each figure by name: ``lookup``, ``receipt``, ``text``."""
    book = load_book()
    at = time.time()
    deployment = Deployment(
        id="bench",
        provider="azure_ai",
        route="model_router",
        upstream_model="bench",
        api_base="http://127.0.0.1",
    )
    outcome = receipt.Outcome(
        requested_model="azure_ai/model_router/bench",
        served_model=_SERVED,
        usage=Usage(input=100, cache_read=20, output=100),
        at=at,
    )

    def compute() -> Receipt:
        return receipt.total("bench", (receipt.charge(book, "azure", deployment, outcome),))

    shown = compute()
    assert shown.status == "priced"
    return {
        "lookup": timed(lambda: book.lookup("azure", _SERVED, at=at), effort),
        "receipt": timed(compute, effort),
        "text": timed(lambda: as_text(shown), effort),
    }
