"""Secrets of stored deployments: sealed for one deployment, one field and one key."""

import subprocess
import sys

import pytest

from faregate.control.sealing import SealError, Sealing

SECRET = "resource-key-0123456789"


def test_what_is_sealed_opens_and_shows_nothing() -> None:
    sealing = Sealing("a master key")
    sealed = sealing.seal("pool-aaaa", "api_key", SECRET)
    assert sealing.open("pool-aaaa", "api_key", sealed) == SECRET
    assert Sealing("a master key").open("pool-aaaa", "api_key", sealed) == SECRET
    assert SECRET not in sealed
    assert sealed != sealing.seal("pool-aaaa", "api_key", SECRET)
    assert "master" not in repr(sealing)


@pytest.mark.parametrize(
    ("key", "identity", "field"),
    [
        ("another master key", "pool-aaaa", "api_key"),
        ("a master key", "pool-aaab", "api_key"),
        ("a master key", "pool-aaaa", "client_secret"),
    ],
)
def test_it_opens_for_nothing_else(key: str, identity: str, field: str) -> None:
    sealed = Sealing("a master key").seal("pool-aaaa", "api_key", SECRET)
    with pytest.raises(SealError, match="sealed with another key") as caught:
        Sealing(key).open(identity, field, sealed)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 12, 13, 20, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    from base64 import b64decode, b64encode

    raw = bytearray(b64decode(Sealing("k").seal("a", "b", SECRET)))
    raw[place] ^= 1
    with pytest.raises(SealError):
        Sealing("k").open("a", "b", b64encode(raw).decode())


@pytest.mark.parametrize("text", ["", "AQ==", "no base64!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(SealError):
        Sealing("k").open("a", "b", text)


def test_a_server_without_stored_deployments_imports_no_cryptography() -> None:
    code = (
        "import sys; from faregate.service import Boot;"
        "from faregate.control.sealing import Sealing; Sealing('k');"
        "sys.exit('cryptography.hazmat.primitives.ciphers.aead' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
