"""A tenant under traffic, its workers, and what is done to them."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from stream_app.embedded import EmbeddedServices
from stream_app.topics import SOURCES
from tests.bench.faults.crew import Crew
from tests.bench.faults.feeder import Feeder, Slice, sliced
from tests.bench.faults.figures import catch_ups, growth
from tests.bench.faults.oracle import truth
from tests.bench.faults.traffic import LIFECYCLE, Planned, Tally, shop
from tests.bench.faults.verdict import CRASH, Comparison, Verdict, dead
from tests.bench.faults.watch import Watch
from tests.integration.workers import Tenant


@dataclass(frozen=True)
class Size:
    """How much of everything.

    Args:
        events: Events of the traffic.
        customers: Who cause them.
        seconds: How long the traffic lasts.
        faults: How many times something is done.
        session: Session timeout of the workers, seconds.
        patience: Seconds in which everything must be worked off after the last fault.
        partitions: Of every topic.
    """

    events: int = 4_000
    customers: int = 300
    seconds: float = 15.0
    faults: int = 2
    session: int = 6
    patience: float = 300.0
    partitions: int = 4


@dataclass
class Outcome:
    """What a scenario came to.

    Args:
        scenario: Its name.
        seed: Of traffic and faults.
        verdict: What was compared.
        faults: How often something was done.
        replayed: Records that were met again.
        pauses: Longest standstill of a partition with work, for each fault, seconds.
        catch_ups: For each fault, seconds until nothing waited for longer than a second.
        memory: Growth of the worker process that lived longest.
        exits: What workers said that ended by themselves.
        seconds: How long the whole of it took.
        more: Figures of this scenario alone.
    """

    scenario: str
    seed: int
    verdict: Verdict = field(default_factory=Verdict)
    faults: int = 0
    replayed: int = 0
    pauses: list[float] = field(default_factory=list)
    catch_ups: list[float] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    exits: list[str] = field(default_factory=list)
    seconds: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


class Scene:
    """One run of one scenario.

    Attributes:
        chance: The run's own randomness.
        tenant: Its prefix on the servers.
        crew: Its workers.
    """

    def __init__(
        self,
        services: EmbeddedServices,
        name: str,
        seed: int,
        size: Size,
        directory: Path,
        program: Sequence[str],
    ) -> None:
        self.services = services
        self.size = size
        self.chance = Random(seed)
        self.outcome = Outcome(name, seed)
        self.tenant = Tenant(services.kafka, services.redis_url, directory, size.partitions)
        self.tenant.lifecycle(LIFECYCLE)
        self.tenant.environment |= {
            "LIFECYCLE_WORKER__SESSION_TIMEOUT": f"{size.session}s",
            "LIFECYCLE_WORKER__HEARTBEAT": "1s",
            "LIFECYCLE_WORKER__TICK_PATIENCE": "10m",  # how slow a machine is must not decide about the order
        }
        self.tenant.create_topics()
        self.crew = Crew(self.tenant, program)
        self._tally = Tally()
        self.end_of_time = time.time_ns() // 1_000_000_000 * 1_000_000
        self._feeders: list[Feeder] = []
        self._faults: list[float] = []
        self._watch = Watch(self.tenant, self.crew, self.sent)
        self._watch.start()

    def sent(self) -> list[int]:
        return [sum(each) for each in zip(*(feeder.sent for feeder in self._feeders), strict=True)] or [
            0
        ] * self.tenant.partitions

    @property
    def planned(self) -> int:
        """Records that are sent, or will be."""
        return self._tally.records

    # -------------------------------------------------------------- traffic

    def usual(self) -> list[Planned]:
        """The traffic of most scenarios."""
        return shop(self.outcome.seed, self.size.events, self.size.customers, self.end_of_time)

    def feed(self, planned: Sequence[Planned], seconds: float | None = None) -> Feeder:
        """Begin to send."""
        self._tally.add(planned)
        seconds = self.size.seconds if seconds is None else seconds
        slices = sliced(planned, seconds)
        return self._feed(Feeder(self.tenant, slices, len(slices), seconds))

    def feed_slices(self, slices: Iterable[Slice], number: int, seconds: float) -> Feeder:
        """Begin to send what is made only when it is due."""

        def tallied() -> Iterator[Slice]:
            for planned, mark in slices:
                self._tally.add(planned)
                yield planned, mark

        return self._feed(Feeder(self.tenant, tallied(), number, seconds))

    def _feed(self, feeder: Feeder) -> Feeder:
        self._feeders.append(feeder)
        feeder.start()
        return feeder

    def begin(
        self, workers: int = 2, planned: Sequence[Planned] | None = None, seconds: float | None = None
    ) -> None:
        """Start workers, and the traffic when one of them is at work: others join while the first records come."""
        for slot in range(workers):
            self.crew.start(slot)
        self.crew.await_owners()
        self.feed(self.usual() if planned is None else planned, seconds)

    # ---------------------------------------------------------------- faults

    def fault(self) -> None:
        """Note that something is done now."""
        self._faults.append(time.monotonic())
        self.outcome.faults += 1

    def rest(self, least: float, most: float) -> None:
        """Wait for a random time."""
        time.sleep(self.chance.uniform(least, most))

    def await_progress(self, share: float, seconds: float = 120.0) -> None:
        """Wait until this share of the traffic so far is committed."""
        self.await_records(share * self._tally.records, seconds)

    def await_records(self, records: float, seconds: float = 120.0) -> None:
        """Wait until as many records are committed; for so long at most."""
        end = time.monotonic() + seconds
        while self.done() < records and time.monotonic() < end:
            time.sleep(0.05)

    def done(self) -> int:
        """Records of the source topics that are committed."""
        names = {self.tenant.topic(name) for name in SOURCES}
        return sum(max(0, at) for (topic, _), at in self._watch.committed.items() if topic in names)

    # --------------------------------------------------------------- verdict

    def drain(self) -> None:
        """Wait until everything sent is committed, and what followed from it is in Redis.

        Raises:
            AssertionError: If that does not come about.
        """
        for feeder in self._feeders:
            feeder.join()
        end = time.monotonic() + self.size.patience
        for names in ((*SOURCES, "ticks"), ("stage-changes",)):
            wanted = {place: at for place, at in self.tenant._ends(names).items() if at}
            while any(self._watch.committed.get(place, 0) < at for place, at in wanted.items()):
                left = {place: (self._watch.committed.get(place), at) for place, at in wanted.items()}
                behind = {place: each for place, each in left.items() if (each[0] or 0) < each[1]}
                assert time.monotonic() < end, f"not worked off: {behind}; {self.crew.last_words()}"
                time.sleep(0.1)

    def judge(self, *, republished: bool = False, only_facts: bool = False) -> Outcome:
        """Drain, then compare everything."""
        self.drain()
        self._watch.stop()
        outcome = self.outcome
        expected = truth(self.tenant, time.time_ns() // 1_000_000)
        comparison = Comparison(self.tenant, expected, outcome.verdict)
        comparison.count(self._tally.worth)
        if only_facts:
            comparison.facts()
        else:
            comparison.everything(republished=republished)
        refused = self._tally.refused
        outcome.verdict.differ("refused", Counter(dead(self.tenant).values()), refused)
        outcome.pauses = self._watch.pauses(self._faults)
        outcome.catch_ups = catch_ups(self._watch.looks, self._faults)
        outcome.memory = growth(self._watch.lives)
        outcome.replayed = self._watch.duplicates - (
            self._tally.records - outcome.verdict.events - refused.total()
        )
        outcome.exits = [f"{each.code}: {each.said}" for each in self.crew.exits]
        crashes = [told for each, told in zip(self.crew.exits, outcome.exits, strict=True) if each.is_crash]
        outcome.verdict.count(CRASH, len(crashes))
        outcome.verdict.details += crashes
        return outcome

    def end(self) -> None:
        self.crew.end()
        if self._watch._thread.is_alive():
            self._watch.stop()


@contextmanager
def scene(
    services: EmbeddedServices,
    name: str,
    seed: int,
    size: Size,
    program: Sequence[str] = ("-m", "stream_app"),
) -> Iterator[Scene]:
    """A scene that leaves nothing behind, except the logs of one that went wrong."""
    directory = Path(tempfile.mkdtemp(prefix="lifecycle-faults-"))
    made = Scene(services, name, seed, size, directory, program)
    try:
        yield made
    except BaseException as error:
        error.add_note(f"logs of seed {seed}: {directory}")
        raise
    finally:
        made.end()
    if made.outcome.verdict.is_exact:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        made.outcome.verdict.details.append(f"logs: {directory}")
