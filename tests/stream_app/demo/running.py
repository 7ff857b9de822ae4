"""The demo as people run it: the command in a home of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from stream_app.embedded.jars import default_cache

PATIENCE_S = 240  # on a busy machine; it takes half a minute on an idle one


def environment(home: Path) -> dict[str, str]:
    """An empty home, with the jars that were downloaded before, and no setting of the caller's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LIFECYCLE_", "XDG_"))}
    return {**ours, "HOME": str(home), "XDG_CACHE_HOME": str(default_cache().parent)}


def lifecycle(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "stream_app", *words],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def running(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the test; it is killed if the test fails."""
    with (
        (home / "stderr").open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "stream_app", *words],
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def alive(home: Path) -> list[int]:
    """Processes whose command line or settings name the directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(home) in word for word in process.cmdline()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
