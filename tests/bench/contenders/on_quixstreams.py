"""The same pure step in quixstreams: its state store with a changelog topic, Redis in batches through a sink."""

from typing import Any

import redis
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch
from quixstreams.state import State

from tests.bench.contenders.spec import Past, Spec, job, now, publish_to_redis
from tests.bench.job import changes_of

_PIPELINE = 1000


class RedisSink(BatchingSink):
    """Writes what a checkpoint has gathered, in pipelines.

    Args:
        url: Redis.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._client = redis.Redis.from_url(url)

    def setup(self) -> None:
        """Check that Redis is there."""
        self._client.ping()

    def write(self, batch: SinkBatch) -> None:
        """Write a batch in the order of its records."""
        pipeline = self._client.pipeline(transaction=False)
        for number, item in enumerate(batch, 1):
            publish_to_redis(pipeline, item.value)
            if not number % _PIPELINE:
                pipeline.execute()
        pipeline.execute()


def main() -> None:
    """Run until told to stop."""
    spec = Spec.read()
    work, past = job(), Past(spec)
    app = Application(
        broker_address=spec.kafka,
        consumer_group=spec.name,
        auto_offset_reset="earliest",
        state_dir=f"{spec.directory}/state",
        loglevel="WARNING",
    )
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    first, *others = [app.dataframe(app.topic(name, **raw)) for name in spec.sources]
    events = first
    for other in others:
        events = events.concat(other)

    def step(value: bytes, _key: bytes, timestamp: int, _headers: Any, state: State) -> list[bytes]:
        event = work.decode(value, timestamp * 1000)
        if event is None:
            return []
        stored = state.get_bytes("p") or past.of(event.customer)
        encoded, outputs = work.step(event.customer, stored, [event], now())
        state.set_bytes("p", encoded)
        return changes_of(outputs)

    changes = events.apply(step, stateful=True, expand=True, metadata=True)
    published = app.topic(spec.changes, key_serializer="bytes", value_serializer="bytes")
    changes = changes.to_topic(published)
    changes.sink(RedisSink(spec.redis))
    app.run()


if __name__ == "__main__":
    main()
