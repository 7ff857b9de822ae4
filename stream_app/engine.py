"""One partition: which profiles the records of a run touch, what time does to the others, and what follows.

The engine is synchronous and does no I/O. It reads profiles from a store, hands back the changed ones as changelog
records, and says what is to be published. The worker delivers; `backtest`, tests and benchmarks call it directly.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Literal

import orjson

from state import FAR, Event, Profile
from stream_app.alignment import Arrived
from stream_app.as_of_now import answers_before, by_customer, evaluated, fold_only
from stream_app.effects import Effects, Touched, personal
from stream_app.identity import Identities
from stream_app.identity_book import Turn
from stream_app.identity_notes import by_receiver
from stream_app.latest import latest, net
from stream_app.migrating import Schema
from stream_app.outputs import Output, owed_by
from stream_app.profile_store import Store
from stream_app.retelling import gone, told_again, told_anew
from stream_app.scoring import Scoring
from stream_app.shelf import Shelf
from stream_app.step import is_absorbed, observe, pass_time, totals
from stream_app.takeover import outdated, take_over, whole

__all__ = ["CLOCK_KEY", "META_KEY", "Clock", "PartitionEngine"]

Clock = Literal["wall", "event"]

#: Keys of the partition's own records in the changelog; no customer id is encoded like this, for ids are UTF-8.
META_KEY, CLOCK_KEY = b"\xff\xffmeta", b"\xff\xffclock"


class PartitionEngine:
    """The profiles of one partition, folded and scored.

    Args:
        scoring: Compiled configuration and models, shared by all partitions of the process.
        store: Profiles of this partition.
        clock: ``event``: only events and ticks move time, and every transition of a history is gone through. ``wall``:
            profiles are evaluated once a run, as of now; what lies in the past is not published step by step.
        hold: Changed profiles that owe nothing and may be held, see `Shelf`; by default none is.

    Attributes:
        time: The partition's clock (µs of event time): events before it are late, timers up to it have fired.
        is_told: Whether ticks, and not events alone, have ever moved the clock.
        population: Customers by (lifecycle index, stage index), exact.
        shelf: The profiles at hand, and those that are held.
    """

    def __init__(self, scoring: Scoring, store: Store, clock: Clock, hold: int = 0) -> None:
        self.scoring = scoring
        self.store = store
        self.clock = clock
        self.time = 0
        self.is_told = False
        self.population: Counter[tuple[int, int]] = Counter()
        self._newest = 0
        self._schema = Schema(scoring, None)
        self._used: set[int] = set()
        self.shelf = Shelf(store, hold)
        self._identities = Identities(self)

    def fold(self, records: Iterable[Arrived], *, now: int = 0, stamp: tuple[int, int] = (0, 0)) -> Effects:
        """Fold records that are in order.

        Args:
            records: Items are `state.Event` or `Refused`.
            now: Wall clock (µs); only looked at with the wall clock.
            stamp: Source and offset that are committed when, and only when, this run is delivered.
        """
        effects = Effects()
        if self.clock == "event":
            self._fold_in_order(records, effects, stamp)
            return effects
        horizon = now - self.scoring.policy.lateness
        for customer, of_one in by_customer(personal(records, effects)).items():
            touched, before = self._touch(customer, anonymous=of_one[0].item.anonymous), len(effects.outputs)
            for record in of_one:
                self._fold_event(record, touched, effects, late=record.item.at < horizon)
            self._finish(customer, touched, effects, before, now, stamp)
        self.time = max(self.time, horizon)
        return effects

    def _fold_in_order(self, records: Iterable[Arrived], effects: Effects, stamp: tuple[int, int]) -> None:
        """Event time: what was published when is told in order, so the customers of a run are worked on side by side."""
        run: dict[str, Touched] = {}
        for record in personal(records, effects, self._move_clock):
            event = record.item
            touched = run.get(event.customer)
            if touched is None:
                touched = run[event.customer] = self._touch(event.customer, anonymous=event.anonymous)
            self._fold_event(record, touched, effects, late=event.at < self.time)
        owed = owed_by(effects.outputs)
        for customer, touched in run.items():
            if touched.is_changed:
                self._keep(customer, touched.profile, effects, owed.get(customer.encode(), []), stamp)

    def _move_clock(self, at: int) -> None:
        """Let the newest event move the clock of event time.

        This happens at every record, also one that is read again, and not at the end of a run: where fetches
        cut the log must leave no trace.
        """
        if at > self._newest:
            self._newest = at
            self.time = max(self.time, at - self.scoring.policy.lateness - 1)

    def _touch(self, customer: str, *, anonymous: bool) -> Touched:
        profile = self.shelf.load(customer) or Profile(anonymous=anonymous)
        return Touched(profile, totals(profile))

    @property
    def written_under(self) -> int:
        """Identity of the description under which profiles are stored now."""
        return self._schema.identity

    @property
    def is_behind(self) -> bool:
        """Whether timers are due that have not fired."""
        return self.shelf.timers.next_due() <= self.time

    def pass_to(self, until: int) -> None:
        """Let the partition's clock pass to *until* (µs of event time), inclusive; `catch_up` then fires the timers."""
        self.time = max(self.time, until)
        self.is_told = True

    def advance(self, until: int, *, stamp: tuple[int, int] = (0, 0)) -> Effects:
        """`pass_to` and `catch_up` in one go, for callers with nothing else to do."""
        self.pass_to(until)
        return self.catch_up(most=1 << 62, stamp=stamp)

    def catch_up(self, *, most: int = 1000, stamp: tuple[int, int] = (0, 0)) -> Effects:
        """Fire the timers of silent customers up to `time`, in order; call again while `is_behind`.

        Args:
            most: Evaluations after which to stop, so that whoever calls can do something else in between.
            stamp: As for `fold`.
        """
        effects = Effects()
        until, budget = self.time, most
        for _, key in self.shelf.timers.pop_until(until):
            if (profile := self.shelf.load(customer := key.decode())) is None:
                continue
            before = len(effects.outputs)
            outputs = pass_time(self.scoring, customer, profile, until, budget)
            self.note(outputs, effects, profile)
            self._keep(customer, profile, effects, effects.outputs[before:], stamp)
            budget -= 1 + len(outputs)
            if budget <= 0:
                break
        return effects

    def _fold_event(self, record: Arrived, touched: Touched, effects: Effects, *, late: bool) -> None:
        event, profile = record.item, touched.profile
        if is_absorbed(profile, record.source, record.offset):
            effects.outcomes[record.source, "duplicate"] += 1
            return
        touched.is_changed = True
        if profile.identity is not None:
            if profile.identity.moved_to:
                is_new = self._identities.forward(event.customer, profile, event, effects, late=late)
                effects.outcomes[record.source, "forwarded" if is_new else "duplicate"] += 1
                return
            self._identities.fold_apart(profile, event)
        folded = self.absorb(event, touched, effects, late=late)
        effects.outcomes[record.source, "duplicate" if not folded else "late" if late else "applied"] += 1

    def absorb(self, event: Event, touched: Touched, effects: Effects, *, late: bool = False) -> bool:
        """Fold an event into the profile of its customer; returns whether it was new."""
        customer, profile = event.customer, touched.profile
        if profile.anonymous and not event.anonymous:
            profile.anonymous = False
        if self.clock == "event":
            folded, outputs = observe(self.scoring, customer, profile, event, late=late, reached=self.time)
            self.note(outputs, effects, profile)
        else:
            effects.outputs += answers_before(self.scoring, customer, profile, event.at)
            folded = fold_only(self.scoring, touched, event)
        if event.link and folded:
            self._identities.link(customer, profile, event, effects)
        return folded

    def receive(
        self, records: Iterable[Arrived], *, now: int = 0, stamp: tuple[int, int] = (0, 0)
    ) -> Effects:
        """Do what other ids of the same persons say to ids of this partition.

        Args:
            records: Items are notes; others are passed over.
            now: As for `fold`.
            stamp: As for `fold`.
        """
        effects = Effects()
        for to, for_one in by_receiver(records).items():
            profile, before = self.shelf.load(to) or Profile(anonymous=True, due=FAR), len(effects.outputs)
            touched = Touched(profile, totals(profile))
            turn = Turn(touched, effects, now)
            for record in for_one:
                self._take(record, turn)
            self._finish(to, touched, effects, before, now, stamp)
        return effects

    def _take(self, record: Arrived, turn: Turn) -> None:
        touched, effects = turn.touched, turn.effects
        if is_absorbed(touched.profile, record.source, record.offset):
            effects.outcomes[record.source, "duplicate"] += 1
            return
        touched.is_changed = True
        is_new = self._identities.take(record.item, touched.profile, turn)
        effects.outcomes[record.source, "applied" if is_new else "duplicate"] += 1

    def _finish(
        self, customer: str, touched: Touched, effects: Effects, before: int, now: int, stamp: tuple[int, int]
    ) -> None:
        """Evaluate whoever had an event, as of *now*, and store whoever has changed with the outputs behind *before*."""
        if touched.reached:
            self.note(evaluated(self.scoring, customer, touched, now), effects, touched.profile)
        if touched.is_changed:
            self._keep(customer, touched.profile, effects, effects.outputs[before:], stamp)

    def profile(self, customer: str) -> Profile | None:
        """The stored profile of a customer."""
        return self.shelf.load(customer)

    def profiles(self) -> Iterator[tuple[str, Profile]]:
        """All customers that are known; erased ones, and ids that belong to a customer, are left out."""
        return ((customer, profile) for customer, profile in self.shelf.items() if profile.evaluated_at)

    def delivered(self, source: int, offset: int) -> None:
        """Note that everything stamped below *offset* of *source* has been delivered."""
        self.shelf.delivered(source, offset)

    def _keep(
        self, customer: str, profile: Profile, effects: Effects, owed: list[Output], stamp: tuple[int, int]
    ) -> None:
        """Store a changed profile with what it has still to publish."""
        profile.written_under = self._schema.identity
        self.shelf.keep(customer, profile, owed, stamp, effects.changed)

    def note(self, outputs: list[Output], effects: Effects, profile: Profile) -> None:
        """Count moves, and keep what is to be published: no stage changes without an output that tells it."""
        if not outputs:
            return
        moves = [output.move for output in outputs if output.move]
        for index, old, stage in moves:
            if old >= 0:
                self.population[index, old] -= 1
            self.population[index, stage] += 1
        if self.clock == "wall":  # only where a run has led to is told, not the way there
            outputs, moves = latest(outputs, self.scoring, profile), net(moves)
        effects.outputs += outputs
        for index, old, stage in moves:
            track = self.scoring.tracks[index]
            effects.moves[track.name, track.stages[old] if old >= 0 else "", track.stages[stage]] += 1

    # ---------------------------------------------------------- ownership

    def meta(self) -> bytes:
        """What the profiles of this partition are written under; stored under `META_KEY`."""
        return self._schema.stored(self._used)

    def clock_state(self) -> bytes:
        """The partition's clock; stored under `CLOCK_KEY`."""
        return orjson.dumps({"time": self.time, "newest": self._newest, "told": self.is_told})

    def recover(self, committed: Mapping[int, int]) -> tuple[list[Output], Effects]:
        """`recovering` and `migrating` in one go, for callers with nothing else to do."""
        undelivered = whole(self.recovering(committed))
        effects = Effects()
        for each in self.migrating():
            effects.outputs += each.outputs
            effects.changed.update(each.changed)
        return undelivered, effects

    def recovering(self, committed: Mapping[int, int]) -> Generator[None, None, list[Output]]:
        """Take over the stored state, in slices: what it was written under, who is due, who is counted, what is owed.

        Args:
            committed: Committed offset by source: outputs stamped at or beyond it may not have been delivered.

        Returns:
            Outputs to publish again, byte for byte.

        Raises:
            Misconfigured: If the configured lifecycles cannot take the stored state over.
        """
        self.shelf.begin(committed)
        clock = self.store.get(CLOCK_KEY)
        if clock is not None:
            stored = orjson.loads(clock)
            self.time, self._newest = stored["time"], stored["newest"]
            self.is_told = stored.get("told", True)
        self._schema = Schema(self.scoring, self.store.get(META_KEY))
        taken = yield from take_over(self.store, self._schema, committed)
        self.shelf.timers, self.population, self._used = taken.timers, taken.population, taken.used
        return taken.undelivered

    def migrating(self) -> Iterator[Effects]:
        """Bring the profiles to changed lifecycle files, some at a time; does nothing where none has changed."""
        stamp = self.shelf.next_stamp
        for profiles in outdated(self.store, self._schema, self._used):
            effects = Effects()
            for customer, profile in profiles.items():
                if profile.evaluated_at:
                    profile.due = max(self.time, profile.evaluated_at)
                owed = list(told_anew(self.scoring, customer, profile))
                effects.outputs += owed
                stages = enumerate(standing.stage for standing in profile.standings)
                self.population.update(place for place in stages if place[1] >= 0)
                self._keep(customer, profile, effects, owed, stamp)
            yield effects

    def republish(self) -> Iterator[Output]:
        """The present state of every customer in every lifecycle, and the last alerts; then who is gone."""
        return told_again(self.scoring, self.shelf.items())

    def erase(self, customer: str, *, stamp: tuple[int, int] = (0, 0)) -> Effects:
        """Forget a customer and its ids: what stays is the versions and offsets that keep old records from coming back."""
        effects, profile = Effects(), self.shelf.load(customer)
        if profile is None:
            effects.outputs += gone(self.scoring, customer, 0)
            return effects  # whoever asked is answered, also about somebody who is not known
        closed = self._identities.erase(customer, profile, effects)
        self._keep(customer, closed, effects, effects.outputs, stamp)
        return effects

    def unmerge(self, anonymous: str, nonce: str, *, stamp: tuple[int, int] = (0, 0)) -> Effects:
        """Ask for the release of an id that was merged; the answer is among the merges."""
        effects, profile = Effects(), self.shelf.load(anonymous) or Profile(anonymous=True, due=FAR)
        self._identities.unmerge(anonymous, profile, effects, nonce)
        self._keep(anonymous, profile, effects, effects.outputs, stamp)
        return effects

    def recount(self, index: int, old: int, stage: int, effects: Effects | None) -> None:
        """Count a customer in another stage of a lifecycle; -1 for none."""
        if old == stage:
            return
        if old >= 0:
            self.population[index, old] -= 1
        if stage >= 0:
            self.population[index, stage] += 1
        if effects is not None:
            track = self.scoring.tracks[index]
            effects.moves[track.name, track.stages[old] if old >= 0 else "", track.stages[stage]] += 1
