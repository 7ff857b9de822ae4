"""What is asked of Faust's transport besides handing over runs."""

import asyncio
from types import SimpleNamespace
from typing import Any

from stream_app.worker.transport import RunFetcher, RunTransport


class _Waiting:
    """A consumer that has nothing to fetch."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()

    async def _drain_messages(self, _fetcher: Any) -> None:
        self.is_asked.set()
        await asyncio.Event().wait()


async def _stopped(*, rebalancing: bool) -> RunFetcher:
    consumer = _Waiting()
    fetcher = RunFetcher(SimpleNamespace(consumer=consumer, rebalancing=rebalancing))
    await fetcher.start()
    await asyncio.wait_for(consumer.is_asked.wait(), 30)
    await fetcher.stop()
    return fetcher


def test_a_worker_that_is_told_to_end_amid_a_rebalance_does_not_crash() -> None:
    assert RunTransport.Fetcher is RunFetcher
    for rebalancing in (False, True):
        assert not asyncio.run(_stopped(rebalancing=rebalancing)).crashed
