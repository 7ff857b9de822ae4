"""`lifecycle deliveries` shows what a destination said as it said it."""

import subprocess
import sys
from pathlib import Path

from stream_app.delivery.attempts import Attempt, AttemptLog, log_path

SAID = "400: [email] is none [/]"


def test_what_a_destination_said_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    log = AttemptLog(log_path(tmp_path, "lifecycle", "crm"))
    log.add(Attempt(1_772_366_400_000_000, "c1:1", "c1", "stage-change", "new", 1, "refused", 400, 0.1, SAID))
    log.close()

    command = [sys.executable, "-m", "stream_app", "deliveries", "crm", "--data-dir", str(tmp_path)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"COLUMNS": "200", "PATH": ""}
    )

    assert ended.returncode == 0, ended.stderr[-2000:]
    assert SAID in ended.stdout
