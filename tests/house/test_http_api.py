"""docs/reference/http-api.md has every route, header and error code of the gateway."""

import re

from faregate import app
from tests.house.samples import ROOT

PAGE = (ROOT / "docs" / "reference" / "http-api.md").read_text("utf-8")
GATEWAY = ROOT / "src" / "faregate" / "gateway"


def sources() -> str:
    """The gateway's code, the server's in front of it, and the application's."""
    package = GATEWAY.parent
    paths = [*sorted(GATEWAY.glob("*.py")), *sorted(package.glob("edge/*.py")), package / "app.py"]
    return "\n".join(path.read_text("utf-8") for path in paths)


def test_routes_are_documented() -> None:
    routes = {*app.OPERATIONS, *app.READABLE}
    routes |= {f"{prefix}{{model}}/{app.CHAT}" for prefix in app.DEPLOYMENTS}
    routes |= {f"{prefix}{{id}}" for prefix in app.MODELS}
    assert {
        route for route in routes if f"`{route}`" not in PAGE and f" {route}`" not in PAGE
    } == set()


def test_headers_are_documented() -> None:
    found = set(re.findall(r'b"(x-(?:faregate|litellm|request|ms)[a-z-]*[a-z])"', sources()))
    assert len(found) > 12
    assert {name for name in found if f"`{name}`" not in PAGE} == set()


def test_codes_are_documented() -> None:
    found = set(re.findall(r'\bcode="([a-z_]+)"', sources()))
    found |= set(re.findall(r'(?:Refusal\(\s*\d+|bad_request\(), "([a-z_]+)"', sources()))
    found |= set(re.findall(r'bad_request\("([a-z_]+)"', sources()))
    found |= {"connect_failed", "connection_lost"}
    assert len(found) > 30
    assert {code for code in found if f"`{code}`" not in PAGE} == set()
