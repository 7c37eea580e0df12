"""Who a validated ID token is about, and what its claims let them do. Pure."""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from msgspec import Struct

from faregate.config.sign_on import Oidc
from faregate.errors import PermissionDeniedError

PERSON = "person:"
"""What the id of somebody who signed in without a key begins with."""

_ADDRESS = re.compile(
    r"[!#-'*+\-./0-9=?A-Z^-~]{1,64}@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63})\Z"
)
_LONGEST_NAME = 100


class Person(Struct, frozen=True):
    """Somebody who signed in without a key."""

    id: str
    """``person:`` and the e-mail address, in small letters. An address the provider has not
    verified could be anybody's, so a mark of the account itself follows it then."""
    name: str
    role: Literal["viewer", "admin"]


def person_of(claims: Mapping[str, Any], oidc: Oidc) -> Person:
    """The person, with their role. ``claims`` are those of a validated token.

    Raises :class:`PermissionDeniedError` for one who may not enter; it names the claim that decided
    and no value of it.
    """
    address, verified = _address(claims)
    _check_domain(address if verified else "", oidc)
    given = _values(claims, oidc.role_claim, address if verified else "")
    if given & _folded(oidc.admin_values, oidc.role_claim):
        role: Literal["none", "viewer", "admin"] = "admin"
    elif given & _folded(oidc.viewer_values, oidc.role_claim):
        role = "viewer"
    else:
        role = oidc.default_role
    if role == "none":
        raise _refused(_missing(claims, given, oidc), oidc.role_claim, oidc)
    mark = sha256(f"{claims['iss']}\n{claims['sub']}".encode()).hexdigest()[:16]
    known = address.lower() if verified else f"{address.lower()}~{mark}"
    return Person(f"{PERSON}{known}", _name(claims) or address or mark, role)


def _address(claims: Mapping[str, Any]) -> tuple[str, bool]:
    """The person's e-mail address (or what looks like one), and whether the provider vouches for
    it; an empty text where there is none that is fit to be shown."""
    email = claims.get("email")
    if isinstance(email, str) and _ADDRESS.match(email):
        # Entra ID says it by xms_edov; some providers write the boolean as text.
        said = (claims.get("email_verified"), claims.get("xms_edov"))
        return email, any(each is True or each in ("true", "1") for each in said)
    name = claims.get("preferred_username")
    return (name if isinstance(name, str) and _ADDRESS.match(name) else ""), False


def _check_domain(address: str, oidc: Oidc) -> None:
    if not oidc.allowed_domains:
        return
    if not address:
        raise _refused(
            "The provider vouches for no e-mail address of your account: the claim “email” is"
            " missing, or “email_verified” with it is not true.",
            "email",
            oidc,
        )
    if address.rpartition("@")[2].lower() not in oidc.allowed_domains:
        raise _refused("Addresses of your e-mail's domain may not enter here.", "email", oidc)


def _values(claims: Mapping[str, Any], name: str, verified: str) -> set[str]:
    """The texts of a claim, by its whole name or by a way into objects."""
    if name == "email":  # an address nobody vouches for gives no role
        return {verified.lower()} if verified else set()
    found: Any = _find(claims, name)
    listed = found if isinstance(found, list) else [found]
    return {each for each in listed if isinstance(each, str) and each}


def _find(claims: Mapping[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _folded(values: tuple[str, ...], claim: str) -> set[str]:
    return {each.lower() for each in values} if claim == "email" else set(values)


def _missing(claims: Mapping[str, Any], given: set[str], oidc: Oidc) -> str:
    """Why no role came of a claim."""
    claim = oidc.role_claim
    elsewhere = claims.get("_claim_names")
    if (isinstance(elsewhere, dict) and claim in elsewhere) or claims.get("hasgroups"):
        return (
            f"Your account is in too many groups for the provider to list them in the claim"
            f" “{claim}”. Application roles (role_claim: roles) do not have this limit."
        )
    if claim == "email" and not given:
        return "The provider vouches for no e-mail address of your account (“email_verified”)."
    if not given:
        return f"The provider sent no claim “{claim}” for your account, and roles are given by it."
    return f"Nothing in the claim “{claim}” of your account lets you in."


def _refused(why: str, claim: str, oidc: Oidc) -> PermissionDeniedError:
    message = (
        f"You are signed in at the provider, but may not enter here. {why} Ask {oidc.contact}."
    )
    return PermissionDeniedError(message, code="sso_not_allowed", param=claim)


def _name(claims: Mapping[str, Any]) -> str:
    name = claims.get("name")
    return name.strip()[:_LONGEST_NAME] if isinstance(name, str) and name.isprintable() else ""
