"""One demo with the shop for all who visit it."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stream_app.demo.running import alive, running


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `lifecycle demo --shop --json` says; it ends with Ctrl-C and leaves no process."""
    home = tmp_path_factory.mktemp("home")
    with running(home, "demo", "--shop", "--json") as demo:
        assert demo.stdout is not None
        line = demo.stdout.readline()
        assert line, (home / "stderr").read_text()[-3000:]
        yield json.loads(line)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert alive(home) == []
