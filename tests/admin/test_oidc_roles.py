"""What the claims of a person make of them."""

from typing import Any

import pytest

from faregate.admin.oidc_roles import person_of
from faregate.config.sign_on import Oidc
from faregate.core.directory import MASTER_HOLDER, Holder
from faregate.errors import PermissionDeniedError

RULES: dict[str, Any] = {"admin_values": ("admins",), "viewer_values": ("staff",)}
ADA = {
    "iss": "https://login.example",
    "sub": "00u-ada",
    "email": "Ada@Example.com",
    "email_verified": True,
    "name": "Ada Lovelace",
}


def person(claims: dict[str, Any], **rules: Any) -> tuple[str, str]:
    found = person_of({**ADA, **claims}, Oidc(**{**RULES, **rules}))
    return found.id, found.role


def refusal(claims: dict[str, Any], **rules: Any) -> PermissionDeniedError:
    with pytest.raises(PermissionDeniedError) as refused:
        person({**claims}, **rules)
    assert refused.value.code == "sso_not_allowed"
    return refused.value


@pytest.mark.parametrize(
    ("claims", "rules", "role"),
    [
        ({"groups": ["staff"]}, {}, "viewer"),
        ({"groups": ["admins"]}, {}, "admin"),
        ({"groups": ["staff", "admins", "others"]}, {}, "admin"),
        ({"groups": "staff"}, {}, "viewer"),
        ({"groups": ["others"]}, {"default_role": "viewer"}, "viewer"),
        ({}, {"default_role": "viewer"}, "viewer"),
        ({"groups": ["admins"]}, {"default_role": "viewer"}, "admin"),
        ({"roles": ["admins"]}, {"role_claim": "roles"}, "admin"),
        ({"realm": {"roles": ["x", "staff"]}}, {"role_claim": "realm.roles"}, "viewer"),
        ({"https://a.example/r": ["staff"]}, {"role_claim": "https://a.example/r"}, "viewer"),
        ({}, {"role_claim": "email", "admin_values": ("ADA@example.com",)}, "admin"),
        ({"hd": "example.com"}, {"role_claim": "hd", "viewer_values": ("example.com",)}, "viewer"),
    ],
)  # fmt: skip
def test_a_claim_gives_a_role(claims: dict[str, Any], rules: dict[str, Any], role: str) -> None:
    assert person(claims, **rules) == ("person:ada@example.com", role)


@pytest.mark.parametrize(
    "groups",
    [[], ["Staff"], ["staf"], "staff admins", ["staff,admins"], [["staff"]], [{"a": "staff"}],
     {"staff": True}, 7, True, None, ["", 0, None], [True]],
)  # fmt: skip
def test_what_does_not_match_gives_none(groups: Any) -> None:
    error = refusal({"groups": groups})
    assert error.param == "groups"
    assert "“groups”" in error.message


def test_a_missing_claim_is_told_from_one_that_does_not_fit() -> None:
    assert "sent no claim “groups”" in refusal({}).message
    assert "Nothing in the claim “groups”" in refusal({"groups": ["sales"]}).message
    assert refusal({}, contact="it@example.com").message.endswith("Ask it@example.com.")


@pytest.mark.parametrize("more", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_too_many_groups_are_said_to_be(more: dict[str, Any]) -> None:
    message = refusal(more).message
    assert "too many groups" in message
    assert "role_claim: roles" in message


def test_addresses_of_other_domains_are_kept_out() -> None:
    kept = {"allowed_domains": ("example.com",), "default_role": "viewer"}
    assert person({}, **kept) == ("person:ada@example.com", "viewer")
    for email in ("ada@evil.com", "ada@sub.example.com", "ada@example.com.evil.com",
                  "ada@evil-example.com", "example.com", "a@example.com@evil.com",
                  "ada@evil.com\n@example.com", "ada @example.com", 7, None):  # fmt: skip
        assert refusal({"email": email}, **kept).param == "email"
    assert "domain" in refusal({"email": "ada@evil.com", "groups": ["admins"]}, **kept).message


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email_verified": 1},
        {"email": None, "preferred_username": "ada@example.com"},
    ],
)
def test_an_address_nobody_vouches_for_opens_nothing_and_is_marked(claims: dict[str, Any]) -> None:
    kept = {"allowed_domains": ("example.com",), "default_role": "viewer"}
    assert "“email”" in refusal(claims, **kept).message
    by_address = refusal(claims, role_claim="email", viewer_values=("ada@example.com",))
    assert by_address.param == "email"
    mine, _ = person({**claims, "groups": ["staff"]})
    other, _ = person({**claims, "groups": ["staff"], "sub": "00u-eve"})
    assert mine.startswith("person:ada@example.com~")
    assert other.startswith("person:ada@example.com~")
    assert mine != other


@pytest.mark.parametrize(
    "vouched", [{"email_verified": "true"}, {"xms_edov": True}, {"xms_edov": "1"}]
)
def test_other_ways_to_vouch_for_an_address(vouched: dict[str, Any]) -> None:
    claims = {"email_verified": None, "groups": ["staff"], **vouched}
    assert person(claims)[0] == "person:ada@example.com"


def test_a_person_without_any_address_has_an_id_all_the_same() -> None:
    claims = {"email": None, "name": "Ada\x1b[31m", "groups": ["staff"]}
    found = person_of({**ADA, **claims}, Oidc(**RULES))
    assert found.id.startswith("person:~")
    assert "\x1b" not in found.name
    assert found.name


def test_who_reads_only_makes_no_calls() -> None:
    viewer = Holder(id="person:ada@example.com", role="viewer", name="Ada")
    refused = viewer.refusal("any-model")
    assert refused is not None
    assert refused.why == "model_not_allowed"
    assert "with a key" in refused.message
    assert Holder(id="person:ada@example.com", role="admin").refusal("any-model") is None
    assert MASTER_HOLDER.refusal("any-model") is None
    assert (viewer.title, MASTER_HOLDER.title) == ("Ada", "master key")
