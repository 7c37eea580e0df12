"""Prompts and answers: kept once, cut, found by their call, and gone when they are old."""

import asyncio

import pytest

from faregate.store.errors import RefusedValueError
from faregate.store.protocol import Content, Store
from faregate.store.text import MOST_CONTENT
from tests.store.ledgers import DAY, NOON, a_row, call_id


def a_content(number: int = 1, at: float = NOON, **changes: str | None) -> Content:
    """What was asked and answered in a call."""
    texts: dict[str, str | None] = {"prompt": '{"messages":[]}', "answer": "é 😀"}
    return Content(call_id=call_id(number, at), at=at, **(texts | changes))


async def test_contents_come_back_as_they_were(store: Store) -> None:
    first = a_content(1, answer='{"a": "é 😀 \'\\""}')
    second = a_content(2, prompt=None, answer=None)
    await store.put_contents([first, second])
    assert await store.contents(first.call_id) == first
    assert await store.contents(second.call_id) == second
    assert await store.contents(call_id(3)) is None
    assert await store.row(first.call_id) is None


async def test_what_is_there_stays(store: Store) -> None:
    first = a_content(1, prompt="first")
    await store.put_contents([first, a_content(1, prompt="again")])
    await store.put_contents([a_content(1, prompt="later"), a_content(2)])
    await store.put_contents([])
    found = await store.contents(first.call_id)
    assert found is not None
    assert found.prompt == "first"
    assert await store.contents(call_id(2)) is not None


async def test_contents_put_at_the_same_time_are_kept_once(store: Store) -> None:
    batch = [a_content(n, prompt=str(n)) for n in range(40)]
    await asyncio.gather(
        *(store.put_contents(batch[at:][::way]) for at in (0, 9) for way in (1, -1))
    )
    kept = [await store.contents(each.call_id) for each in batch]
    assert [each.prompt for each in kept if each] == [str(n) for n in range(40)]


async def test_a_long_text_is_cut_and_says_so(store: Store) -> None:
    just, long = "é" * MOST_CONTENT, "é" * (MOST_CONTENT + 1)
    await store.put_contents([a_content(1, prompt=just, answer=long)])
    found = await store.contents(call_id(1))
    assert found is not None
    assert found.prompt == just
    assert found.answer is not None
    assert len(found.answer) == MOST_CONTENT
    assert found.answer.endswith("éé … [cut: 262,145 characters in all]")


async def test_what_no_database_holds_is_mended(store: Store) -> None:
    await store.put_contents([a_content(1, prompt="nul\x00", answer="half \ud800")])
    found = await store.contents(call_id(1))
    assert found is not None
    assert (found.prompt, found.answer) == ("nul\ufffd", "half \ufffd")


async def test_an_id_that_is_none_spoils_its_batch_and_says_so(store: Store) -> None:
    wrong = Content(call_id="x" * 129, at=NOON, prompt="secret")
    with pytest.raises(RefusedValueError, match="call id"):
        await store.put_contents([a_content(1), wrong])
    assert await store.contents(call_id(1)) is None


async def test_contents_have_an_end_of_their_own(store: Store) -> None:
    old = [a_content(n, NOON - 2 * DAY + n) for n in range(5)]
    new = a_content(9, NOON)
    await store.append([a_row(0, NOON - 2 * DAY), a_row(9, NOON)])
    await store.put_contents([*old, new])
    assert [await store.purge_contents(NOON, batch=3) for _ in range(3)] == [3, 2, 0]
    assert [await store.contents(each.call_id) for each in (*old, new)] == [None] * 5 + [new]
    assert await store.row(old[0].call_id) is not None
    while await store.purge(NOON + DAY):
        pass
    assert await store.row(new.call_id) is None
    assert await store.contents(new.call_id) == new
    with pytest.raises(ValueError, match="1 to 10,000"):
        await store.purge_contents(NOON, batch=0)


def test_a_content_shows_nothing_in_a_log() -> None:
    assert repr(a_content(prompt="secret")) == f"Content({call_id(1)})"
