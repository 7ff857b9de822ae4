from pathlib import Path

import pytest

from scorers.learner import Learner, Task
from scorers.predictor import predictor_of
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.model_file import load_models, save_models
from stream_app.training import Training
from tests.scorers.buyers import TASK, examples

KEY = b"k" * 32
TASKS = {"retail": TASK}
NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    learner = Learner(TASK)
    for example in examples(60, ask_learner=False):
        learner.learn(example)
    path = tmp_path / "history.model"
    save_models(path, {"retail": learner}, KEY, NOW)
    return path


def test_a_trainer_begins_with_what_history_taught(saved: Path) -> None:
    state = load_models(saved, KEY, TASKS)
    whole = Learner(TASK)
    for example in examples(60, ask_learner=False):
        whole.learn(example)

    training = Training(TASKS, state)
    assert (training.learned, training.state.offset) == (60, 0)
    assert training.state.predictors()["retail"] == predictor_of(whole)
    assert len(state.origin) == 64
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize(
    ("key", "task", "said"),
    [
        (b"x" * 32, TASK, "signed with another key"),
        (KEY, Task(lifecycle="retail", stages=("other",)), "has schema"),
        (KEY, Task(lifecycle="another", stages=TASK.stages), "'another' is not in it"),
    ],
)
def test_what_does_not_fit_is_refused_with_advice(saved: Path, key: bytes, task: Task, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        load_models(saved, key, {task.lifecycle: task})
    assert "lifecycle backtest --save-model" in str(caught.value)


def test_a_damaged_or_missing_file_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(data)
    with pytest.raises(Misconfigured, match="tampered"):
        load_models(saved, KEY, TASKS)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_models(saved.with_name("nowhere"), KEY, TASKS)


def test_nothing_learned_is_nothing_saved(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="nothing was learned"):
        save_models(tmp_path / "empty.model", {"retail": Learner(TASK)}, KEY, NOW)
    learner = Learner(TASK)
    learner.learn(examples(1, ask_learner=False)[0])
    with pytest.raises(Misconfigured, match="cannot be written"):
        save_models(tmp_path / "none" / "there.model", {"retail": learner}, KEY, NOW)
