"""docs/reference/admin-api.md has every route, permission and error code of the admin API."""

import re

from faregate.admin.app import routed
from faregate.admin.litellm_fields import REFUSED
from faregate.admin.narrowing import CallFilter
from faregate.admin.table import GuardedRoute, permission_of
from tests.house.samples import ROOT

PAGE = (ROOT / "docs" / "reference" / "admin-api.md").read_text("utf-8")
ADMIN = ROOT / "src" / "faregate" / "admin"


def test_routes_are_documented_with_what_they_need() -> None:
    rows = set(re.findall(r"^\| ([A-Z]+) `([^`]+)` \| (\w+) \|", PAGE, re.MULTILINE))
    routes = {
        (method, route.path.replace(":path", ""), permission_of(route))
        for route in routed().router.routes
        if isinstance(route, GuardedRoute)
        for method in route.methods or ()
    }
    assert len(routes) > 75
    assert rows == routes


def test_codes_are_documented() -> None:
    own = [path for path in ADMIN.glob("*.py") if path.name not in ("ui.py", "session.py")]
    text = "\n".join(path.read_text("utf-8") for path in own)
    found = set(re.findall(r'\bcode="([a-z_]+)"', text))
    found |= set(re.findall(r'answer\(\s*\d+,.*?"([a-z]+_[a-z_]+|conflict)"', text))
    assert {"conflict", "version_conflict", "ledger_unavailable", "invalid_cursor"} <= found
    assert {code for code in found if f"`{code}`" not in PAGE} == set()


def test_filters_of_the_log_are_documented() -> None:
    assert {name for name in CallFilter.model_fields if f"`{name}`" not in PAGE} == set()


def test_what_is_refused_of_litellms_is_said() -> None:
    assert {"model_max_budget", "allowed_routes"} <= set(REFUSED)
    assert "and their like" in PAGE
