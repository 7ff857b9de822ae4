"""Servers that may be killed: nobody else's."""

from collections.abc import Iterator

import pytest

from stream_app.embedded import EmbeddedServices


@pytest.fixture(scope="session")
def doomed() -> Iterator[EmbeddedServices]:
    """Kafka and Redis for those who kill, stop and empty them."""
    with EmbeddedServices() as started:
        yield started
