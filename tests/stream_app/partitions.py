"""One partition in memory: a log, an engine with its store, and all that came out, for the laws of the core."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import orjson

from scorers.lifecycle import Lifecycle
from state import DueHeap, Event, Profile, Surveying, beyond, decode_profile, kind_of, nearest, survey
from stream_app.alignment import Arrived
from stream_app.effects import Effects
from stream_app.engine import CLOCK_KEY, META_KEY, Clock, PartitionEngine
from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Output
from stream_app.profile_store import OWN
from stream_app.scoring import Policy, Scoring
from stream_app.topics import SOURCES

TICKS = len(SOURCES)
#: Source index by the short name of a kind's topic.
SOURCE = {name: index for index, name in enumerate(SOURCES)}


class Names:
    """The real feature catalogue."""

    kind_of = staticmethod(kind_of)
    nearest = staticmethod(nearest)
    beyond = staticmethod(beyond)


RETAIL = """
name = "retail"
[[stage]]
name = "prospect"
[[stage]]
name = "customer"
enter = "orders >= 1"
actions = ["welcome series"]
[[stage]]
name = "loyal"
enter = "orders_60d >= 3"
leave = "days_since_last_order > 45"
min_dwell = "10d"
[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 90"
lost = true
"""

VISITS = """
name = "visits"
[labels]
churn = "events"
horizon = "20d"
next_stage_horizon = "10d"
value_horizon = "15d"
[[stage]]
name = "away"
[[stage]]
name = "browsing"
enter = "page_views_7d + product_views_48h >= 2 or email_opens_30d >= 1"
[[stage]]
name = "at risk"
enter = "churn_risk >= 0.5 and events >= 2"
"""


@cache
def lifecycle(text: str) -> Lifecycle:
    """The lifecycle of a file's text."""
    return Lifecycle.parse(text, Names())


def scoring(*texts: str, dedup: int = 64, **policy: Any) -> Scoring:
    """A scoring of lifecycle texts, `RETAIL` unless told, under a policy."""
    return Scoring([lifecycle(text) for text in texts or (RETAIL,)], Policy(**policy), dedup)


class Table:
    """A store in memory with its changelog: what was put, in order."""

    def __init__(self, values: dict[bytes, bytes] | None = None) -> None:
        self.values = dict(values or {})
        self.log: list[tuple[bytes, bytes]] = []

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.values[key] = value
        self.log.append((key, value))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.values.items()))

    def survey(self, committed: Mapping[int, int]) -> Surveying:
        return survey([item for item in self.items() if not item[0].startswith(OWN)], committed)


def arrived(events: Iterable[Event]) -> list[Arrived]:
    """Events as records of the topics of their kinds, in the given order, with offsets counted per topic."""
    ends: Counter[int] = Counter()
    records = []
    for event in events:
        source = SOURCE[event.kind.topic]
        records.append(Arrived(event.at, source, ends[source], event))
        ends[source] += 1
    return records


class Partition:
    """An engine with its store, driven like a lane drives it, and what it published.

    Attributes:
        pause: Evaluations after which timers make a pause.
        outputs: All outputs in order of publication.
        effects: What each run changed.
    """

    def __init__(
        self,
        scoring: Scoring,
        clock: Clock = "event",
        values: dict[bytes, bytes] | None = None,
        pause: int = 3,
        hold: int = 0,
    ) -> None:
        self.pause = pause
        self.table = Table(values)
        self.engine = PartitionEngine(scoring, self.table, clock, hold=hold)
        self.outputs: list[Output] = []
        self.effects: list[Effects] = []
        self.table.values.setdefault(META_KEY, self.engine.meta())

    def fold(self, records: Sequence[Arrived], now: int = 0) -> list[Effects]:
        """Fold a run, then let the timers catch up in slices, as a lane does."""
        stamp = (records[-1].source, records[-1].offset)
        return [self.take(self.engine.fold(records, now=now, stamp=stamp)), *self.catch_up(stamp)]

    def tick(self, until: int, offset: int = 0) -> list[Effects]:
        self.engine.pass_to(until)
        return self.catch_up((TICKS, offset))

    def catch_up(self, stamp: tuple[int, int]) -> list[Effects]:
        found = []
        while self.engine.is_behind:
            found.append(self.take(self.engine.catch_up(most=self.pause, stamp=stamp)))
            assert len(found) < 100_000
        self.write_clock()
        return found

    def erase(self, customer: str, offset: int = 0) -> Effects:
        return self.take(self.engine.erase(customer, stamp=(TICKS, offset)))

    def take(self, effects: Effects) -> Effects:
        self.outputs += effects.outputs
        self.effects.append(effects)
        self.write_clock()
        return effects

    def write_clock(self) -> None:
        """All that was folded is stored."""
        self.table.put(CLOCK_KEY, self.engine.clock_state())

    # ------------------------------------------------------------- reading

    @property
    def profiles(self) -> dict[str, Profile]:
        return {
            key.decode(): decode_profile(value)
            for key, value in self.table.items()
            if not key.startswith(b"\xff")
        }

    def settled(self) -> dict[str, bytes]:
        """Every profile without what depends on the cut into runs: revision and outbox."""
        return {
            customer: msgspec.msgpack.encode(msgspec.structs.replace(profile, revision=0, outbox=[]))
            for customer, profile in self.profiles.items()
        }

    def changes(self, customer: str | None = None, lifecycle: str | None = None) -> list[dict[str, Any]]:
        """Published stage changes in order, of one customer or lifecycle if told."""
        found = [orjson.loads(output.payload) for output in self.outputs if output.kind == STAGE_CHANGE]
        return [
            change
            for change in found
            if customer in (None, change["customer_id"]) and lifecycle in (None, change["lifecycle"])
        ]

    def moves(self, customer: str | None = None) -> list[dict[str, Any]]:
        """Published changes of stage, without mere new scores."""
        return [change for change in self.changes(customer) if change["reason"] != "rescored"]

    def examples(self) -> list[dict[str, Any]]:
        """Answered questions; each was published before, when it was asked, without answers."""
        every = [orjson.loads(output.payload) for output in self.outputs if output.kind == EXAMPLE]
        return [example for example in every if example["answered_at"] != example["asked_at"]]

    def told(self) -> dict[bytes, list[tuple[int, bytes]]]:
        """What was published by customer, in order."""
        return told(self.outputs)

    def check_books(self) -> None:
        """Heap and counts agree with a full scan of the table."""
        profiles = self.profiles
        heap = self.engine.shelf.timers
        assert isinstance(heap, DueHeap)
        due = {
            customer.encode(): profile.due for customer, profile in profiles.items() if profile.due < 1 << 62
        }
        assert {key: heap.due_of(key) for key in map(str.encode, profiles) if key in heap} == due
        assert len(heap) == len(due)
        count: Counter[tuple[int, int]] = Counter()
        for profile in profiles.values():
            count.update(
                (index, standing.stage)
                for index, standing in enumerate(profile.standings)
                if standing.stage >= 0
            )
        assert +self.engine.population == count
        assert min(self.engine.population.values(), default=0) >= 0


def told(outputs: Iterable[Output]) -> dict[bytes, list[tuple[int, bytes]]]:
    """Outputs by customer, in order."""
    found: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    for output in outputs:
        found[output.key].append((output.kind, output.payload))
    return dict(found)
