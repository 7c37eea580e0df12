"""Every test of the edge twice: with bytes written at once, and with those of a turn together."""

import pytest

from faregate.core import outbox


@pytest.fixture(params=[outbox.FEW, -1], ids=["at once", "together"], autouse=True)
def _written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """-1: even the bytes of a single call wait for the end of the turn."""
    monkeypatch.setattr(outbox, "FEW", request.param)
