"""An event that no rule looks at is not evaluated between two instants that matter; nobody can tell."""

from hypothesis import given, settings

from state import Event, Kind, encode_profile
from stream_app.scoring import Policy, Scoring, load_lifecycles
from tests.properties.histories import histories
from tests.properties.test_runs import EVERYTHING, PRESETS
from tests.state.builders import KINDS
from tests.stream_app.partitions import Partition, arrived


class Attentive(Scoring):
    """Evaluates at every event."""

    def watches(self, kind: Kind) -> bool:  # noqa: ARG002
        """Everything."""
        return True


def _played(scoring: Scoring, history: list[Event]) -> Partition:
    partition = Partition(scoring)
    partition.fold(arrived(history))
    partition.tick(history[-1].at)
    partition.check_books()
    return partition


@settings(max_examples=25, deadline=None)
@given(histories(names=EVERYTHING, active=False))
def test_what_is_not_evaluated_would_have_changed_nothing(history: list[Event]) -> None:
    for preset in PRESETS:
        lifecycles = load_lifecycles([preset])
        brief = _played(Scoring(lifecycles, Policy()), history)
        thorough = _played(Attentive(lifecycles, Policy()), history)
        assert brief.outputs == thorough.outputs
        for customer in {event.customer for event in history}:
            one, other = brief.engine.profile(customer), thorough.engine.profile(customer)
            assert one is not None
            assert other is not None
            assert encode_profile(one) == encode_profile(other)


def test_a_page_view_is_no_business_of_a_lifecycle_of_orders() -> None:
    scoring = Scoring(load_lifecycles(["six-stage"]), Policy())
    assert not scoring.watches(KINDS.kind("track", "Page Viewed"))
    assert scoring.watches(KINDS.kind("track", "Order Completed"))
