"""The client of the Retail Prices API, against a server on this machine that misbehaves."""

import json
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from faregate.core.pricebook import PriceBook
from faregate.errors import PriceBookError
from faregate.prices import refresh
from faregate.prices.importer import import_meters
from faregate.prices.refresh import URL, Patience, fetch_meters

Answer = tuple[int, dict[str, str], bytes]
Script = Callable[[int, str], Answer]


def item(number: int, name: str = "5.4 inp Gl 1M Tokens") -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "retailPrice": 2.5,
        "armRegionName": f"region{number}",
        "effectiveStartDate": "2026-03-01T00:00:00Z",
        "meterName": name,
        "productName": "Azure OpenAI GPT5",
        "unitOfMeasure": "1M",
        "type": "Consumption",
    }


def page(items: list[Any], following: str | None = None) -> Answer:
    body = {"BillingCurrency": "USD", "Items": items, "NextPageLink": following, "Count": 1}
    return 200, {}, json.dumps(body).encode()


class Api:
    """A server whose answer to the n-th request a test decides; and the naps its client took."""

    def __init__(self) -> None:
        self.script: Script = lambda _number, _path: page([])
        self.paths: list[str] = []
        self.naps: list[float] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.paths.append(self.path)
                status, headers, body = api.script(len(api.paths), self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"

    def fetch(self, **patience: Any) -> Any:
        return fetch_meters(self.url, Patience(**{"timeout": 5.0, **patience}), self.naps.append)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Api()
    thread = threading.Thread(target=served.server.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_pages_are_followed_to_the_last(api: Api) -> None:
    following = {1: f"{api.url}?page=2", 2: f"{api.url}?page=3", 3: None}
    api.script = lambda number, _path: page([item(number)], following[number])
    (row,) = api.fetch()
    assert row.regions == ("region1", "region2", "region3")
    assert api.paths == ["/api", "/api?page=2", "/api?page=3"]
    assert api.naps == []


def test_an_empty_next_link_is_the_end(api: Api) -> None:
    api.script = lambda number, _path: page([item(number)], "")
    assert len(api.fetch()) == 1


@pytest.mark.parametrize(
    ("headers", "nap"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 60.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "nan"}, 1.0),
        ({"Retry-After": "later"}, 1.0),
        ({"Retry-After": formatdate(0, usegmt=True)}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 60.0),
        ({}, 1.0),
    ],
)
def test_a_throttled_page_is_asked_for_again(api: Api, headers: dict[str, str], nap: float) -> None:
    api.script = lambda number, _path: (429, headers, b"") if number == 1 else page([item(number)])
    assert len(api.fetch()) == 1
    assert api.naps == [nap]
    assert len(api.paths) == 2


def test_a_server_that_keeps_throttling_is_given_up_with_longer_and_longer_waits(
    api: Api,
) -> None:
    api.script = lambda _number, _path: (429, {}, b"")
    with pytest.raises(PriceBookError, match="answered 429, 9 times; try again later"):
        api.fetch(attempts=9)
    assert api.naps == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_server_that_fails_once_is_asked_again(api: Api) -> None:
    api.script = lambda number, _path: (503, {}, b"") if number == 1 else page([item(number)])
    assert len(api.fetch()) == 1


def test_a_refusal_is_not_repeated(api: Api) -> None:
    api.script = lambda _number, _path: (400, {}, b"bad filter")
    with pytest.raises(PriceBookError, match="answered 400; check the address and its filter"):
        api.fetch()
    assert len(api.paths) == 1


