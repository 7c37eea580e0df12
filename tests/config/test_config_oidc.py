"""``general_settings.oidc``: what is read, and what would let in the wrong people or nobody."""

import json
from typing import Any

import pytest

from faregate.config.sign_on import Oidc, rules_of
from tests.config.written import ONE, loaded, said

GOOD = {
    "issuer": "https://login.example/tenant",
    "client_id": "app",
    "client_secret": "os.environ/OIDC_SECRET",
    "admin_values": ["admins"],
}
ENVIRON = {"OIDC_SECRET": "very-secret"}


def text(**changed: Any) -> str:
    """A configuration; None leaves a key out."""
    oidc = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    return f"{ONE}general_settings: {{oidc: {json.dumps(oidc)}}}\n"


def oidc(**changed: Any) -> Oidc:
    found = loaded(text(**changed), ENVIRON).general.oidc
    assert found is not None
    return found


def warned(**changed: Any) -> str:
    return " ".join(str(each) for each in loaded(text(**changed), ENVIRON).warnings)


def test_it_is_off_unless_it_is_stated() -> None:
    assert loaded(ONE).general.oidc is None
    assert loaded(f"{ONE}general_settings: {{oidc: {{}}}}\n").general.oidc is None
    assert rules_of(None) == ""


def test_what_is_stated_is_read() -> None:
    found = oidc(
        scopes="openid email groups",
        allowed_domains=["@Example.COM"],
        allowed_hosts=["Gate.example:8443"],
        default_role="viewer",
        redirect_url="https://gate.example/llm/api/session/oidc/callback",
    )
    assert found.client_secret.reveal() == "very-secret"
    assert "very-secret" not in repr(found) + rules_of(found)
    assert found.scopes == ("openid", "email", "groups")
    assert found.allowed_domains == ("example.com",)
    assert found.allowed_hosts == ("gate.example:8443",)
    assert oidc(scopes=["email"]).scopes == ("openid", "email")
    assert (oidc().role_claim, oidc().default_role) == ("groups", "none")
    assert warned() == ""


@pytest.mark.parametrize("missing", ["issuer", "client_id", "client_secret"])
def test_what_must_be_stated(missing: str) -> None:
    (problem,) = said(text(**{missing: None}), ENVIRON)
    assert problem.endswith(f"general_settings.oidc.{missing}: is missing")
    assert problem[0].isdigit()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"issuer": "http://login.example"}, "oidc.issuer: must be the provider's https://"),
        ({"issuer": "login.example"}, "oidc.issuer: must be"),
        ({"issuer": "https://login.example/?a=b"}, "oidc.issuer: must be"),
        ({"issuer": "https://user:pass@login.example/"}, "oidc.issuer: must be"),
        ({"issuer": "https://login.example/ x"}, "oidc.issuer: must be"),
        ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "one tenant"),
        ({"issuer": "https://login.microsoftonline.com/organizations/v2.0"}, "one tenant"),
        ({"redirect_url": "https://gate.example/"}, "/api/session/oidc/callback"),
        ({"redirect_url": "http://gate.example/api/session/oidc/callback"}, "oidc.redirect_url"),
        ({"redirect_url": "https://g.example/api/session/oidc/callback?x=1"}, "oidc.redirect_url"),
        ({"redirect_url": "https://g.example/api/session/oidc/callback#x"}, "oidc.redirect_url"),
        ({"client_secret": ""}, "oidc.client_secret: is empty"),
        ({"admin_values": None}, "nobody could enter"),
        ({"admin_values": []}, "nobody could enter"),
        ({"admin_values": ["admins", ""]}, "an empty text"),
        ({"viewer_values": [" "]}, "an empty text"),
        ({"default_role": "owner"}, "one of none, viewer, admin"),
        ({"allowed_domains": ["*.example.com"]}, "is no domain"),
        ({"allowed_domains": ["com"]}, "is no domain"),
        ({"allowed_hosts": ["https://gate.example"]}, "is no host"),
        ({"allowed_hosts": ["*"]}, "is no host"),
        ({"admin_value": ["x"]}, "did you mean 'admin_values'"),
    ],
)
def test_what_cannot_be_right_is_refused(changed: dict[str, Any], message: str) -> None:
    found = said(text(**changed), ENVIRON)
    assert any(message in each for each in found), found
    assert not any("very-secret" in each for each in found)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://accounts.google.com",
        "https://gitlab.com",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    ],
)
def test_a_role_for_everybody_is_refused_where_everybody_has_an_account(issuer: str) -> None:
    (problem,) = said(text(issuer=issuer, default_role="viewer"), ENVIRON)
    assert "gives everybody an account" in problem
    assert warned(issuer=issuer) == ""
    kept = oidc(issuer=issuer, default_role="viewer", allowed_domains=["example.com"])
    assert kept.default_role == "viewer"


def test_a_role_for_everybody_is_warned_of() -> None:
    assert "everybody who has an account at the provider becomes admin" in warned(
        default_role="admin"
    )
    assert warned(default_role="viewer", allowed_domains=["example.com"]) == ""
    assert "'admins' is in admin_values as well" in warned(viewer_values=["admins"])


def test_this_machine_needs_no_tls() -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:1", "login.localhost"):
        assert oidc(issuer=f"http://{host}/realm").issuer == f"http://{host}/realm"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://other.example"},
        {"client_id": "other"},
        {"role_claim": "roles"},
        {"admin_values": ["others"]},
        {"viewer_values": ["staff"]},
        {"default_role": "viewer"},
        {"allowed_domains": ["example.com"]},
    ],
)
def test_rules_are_whatever_decides_who_enters(changed: dict[str, Any]) -> None:
    assert rules_of(oidc(**changed)) != rules_of(oidc())
    for other in ({"label": "x"}, {"contact": "x"}, {"client_secret": "rotated"}):
        assert rules_of(oidc(**other)) == rules_of(oidc())
