"""Real SDKs, unmodified: what they send arrives, each event once, and no SDK has to send anything again."""

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.integration.workers import Tenant
from tests.stream_app.gateway.doors import KEY, gateway

pytestmark = pytest.mark.integration

COUNT = 230
SEGMENTS = ("segment", "segment-gzip", "rudder", "rudder-gzip")
HOGS = ("posthog", "posthog-gzip", "posthog-v1")


def who(event: dict[str, Any]) -> str:
    """PostHog's events are a visitor's until somebody is identified."""
    return str(event.get("userId") or event["anonymousId"])


def test_what_sdks_send_arrives_exactly_once_and_without_retries(elsewhere: Tenant) -> None:
    with gateway(elsewhere) as door:
        words = [sys.executable, "-m", "tests.stream_app.gateway.sdks", door.url, KEY, str(COUNT)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert door.metric("lifecycle_gateway_refused_total") == 0
        requests = door.metric("lifecycle_gateway_requests_total", status="200")
        events = door.events()
        homes = {
            found.key: (found.place.partition, elsewhere.home((found.key or b"").decode()))
            for topic in door.arrived().values()
            for found in topic
        }
        assert elsewhere.dead_letters() == []

    orders = Counter(who(each) for each in events if each.get("event") == "Order Completed")
    assert orders == Counter(f"{name}-{number}" for name in (*SEGMENTS, *HOGS) for number in range(COUNT))
    assert sum(
        each["properties"]["revenue"] for each in events if each.get("event") == "Order Completed"
    ) == 7 * sum(number + 0.5 for number in range(COUNT))
    types = Counter((who(each).rpartition("-")[0], each["type"]) for each in events)
    for name in SEGMENTS:
        assert {
            kind: types[name, kind] for kind in ("identify", "page", "screen", "alias", "group")
        } == dict.fromkeys(("identify", "page", "screen", "alias", "group"), 1)
    for name in HOGS:
        assert [types[name, kind] for kind in ("identify", "alias", "group")] == [1, 1, 1]
    assert len({each["messageId"] for each in events}) == len(events)
    assert all(partition == home for partition, home in homes.values())
    assert requests <= 7 * (COUNT // 50 + 3), "a batch was sent again"


def test_aliases_name_the_visitor_and_the_customer(elsewhere: Tenant) -> None:
    with gateway(elsewhere) as door:
        door.post("/v1/alias", {"previousId": "anon", "userId": "u1", "messageId": "a1"})
        sent = {
            "event": "$create_alias",
            "uuid": "a2",
            "distinct_id": "anon",
            "properties": {"distinct_id": "anon", "alias": "u1"},
        }
        door.post("/batch/", {"api_key": KEY, "batch": [sent]}, key=None)
        events = door.events()

    assert [(each["type"], each["previousId"], each["userId"]) for each in events] == [
        ("alias", "anon", "u1")
    ] * 2
