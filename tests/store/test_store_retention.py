"""What is too old goes in batches, and writers get their turns."""

import itertools

import pytest

from faregate.store.protocol import Content, Store
from faregate.store.retention import Kept, Purged, keep_days
from tests.store.ledgers import DAY, NOON, a_row, call_id, everything


async def filled(store: Store) -> None:
    """Twenty calls of five days, with contents, the newest today."""
    times = [NOON - n % 5 * DAY + n for n in range(20)]
    await store.append([a_row(n, at) for n, at in enumerate(times)])
    await store.put_contents(
        [Content(call_id=call_id(n, at), at=at, prompt="{}") for n, at in enumerate(times)]
    )


async def contents_left(store: Store) -> int:
    """How many of the calls still have their contents."""
    times = [NOON - n % 5 * DAY + n for n in range(20)]
    found = [await store.contents(call_id(n, at)) for n, at in enumerate(times)]
    return sum(each is not None for each in found)


async def test_rows_and_contents_go_each_at_their_time(store: Store) -> None:
    await filled(store)
    spent = await store.spend(("day",))
    kept = Kept(rows_before=NOON - 2 * DAY, contents_before=NOON - DAY, batch_rows=3)
    assert await keep_days(store, kept, rest=_no_rest) == Purged(rows=8, contents=12)
    assert len(await everything(store)) == 12
    assert await contents_left(store) == 8
    assert await store.spend(("day",)) == spent
    assert await keep_days(store, kept, rest=_no_rest) == Purged()


async def test_what_is_kept_for_ever_is_kept(store: Store) -> None:
    await filled(store)
    assert await keep_days(store, Kept(), rest=_no_rest) == Purged()
    assert await keep_days(store, Kept(contents_before=NOON + DAY), rest=_no_rest) == Purged(
        contents=20
    )
    assert len(await everything(store)) == 20


async def test_writers_have_their_turn_after_every_batch(store: Store) -> None:
    await filled(store)
    written = itertools.count(100)
    turns = []

    async def rest(_seconds: float) -> None:
        turns.append(await store.append([a_row(next(written), NOON + DAY)]))

    kept = Kept(rows_before=NOON - DAY / 2, batch_rows=2)
    assert (await keep_days(store, kept, rest=rest)).rows == 16
    assert set(turns) == {1}
    assert len(turns) >= 4
    assert len(await everything(store)) == 4 + len(turns)


async def test_the_rest_is_as_long_as_the_work_makes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(store)
    clock = itertools.count()
    monkeypatch.setattr("faregate.store.retention.monotonic", lambda: float(next(clock)))
    rests = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    kept = Kept(contents_before=NOON + DAY, batch_contents=10, share=0.2)
    await keep_days(store, kept, rest=rest)
    assert rests == [pytest.approx(4.0), pytest.approx(4.0)]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (Kept(share=0.0), "a share"),
        (Kept(share=1.5), "a share"),
        (Kept(batch_rows=0), "a batch"),
        (Kept(batch_contents=10_001), "a batch"),
    ],
)
async def test_a_pace_that_makes_no_sense_is_refused(store: Store, kept: Kept, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        await keep_days(store, kept)


async def _no_rest(_seconds: float) -> None:
    """Go on at once."""
