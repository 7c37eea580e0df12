"""Is an ID token genuine, ours and of now? By joserfc, which is imported with the first one."""

import base64
import hmac
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from msgspec import Struct

from faregate.errors import ConfigError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures that are accepted: with a key pair, of which the provider alone has the private half.
Never ``none``, and never HS, whose key could be something public."""

LEEWAY = 60
"""Seconds by which the clocks of the provider and this machine may differ."""

NOT_INSTALLED = "needs joserfc: pip install 'faregate[sso]'"

_KEY_TYPES = ("RSA", "EC")
_MEMBERS = ("kty", "kid", "use", "alg", "key_ops", "n", "e", "crv", "x", "y")
_SMALLEST_RSA = 2048
_MOST_KEYS = 100
_LONGEST_HEADER = 4096


def installed() -> bool:
    """Whether tokens can be validated."""
    return find_spec("joserfc") is not None


class BadTokenError(Exception):
    """A token that is not accepted. ``reason`` is a fixed text with nothing of the token in it."""

    def __init__(self, reason: str, *, unknown_key: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unknown_key = unknown_key
        """Whether newer keys of the provider could make it good."""


class Expected(Struct, frozen=True, kw_only=True):
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    now: int
    """Unix seconds."""
    algorithms: Collection[str] = ALGORITHMS


def validate(
    token: str, keys: Sequence[Mapping[str, Any]], expected: Expected
) -> Mapping[str, Any]:
    """The claims of an ID token. ``keys`` is the provider's key set.

    Raises :class:`BadTokenError`, and :class:`ConfigError` when joserfc is not installed.
    """
    try:
        from joserfc import jws, jwt
        from joserfc.errors import BadSignatureError, ClaimError, InvalidKeyIdError, JoseError
    except ImportError:
        raise ConfigError(f"general_settings.oidc {NOT_INSTALLED}") from None
    registry = jws.JWSRegistry(
        algorithms=[each for each in expected.algorithms if each in ALGORITHMS],
        strict_check_header=False,  # what a header says beyond the standard is to be ignored
    )
    registry.max_header_length = _LONGEST_HEADER
    if not registry.allowed:
        raise BadTokenError("the provider offers no signature that is accepted here")
    try:
        claims = jwt.decode(token, _key_set(keys), registry=registry).claims
        _registry(jwt, expected).validate(claims)
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise BadTokenError(_reason(error), unknown_key=True) from None
    except ClaimError as error:
        raise BadTokenError(_about(error)) from None
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadTokenError(_reason(error)) from None
    _check_nonce(claims, expected)
    _check_party(claims, expected)
    return claims


def _registry(jwt: Any, expected: Expected) -> Any:
    return jwt.JWTClaimsRegistry(
        now=expected.now,
        leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )


def _key_set(keys: Sequence[Mapping[str, Any]]) -> Any:
    """The keys that can verify a signature. Whatever else is published among them is left out: a
    symmetric key in public would let everybody sign."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet

    found = []
    for each in keys[:_MOST_KEYS]:
        public: Any = {name: each[name] for name in _MEMBERS if name in each}
        if public.get("kty") not in _KEY_TYPES or public.get("use", "sig") != "sig":
            continue
        try:
            if public["kty"] == "RSA" and _bits(public["n"]) < _SMALLEST_RSA:
                continue
            found.append(JWKRegistry.import_key(public))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    if not found:
        raise BadTokenError("the provider publishes no key that is accepted here", unknown_key=True)
    return KeySet(found)


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()


def _check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode("utf-8", "replace"), expected.nonce.encode()
    ):
        raise BadTokenError("the token is not an answer to this sign-in (nonce)")


def _check_party(claims: Mapping[str, Any], expected: Expected) -> None:
    """A token for several audiences says which of them it was made for."""
    party = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (party is not None or several) and party != expected.client_id:
        raise BadTokenError("the token was made for another application (azp)")


_CLAIMS = {
    "iss": "the token is of another issuer (iss)",
    "aud": "the token is for another application (aud)",
    "exp": "the token has expired (exp); is this machine's clock right?",
    "nbf": "the token is not valid yet (nbf); is this machine's clock right?",
    "iat": "the token is of the future (iat); is this machine's clock right?",
    "sub": "the token does not say whom it is about (sub)",
}


def _about(error: Any) -> str:
    kind = type(error).__name__
    if kind == "MissingClaimError":
        return "the token lacks one of iss, aud, sub, exp and iat"
    return _CLAIMS.get(str(error.claim), "a claim of the token is wrong")


def _reason(error: Exception) -> str:
    return {
        "InvalidKeyIdError": "the token is signed with a key the provider does not publish",
        "BadSignatureError": "the token's signature is wrong",
        "UnsupportedAlgorithmError": "the token is signed in a way that is not accepted (alg)",
        "InvalidKeyTypeError": "the token's signature does not fit its key (alg)",
    }.get(type(error).__name__, "the token cannot be read")
