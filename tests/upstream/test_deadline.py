"""A time limit on what is awaited: as asyncio's, and safe to leave behind."""

import asyncio
import gc
import sys
from collections.abc import Callable
from weakref import ref

import pytest
import uvloop

from faregate.upstream.deadline import Deadline
from tests.upstream.scripted import Run, both_loops

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@both_loops
def test_what_takes_too_long_is_cancelled(run: Run) -> None:
    cancelled: list[bool] = []

    async def main() -> None:
        async def wait() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        with pytest.raises(TimeoutError), Deadline(0.01):
            await wait()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # whoever awaits next is not cancelled for it

    run(main())
    assert cancelled == [True]


@both_loops
@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_no_time_left_is_a_timeout_at_the_first_wait(run: Run, seconds: float) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError), Deadline(seconds):
            await asyncio.get_running_loop().create_future()

    run(main())


@both_loops
def test_what_is_done_in_time_is_left_alone(run: Run) -> None:
    async def main() -> str:
        with Deadline(0.01):
            found = "done"
        await asyncio.sleep(0.03)
        return found

    assert run(main()) == "done"


@both_loops
def test_an_error_inside_stays_what_it_is(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(KeyError), Deadline(10.0):
            raise KeyError("mine")

    run(main())


@both_loops
def test_a_cancellation_from_outside_is_no_timeout(run: Run) -> None:
    async def wait() -> None:
        with Deadline(10.0):
            await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


@both_loops
def test_a_cancellation_together_with_the_timeout_wins(run: Run) -> None:
    async def wait() -> None:
        with Deadline(0.0):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                raise

    async def main() -> None:
        task = asyncio.ensure_future(wait())
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


@both_loops
def test_one_within_another(run: Run) -> None:
    async def main() -> None:
        with Deadline(10.0):
            with pytest.raises(TimeoutError), Deadline(0.0):
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), Deadline(0.0), Deadline(10.0):
            await asyncio.get_running_loop().create_future()

    run(main())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_task_left_behind_goes_with_its_loop(new_loop: NewLoop) -> None:
    """Held by its own coroutine it would wait for the collector, and then end the process."""
    loop = new_loop()
    ended: list[str] = []

    async def wait(until: asyncio.Future[None]) -> None:
        try:
            with Deadline(10.0):
                await until
        finally:
            ended.append("here")

    future = loop.create_future()
    task = loop.create_task(wait(future))
    loop.run_until_complete(asyncio.sleep(0))
    future.set_result(None)  # it is about to go on, and never will
    seen = ref(task)
    del task, future
    loop.close()
    if sys.version_info >= (3, 14):
        gc.collect()  # a future knows there who waits for it, and each keeps the other
    assert (seen(), ended) == (None, ["here"])


def test_outside_a_task_it_says_so() -> None:
    async def main() -> None:
        refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def called() -> None:
            try:
                Deadline(1.0).__enter__()
            except RuntimeError as error:
                refused.set_result(str(error))

        asyncio.get_running_loop().call_soon(called)
        assert "needs a task" in await refused

    asyncio.run(main())
