"""Signing in: who gets a session, what it opens, and when it ends."""

from typing import Any

import pytest
from msgspec.structs import replace

from faregate.admin.session import CSRF_HEADER, LIFETIME, LONGEST, Issued, Sessions
from faregate.core.directory import MASTER_HOLDER, Directory, Holder
from faregate.core.keys import ENTROPY, Key, hash_key, make_key, redact, rotated
from faregate.errors import AuthenticationError, PermissionDeniedError, RateLimitError

MASTER_KEY = "sk-fg-master-of-these-tests-only"
SECRET = make_key(b"\x01" * ENTROPY)
OTHER = make_key(b"\x02" * ENTROPY)
KEY = Key(id="ada-x7k2", hash=hash_key(SECRET), shown=redact(SECRET), name="ada", role="viewer")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A gateway's keys, as sessions see them."""

    def __init__(self, key: Key = KEY, master_key: str = MASTER_KEY) -> None:
        self.clock = Clock()
        self.directory = Directory(keys=[key])
        self.sessions = Sessions(master_key, self.identify, lambda: self.directory, self.clock)

    def identify(self, key: str) -> Holder:
        if key == MASTER_KEY:
            return MASTER_HOLDER
        holder = self.directory.holder(key, self.clock.now)
        if holder is None or holder.barred(self.clock.now):
            raise AuthenticationError("the API key is not valid", code="invalid_api_key")
        return holder


def cookies(issued: Issued, **more: str) -> dict[str, str]:
    return {"cookie": f"theme=dark; {issued.cookie}", **more}


def test_two_gateways_on_one_machine_keep_their_own_sessions() -> None:
    # A browser sends the cookies of a host to each of its ports.
    one, other = House(), House(master_key="sk-another-master-key-of-this-machine")
    issued = one.sessions.sign_in(SECRET, "10.0.0.1")
    assert one.sessions.enter("GET", cookies(issued)) is not None
    assert other.sessions.enter("GET", cookies(issued)) is None
    twin = House()
    assert twin.sessions.enter("GET", cookies(issued)) is not None


def test_a_key_becomes_a_session_of_its_holder() -> None:
    house = House()
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    assert (issued.opened.id, issued.opened.name, issued.opened.role) == (
        "ada-x7k2",
        "ada",
        "viewer",
    )
    holder = house.sessions.enter("GET", cookies(issued))
    assert holder is not None
    assert (holder.id, holder.role) == ("ada-x7k2", "viewer")
    assert SECRET not in issued.cookie


def test_the_master_key_signs_in_as_admin() -> None:
    house = House()
    issued = house.sessions.sign_in(MASTER_KEY, "10.0.0.1")
    assert issued.opened.role == "admin"
    assert house.sessions.enter("GET", cookies(issued)) is MASTER_HOLDER


def test_a_key_without_a_role_signs_in_and_sees_its_own() -> None:
    house = House(replace(KEY, role=""))
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    assert issued.opened.role == "none"
    holder = house.sessions.enter("GET", cookies(issued))
    assert holder is not None
    assert holder.role == ""


def test_changing_something_needs_the_header_that_other_origins_cannot_read() -> None:
    house = House()
    issued = house.sessions.sign_in(MASTER_KEY, "10.0.0.1")
    other = house.sessions.sign_in(MASTER_KEY, "10.0.0.1")
    for wrong in ({}, {CSRF_HEADER: ""}, {CSRF_HEADER: other.opened.csrf}, {CSRF_HEADER: "ü"}):
        with pytest.raises(PermissionDeniedError) as refused:
            house.sessions.enter("POST", cookies(issued, **wrong))
        assert refused.value.code == "csrf"
    entered = house.sessions.enter("POST", cookies(issued, **{CSRF_HEADER: issued.opened.csrf}))
    assert entered is MASTER_HOLDER


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key"])
def test_a_key_beside_a_session_counts_alone(name: str) -> None:
    house = House()
    issued = house.sessions.sign_in(MASTER_KEY, "10.0.0.1")
    assert house.sessions.enter("GET", cookies(issued, **{name: "Bearer nobody"})) is None


