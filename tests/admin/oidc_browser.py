"""A gateway's sign-in and a browser that goes through it, with a provider behind."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from msgspec.structs import replace

from faregate.admin.oidc import SignOn
from faregate.admin.oidc_pages import make_sign_on
from faregate.admin.session import Sessions
from faregate.admin.ui import make_ui
from faregate.config.secret import Secret
from faregate.config.sign_on import CALLBACK, Oidc, rules_of
from faregate.core.directory import Directory, Holder
from tests.admin.oidc_local import CLIENT, SECRET, Clock, LocalProvider
from tests.admin.test_session import MASTER_KEY, House
from tests.admin.test_ui import Answer, ask

HOST = "gate.localhost:4000"


class Gate:
    """What signs people in."""

    def __init__(self, provider: LocalProvider, clock: Clock) -> None:
        self.provider = provider
        self.clock = clock
        self.oidc: Oidc | None = Oidc(
            issuer=provider.issuer,
            client_id=CLIENT,
            client_secret=Secret(SECRET),
            admin_values=("gateway-admins",),
            viewer_values=("staff",),
            contact="the platform team",
        )
        self.sessions = Sessions(
            MASTER_KEY, House().identify, Directory, clock, lambda: rules_of(self.oidc)
        )
        self.worker()

    def worker(self) -> None:
        """Another process takes over."""
        self.sign_on = SignOn(MASTER_KEY, self.sessions, lambda: self.oidc, self.clock)
        self.app = make_ui(self.sessions, Path("nowhere"), make_sign_on(self.sign_on))

    def change(self, **fields: Any) -> None:
        """Another configuration is in force."""
        assert self.oidc is not None
        self.oidc = replace(self.oidc, **fields)

    def holder(self, browser: "Browser", method: str = "GET", **headers: str) -> Holder | None:
        """Who the admin API takes a browser for."""
        return self.sessions.enter(method, {"cookie": browser.cookie(), **headers})


class Browser:
    """Keeps cookies, and goes where it is told."""

    def __init__(self, gate: Gate, host: str = HOST, address: str = "10.0.0.1") -> None:
        self.gate = gate
        self.host = host
        self.address = address
        self.jar: dict[str, str] = {}
        self.set: list[str] = []

    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Ask the gateway; ``path`` has its query."""
        where, _, query = path.partition("?")
        given = {"host": self.host, "accept": "text/html", **headers}
        if self.jar:
            given["cookie"] = self.cookie()
        found = await ask(
            self.gate.app,
            method,
            where,
            headers={name.replace("_", "-"): value for name, value in given.items()},
            query_string=query.encode(),
            client=(self.address, 1),
        )
        self.set = found.cookies
        for each in found.cookies:
            name, _, value = each.partition(";")[0].partition("=")
            if value:
                self.jar[name] = value
            else:
                self.jar.pop(name, None)
        return found

    async def begin(self, following: str = "", **headers: str) -> Answer:
        """Press the button."""
        query = f"?next={quote(following, safe='')}" if following else ""
        return await self.get(f"/api/session/oidc{query}", **headers)

    async def at_provider(self, begun: Answer) -> str:
        """Sign in there: the path and query of the callback it leads to."""
        location = begun.headers["location"]
        query = dict(parse_qsl(urlsplit(location).query))
        self.gate.provider.redirects.add(query["redirect_uri"])
        status, back = self.gate.provider.authorize(query)
        assert status == 303
        parts = urlsplit(back)
        return f"{CALLBACK}?{parts.query}"

    @property
    def signed_in(self) -> bool:
        """Whether the gateway gave a session's cookie."""
        return any(name.startswith("faregate_session_") for name in self.jar)

    async def sign_in(self, following: str = "") -> Answer:
        """All of it: the callback's answer."""
        begun = await self.begin(following)
        assert begun.status == 303, begun.body
        return await self.get(await self.at_provider(begun))

    async def refused(self) -> Mapping[str, Any]:
        """The error a sign-in ends with; nobody is signed in then."""
        begun = await self.begin()
        assert begun.status == 303, begun.body
        found = await self.get(await self.at_provider(begun), accept="application/json")
        assert found.status >= 400
        assert not self.signed_in
        error: Mapping[str, Any] = json.loads(found.body)["error"]
        return {**error, "status": found.status}

    def place(self, found: Answer) -> str:
        """Where an answer of the callback leads, as the browser takes it."""
        return str(urljoin(f"http://{self.host}/prefix{CALLBACK}", found.headers["location"]))
