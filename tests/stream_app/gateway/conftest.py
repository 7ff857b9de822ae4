"""One gateway for the tests that leave it as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.workers import Tenant
from tests.stream_app.gateway.doors import Door, gateway
from tests.stream_app.gateway.signing import SECRETS


@pytest.fixture(scope="module")
def door(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A gateway with every webhook, a tenant of its own, and small bounds."""
    tenant = Tenant(kafka, redis_url, tmp_path_factory.mktemp("gateway"))
    bounds = {
        "LIFECYCLE_GATEWAY__MAX_BODY_BYTES": "1000000",
        "LIFECYCLE_GATEWAY__REQUEST_TIMEOUT": "2s",
        "LIFECYCLE_GATEWAY__KEYS__SLOW__KEY": "wk-slow",
        "LIFECYCLE_GATEWAY__KEYS__SLOW__EVENTS_PER_SECOND": "5",
    }
    with gateway(tenant, **bounds, **SECRETS) as opened:
        yield opened


@pytest.fixture
def elsewhere(kafka: str, redis_url: str, tmp_path: Path) -> Tenant:
    """A tenant without a gateway."""
    return Tenant(kafka, redis_url, tmp_path)
