import secrets

import msgspec
import pytest

from scorers import snapshot as snapshots
from scorers.learner import Learner, Task
from scorers.predictor import predictor_of
from scorers.recent_ids import RecentIds
from scorers.snapshot import LearnerState, SnapshotRefused, open_snapshot, restore, seal
from tests.scorers.buyers import TASK, examples

KEY = b"k" * 32
NOW = "2026-01-01T00:00:00Z"


def state(count: int = 50) -> LearnerState:
    made = LearnerState(learners={"retail": Learner(TASK)}, offset=count, seen=RecentIds(), outcomes={})
    for example in examples(count, ask_learner=False):
        made.seen.add(example.id)
        made.learners["retail"].learn(example)
    return made


def reason_of(data: bytes, key: bytes = KEY, task: Task = TASK) -> str:
    with pytest.raises(SnapshotRefused) as caught:
        open_snapshot(data, key, {task.lifecycle: task})
    assert str(caught.value)
    return caught.value.reason


def test_a_restored_learner_goes_on_as_if_nothing_had_happened() -> None:
    made = state()
    opened = open_snapshot(seal(made, KEY, NOW), KEY, {"retail": TASK})
    again = restore(opened)
    assert (opened.offset, opened.created_at, opened.fingerprints) == (50, NOW, {"retail": "f1"})
    assert opened.predictors == made.predictors()
    for example in examples(60, ask_learner=False)[50:]:
        made.learners["retail"].learn(example)
        again.learners["retail"].learn(example)
    assert predictor_of(made.learners["retail"]) == predictor_of(again.learners["retail"])
    assert not again.seen.add("1-3")


def test_every_flipped_byte_is_noticed() -> None:
    data = seal(state(5), KEY, NOW)
    for place in range(0, len(data), max(len(data) // 60, 1)):
        forged = bytearray(data)
        forged[place] ^= 1
        assert reason_of(bytes(forged)) == ("format" if place < 4 else "signature")


def test_a_foreign_key_is_refused() -> None:
    assert reason_of(seal(state(1), secrets.token_bytes(32), NOW)) == "signature"


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(SnapshotRefused, match="16 are needed"):
        seal(state(1), b"short", NOW)


def test_another_river_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = seal(state(1), KEY, NOW)
    monkeypatch.setattr(snapshots, "river_version", "0.1.0")
    assert reason_of(data) == "river"


def test_other_stages_are_refused_and_other_thresholds_are_not() -> None:
    data = seal(state(1), KEY, NOW)
    assert reason_of(data, task=Task(lifecycle="retail", stages=("other",))) == "schema"
    assert reason_of(data, task=Task(lifecycle="unknown", stages=TASK.stages)) == "schema"
    changed = msgspec.structs.replace(TASK, fingerprint="f2")
    assert open_snapshot(data, KEY, {"retail": changed}).offset == 1


def test_nonsense_and_too_much_are_refused() -> None:
    assert reason_of(b"") == reason_of(b"GET / HTTP/1.1") == "format"
    assert reason_of(snapshots.MAGIC + b"x" * 2_000_000) == "size"


def test_the_size_is_bounded_when_everything_is_full() -> None:
    made = state(1)
    for number in range(40_000):
        made.seen.add(str(number))
    for learner in made.learners.values():
        for number in range(9_000):
            learner._churn_quality.update((number % 997) / 997, number % 2)
    assert len(seal(made, KEY, NOW)) < 300_000