def test_without_a_cookie_there_is_no_session() -> None:
    assert House().sessions.enter("POST", {"cookie": "theme=dark"}) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value[:-1],
        lambda value: value[:-1] + ("0" if value[-1] != "0" else "1"),
        lambda value: "A" + value[1:],
        lambda value: value.partition(".")[0],
        lambda value: "." + value.partition(".")[2],
        lambda value: value * 100,
        lambda value: '"',
        lambda value: "",
    ],
)
def test_a_spoilt_cookie_opens_nothing(spoil: Any) -> None:
    house = House()
    issued = house.sessions.sign_in(MASTER_KEY, "10.0.0.1")
    name, _, value = issued.cookie.partition("=")
    with pytest.raises(AuthenticationError) as refused:
        house.sessions.enter("GET", {"cookie": f"{name}={spoil(value)}"})
    assert refused.value.code == "session_over"


def test_another_master_key_ends_every_session() -> None:
    issued = House().sessions.sign_in(MASTER_KEY, "10.0.0.1")
    house = House(master_key="sk-fg-another-master")
    assert house.sessions.enter("GET", cookies(issued)) is None
    with pytest.raises(AuthenticationError):
        house.sessions.renew(cookies(issued))


def test_a_session_is_over_after_hours_of_silence_and_renewed_by_use() -> None:
    house = House()
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    house.clock.now += LIFETIME - 10
    renewed = house.sessions.renew(cookies(issued))
    assert renewed.opened.csrf == issued.opened.csrf
    house.clock.now += 20
    with pytest.raises(AuthenticationError):
        house.sessions.enter("GET", cookies(issued))
    assert house.sessions.enter("GET", cookies(renewed)) is not None


def test_a_session_is_not_renewed_for_ever() -> None:
    house = House()
    begun = house.clock.now
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    while house.clock.now - begun + LIFETIME / 2 < LONGEST:
        house.clock.now += LIFETIME / 2
        issued = house.sessions.renew(cookies(issued))
    house.clock.now = begun + LONGEST + 1
    with pytest.raises(AuthenticationError):
        house.sessions.renew(cookies(issued))


def test_signing_out_ends_a_session_and_no_other() -> None:
    house = House()
    first = house.sessions.sign_in(SECRET, "10.0.0.1")
    second = house.sessions.sign_in(SECRET, "10.0.0.1")
    renewed = house.sessions.renew(cookies(first))
    house.sessions.sign_out(cookies(first))
    for over in (first, renewed):
        with pytest.raises(AuthenticationError):
            house.sessions.enter("GET", cookies(over))
    assert house.sessions.enter("GET", cookies(second)) is not None


@pytest.mark.parametrize(
    "changed",
    [
        [],
        [replace(KEY, blocked=True)],
        [replace(KEY, expires_at=Clock.now)],
        [rotated(KEY, OTHER, Clock.now, 0.0)],
    ],
    ids=["deleted", "blocked", "expired", "rotated"],
)
def test_a_session_ends_with_its_key(changed: list[Key]) -> None:
    house = House()
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    house.directory = Directory(keys=changed)
    with pytest.raises(AuthenticationError):
        house.sessions.enter("GET", cookies(issued))
    with pytest.raises(AuthenticationError):
        house.sessions.renew(cookies(issued))


def test_a_session_lasts_through_the_overlap_of_a_rotation() -> None:
    house = House()
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    house.directory = Directory(keys=[rotated(KEY, OTHER, house.clock.now, 60.0)])
    assert house.sessions.enter("GET", cookies(issued)) is not None
    house.clock.now += 61
    with pytest.raises(AuthenticationError):
        house.sessions.enter("GET", cookies(issued))


def test_a_role_that_is_taken_away_is_gone_at_once() -> None:
    house = House()
    issued = house.sessions.sign_in(SECRET, "10.0.0.1")
    house.directory = Directory(keys=[replace(KEY, role="")])
    holder = house.sessions.enter("GET", cookies(issued))
    assert holder is not None
    assert holder.role == ""


def test_guessing_is_slowed_for_the_address_that_guesses() -> None:
    house = House()
    for _ in range(10):
        with pytest.raises(AuthenticationError):
            house.sessions.sign_in("sk-guess", "10.0.0.1")
    with pytest.raises(RateLimitError) as refused:
        house.sessions.sign_in(SECRET, "10.0.0.1")
    assert refused.value.retry_after
    assert house.sessions.sign_in(SECRET, "10.0.0.2").opened.id == KEY.id
    house.clock.now += 61
    assert house.sessions.sign_in(SECRET, "10.0.0.1").opened.id == KEY.id


def test_guessing_from_everywhere_is_slowed_for_all() -> None:
    house = House()
    for number in range(200):
        with pytest.raises(AuthenticationError):
            house.sessions.sign_in("sk-guess", f"10.0.1.{number}")
    with pytest.raises(RateLimitError):
        house.sessions.sign_in(SECRET, "10.0.2.1")
