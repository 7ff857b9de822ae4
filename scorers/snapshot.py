"""How do learned models travel, and why may these bytes be trusted?

The only place that pickles. A snapshot is signed (HMAC-SHA256) before it leaves the trainer and verified
before anything in it is looked at. Workers read plain numbers out of it; only the trainer, with the same key,
unpickles its learners.
"""

import hashlib
import hmac
import pickle
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
from river.__version__ import __version__ as river_version

from scorers.learner import Learner, Task
from scorers.live_figures import LiveFigures
from scorers.predictor import Predictor, predictor_of
from scorers.recent_ids import RecentIds

MAGIC = b"LCM7"
SIGNATURE_BYTES = 32
LEAST_KEY_BYTES = 16
FASTEST = 1  # level of zlib: half the size for two milliseconds a lifecycle
MOST_BYTES = 1_000_000
"""Largest snapshot: what a Kafka broker takes without being told to."""


class SnapshotRefused(ValueError):  # noqa: N818 - names what was done, like the other refusals
    """A snapshot that is not used.

    Operator action: `reason` says which of tampering, key, River or schema it is; a trainer rebuilds from the
    training topic, a worker keeps the models it has.

    Attributes:
        reason: ``format``, ``size``, ``key``, ``signature``, ``river``, ``schema`` or ``damaged``.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class LearnerState(msgspec.Struct):
    """Everything that a trainer must find again to go on as if nothing had happened.

    Attributes:
        learners: By lifecycle name.
        offset: Next offset of the training topic to learn.
        seen: Recent example ids.
        outcomes: How often each outcome was met.
        origin: Digest of the file that learning began with, empty when it began with nothing.
        live: Label counts, waits and figures by stage, by lifecycle name.
    """

    learners: dict[str, Learner]
    offset: int
    seen: RecentIds
    outcomes: dict[str, int]
    origin: str = ""
    live: dict[str, LiveFigures] = msgspec.field(default_factory=dict)

    def predictors(self) -> dict[str, Predictor]:
        """Give the serving forms."""
        return {name: predictor_of(learner) for name, learner in self.learners.items()}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The signed content.

    Attributes:
        river: River's version; weights are only understood by the same one.
        schemas: Schema by lifecycle name.
        fingerprints: Fingerprint of each lifecycle file.
        offset: Next offset of the training topic.
        created_at: Processing time, RFC 3339.
        metrics: Prequential figures by lifecycle name.
        predictors: Serving forms by lifecycle name.
        pickled: The learner state, compressed, for the trainer only.
    """

    river: str
    schemas: dict[str, str]
    fingerprints: dict[str, str]
    offset: int
    created_at: str
    metrics: dict[str, Any]
    predictors: dict[str, Predictor]
    pickled: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Snapshot)


def seal(state: LearnerState, key: bytes, created_at: str) -> bytes:
    """Write and sign a snapshot.

    Args:
        state: What the trainer knows.
        key: Shared secret, at least 16 bytes.
        created_at: Processing time, RFC 3339.

    Raises:
        SnapshotRefused: If the key is too short (``key``) or the snapshot too large (``size``).
    """
    learners = state.learners
    snapshot = Snapshot(
        river=river_version,
        schemas={name: learner.task.schema for name, learner in learners.items()},
        fingerprints={name: learner.task.fingerprint for name, learner in learners.items()},
        offset=state.offset,
        created_at=created_at,
        metrics={name: learner.figures() for name, learner in learners.items()},
        predictors=state.predictors(),
        pickled=zlib.compress(pickle.dumps(state, protocol=5), FASTEST),
    )
    body = _ENCODER.encode(snapshot)
    if len(body) > MOST_BYTES:
        raise SnapshotRefused("size", f"the snapshot has {len(body):,} bytes, more than {MOST_BYTES:,}")
    return MAGIC + _sign(body, key) + body


def open_snapshot(data: bytes, key: bytes, tasks: Mapping[str, Task]) -> Snapshot:
    """Verify a snapshot, then read it; nothing is unpickled.

    Args:
        data: What `seal` wrote.
        key: The same secret.
        tasks: What is expected, by lifecycle name. Every one must be in the snapshot under the same schema.

    Raises:
        SnapshotRefused: With the reason.
    """
    if len(data) > MOST_BYTES + len(MAGIC) + SIGNATURE_BYTES:
        raise SnapshotRefused("size", f"the snapshot has {len(data):,} bytes, more than {MOST_BYTES:,}")
    if not data.startswith(MAGIC):
        raise SnapshotRefused(
            "format", "these bytes are not a model snapshot of this version of lifecycle-scoring"
        )
    signature = data[len(MAGIC) : len(MAGIC) + SIGNATURE_BYTES]
    body = data[len(MAGIC) + SIGNATURE_BYTES :]
    if not hmac.compare_digest(signature, _sign(body, key)):
        raise SnapshotRefused(
            "signature", "the signature does not fit: tampered with, damaged, or signed with another key"
        )
    try:
        snapshot = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise SnapshotRefused("format", f"signed by us but laid out otherwise: {error}") from error
    _check(snapshot, tasks)
    return snapshot


def restore(snapshot: Snapshot) -> LearnerState:
    """Unpickle the learners of a verified snapshot.

    Args:
        snapshot: From `open_snapshot`, never from anywhere else.

    Raises:
        SnapshotRefused: When the bytes do not load although they are ours (``damaged``).
    """
    try:
        state = pickle.loads(zlib.decompress(snapshot.pickled))
    except Exception as error:
        raise SnapshotRefused("damaged", f"the learners do not load: {error}") from error
    if not isinstance(state, LearnerState) or state.offset != snapshot.offset:
        raise SnapshotRefused("damaged", "the learners are not those of this snapshot")
    return state


def _sign(body: bytes, key: bytes) -> bytes:
    if len(key) < LEAST_KEY_BYTES:
        raise SnapshotRefused(
            "key", f"the model key has {len(key)} bytes, at least {LEAST_KEY_BYTES} are needed"
        )
    return hmac.new(key, MAGIC + body, hashlib.sha256).digest()


def _check(snapshot: Snapshot, tasks: Mapping[str, Task]) -> None:
    if snapshot.river != river_version:
        raise SnapshotRefused(
            "river", f"written with River {snapshot.river}, this process runs {river_version}"
        )
    for name, task in tasks.items():
        found = snapshot.schemas.get(name)
        if found != task.schema or name not in snapshot.predictors:
            what = "is not in it" if found is None else f"has schema {found} in it, {task.schema} here"
            raise SnapshotRefused("schema", f"lifecycle {name!r} {what}")


__all__ = ["LearnerState", "Snapshot", "SnapshotRefused", "open_snapshot", "restore", "seal"]
