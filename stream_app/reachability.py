"""Do Kafka and Redis answer, and what are they?"""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.errors import Unavailable
from stream_app.kafka_clients import client_options, hushed
from stream_app.redis_connection import connect, eviction_of, telling_redis
from stream_app.settings import Settings

_PATIENCE_MS = 5_000


async def kafka_version(settings: Settings) -> str:
    """Return how many brokers answer.

    Raises:
        Unavailable: If none does within five seconds.
    """
    client = AIOKafkaAdminClient(request_timeout_ms=_PATIENCE_MS, **client_options(settings))
    try:
        with hushed():  # it is told below, in one line
            await client.start()
            brokers = (await client.describe_cluster())["brokers"]
    except (KafkaError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(
            f"Kafka does not answer at {settings.kafka} ({reason}); start it or correct LIFECYCLE_KAFKA"
        ) from None
    finally:
        await client.close()
    return f"{len(brokers)} broker{'s' if len(brokers) != 1 else ''} at {settings.kafka}"


async def redis_version(settings: Settings) -> str:
    """Return which version of Redis answers, and whether it keeps what it is given.

    Raises:
        Unavailable: If it does not answer.
        Misconfigured: If its URL cannot be understood.
    """
    client = connect(settings.redis)
    try:
        with telling_redis("a ping was not answered"):
            await client.ping()
            facts = await client.info("server")
        eviction = await eviction_of(client)
    finally:
        await client.aclose()
    version = f"version {facts.get('redis_version', 'unknown')}"
    if not eviction:
        return version
    return f"{version}, which throws customers away when it is full (maxmemory-policy {eviction}: set noeviction)"
