"""Stock Faust, used as its documentation shows: one agent, one event at a time, a table, Redis from the agent."""

import logging
from typing import Any

import faust
import redis.asyncio
from yarl import URL

from tests.bench.contenders.spec import Past, Spec, job, now, publish_to_redis
from tests.bench.job import changes_of


def application(spec: Spec) -> faust.App:
    """The app; only what the comparison needs differs from Faust's defaults."""
    app = faust.App(
        spec.name,
        broker=[URL(f"kafka://{spec.kafka}")],
        store=URL("memory://"),
        datadir=spec.directory,
        topic_partitions=spec.partitions,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    source = app.topic(*spec.sources, key_type=bytes, value_type=bytes)
    changes = app.topic(spec.changes, key_type=bytes, value_type=bytes)
    profiles = app.Table("profiles", key_type=bytes, value_type=bytes, partitions=spec.partitions)
    work, past = job(), Past(spec)
    database = redis.asyncio.from_url(spec.redis)

    @app.agent(source)
    async def score(stream: Any) -> None:
        async for record in stream.events():
            message = record.message
            event = work.decode(message.value, int(message.timestamp * 1e6))
            if event is None:
                continue
            key = event.customer.encode()
            stored = profiles.get(key) or past.of(event.customer)
            profiles[key], outputs = work.step(event.customer, stored, [event], now())
            for payload in changes_of(outputs):
                await changes.send(key=key, value=payload)
                pipeline = database.pipeline(transaction=False)
                publish_to_redis(pipeline, payload)
                await pipeline.execute()

    return app


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.WARNING)
    app = application(Spec.read())
    faust.Worker(app, loglevel="WARN", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
