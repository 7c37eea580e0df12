from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faregate.core.usage import read_usage
from faregate.types import UNITS, Usage


def openai(**fields: Any) -> Usage:
    return read_usage(fields, "openai")


def test_openai_counts_cached_and_written_inside_the_prompt() -> None:
    found = openai(
        prompt_tokens=2756,
        completion_tokens=295,
        total_tokens=3051,
        prompt_tokens_details={"cached_tokens": 1, "cache_write_tokens": 2753},
    )
    assert found == Usage(input=2, cache_read=1, cache_write=2753, output=295)
    assert found.prompt == 2756


def test_anthropic_counts_them_outside() -> None:
    found = read_usage(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 5,
        },
        "anthropic",
    )
    assert found == Usage(input=10, cache_read=100, cache_write=20, cache_write_1h=10, output=5)
    assert found.prompt == 140


def test_anthropic_writes_without_lifetimes_are_the_default_ones() -> None:
    found = read_usage({"input_tokens": 1, "cache_creation_input_tokens": 7}, "anthropic")
    assert (found.cache_write, found.cache_write_1h, found.problem) == (7, 0, "")


def test_reasoning_is_a_shown_part_of_the_output() -> None:
    found = openai(
        prompt_tokens=15,
        completion_tokens=78,
        total_tokens=93,
        completion_tokens_details={"reasoning_tokens": 64},
    )
    assert (found.output, found.reasoning, found.completion) == (78, 64, 78)


def test_what_the_total_leaves_over_is_billed_as_output() -> None:
    found = openai(prompt_tokens=92, completion_tokens=79, total_tokens=706)
    assert (found.output, found.problem) == (614, "")


def test_reasoning_larger_than_the_completion_was_left_outside() -> None:
    found = openai(
        prompt_tokens=92,
        completion_tokens=79,
        completion_tokens_details={"reasoning_tokens": 535},
    )
    assert (found.output, found.problem) == (614, "")


def test_audio_is_its_own_unit_in_and_out() -> None:
    found = openai(
        prompt_tokens=100,
        completion_tokens=50,
        prompt_tokens_details={
            "audio_tokens": 40,
            "cached_tokens": 30,
            "cached_tokens_details": {"audio_tokens": 10},
        },
        completion_tokens_details={"audio_tokens": 20},
    )
    assert found == Usage(
        input=40, cache_read=20, audio_input=30, audio_cache_read=10, output=30, audio_output=20
    )
    assert (found.prompt, found.completion) == (100, 50)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3}, "total_tokens is 3"),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
            "6 reasoning tokens",
        ),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 11}},
            "do not fit into 10",
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 50},
            },
            "50 reasoning tokens",
        ),
        ({"completion_tokens": 5, "total_tokens": 20}, "prompt's tokens are missing"),
        ({"prompt_tokens": "many"}, "prompt_tokens is 'many'"),
        ({"prompt_tokens": -1}, "prompt_tokens is '-1'"),
        ({"prompt_tokens": 1.5}, "no count"),
        ({"prompt_tokens": True}, "no count"),
        ({"prompt_tokens": 10**15}, "no count"),
    ],
)
def test_contradictions_are_said_and_never_negative(fields: dict[str, Any], words: str) -> None:
    found = openai(**fields)
    assert words in found.problem
    assert min(getattr(found, unit) for unit in UNITS) >= 0


def test_whole_floats_and_nulls_are_read() -> None:
    found = openai(prompt_tokens=15.0, completion_tokens=None, prompt_tokens_details=None)
    assert (found.input, found.output, found.problem) == (15, 0, "")


weird = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 50) | st.floats() | st.text(max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["cached_tokens", "audio_tokens", "reasoning_tokens", "image_tokens", "x"]),
        inner,
        max_size=4,
    ),
    max_leaves=5,
)
fields = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "input_tokens",
        "cache_creation",
        "cache_creation_input_tokens",
    ]
)


@given(st.dictionaries(fields, weird), st.sampled_from(["openai", "anthropic"]))
def test_any_usage_gives_units_that_are_never_negative(
    raw: dict[str, Any], convention: Any
) -> None:
    found = read_usage(raw, convention)
    assert min(getattr(found, unit) for unit in UNITS) >= 0


@given(*[st.integers(0, 1000)] * 5)
def test_units_are_disjoint_and_add_up(
    prompt: int, out: int, cached: int, wrote: int, audio: int
) -> None:
    found = openai(
        prompt_tokens=prompt,
        completion_tokens=out,
        total_tokens=prompt + out,
        prompt_tokens_details={
            "cached_tokens": cached,
            "cache_write_tokens": wrote,
            "audio_tokens": audio,
        },
    )
    assert (found.prompt, found.completion) == (prompt, out)
    assert bool(found.problem) == (cached + wrote + audio > prompt)