def test_a_server_that_is_not_there_is_told(api: Api) -> None:
    api.server.server_close()
    with pytest.raises(PriceBookError, match=r"cannot be reached .*2 times"):
        api.fetch(attempts=2)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>down for maintenance</html>", "page 1: no JSON ('<html>down"),
        (b'{"Items": [', "page 1: no JSON"),
        (b"\xff\xfe", "page 1: no JSON"),
        (b"", "page 1: no JSON"),
        (b"[]", "page 1: no page of prices"),
        (b'{"items": []}', "page 1: no page of prices"),
        (b'{"Items": [], "NextPageLink": 7}', "page 1: no page of prices"),
        (b'{"Items": [{}]}', "item 0: expected productName"),
    ],
)
def test_an_answer_that_is_no_page_of_prices_is_told(api: Api, body: bytes, told: str) -> None:
    api.script = lambda _number, _path: (200, {}, body)
    with pytest.raises(PriceBookError) as caught:
        api.fetch()
    assert told in str(caught.value)


def test_a_page_that_breaks_off_is_asked_for_again(api: Api) -> None:
    def script(number: int, _path: str) -> Answer:
        status, _, body = page([item(number)])
        # Two lengths are no message: the client gives the connection up.
        return (status, {"Transfer-Encoding": "chunked"}, body) if number == 1 else page([item(2)])

    api.script = script
    assert len(api.fetch()) == 1
    assert len(api.paths) == 2


def test_pages_without_end_are_left(api: Api) -> None:
    api.script = lambda number, _path: page([item(1)], f"{api.url}?page={number}")
    with pytest.raises(PriceBookError, match=r"the pages do not end \(read 5"):
        api.fetch(pages=5)
    assert len(api.paths) == 5


def test_a_page_that_leads_to_itself_is_left(api: Api) -> None:
    api.script = lambda _number, _path: page([item(1)], api.url)
    with pytest.raises(PriceBookError, match="the pages do not end"):
        api.fetch()
    assert len(api.paths) == 1


@pytest.mark.parametrize(
    "following",
    ["https://prices.example/api", "http://127.0.0.1:1/api", "file:///etc/hostname", "/relative"],
)
def test_another_host_is_not_followed(api: Api, following: str) -> None:
    api.script = lambda _number, _path: page([item(1)], following)
    with pytest.raises(PriceBookError, match=r"not followed|must begin with https"):
        api.fetch()
    assert len(api.paths) == 1


def test_a_redirect_to_another_host_is_not_followed(api: Api) -> None:
    api.script = lambda _number, _path: (302, {"Location": "http://127.0.0.1:1/x"}, b"")
    with pytest.raises(PriceBookError, match="redirects to another host"):
        api.fetch()
    assert len(api.paths) == 1


def test_a_redirect_on_the_same_host_is_followed(api: Api) -> None:
    api.script = lambda number, _path: (
        (302, {"Location": f"{api.url}/new"}, b"") if number == 1 else page([item(1)])
    )
    assert len(api.fetch()) == 1
    assert api.paths == ["/api", "/api/new"]


def test_a_page_too_large_is_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "_LARGEST_PAGE", 100)
    api.script = lambda _number, _path: (200, {}, b" " * 101)
    with pytest.raises(PriceBookError, match="a page is larger"):
        api.fetch()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://x/y", "prices", "", "http://["])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(PriceBookError, match="the address of the price API"):
        fetch_meters(url)


def test_unknown_meters_are_reported_and_never_dropped(api: Api) -> None:
    api.script = lambda _number, _path: page([item(1), item(1, "7 nova inp Gl 1M Tokens")])
    report = import_meters(api.fetch(), 0.0, PriceBook([]))
    assert [row.model for row in report.new] == ["gpt-5.4"]
    assert len(report.unknown) == 1
    assert "7 nova inp Gl 1M Tokens" in report.unknown[0]


def test_the_public_address_asks_for_every_meter_in_usd() -> None:
    parts = urlsplit(URL)
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("https", "prices.azure.com")
    assert query["api-version"] == ["2023-01-01-preview"]
    assert query["currencyCode"] == ["'USD'"]
    assert "serviceName eq 'Foundry Models'" in query["$filter"][0]
    assert " " not in URL
