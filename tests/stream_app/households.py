"""Several partitions in memory that write notes to each other, delivered late, twice, and across crashes."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from state import Event
from stream_app.alignment import Arrived
from stream_app.effects import Effects
from stream_app.identity_notes import read_note, receiver_of
from stream_app.outputs import MERGE, NOTE, Output
from stream_app.scoring import Scoring
from stream_app.topics import READ
from tests.stream_app.partitions import SOURCE, TICKS, Partition

NOTES = READ.index("identities")


class Household:
    """Partitions by the last letter of an id, with logs of notes between them.

    Args:
        scoring: Of all partitions.
        partitions: How many.
        clock: Of all.
    """

    def __init__(self, scoring: Scoring, partitions: int = 3, clock: Any = "event") -> None:
        self.scoring = scoring
        self.clock = clock
        self.parts = [Partition(scoring, clock) for _ in range(partitions)]
        self.logs: list[list[bytes]] = [[] for _ in self.parts]
        self.taken = [0] * partitions
        self.ends: defaultdict[tuple[int, int], int] = defaultdict(int)
        self.merges: list[dict[str, Any]] = []
        self.now = 0

    def home(self, customer: str) -> int:
        return sum(customer.encode()) % len(self.parts)

    def fold(self, *events: Event) -> None:
        for event in events:
            place = self.home(event.customer)
            source = SOURCE[event.kind.topic]
            offset = self.ends[place, source]
            self.ends[place, source] += 1
            record = Arrived(event.at, source, offset, event)
            self._deliver(self.parts[place].fold([record], self.now))

    def live_through(self, events: Iterable[Event], chance: random.Random) -> None:
        """Fold events, with some notes taken and some crashes in between; then take all notes."""
        for event in events:
            self.fold(event)
            if chance.random() < 0.5:
                self.take(chance.randrange(3), chance.randint(1, 2))
            if chance.random() < 0.2:
                self.crash(chance.randrange(3))
        self.settle(chance)

    def take(self, place: int, most: int = 1 << 30) -> bool:
        """Let a partition read its next notes; False if there are none."""
        begin, log = self.taken[place], self.logs[place]
        run = [
            Arrived(0, NOTES, begin + number, read_note(value))
            for number, value in enumerate(log[begin : begin + most])
        ]
        if not run:
            return False
        self.taken[place] = begin + len(run)
        part = self.parts[place]
        effects = part.engine.receive(run, now=self.now, stamp=(NOTES, run[-1].offset))
        self._deliver([part.take(effects), *part.catch_up((NOTES, run[-1].offset))])
        return True

    def settle(self, chance: random.Random | None = None) -> None:
        """Deliver notes until nobody has anything to say."""
        while any(begin < len(log) for begin, log in zip(self.taken, self.logs, strict=True)):
            places = list(range(len(self.parts)))
            if chance is not None:
                chance.shuffle(places)
            for place in places:
                self.take(place, chance.randint(1, 3) if chance is not None else 1 << 30)

    def pass_to(self, at: int, offset: int = 0) -> None:
        for part in self.parts:
            self._deliver(part.tick(at, offset))

    def erase(self, customer: str) -> None:
        self._deliver([self.parts[self.home(customer)].erase(customer)])

    def unmerge(self, anonymous: str) -> None:
        part = self.parts[self.home(anonymous)]
        self._deliver([part.take(part.engine.unmerge(anonymous, "n", stamp=(TICKS, 0)))])

    def crash(self, place: int) -> None:
        """Start the partition anew from what is stored; what it owes is sent again."""
        old = self.parts[place]
        heir = Partition(self.scoring, self.clock, values=old.table.values)
        committed = {NOTES: 0, TICKS: 0, **dict.fromkeys(SOURCE.values(), 0)}
        undelivered, _ = heir.engine.recover(committed)
        heir.outputs = old.outputs
        self.parts[place] = heir
        self._send(undelivered)

    def replay_notes(self, place: int, count: int) -> None:
        """A partition reads its last notes once more: they were not committed."""
        self.taken[place] = max(0, self.taken[place] - count)

    def _deliver(self, runs: Sequence[Effects]) -> None:
        for effects in runs:
            self._send(effects.outputs)

    def _send(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.kind == NOTE:
                self.logs[self.home(receiver_of(output.payload))].append(output.payload)
            elif output.kind == MERGE:
                told = orjson.loads(output.payload)
                if told not in self.merges:
                    self.merges.append(told)

    # ------------------------------------------------------------- reading

    def profile(self, customer: str) -> Any:
        return self.parts[self.home(customer)].profiles.get(customer)

    def known(self) -> set[str]:
        return {customer for part in self.parts for customer, _ in part.engine.profiles()}

    def told(self, action: str) -> list[tuple[str, str, str]]:
        return [
            (told["customer_id"], told["anonymous_id"], told["reason"])
            for told in self.merges
            if told["action"] == action
        ]

    def check_books(self) -> None:
        for part in self.parts:
            part.check_books()
