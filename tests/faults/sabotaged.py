"""A real worker with one rule of delivery switched off: ``python -m tests.faults.sabotaged RULE worker …``.

The suite must notice. Nothing in the product can be switched off; here its functions are replaced before it starts.
"""

import sys
from collections.abc import Callable
from typing import Any

from state import Profile
from stream_app import engine, redis_scripts, redis_sink
from stream_app.cli import main
from stream_app.redis_verdicts import Lane as RedisLane
from stream_app.worker import changelog, journal, watchdog
from stream_app.worker.deliveries import Deliveries
from stream_app.worker.write_behind import WriteBehind


def without_offsets() -> None:
    """A record that was absorbed before is folded again; what the message id tells is another rule."""

    def is_absorbed(profile: Profile, source: int, offset: int) -> bool:
        profile.offsets[source] = max(offset, profile.offsets.get(source, -1))
        return False

    engine.is_absorbed = is_absorbed  # type: ignore[assignment]


def without_barrier() -> None:
    """Offsets are marked when a run is folded, not when its changelog record and outputs are acknowledged."""
    start = Deliveries.start

    async def hasty(
        self: Deliveries,
        effects: Any,
        told: dict[int, int],
        arrived: float | None = None,
        *,
        is_last: bool = False,
    ) -> None:
        self._mark(told, told)
        await start(self, effects, {}, arrived, is_last=is_last)

    Deliveries.start = hasty  # type: ignore[method-assign]


def without_waiting() -> None:
    """Offsets are marked when what they led to is told, whether or not all profiles are written."""
    written = WriteBehind.written

    def at_once(self: WriteBehind, oldest_held: int) -> Any:  # noqa: ARG001 - that is what is left out
        return written(self, 1 << 62)

    WriteBehind.written = at_once  # type: ignore[method-assign]


def without_fences() -> None:
    """Redis takes whatever comes: no versions, no verdicts, no fences."""
    source = redis_scripts.source
    fence = {
        "counts": {"if (call('HGET', ledger, 'fence') or '-1') == ARGV[1] then": "if true then"},
        "risks": {"if fence == ARGV[1] then": "if true then"},
        "changes": {"if fence == ARGV[1] then": "if true then"},
        "customers": {
            "if offset <= last[n] then": "if false then",
            "elseif version > standing[n] or kind == 's' then": "elseif true then",
        },
    }

    def open_to_all(name: str) -> str:
        text = source(name)
        for guarded, unguarded in fence.get(name, {}).items():
            if guarded not in text:
                raise RuntimeError(f"{name}.lua no longer has the line that is to be taken out")
            text = text.replace(guarded, unguarded)
        return text

    redis_scripts.source = open_to_all
    read_ledger = redis_sink.RedisSink.lane

    async def forgetful(self: Any, keys: Any, partition: int) -> RedisLane:
        lane = await read_ledger(self, keys, partition)
        lane.counts = lane.risks = lane.changes = -1
        return lane

    async def indifferent(*_told: Any) -> None:
        """What it has forgotten itself is no loss."""

    redis_sink.RedisSink.lane = forgetful  # type: ignore[method-assign]
    redis_sink.RedisSink._note_loss = indifferent  # type: ignore[assignment]


def without_epochs() -> None:
    """Whoever writes to the changelog is believed, also a process that slept while others took over."""

    def credulous(store: Any, records: list[Any]) -> int:
        values = {}
        for record in records:
            if record.value is not None and record.key != changelog.EPOCH_KEY:
                values[record.key] = record.value[4:]
            store.epoch = max(store.epoch, int.from_bytes((record.value or b"")[:4], "big"))
        for key, value in values.items():
            store.put(key, value)
        if records:
            store.acknowledge(values, records[-1].offset + 1)
        return 0

    def behind(_self: Any, batches: list[tuple[int, int]]) -> int:
        return max((offset + records for offset, records in batches), default=0)

    changelog.absorb = credulous
    watchdog.Lease.check = lambda _self: None  # type: ignore[method-assign]
    journal.Journal._behind = behind  # type: ignore[method-assign]


RULES: dict[str, Callable[[], None]] = {
    "offsets": without_offsets,
    "barrier": without_barrier,
    "waiting": without_waiting,
    "fences": without_fences,
    "epochs": without_epochs,
}

if __name__ == "__main__":
    RULES[sys.argv.pop(1)]()
    main()
