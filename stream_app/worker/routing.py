"""Which topic and partition does an output go to?"""

from collections.abc import Iterable

from stream_app.identity_notes import receiver_of
from stream_app.outputs import ALERT, ERASURE, EXAMPLE, MERGE, NOTE, STAGE_CHANGE, Output
from stream_app.worker.intake import partition_of
from stream_app.worker.publisher import Record

__all__ = ["by_kind", "notes_by_partition", "state_record"]

_KINDS = {
    STAGE_CHANGE: "stage-changes",
    ERASURE: "stage-changes",
    ALERT: "churn-alerts",
    EXAMPLE: "training",
    MERGE: "merges",
}


def by_kind(outputs: Iterable[Output]) -> dict[str, list[Record]]:
    """What goes to the partition of its owner, by the short name of the topic, in order.

    Examples are kept for ever, so they name nobody: not in what they say, and not by their key.
    """
    routed: dict[str, list[Record]] = {}
    for output in outputs:
        if output.kind != NOTE:
            headers = [("erase", b"1")] if output.kind == ERASURE else ()
            key = None if output.kind == EXAMPLE else output.key
            routed.setdefault(_KINDS[output.kind], []).append(Record(key, output.payload, headers))
    return routed


def notes_by_partition(outputs: Iterable[Output], partitions: int) -> dict[int, list[Record]]:
    """What ids say to others, by the partition of the one it is for, in order."""
    written: dict[int, list[Record]] = {}
    for output in outputs:
        if output.kind == NOTE:
            receiver = receiver_of(output.payload)
            note = Record(receiver.encode(), output.payload)
            written.setdefault(partition_of(receiver, partitions), []).append(note)
    return written


def state_record(output: Output, nonce: bytes) -> Record:
    """The present state of a customer as the answer to the request *nonce*; an erasure is one whoever asks."""
    header = ("erase", b"1") if output.kind == ERASURE else ("republish", nonce)
    return Record(output.key, output.payload, [header])
