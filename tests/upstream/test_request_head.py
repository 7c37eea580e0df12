import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.upstream.request_head import Address, Origin, render_head, split_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.test", Address(Origin("http", "a.test", 80), "a.test", "/")),
        ("https://a.test/x?y=1#z", Address(Origin("https", "a.test", 443), "a.test", "/x?y=1")),
        ("https://A.test:443/", Address(Origin("https", "a.test", 443), "a.test", "/")),
        ("http://a.test:443/", Address(Origin("http", "a.test", 443), "a.test:443", "/")),
        ("http://a.test?q", Address(Origin("http", "a.test", 80), "a.test", "/?q")),
        ("http://[::1]:81/p", Address(Origin("http", "::1", 81), "[::1]:81", "/p")),
        ("http://[::1]/p", Address(Origin("http", "::1", 80), "[::1]", "/p")),
        ("http://127.0.0.1:8/", Address(Origin("http", "127.0.0.1", 8), "127.0.0.1:8", "/")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: Address) -> None:
    assert split_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "a.test/path",
        "ftp://a.test/sesame",
        "http://",
        "http:///sesame",
        "http://user:sesame@a.test/",
        "http://a.test:99999/sesame",
        "http://a.test:0/sesame",
        "http://a.test:x/sesame",
        "http://a.test/sesame\r\nX: y",
        "http://a.test/sesame y",
        "http://a.test/sesame\x00",
        "http://a.test\\@evil.test/sesame",
        "http://ä.test/sesame",
        "http://a.test/sesameä",
        "http://[::1/sesame",
        "http://[zz]/sesame",
        "http://a_b!c/sesame",
        "http://-a.test/sesame",
    ],
)
def test_a_url_that_must_not_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_url(url)
    assert "sesame" not in str(caught.value)


A = split_url("http://a.test/p?q=1")


def test_the_head_is_what_goes_on_the_wire() -> None:
    head = render_head("POST", A, {"api-key": "k", "Accept": "*/*"}, 3)
    assert head == (
        b"POST /p?q=1 HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n"
        b"api-key: k\r\nAccept: */*\r\nContent-Length: 3\r\n\r\n"
    )


def test_a_get_has_no_length_and_an_empty_post_has_one() -> None:
    assert b"Content-Length" not in render_head("GET", A, {}, 0)
    assert b"Content-Length: 0\r\n" in render_head("POST", A, {}, 0)


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "CONNECTION",
        "accept-encoding",
        "TE",
        "Expect",
    ],
)
def test_headers_of_the_connection_are_ours_alone(name: str) -> None:
    head = render_head("POST", A, {name: "sesame"}, 0)
    assert b"sesame" not in head
    assert head.count(b"Content-Length") == 1
    assert head.count(b"Host") == 1


def test_absolute_form_and_proxy_line() -> None:
    head = render_head(
        "GET", A, {}, 0, absolute=True, proxy_line="Proxy-Authorization: Basic x\r\n"
    )
    assert head.startswith(b"GET http://a.test/p?q=1 HTTP/1.1\r\nHost: a.test\r\n")
    assert b"\r\nProxy-Authorization: Basic x\r\n" in head


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\nX-Evil: 1", "a\nb", "\x7f", "\x1f"])
def test_a_header_value_cannot_begin_another_line(bad: str) -> None:
    with pytest.raises(ValueError, match="x-note") as caught:
        render_head("GET", A, {"x-note": f"sesame{bad}"}, 0)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "a\0", "ä", "a\n"])
def test_a_header_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="header name"):
        render_head("GET", A, {name: "v"}, 0)


@pytest.mark.parametrize("method", ["", "get", "GET /", "GET\r\n", "G\0T", "GET\n"])
def test_a_method_is_upper_case_letters(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        render_head(method, A, {}, 0)


def test_latin_1_passes_and_the_rest_is_refused() -> None:
    assert b"x: caf\xe9\r\n" in render_head("GET", A, {"x": "café"}, 0)
    with pytest.raises(ValueError, match="8859-1") as caught:
        render_head("GET", A, {"x": "sesame €"}, 0)
    assert caught.value.__cause__ is None
    assert "sesame" not in str(caught.value)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4))
def test_no_mapping_of_headers_yields_a_line_too_many(headers: dict[str, str]) -> None:
    try:
        head = render_head("GET", A, headers, 0)
    except ValueError:
        return
    lines = head.split(b"\r\n")
    assert lines[-2:] == [b"", b""]
    assert b"" not in lines[:-2]
    assert head.count(b"\n") == head.count(b"\r") == len(lines) - 1
    assert len(lines) <= 3 + len(headers) + 2
