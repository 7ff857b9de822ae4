"""What does the trainer know, and what does one more record of the training topic change?

The synchronous half of the trainer: no Kafka, no clock. Records go in by offset; the same records give the
same models bit for bit, however often the process was killed in between.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from scorers.example import decode_example
from scorers.learner import Learner, Task
from scorers.live_figures import LiveFigures
from scorers.recent_ids import RecentIds
from scorers.snapshot import LearnerState, Snapshot, restore, seal

OUTCOMES: Final = ("learned", "observed", "duplicate", "lifecycle", "schema", "stage", "label", "unreadable")
"""What may become of a record; all but the first change no model."""


class Training:
    """The learners of all lifecycles with their place in the training topic.

    Args:
        tasks: What is predicted, by lifecycle name.
        state: What an earlier process knew; by default nothing.

    Attributes:
        state: Everything that a snapshot holds.
        fresh: Records absorbed since the last snapshot.
        published_at: Processing time (RFC 3339) of the last snapshot, by whichever process; empty before the first.
    """

    def __init__(self, tasks: Mapping[str, Task], state: LearnerState | None = None) -> None:
        known = {} if state is None else state.learners
        learners = {name: known.get(name) or Learner(task) for name, task in tasks.items()}
        for name, task in tasks.items():
            learners[name].task = task  # same schema, perhaps other thresholds
        self.state = LearnerState(
            learners=learners,
            offset=0 if state is None else state.offset,
            seen=RecentIds() if state is None else state.seen,
            outcomes=dict.fromkeys(OUTCOMES, 0) if state is None else state.outcomes,
            origin="" if state is None else state.origin,
            live={name: LiveFigures() for name in tasks} | ({} if state is None else state.live),
        )
        self.fresh = 0
        self.published_at = ""

    @classmethod
    def resume(cls, tasks: Mapping[str, Task], snapshot: Snapshot) -> "Training":
        """Go on from a verified snapshot.

        Raises:
            SnapshotRefused: When its learners do not load.
        """
        resumed = cls(tasks, restore(snapshot))
        resumed.published_at = snapshot.created_at
        return resumed

    @property
    def learned(self) -> int:
        """Examples learned over the whole life."""
        return self.state.outcomes["learned"]

    def absorb(self, offset: int, value: bytes | None) -> str:
        """Learn from one record of the training topic.

        Args:
            offset: Its offset; one below the state's was absorbed before and changes nothing.
            value: An example as JSON.

        Returns:
            One of `OUTCOMES`, or ``before`` for an offset absorbed earlier.
        """
        state = self.state
        if offset < state.offset:
            return "before"
        outcome = self._learn(value)
        state.offset = offset + 1
        state.outcomes[outcome] = state.outcomes.get(outcome, 0) + 1
        self.fresh += 1
        return outcome

    def snapshot(self, key: bytes, created_at: str) -> bytes:
        """Sign what is known now.

        Args:
            key: The model key.
            created_at: Processing time, RFC 3339.

        Raises:
            SnapshotRefused: If it grew beyond its bound.
        """
        sealed = seal(self.state, key, created_at)
        self.fresh, self.published_at = 0, created_at
        return sealed

    def _learn(self, value: bytes | None) -> str:
        try:
            example = decode_example(value or b"")
        except msgspec.DecodeError:
            return "unreadable"
        learner = self.state.learners.get(example.lifecycle)
        if learner is None:
            return "lifecycle"
        if not self.state.seen.add(f"{example.lifecycle}\0{example.id}"):
            return "duplicate"
        outcome = learner.learn(example)
        if outcome == "learned":
            self.state.live[example.lifecycle].update(example)
        return outcome
