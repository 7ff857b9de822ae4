"""The course of a demo: services, staff, replay, drain, summary, and the end.

Starting and stopping block for seconds and are therefore done outside the event loop.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any, TypeVar

import msgspec
from aiokafka.errors import KafkaError
from rich.console import Console

from state import format_instant, parse_instant
from stream_app.demo.draining import Drain, Lag, draining
from stream_app.demo.grounds import Grounds, open_grounds
from stream_app.demo.opening import show
from stream_app.demo.redis_away import RedisAway
from stream_app.demo.staff import Staff
from stream_app.demo.story import ATTRIBUTION, WHAT, afterwards, where_to_look
from stream_app.demo.summary import Summary, collect
from stream_app.embedded.progress import StandardError
from stream_app.kafka_clients import client_options
from stream_app.progress_display import ProgressDisplay
from stream_app.replay import Progress, replay
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings
from stream_app.sources import Record
from stream_app.topic_admin import ensure
from stream_app.topics import declare

_END = parse_instant("2011-12-09T12:50:00Z")
"""Time of the last bundled event: how far a full replay is, is told by event time."""
_WATCH_S = 0.25
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Args:
        settings: Checked settings; addresses in them do not count.
        records: The events, by event time.
        limit: How many at most, if limited.
        keep: Whether Kafka and Redis go on afterwards.
        config: The configuration file, if named.
        console: Whether to open the console.
    """

    settings: Settings
    records: Iterable[Record]
    limit: int | None
    keep: bool
    config: Path | None
    console: bool = False


class Demo:
    """One demo.

    Args:
        asked: What was asked for.
        console: Where it speaks; standard error.
    """

    def __init__(self, asked: Asked, console: Console) -> None:
        self._asked = asked
        self._console = console
        self.lifecycles = load_lifecycles(asked.settings.lifecycles)

    def say(self, text: str) -> None:
        """Print on lines of its own."""
        self._console.print(text, markup=False, soft_wrap=True)

    def run(self, present: Callable[[Summary], None], *, stay: bool) -> None:
        """Run it from the first service to the last.

        Args:
            present: Is given the summary, while everything still runs.
            stay: Go on until Ctrl-C.

        Raises:
            LifecycleAppError: If services or staff do not come up, or the work does not get done.
        """
        asked = self._asked
        self.say(WHAT)
        ahead = Ahead(asked.records)  # reading and simulating take as long as the services need
        with ExitStack() as ending:
            listener = ending.enter_context(StandardError())
            grounds = ending.enter_context(open_grounds(asked.settings, listener, keep=asked.keep))
            settings = grounds.settings(asked.settings)
            asyncio.run(ensure(settings.kafka, declare(settings), client_options(settings)))
            staff = Staff(settings, asked.config, self.say, with_console=asked.console)
            ending.callback(self._stop, staff)
            self.say(
                f"starting a worker{', a trainer and the console' if asked.console else ' and a trainer'}"
            )
            staff.start()
            if staff.console:
                show(staff.console.login)
            watch = _Watch(grounds, staff)
            records = ahead.records()
            first = next(records, None)
            customer = first.customer if first else "CUSTOMER"
            self.say(where_to_look(grounds, staff, self._named(), customer))
            events = itertools.chain([first], records) if first else iter(())
            summary = asyncio.run(watch.during(self._play(settings, grounds, events)))
            present(msgspec.structs.replace(summary, console=staff.console.login if staff.console else None))
            if stay:
                self._wait(grounds, staff, customer)
        self.say(afterwards(grounds))

    async def _play(self, settings: Settings, grounds: Grounds, events: Iterator[Record]) -> Summary:
        async with draining(settings) as drain:
            await drain.workers_joined()
            started = monotonic()
            progress = await self._send(settings, drain, events)
            with ProgressDisplay("scoring the rest", self._console) as display:

                def tell(lag: Lag) -> None:
                    display.show(lag.scored, progress.events, f"{lag.waiting:,} records to go")

                await drain.workers_done(tell)
            seconds = monotonic() - started
            self.say("everything is scored and in Redis; waiting for the trainer to publish what it learned")
            snapshot = await drain.trainer_done()
            return await collect(
                settings, drain, snapshot, progress, seconds, stay=grounds.stay, attribution=ATTRIBUTION
            )

    async def _send(self, settings: Settings, drain: Drain, events: Iterator[Record]) -> Progress:
        limit = self._asked.limit
        looking = asyncio.create_task(_keep_looking(drain))
        try:
            with ProgressDisplay("replaying", self._console) as display:

                def tell(progress: Progress) -> None:
                    done, total = (
                        (progress.events, limit)
                        if limit
                        else (progress.at - progress.first, _END - progress.first)
                    )
                    day, scored = format_instant(progress.at)[:10], drain.lag.scored
                    display.show(done, total, f"{progress.events:,} sent, {scored:,} scored, {day}")

                return await replay(events, settings, tell=tell)
        finally:
            looking.cancel()
            with suppress(
                asyncio.CancelledError, KafkaError
            ):  # a figure beside the bar is not worth an error
                await looking

    def _wait(self, grounds: Grounds, staff: Staff, customer: str) -> None:
        """Let people look around until they press Ctrl-C."""
        self.say(where_to_look(grounds, staff, self._named(), customer))
        self.say("Everything goes on running. Ctrl-C stops it.")
        redis = RedisAway(grounds, self.say)
        with suppress(KeyboardInterrupt):
            while True:
                redis.look()
                staff.mend()
                time.sleep(_WATCH_S)

    def _named(self) -> tuple[str, ...]:
        names = self._asked.settings.lifecycles
        return () if names == Settings().lifecycles else names

    def _stop(self, staff: Staff) -> None:
        self.say("stopping worker and trainer")
        staff.stop()


class Ahead:
    """Reads the first record of a source on a thread, while others prepare.

    Args:
        source: To be read by nobody else.
    """

    def __init__(self, source: Iterable[Record]) -> None:
        self._source = iter(source)
        self._first: SimpleQueue[list[Record] | BaseException] = SimpleQueue()
        threading.Thread(target=self._read, name="demo-ahead", daemon=True).start()

    def records(self) -> Iterator[Record]:
        """Yield all records.

        Raises:
            WorkFailed: What reading the first one raised.
        """
        first = self._first.get()
        if isinstance(first, BaseException):
            raise first
        yield from first
        yield from self._source

    def _read(self) -> None:
        try:
            self._first.put(list(itertools.islice(self._source, 1)))
        except BaseException as error:  # noqa: BLE001 - raised again where it can be reported
            self._first.put(error)


class _Watch:
    """Looks after services and staff.

    Args:
        grounds: The services.
        staff: Worker and trainer.
    """

    def __init__(self, grounds: Grounds, staff: Staff) -> None:
        self._grounds = grounds
        self._staff = staff

    def look(self) -> None:
        """Start again what may be started again.

        Raises:
            Unavailable: If a service has ended.
            WorkFailed: If worker or trainer end again and again.
        """
        self._grounds.require_services()
        self._staff.mend()

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work under watch; whatever ends the watch ends the work."""
        watching, working = asyncio.create_task(self._go_on()), asyncio.create_task(work)
        try:
            await asyncio.wait({watching, working}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                await watching
            return await working
        finally:
            for task in (watching, working):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _go_on(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_WATCH_S)


async def _keep_looking(drain: Drain) -> None:
    while True:
        await drain.look()
        await asyncio.sleep(1.0)
