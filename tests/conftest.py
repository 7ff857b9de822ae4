"""Real servers for the tests that need them, started once for the whole run."""

from collections.abc import Iterator

import pytest

from stream_app.embedded import EmbeddedServices


@pytest.fixture(scope="session")
def services() -> Iterator[EmbeddedServices]:
    """Kafka and Redis in a temporary directory; do not kill or pause these, others use them too."""
    with EmbeddedServices() as started:
        yield started


@pytest.fixture(scope="session")
def kafka(services: EmbeddedServices) -> str:
    """Bootstrap address of the Kafka of this run."""
    return services.kafka


@pytest.fixture(scope="session")
def redis_url(services: EmbeddedServices) -> str:
    """URL of the Redis of this run."""
    return services.redis_url
