"""The same pure step in bytewax: stateful by key, with its recovery store, Redis and Kafka in batches.

Generous to it: profiles stay objects in memory between events, several events of a customer in one batch are
evaluated once, and they are encoded only when a snapshot is taken.
"""

import threading
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import bytewax.operators as op
import redis
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from state import Event, decode_profile, encode_profile
from tests.bench.contenders.spec import Past, Spec, job, now, publish_to_redis
from tests.bench.job import Job, changes_of


class Customer(StatefulBatchLogic[tuple[str, Event], bytes, bytes]):
    """One customer.

    Args:
        work: The job.
        past: What customers bring along.
        stored: The snapshot to go on from, if there is one.
    """

    def __init__(self, work: Job, past: Past, stored: bytes | None) -> None:
        self._work = work
        self._past = past
        self._profile = None if stored is None else decode_profile(stored)

    def on_batch(self, values: list[Event]) -> tuple[list[bytes], bool]:
        """Fold what has come, evaluate once."""
        customer = values[0].customer
        if self._profile is None:
            self._profile = decode_profile(self._past.of(customer))
        return changes_of(self._work.advance(customer, self._profile, values, now())), False

    def snapshot(self) -> bytes:
        """What goes into the recovery store at the end of an epoch."""
        assert self._profile is not None
        return encode_profile(self._profile)


class _RedisPartition(StatelessSinkPartition[tuple[str, bytes]]):
    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def write_batch(self, items: list[tuple[str, bytes]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for _, payload in items:
            publish_to_redis(pipeline, payload)
        pipeline.execute()


class RedisSink(DynamicSink[tuple[str, bytes]]):
    """Writes each batch in one pipeline.

    Args:
        url: Redis.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> Any:
        """One partition a worker."""
        return _RedisPartition(self._url)


def main() -> None:
    """Run to the end of the topics."""
    spec = Spec.read()
    work, past = job(), Past(spec)
    counted = [0]
    flow = Dataflow(spec.name)
    records = kop.input(
        "in",
        flow,
        brokers=[spec.kafka],
        topics=spec.sources,
        tail=False,
        add_config={"log.connection.close": "false"},
    )

    def read(message: Any) -> tuple[str, Event] | None:
        counted[0] += 1
        event = work.decode(message.value, message.timestamp[1] * 1000)
        return None if event is None else (event.customer, event)

    keyed = op.filter_map("decode", records.oks, read)
    changes = op.stateful_batch("score", keyed, lambda stored: Customer(work, past, stored))
    messages = op.map("message", changes, lambda change: KafkaSinkMessage(change[0].encode(), change[1]))
    kop.output("out", messages, brokers=[spec.kafka], topic=spec.changes)
    op.output("redis", changes, RedisSink(spec.redis))
    store = Path(spec.directory) / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    progress = Path(spec.directory) / "progress"

    def tell() -> None:
        while True:
            fresh = progress.with_suffix(".new")
            fresh.write_text(str(counted[0]))
            fresh.replace(progress)
            sleep(0.2)

    threading.Thread(target=tell, daemon=True).start()
    run_main(flow, epoch_interval=timedelta(seconds=10), recovery_config=RecoveryConfig(store))
    progress.write_text(str(counted[0]))


if __name__ == "__main__":
    main()
