"""A server started for somebody ends with them, however they end."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from stream_app.embedded.launch import AttachedProcess, in_order, start_attached, start_detached
from stream_app.embedded.record import has_ended

SLEEP = ["/bin/sleep", "1000"]

PARENT = """
import sys, time
from pathlib import Path
from stream_app.embedded.launch import in_order, start_attached

def begin():
    child = start_attached(["/bin/sleep", "1000"], Path(sys.argv[1]), by_kernel=sys.argv[2] == "kernel")
    print(child.pid, flush=True)

in_order(begin)
time.sleep(1000)
"""


def ends_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if has_ended(psutil.Process(pid)):
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def started(log: Path, *, by_kernel: bool = True) -> AttachedProcess:
    children: list[AttachedProcess] = []
    in_order(lambda: children.append(start_attached(SLEEP, log, by_kernel=by_kernel)))
    return children[0]


@pytest.mark.parametrize("watched_by", ["kernel", "watcher"])
def test_a_server_dies_with_a_parent_that_is_killed(tmp_path: Path, watched_by: str) -> None:
    if watched_by == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux ends children for us")
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "log"), watched_by], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)

        parent.send_signal(signal.SIGKILL)

        assert ends_within(pid, 10)


def test_a_server_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    children: list[AttachedProcess] = []
    asking = threading.Thread(target=lambda: children.append(started(tmp_path / "log")))
    asking.start()
    asking.join()
    (child,) = children

    assert not ends_within(child.pid, 0.3)

    psutil.Process(child.pid).kill()
    assert child.wait(5)


def test_the_watcher_is_dismissed_when_its_server_has_ended(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    child = started(tmp_path / "log", by_kernel=False)
    new = set(psutil.Process().children()) - before
    assert len(new) == 2

    psutil.Process(child.pid).kill()

    assert child.wait(5)
    assert not [process for process in new if process.is_running()]


def test_a_detached_server_is_nobodys_child(tmp_path: Path) -> None:
    pid = start_detached(["/bin/sh", "-c", "echo ready; exec sleep 1000"], tmp_path / "log")
    try:
        assert pid not in {child.pid for child in psutil.Process().children(recursive=True)}
        assert not ends_within(pid, 0.2)
        assert (tmp_path / "log").read_text() == "ready\n"
    finally:
        psutil.Process(pid).kill()
    assert ends_within(pid, 5)
