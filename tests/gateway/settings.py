"""A configuration in one line, for tests of the data path."""

from pathlib import Path
from typing import Any

import msgspec

from faregate.config.loading import load
from faregate.config.settings import Settings
from faregate.gateway.snapshot import Snapshot
from faregate.prices.load import load_book

KEY = "sk-test-master-key-0123456789"


def settings(*entries: dict[str, Any], **sections: Any) -> Settings:
    """Settings of a configuration with these ``model_list`` entries."""
    listed = [
        {
            "model_name": entry.pop("model_name", "router"),
            "params": {
                "model": "azure_ai/model_router/my-router",
                "api_base": "http://127.0.0.1:1/v1",
                "api_key": "upstream-key",
                **entry,
            },
        }
        for entry in (entries or ({},))
    ]
    general = {"master_key": KEY, **sections.pop("general_settings", {})}
    found = {"model_list": listed, "general_settings": general, **sections}
    text = msgspec.json.encode(found).decode()  # JSON is YAML
    return load(Path("config.yaml"), {}, lambda _: text)


def snapshot(*entries: dict[str, Any], **sections: Any) -> Snapshot:
    """The same, made ready."""
    return Snapshot(settings(*entries, **sections), load_book(), KEY)
