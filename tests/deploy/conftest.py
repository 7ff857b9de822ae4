"""A tenant with a Redis of its own, which a test may stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.workers import Tenant
from tests.stream_app.redis_servers import server


@pytest.fixture
def tenant(kafka: str, tmp_path: Path) -> Iterator[Tenant]:
    """Topics exist; processes end with the test."""
    with server(tmp_path / "redis") as port:
        made = Tenant(kafka, f"redis://127.0.0.1:{port}/0", tmp_path)
        made.create_topics()
        try:
            yield made
        finally:
            made.end()
