"""Segment's SDK for Node.js, unmodified: what it sends arrives, each event once, and nothing is sent again."""

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.workers import Tenant
from tests.stream_app.gateway.doors import KEY, gateway

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm"),
]

SOURCE = Path(__file__).parent / "node"
COUNT = 230
OTHERS = ("identify", "page", "screen", "alias", "group")


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SDK, in the versions that the lock file holds."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "send.mjs"):
        shutil.copy(SOURCE / name, folder)
    words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(words, cwd=folder, check=True, timeout=120)
    return folder


def test_what_it_sends_arrives_exactly_once_and_without_retries(sdk: Path, elsewhere: Tenant) -> None:
    with gateway(elsewhere) as door:
        words = ["node", "send.mjs", door.url, KEY, str(COUNT)]
        ended = subprocess.run(words, cwd=sdk, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        assert door.metric("lifecycle_gateway_refused_total") == 0
        requests = door.metric("lifecycle_gateway_requests_total", status="200")
        events = door.events()
        assert elsewhere.dead_letters() == []

    orders = {each["userId"]: each["properties"]["revenue"] for each in events if each["type"] == "track"}
    assert orders == {f"node-{number}": number + 0.5 for number in range(COUNT)}
    assert Counter(each["type"] for each in events) == {"track": COUNT, **dict.fromkeys(OTHERS, 1)}
    assert len({each["messageId"] for each in events}) == COUNT + len(OTHERS)
    assert requests == -(-(COUNT + len(OTHERS)) // 50), "a batch was sent again"
