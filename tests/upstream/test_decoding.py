import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.upstream.decoding import Bomb, Broken, Decoder, decoder_for

TEXT = b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n' * 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = [
    ("gzip", gzip.compress(TEXT)),
    ("X-Gzip", gzip.compress(TEXT)),
    ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
]


def decode(encoding: str, pieces: list[bytes], at_most: int = 1 << 20) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    out = b""
    for piece in pieces:
        out += drain(decoder, piece, at_most)
    decoder.finish()
    return out


def drain(decoder: Decoder, piece: bytes, at_most: int) -> bytes:
    got = decoder.decode(piece, at_most)
    assert len(got) <= at_most
    out = got
    while decoder.pending:
        got = decoder.decode(b"", at_most)
        assert len(got) <= at_most
        out += got
    return out


@pytest.mark.parametrize(("encoding", "packed"), PACKED)
def test_a_body_split_at_every_byte_decodes_alike(encoding: str, packed: bytes) -> None:
    for cut in range(len(packed) + 1):
        assert decode(encoding, [packed[:cut], packed[cut:]]) == TEXT
    assert decode(encoding, [packed[i : i + 1] for i in range(len(packed))]) == TEXT


@pytest.mark.parametrize(("encoding", "packed"), PACKED)
def test_output_comes_in_bounded_pieces(encoding: str, packed: bytes) -> None:
    assert decode(encoding, [packed], at_most=7) == TEXT


@pytest.mark.parametrize(("encoding", "packed"), PACKED)
def test_every_truncation_is_noticed(encoding: str, packed: bytes) -> None:
    whole_member = len(gzip.compress(TEXT[:100]))
    for cut in range(1, len(packed)):
        if cut == whole_member and packed == PACKED[2][1]:
            continue  # a whole first member is a whole body
        with pytest.raises(Broken):
            decode(encoding, [packed[:cut]])


def test_nothing_at_all_is_an_empty_body() -> None:
    assert decode("gzip", []) == b""
    assert decode("gzip", [b""]) == b""


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"<html>not gzip</html>"),
        ("gzip", gzip.compress(TEXT) + b"trailing"),
        ("gzip", gzip.compress(TEXT)[:-6] + b"\0\0\0\0\0\0"),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", zlib.compress(TEXT) + b"x"),
    ],
)
def test_garbage_is_refused(encoding: str, data: bytes) -> None:
    with pytest.raises(Broken):
        decode(encoding, [data])


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_we_did_not_ask_for_is_refused(encoding: str) -> None:
    with pytest.raises(Broken):
        decoder_for(encoding)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_identity_needs_no_decoder(encoding: str) -> None:
    assert decoder_for(encoding) is None


def test_a_bomb_is_defused_early() -> None:
    bomb = gzip.compress(bytes(256 * 1024 * 1024), compresslevel=1)
    decoder = decoder_for("gzip")
    assert decoder is not None
    out = 0
    with pytest.raises(Bomb):  # noqa: PT012 - any of the calls may notice
        out += len(decoder.decode(bomb[:65_536], 1 << 18))
        while decoder.pending:
            out += len(decoder.decode(b"", 1 << 18))
    assert out <= 16 * 1024 * 1024


@given(
    st.lists(st.binary(max_size=300), max_size=5),
    st.lists(st.integers(min_value=0, max_value=500), max_size=6),
    st.integers(min_value=1, max_value=64),
)
def test_any_members_and_any_splits(members: list[bytes], cuts: list[int], at_most: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    edges = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    pieces = [packed[a:b] for a, b in pairwise(edges)]
    assert decode("gzip", pieces, at_most) == b"".join(members)
