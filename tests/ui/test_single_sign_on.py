"""Single sign-on in a browser, with a provider that is another site."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.oidc_local import CLIENT, SECRET, LocalProvider, serving
from tests.e2e import lives
from tests.e2e.lives import Life, entry
from tests.e2e.processes import Emulator


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    with serving(LocalProvider(time.time)) as running:
        # To a browser localhost is another site than 127.0.0.1, as a provider is.
        running.issuer = f"http://localhost:{urlsplit(running.issuer).port}"
        yield running


@pytest.fixture(scope="module")
def life(
    ui_emulator: Emulator, provider: LocalProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    directory = tmp_path_factory.mktemp("sso-ui")
    oidc = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "admin_values": ["gateway-admins"],
        "label": "Sign in with Contoso",
        "contact": "the platform team",
    }
    config = lives.config(entry("nano", "gpt-4.1-nano", ui_emulator.url), general={"oidc": oidc})
    with lives.started(directory, config) as running:
        provider.redirects.add(f"http://127.0.0.1:{running.port}/api/session/oidc/callback")
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def test_a_person_signs_in_and_is_on_the_page_that_was_wanted(
    page: Page, life: Life, provider: LocalProvider
) -> None:
    provider.claims = {}
    page.goto(f"{life.url}/ui/keys?q=nothing")
    page.get_by_role("link", name="Sign in with Contoso").click()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    assert page.url == f"{life.url}/ui/keys?q=nothing"
    expect(page.get_by_role("button", name="Ada Lovelace")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Ada Lovelace").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_label("Key")).to_be_visible()


def test_who_may_not_enter_reads_why_and_finds_the_way_back(
    page: Page, life: Life, provider: LocalProvider
) -> None:
    provider.claims = {"groups": ["sales"]}
    page.goto(f"{life.url}/ui/")
    page.get_by_role("link", name="Sign in with Contoso").click()
    expect(page.get_by_text("Ask the platform team.")).to_be_visible()
    page.get_by_role("link", name="Back to the sign-in page").click()
    expect(page.get_by_label("Key")).to_be_visible()
    assert page.url == f"{life.url}/ui/"
