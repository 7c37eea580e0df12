"""ASGI's lifespan: the application is told to start before the first request and to stop last."""

import asyncio

from faregate.edge.cycle import Application, Message


class LifespanError(Exception):
    """The application could not start or stop. Holds its own words."""


class Lifespan:
    """Runs the application's lifespan call. ``start`` once, then ``stop`` once."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once the application is ready. Raises :class:`LifespanError`."""
        self._task = asyncio.create_task(self._run())
        await self._ask("startup")

    async def stop(self) -> None:
        """Returns once the application is done. Raises :class:`LifespanError`."""
        await self._ask("shutdown")
        if self._task is not None:
            await asyncio.wait([self._task], timeout=1)
            self._task.cancel()

    async def _run(self) -> None:
        scope: Message = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
        await self._app(scope, self._events.get, self._answers.put)

    async def _ask(self, event: str) -> None:
        task = self._task
        assert task is not None
        self._events.put_nowait({"type": f"lifespan.{event}"})
        answer = asyncio.ensure_future(self._answers.get())
        await asyncio.wait([task, answer], return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            fault = None if task.cancelled() else task.exception()
            raise LifespanError(f"{event} failed: {fault or 'the application ended'}") from fault
        message = answer.result()
        if message["type"] != f"lifespan.{event}.complete":
            raise LifespanError(f"{event} failed: {message.get('message', '')}")
