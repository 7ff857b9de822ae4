"""What a record of the stage-change topic means for Redis: change, republished state, erasure, marker."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
import orjson

__all__ = ["Change", "PushResult", "Run", "SinkRecord", "runs"]

RUN_LENGTH = 1000  # records a round trip: a script then holds Redis for a few milliseconds at most


class SinkRecord(msgspec.Struct, frozen=True, gc=False):
    """One record of ``lifecycle.stage-changes``.

    Args:
        offset: Its offset in its partition.
        key: The customer id's bytes, or ``__republish__``.
        value: The stage change as JSON.
        headers: ``republish`` (nonce) on republished state, ``erase`` on erasures, ``republish-begin`` and
            ``republish-end`` (nonce) on markers; empty on an ordinary change.
    """

    offset: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = {}


class Change(msgspec.Struct, gc=False):
    """A record for one customer, ready for Redis.

    Args:
        offset: Offset of the record.
        kind: ``c`` change, ``s`` republished state, ``e`` erasure.
        customer: Customer id.
        version: Version of the change.
        stage: Stage after it; empty after an erasure.
        risk: Churn risk after it; ``None`` when there is none.
        continues: Whether it says of itself that something came before it: a new score of a known stage.
        names: Field names of the hash.
        row: Offset, kind and the fields' values, as ``customers.lua`` takes them.
        payload: The record's value.
        alias: Customer under which an erased id is found from now on, if any.
    """

    offset: int
    kind: str
    customer: str
    version: int
    stage: str
    risk: float | None
    continues: bool
    names: tuple[str, ...]
    row: list[str]
    payload: bytes
    alias: str = ""


class Run(msgspec.Struct):
    """Consecutive records of one partition of which at most the last one is a marker of a republish.

    Args:
        first: Offset of its first record.
        last: Offset of its last record.
        changes: By lifecycle, in offset order.
        marker: ``begin``, ``end`` or empty.
        nonce: Which republish the marker belongs to.
        unreadable: Offsets of records that are no stage changes; they are passed over.
    """

    first: int
    last: int
    changes: dict[str, list[Change]]
    marker: str = ""
    nonce: str = ""
    unreadable: list[int] = []


class PushResult(msgspec.Struct):
    """What became of a batch.

    Args:
        applied: Records accepted.
        duplicates: Records that said what was known, at this or another offset.
        unreadable: Offsets of records that are no stage changes; they are passed over.
        unknown: Records of lifecycles that are not configured.
        lost: Redis has lost data of this partition: have its worker republish it. Said once per loss and
            sink; Redis remembers it until a republish is complete, so that the next sink says it again.
        republished: Nonce of a republish that this batch completed, or empty.
    """

    applied: int = 0
    duplicates: int = 0
    unreadable: list[int] = msgspec.field(default_factory=list)
    unknown: int = 0
    lost: bool = False
    republished: str = ""


def runs(records: Sequence[SinkRecord], length: int = RUN_LENGTH) -> Iterator[Run]:
    """Cuts a batch into runs: after *length* records and after each marker.

    Args:
        records: Records of one partition in offset order.
        length: Most records in one run.

    Examples:
        >>> begin = SinkRecord(1, b"__republish__", b"{}", {"republish-begin": b"n1"})
        >>> body = b'{"customer_id":"c1","lifecycle":"retail","stage":"loyal","version":1}'
        >>> [(run.first, run.last, run.marker) for run in runs([SinkRecord(0, b"c1", body), begin])]
        [(0, 1, 'begin')]
    """
    rest = iter(records)
    while part := list(islice(rest, length)):
        run = Run(part[0].offset, part[-1].offset, {})
        for record in part:
            headers = record.headers
            if headers and ("republish-begin" in headers or "republish-end" in headers):
                run.last = record.offset
                run.marker = "begin" if "republish-begin" in headers else "end"
                run.nonce = headers[f"republish-{run.marker}"].decode()
                yield run
                run = Run(record.offset + 1, part[-1].offset, {})
            else:
                _read_into(run, record)
        if run.first <= run.last:
            yield run


def _read_into(run: Run, record: SinkRecord) -> None:
    try:
        body: dict[str, Any] = orjson.loads(record.value)
        change = _change(record, body)
        lifecycle: str = body["lifecycle"]
    except (KeyError, TypeError, ValueError, AttributeError):
        run.unreadable.append(record.offset)
        return
    changes = run.changes.get(lifecycle)
    if changes is None:
        run.changes[lifecycle] = [change]
    else:
        changes.append(change)


def _change(record: SinkRecord, body: dict[str, Any]) -> Change:
    headers = record.headers
    customer: str = body["customer_id"]
    version = body["version"]
    if version.__class__ is not int or customer.__class__ is not str:
        raise TypeError("no stage change")
    offset = str(record.offset)
    if headers and "erase" in headers:
        names, row = ("version",), [offset, "e", str(version)]
        alias = body.get("alias") or ""
        if alias.__class__ is not str:
            raise TypeError("no stage change")
        return Change(record.offset, "e", customer, version, "", None, False, names, row, record.value, alias)
    stage, risk = body["stage"], body.get("churn_risk")
    if stage.__class__ is not str or not (risk is None or risk.__class__ is float or risk.__class__ is int):
        raise TypeError("no stage change")
    kind = "s" if headers and "republish" in headers else "c"
    row = [offset, kind, *[v if v.__class__ is str else _text(v) for v in body.values()]]
    continues = kind == "c" and body.get("reason") == "rescored"
    return Change(
        record.offset, kind, customer, version, stage, risk, continues, tuple(body), row, record.value
    )


def _text(value: Any) -> str:
    """How a hash holds a JSON value: null is the empty string, so that a lost value shows."""
    if value is None:
        return ""
    if value.__class__ is float:
        return repr(value)
    if value.__class__ is int:
        return str(value)
    return orjson.dumps(value).decode()
