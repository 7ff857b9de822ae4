"""Each test is a tenant with a prefix of its own on the servers of this run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.workers import Tenant


@pytest.fixture
def tenant(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Tenant]:
    """A tenant whose topics exist; its processes end with the test."""
    made = Tenant(kafka, redis_url, tmp_path)
    made.create_topics()
    try:
        yield made
    finally:
        made.end()
