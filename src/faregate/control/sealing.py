"""Secrets of stored deployments, kept sealed: AES-256-GCM under a key that only the server has.

The key is derived from the master key, or from ``FAREGATE_SALT_KEY`` where that is set, so that a
new master key does not shut the old secrets away. What is sealed opens for the same deployment and
field only; a row copied to another one is as good as none.
"""

import secrets
from base64 import b64decode, b64encode
from typing import Any

from faregate.errors import ConfigError

_MARK = b"\x01"
"""The form of what follows; another one may come."""
_NONCE = 12
_SALT = b"faregate"
_PURPOSE = b"faregate: secrets of stored deployments, 1"


class SealError(ConfigError):
    """What was sealed does not open with this key, for this deployment and field."""


class Sealing:
    """Seals and opens texts. The cryptography is imported with the first of either."""

    __slots__ = ("_box", "_secret")

    def __init__(self, secret: str) -> None:
        """``secret`` is the master key, or whatever stands in for it."""
        self._secret = secret
        self._box: Any = None

    def seal(self, identity: str, field: str, text: str) -> str:
        """The text, sealed, as base64; never the same twice."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._opened().encrypt(nonce, text.encode(), _bound(identity, field, _MARK))
        return b64encode(_MARK + nonce + sealed).decode()

    def open(self, identity: str, field: str, sealed: str) -> str:
        """The text again. Raises :class:`SealError`."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = b64decode(sealed, validate=True)
            nonce, rest = raw[1 : 1 + _NONCE], raw[1 + _NONCE :]
            bound = _bound(identity, field, raw[:1])
            found: bytes = self._opened().decrypt(nonce, rest, bound)
            return found.decode()
        except (InvalidTag, ValueError):
            raise SealError(
                "was sealed with another key: start with the master key (or FAREGATE_SALT_KEY) of "
                "that time, or state the secret again"
            ) from None

    def _opened(self) -> Any:
        if self._box is None:
            # A twentieth of a second, which a server without stored deployments never spends.
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            key = HKDF(SHA256(), 32, _SALT, _PURPOSE).derive(self._secret.encode())
            self._box = AESGCM(key)
        return self._box

    def __repr__(self) -> str:
        return "Sealing(…)"


def _bound(identity: str, field: str, mark: bytes) -> bytes:
    return mark + f"{identity}\n{field}".encode()
