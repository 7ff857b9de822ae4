import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.example import decode_example, encode_example
from scorers.learner import Task
from scorers.snapshot import open_snapshot
from stream_app.training import Training
from tests.scorers.buyers import TASK, examples

KEY = b"k" * 32
TASKS = {"retail": TASK}
EXAMPLES = [encode_example(example) for example in examples(120, ask_learner=False)]


def learned(values: list[bytes | None]) -> Training:
    training = Training(TASKS)
    for offset, value in enumerate(values):
        training.absorb(offset, value)
    return training


def restarted(training: Training) -> Training:
    return Training.resume(TASKS, open_snapshot(training.snapshot(KEY, "now"), KEY, TASKS))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 119), max_size=4))
def test_a_trainer_killed_anywhere_reaches_the_same_models(kills: list[int]) -> None:
    training, saved = Training(TASKS), Training(TASKS)
    for kill in [*sorted(kills), 120]:
        training = restarted(saved)
        for offset in range(training.state.offset, kill):
            training.absorb(offset, EXAMPLES[offset])
            if offset % 13 == 0:
                saved = restarted(training)
    assert training.state.predictors() == learned(list(EXAMPLES)).state.predictors()
    assert training.state.outcomes == learned(list(EXAMPLES)).state.outcomes


def test_a_second_delivery_of_an_example_is_not_learned() -> None:
    once, twice = learned(EXAMPLES[:20]), learned(EXAMPLES[:20] + EXAMPLES[:20])
    assert twice.state.predictors() == once.state.predictors()
    assert twice.state.outcomes["duplicate"] == 20
    again = restarted(twice)
    assert again.absorb(40, EXAMPLES[3]) == "duplicate"


def test_an_offset_absorbed_before_changes_nothing() -> None:
    training = learned(EXAMPLES[:5])
    assert training.absorb(2, EXAMPLES[30]) == "before"
    assert (training.state.offset, training.learned) == (5, 5)


def test_what_cannot_be_read_is_counted_and_passed() -> None:
    known = decode_example(EXAMPLES[0])
    timeless = [msgspec.structs.replace(known, **{name: "soon"}) for name in ("asked_at", "answered_at")]
    bad = [b"{", None, b'{"id": 1}', b"\xff\xfe", *map(encode_example, timeless)]
    training = learned([*bad, EXAMPLES[0]])
    assert training.state.outcomes["unreadable"] == 6
    assert training.learned == 1
    assert training.state.offset == 7


def test_an_example_of_another_lifecycle_is_passed() -> None:
    training = Training({"other": Task(lifecycle="other", stages=TASK.stages)})
    assert training.absorb(0, EXAMPLES[0]) == "lifecycle"


def test_a_snapshot_leaves_nothing_fresh() -> None:
    training = learned(EXAMPLES[:3])
    assert training.fresh == 3
    training.snapshot(KEY, "now")
    assert training.fresh == 0


def test_changed_thresholds_keep_what_was_learned() -> None:
    changed = {"retail": Task(lifecycle="retail", stages=TASK.stages, fingerprint="other")}
    training = learned(EXAMPLES[:9])
    snapshot = open_snapshot(training.snapshot(KEY, "now"), KEY, changed)
    resumed = Training.resume(changed, snapshot)
    assert resumed.learned == 9
    again = open_snapshot(resumed.snapshot(KEY, "now"), KEY, changed)
    assert again.fingerprints == {"retail": "other"}
