"""The tables of docs/reference/config.md and the schema beside it, from the tables of keys.

``python -m tests.config.reference`` writes both anew; what stands between the tables is kept.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from faregate.config import foreign, keys, server_keys, settings
from faregate.config.keys import Key, Keys
from faregate.config.schema import defaults, schema
from faregate.config.sign_on import Oidc

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGE = DOCS / "config.md"
SCHEMA = DOCS / "config.schema.json"

TABLES: Mapping[str, tuple[Keys, object]] = {
    "model_list": (keys.MODEL, None),
    "litellm_params": (keys.PARAMS, settings.ModelDeployment),
    "model_info": (keys.MODEL_INFO, None),
    "router_settings": (keys.ROUTER, settings.Routing),
    "litellm_settings": (keys.SETTINGS, None),
    "general_settings": (server_keys.GENERAL, settings.General),
    "limits": (server_keys.LIMITS, settings.EdgeLimits),
    "log": (server_keys.LOG, settings.Log),
    "metrics": (server_keys.METRICS, settings.Metrics),
    "oidc": (server_keys.OIDC, Oidc),
}
FOREIGN = {
    "top": foreign.TOP,
    "litellm_params": foreign.PARAMS,
    "litellm_settings": foreign.SETTINGS,
    "router_settings": foreign.ROUTER,
    "general_settings": foreign.GENERAL,
}

_MARK = re.compile(r"<!-- (keys|foreign): (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def page(text: str) -> str:
    """The document with its tables up to date."""
    return _MARK.sub(_table, text)


def schema_text() -> str:
    """The schema as it is written."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _table(match: re.Match[str]) -> str:
    kind, name = match[1], match[2]
    lines = _keys(*TABLES[name]) if kind == "keys" else _foreign(name)
    body = "\n".join(lines)
    return f"<!-- {kind}: {name} -->\n\n{body}\n\n<!-- end -->"


def _keys(table: Keys, kind: object) -> Iterator[str]:
    known = defaults(kind) if isinstance(kind, type) else {}
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, key in table.items():
        value = known.get(name)
        shown = "" if value in (None, "") else f"`{_plain(value)}`"
        yield f"| `{name}`{_signs(key)} | {key.kind.form} | {shown} | {_meaning(key)} |"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _signs(key: Key) -> str:
    return " ●" * key.ours + " ○" * (key.status == "later")


def _meaning(key: Key) -> str:
    return f"The same as `{key.same_as}`." if key.same_as else key.doc


def _foreign(name: str) -> Iterator[str]:
    yield "| keys | instead |\n|---|---|"
    by_advice: dict[str, list[str]] = {}
    for key, advice in FOREIGN[name].items():
        by_advice.setdefault(advice, []).append(f"`{key}`")
    for advice, found in by_advice.items():
        yield f"| {', '.join(found)} | {advice} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    SCHEMA.write_text(schema_text(), "utf-8")
