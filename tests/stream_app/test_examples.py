from scorers.example import decode_example
from scorers.transforms import FEATURES
from state import DAY, Profile, parse_instant
from stream_app.outputs import EXAMPLE
from stream_app.step import observe, pass_time
from tests.state.builders import START, build_event
from tests.stream_app.partitions import scoring

LAPSES, AHEAD = 90.0, 30.0
GRAIN = AHEAD / 64


def test_an_example_tells_of_the_deadline_that_was_seen_when_it_was_asked() -> None:
    setup, profile = scoring(), Profile()
    outputs = observe(setup, "ann", profile, build_event(at=START, amount=40_000_000))[1]
    outputs += pass_time(setup, "ann", profile, START + 300 * DAY)
    told = [decode_example(output.payload) for output in outputs if output.kind == EXAMPLE]
    answered = [example for example in told if not example.is_open]
    seen = set()
    for example in answered:
        left = LAPSES - (parse_instant(example.asked_at) - START) / DAY
        seen.add(0.0 < left <= AHEAD)
        assert len(example.features) == len(FEATURES)
        if not 0.0 < left <= AHEAD:
            assert example.deadline is None
        else:
            assert example.deadline_stage == "lapsed"
            assert example.deadline is not None
            assert left <= example.deadline <= left + GRAIN
    assert seen == {False, True}
