"""The floor of latency: aiokafka reads, decodes as little as possible, and writes Redis; no state, no guarantee."""

import asyncio

import orjson
import redis.asyncio
from aiokafka import AIOKafkaConsumer

from tests.bench.contenders.spec import Spec
from tests.bench.latency import PROBE


async def serve(spec: Spec) -> None:
    """Write each probe as soon as it is read."""
    client = redis.asyncio.Redis.from_url(spec.redis)
    consumer = AIOKafkaConsumer(
        *spec.sources,
        bootstrap_servers=spec.kafka,
        group_id=spec.name,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    print("ready", flush=True)  # noqa: T201 - the bench waits for it
    while True:
        pipeline = client.pipeline(transaction=False)
        for records in (await consumer.getmany(timeout_ms=1000)).values():
            for record in records:
                if record.key.startswith(PROBE):
                    customer = record.key.decode()
                    body = orjson.loads(record.value)
                    fields = {"customer_id": customer, "at": body["timestamp"], "event": body["event"]}
                    pipeline.hset(f"lifecycle:customer:{{{customer}}}", mapping=fields)
                    pipeline.xadd(
                        "lifecycle:stage-changes", {"payload": orjson.dumps(fields)}, maxlen=1_000_000
                    )
        if len(pipeline):
            await pipeline.execute()


if __name__ == "__main__":
    asyncio.run(serve(Spec.read()))
