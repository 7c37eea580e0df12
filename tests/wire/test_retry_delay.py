"""Delays from headers and words: order, formats, nonsense, cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.wire.retry_delay import retry_delay

NOW = 1_795_348_800.0  # 2026-11-22T12:00:00Z


@pytest.mark.parametrize(
    ("headers", "message", "delay"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"Retry-After-Ms": "1500.5"}, "", 1.5005),
        ({"RETRY-AFTER": "9", "x-ratelimit-reset-tokens": "3"}, "", 9.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after": " 7 "}, "", 7.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:59:00 GMT"}, "", None),
        ({"retry-after": "Sun, 99 Nov 2026 11:59:00 GMT"}, "", None),
        ({"retry-after": "Mon, nonsense"}, "", None),
        ({"x-ratelimit-reset-requests": "1s"}, "", 1.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, "", 60.0),
        ({"x-ratelimit-reset-requests": "20ms"}, "", 0.02),
        ({"x-ratelimit-reset-requests": "7.66s"}, "", 7.66),
        ({"x-ratelimit-reset-tokens": "1m2.5s"}, "", 60.0),
        ({"x-ratelimit-reset-tokens": "0h0m4s"}, "", 4.0),
        ({"x-ratelimit-reset-tokens": "12"}, "", 12.0),
        ({"x-ratelimit-reset-requests": "2", "x-ratelimit-reset-tokens": "5s"}, "", 5.0),
        (
            {
                "x-ratelimit-reset-requests": "2",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "50",
                "x-ratelimit-remaining-tokens": "900",
            },
            "",
            2.0,
        ),
        ({"x-rate-limit-reset-tokens": "55"}, "retry after 3 seconds", 55.0),
        ({"x-rate-limit-reset-requests": "4"}, "", 4.0),
        ({"x-ratelimit-reset-tokens": "3", "x-rate-limit-reset-tokens": "55"}, "", 3.0),
        ({"x-ratelimit-reset-tokens": "-1", "x-rate-limit-reset-tokens": "55"}, "", 55.0),
        ({}, "Please retry after 45 seconds.", 45.0),
        ({}, "Please retry after 1 second.", 1.0),
        ({}, "Please retry after 86400 seconds.", 60.0),
        ({}, "Please try again in 20s.", 20.0),
        ({}, "Please try again in 6ms. Visit", 0.006),
        ({}, "Please try again in 1.5s", 1.5),
        ({}, "Please try again in 0m7.2s.", 7.2),
        ({}, "Try again in 500 milliseconds", 0.5),
        ({}, "retry after 1 minute", 60.0),
        ({}, "retry after 12", 12.0),
        ({}, "retry after a while", None),
        ({}, "try again in 2x", None),
        ({}, "", None),
    ],
)
def test_delays(headers: dict[str, str], message: str, delay: float | None) -> None:
    found = retry_delay(headers, message, now=NOW)
    assert found == (pytest.approx(delay) if delay is not None else None)


@pytest.mark.parametrize(
    "value",
    ["-1", "0", "0.0", "nan", "NaN", "inf", "-inf", "", "x", "1e3", "1_0", "0s", "0m0s", "\u0661",
     "1" * 400, "s", "5 apples"],
)  # fmt: skip
@pytest.mark.parametrize(
    "name",
    ["retry-after-ms", "retry-after", "x-ratelimit-reset-tokens", "x-rate-limit-reset-tokens"],
)
def test_nonsense_is_as_good_as_absent(name: str, value: str) -> None:
    assert retry_delay({name: value}, "", now=NOW) is None
    assert retry_delay({name: value}, "retry after 3 seconds", now=NOW) == 3.0


def test_the_cap_holds_everywhere() -> None:
    for headers in (
        {"retry-after-ms": "99999999"},
        {"retry-after": "86400"},
        {"retry-after": "Sun, 22 Nov 2099 12:00:30 GMT"},
        {"x-ratelimit-reset-tokens": "999999999"},
    ):
        assert retry_delay(headers, "", now=NOW) == 60.0
        assert retry_delay(headers, "", cap=5.0, now=NOW) == 5.0


def test_a_date_needs_the_time() -> None:
    assert retry_delay({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, "") is None


@given(st.text(max_size=80), st.text(max_size=120))
def test_any_text(value: str, message: str) -> None:
    found = retry_delay({"retry-after": value, "x-ratelimit-reset-tokens": value}, message, now=NOW)
    assert found is None or 0 < found <= 60.0
