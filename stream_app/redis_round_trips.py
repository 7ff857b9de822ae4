"""What several partitions ask of Redis at the same time goes there together: a round trip costs more than its freight."""

import asyncio
from collections.abc import Sequence
from typing import Any

from stream_app.redis_calls import Call
from stream_app.redis_connection import AsyncRedis

__all__ = ["RoundTrips"]


class RoundTrips:
    """Commands of one turn of the event loop, sent in one pipeline.

    The commands of one caller are sent in their order; those of different callers have nothing to do with each other,
    and an error in the answer to one is no other's.

    Args:
        client: Stays the caller's to close.
        patience: Seconds that one round trip may take.
    """

    def __init__(self, client: AsyncRedis, patience: float) -> None:
        self._client = client
        self._patience = patience
        self._waiting: list[tuple[Sequence[Call], asyncio.Future[list[Any]]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, calls: Sequence[Call]) -> list[Any]:
        """The answers to *calls*.

        Raises:
            RedisError: What Redis answers to one of them, or the connection is lost.
            TimeoutError: No answer in time.
        """
        if not calls:
            return []
        answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((calls, answered))
        if len(self._waiting) == 1:
            trip = asyncio.create_task(self._travel())
            self._under_way.add(trip)
            trip.add_done_callback(self._under_way.discard)
        return await answered

    async def _travel(self) -> None:
        askers, self._waiting = self._waiting, []
        try:
            answers = await self._send([call for calls, _ in askers for call in calls])
        except asyncio.CancelledError:
            for _, answered in askers:
                answered.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked tells apart what it means
            for _, answered in askers:
                _answer(answered, [error])
            return
        at = 0
        for calls, answered in askers:
            _answer(answered, answers[at : at + len(calls)])
            at += len(calls)

    async def _send(self, calls: Sequence[Call]) -> list[Any]:
        async with asyncio.timeout(self._patience):
            if len(calls) == 1:
                return [await self._client.execute_command(*calls[0])]
            pipeline = self._client.pipeline(transaction=False)
            for call in calls:
                pipeline.execute_command(*call)
            return list(await pipeline.execute(raise_on_error=False))


def _answer(answered: "asyncio.Future[list[Any]]", answers: list[Any]) -> None:
    if answered.done():  # whoever asked has been cancelled
        return
    error = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if error is None:
        answered.set_result(answers)
    else:
        answered.set_exception(error)
