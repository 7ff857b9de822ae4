"""`lifecycle letters` over the same dead letters as the console: list, show byte for byte, repair from a file, resend."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stream_app.console.conftest import BROKEN, Live
from tests.stream_app.demo.running import environment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def letters(live: Live, *words: str) -> subprocess.CompletedProcess[bytes]:
    data_dir = live.home / ".local/share/lifecycle/demo"
    command = [sys.executable, "-m", "stream_app", "letters", *words]
    flags = ["--kafka", live.summary["kafka"], "--data-dir", str(data_dir)]
    return subprocess.run(
        [*command, *flags], env=environment(live.home), capture_output=True, timeout=120, check=False
    )


def test_letters_are_listed_shown_and_sent_again_once_repaired(live: Live, tmp_path: Path) -> None:
    listed = json.loads(letters(live, "--json").stdout)
    assert sorted(one["reason"] for one in listed) == sorted(live.counted.letters.elements())
    (broken,) = [one for one in listed if one["topic"].endswith("clickstream")]
    assert letters(live, "show", broken["letter"]).stdout == BROKEN + b"\n"

    refused = letters(live, "resend", broken["letter"], "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["letters"][0]["topic"] is None
    assert b"repair them with --file" in refused.stderr

    repaired = tmp_path / "repaired.json"
    at = live.summary["last_event_time"]
    repaired.write_text(json.dumps({"type": "page", "userId": "mended", "messageId": "m-1", "timestamp": at}))
    sent = letters(live, "resend", broken["letter"], "--file", str(repaired), "--json")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["letters"][0]["topic"] == "lifecycle.clickstream"
    again = [
        one["sent_again"]
        for one in json.loads(letters(live, "--json").stdout)
        if one["letter"] == broken["letter"]
    ]
    assert again[0]
