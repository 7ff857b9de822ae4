"""What no rule asks about, or none by which a customer can move, is not evaluated or looked at; nobody can tell."""

from collections.abc import Sequence
from functools import cache

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.lifecycle import Lifecycle
from state import DAY, HOUR, Event, Kind, Profile, Standing, encode_profile
from stream_app.scoring import Policy, Scoring, Track, load_lifecycles
from tests.properties.histories import cuts, histories
from tests.properties.test_runs import EVERYTHING, PRESETS
from tests.state.builders import KINDS
from tests.stream_app.partitions import VISITS, Partition, arrived, lifecycle, scoring

#: What is left by is read by nothing else.
LEAVING = """
name = "leaving"
[[stage]]
name = "guest"
[[stage]]
name = "member"
enter = "orders_7d >= 1"
leave = "tickets >= 2 or email_opens_30d < 1"
[[stage]]
name = "reviewer"
enter = "reviews_7d >= 1"
"""
LIFECYCLES = (*PRESETS, LEAVING)


class Attentive(Scoring):
    """Evaluates at every event."""

    def watches(self, kind: Kind) -> bool:  # noqa: ARG002
        """Everything."""
        return True

    def concerns(self, kind: Kind, standings: Sequence[Standing]) -> bool:  # noqa: ARG002
        """Everything."""
        return True


class WideTrack(Track):
    """Looks at every feature that any rule reads, wherever the customer stands."""

    def __init__(self, compiled: Lifecycle) -> None:
        super().__init__(compiled)
        self.deciding = [self.rules] * len(self.deciding)


@cache
def _lifecycles(preset: str) -> tuple[Lifecycle, ...]:
    return (lifecycle(preset),) if "\n" in preset else load_lifecycles([preset])


@cache
def _wide(preset: str) -> Scoring:
    scoring = Scoring(_lifecycles(preset), Policy())
    scoring.tracks = tuple(WideTrack(track.lifecycle) for track in scoring.tracks)
    return scoring


def _played(scores: Scoring, history: list[Event]) -> Partition:
    partition = Partition(scores)
    partition.fold(arrived(history))
    partition.tick(history[-1].at)
    partition.check_books()
    return partition


@settings(max_examples=25, deadline=None)
@given(histories(names=EVERYTHING, active=False))
def test_what_is_not_evaluated_would_have_changed_nothing(history: list[Event]) -> None:
    for preset in LIFECYCLES:
        brief = _played(Scoring(_lifecycles(preset), Policy()), history)
        thorough = _played(Attentive(_lifecycles(preset), Policy()), history)
        assert brief.outputs == thorough.outputs
        for customer in {event.customer for event in history}:
            one, other = brief.engine.profile(customer), thorough.engine.profile(customer)
            assert one is not None
            assert other is not None
            assert encode_profile(one) == encode_profile(other)


@settings(max_examples=25, deadline=None)
@given(history=histories(names=EVERYTHING, active=False), data=st.data())
def test_by_the_wall_clock_too(history: list[Event], data: st.DataObject) -> None:
    log, runs = arrived(history), data.draw(cuts(len(history)))
    for preset in LIFECYCLES:
        brief = Partition(Scoring(_lifecycles(preset), Policy()), "wall")
        thorough = Partition(Attentive(_lifecycles(preset), Policy()), "wall")
        for partition in (brief, thorough):
            for run in runs:
                now = log[run][-1].at + HOUR
                partition.fold(log[run], now)
                partition.tick(now)
            partition.tick(history[-1].at + 400 * DAY)
            partition.check_books()
        assert brief.outputs == thorough.outputs
        assert brief.settled() == thorough.settled()


@settings(max_examples=25, deadline=None)
@given(histories(names=EVERYTHING, active=False))
def test_what_cannot_move_a_customer_need_not_be_looked_at(history: list[Event]) -> None:
    """Nor does it wake anybody: only when a profile was last and is next looked at in vain may differ."""

    def lasting(profile: Profile) -> bytes:
        return encode_profile(msgspec.structs.replace(profile, due=0, evaluated_at=0, revision=0, outbox=[]))

    for preset in LIFECYCLES:
        narrow, wide = (
            _played(Scoring(_lifecycles(preset), Policy()), history),
            _played(_wide(preset), history),
        )
        for partition in (narrow, wide):
            partition.tick(history[-1].at + 400 * DAY)
        assert narrow.told() == wide.told()
        for customer, profile in narrow.profiles.items():
            assert lasting(profile) == lasting(wide.profiles[customer])
            assert profile.due >= wide.profiles[customer].due


def test_a_look_at_a_product_cannot_move_a_loyal_customer() -> None:
    six = Scoring(_lifecycles("six-stage"), Policy())
    stages, viewed = six.tracks[0].stages, KINDS.kind("track", "Product Viewed")
    assert six.concerns(viewed, [])
    assert six.concerns(viewed, [Standing(stages.index("awareness"))])
    assert not six.concerns(viewed, [Standing(stages.index("loyalty"))])
    assert six.concerns(KINDS.kind("track", "Order Completed"), [Standing(stages.index("loyalty"))])


def test_a_lifecycle_that_reads_scores_is_concerned_by_whatever_any_rule_reads() -> None:
    by_scores = scoring(VISITS)
    viewed = KINDS.kind("track", "Page Viewed")
    assert all(by_scores.concerns(viewed, [Standing(stage)]) for stage in (-1, 0, 1, 2))


def test_a_page_view_is_no_business_of_a_lifecycle_of_orders() -> None:
    six = Scoring(_lifecycles("six-stage"), Policy())
    assert not six.watches(KINDS.kind("track", "Page Viewed"))
    assert six.watches(KINDS.kind("track", "Order Completed"))
