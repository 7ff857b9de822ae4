"""Models in a file: what a backtest has learned from history, for a trainer to begin with."""

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path

from scorers.learner import Learner, Task
from scorers.recent_ids import RecentIds
from scorers.snapshot import MOST_BYTES, LearnerState, SnapshotRefused, open_snapshot, restore, seal
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.training import OUTCOMES

__all__ = ["check_place", "load_models", "save_models"]


def check_place(path: Path) -> None:
    """Refuse a place that cannot be written, before a long run whose models are to go there.

    Raises:
        Misconfigured: If a file cannot be made there.
    """
    draft = _draft(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it")
        draft.touch()
        draft.unlink()
    except OSError as error:
        raise Misconfigured(f"--save-model {path}: cannot be written ({error.strerror})") from error


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def save_models(path: Path, learners: Mapping[str, Learner], key: bytes, created_at: str) -> int:
    """Write learned models as a signed snapshot; a file of this name is replaced as a whole.

    Args:
        path: Where to.
        learners: By lifecycle name.
        key: The model key; only who has it can load the file.
        created_at: Processing time, RFC 3339.

    Returns:
        Bytes written.

    Raises:
        WorkFailed: If nothing was learned, or the models are too large.
        Misconfigured: If the file cannot be written.
    """
    learned = sum(learner.labels for learner in learners.values())
    if not learned:
        raise WorkFailed(
            f"--save-model {path}: nothing was learned: no label's horizon has passed in the source"
        )
    outcomes = dict.fromkeys(OUTCOMES, 0) | {"learned": learned}
    state = LearnerState(learners=dict(learners), offset=0, seen=RecentIds(), outcomes=outcomes)
    try:
        data = seal(state, key, created_at)
    except SnapshotRefused as refused:
        raise WorkFailed(f"--save-model {path}: {refused}") from refused
    draft = _draft(path)
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        raise Misconfigured(f"--save-model {path}: cannot be written ({error.strerror})") from error
    return len(data)


def load_models(path: Path, key: bytes, tasks: Mapping[str, Task]) -> LearnerState:
    """Read what `save_models` wrote, and trust it only as far as its signature goes.

    Args:
        path: Where from.
        key: The model key.
        tasks: What is predicted, by lifecycle name: the file must have been made for the same labels.

    Returns:
        Models at the beginning of the training topic, with the file's digest as their origin.

    Raises:
        Misconfigured: If the file cannot be read, is not ours, or was made for something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(2 * MOST_BYTES)
        state = restore(open_snapshot(data, key, tasks))
    except OSError as error:
        raise Misconfigured(f"--load {path}: cannot be read ({error.strerror})") from error
    except SnapshotRefused as refused:
        advice = "make it with `lifecycle backtest --save-model`, the same key and the same lifecycle file"
        raise Misconfigured(f"--load {path}: {refused}; {advice}") from refused
    state.offset = 0
    state.origin = hashlib.sha256(data).hexdigest()
    return state
