"""How does a server process start so that it cannot outlive the process that wants it?

An *attached* server dies with its parent, even when the parent is killed with SIGKILL and cleans up nothing.
On Linux the kernel sees to it (``PR_SET_PDEATHSIG``); elsewhere a tiny watcher process reads a pipe whose
other end only the parent holds, and kills the server at its end. A *detached* server belongs to nobody: the
system's first process adopts it, and ``lifecycle down`` ends it.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

# Runs between fork and exec, in a fresh interpreter: a preexec_fn is not safe in a process with threads.
# SIGKILL, because a server that a test has paused would never see a gentler signal.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent ended before the server began")
os.execv(sys.argv[2], sys.argv[2:])
"""

_DETACH = """
import os, sys
pid = os.fork()
if pid:
    print(pid, flush=True)
    os._exit(0)
os.setsid()
with open(sys.argv[1], "ab", 0) as log:
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
os.execv(sys.argv[2], sys.argv[2:])
"""

_WATCH = """
import os, signal, sys
sys.stdin.buffer.read()
os.kill(int(sys.argv[1]), signal.SIGKILL)
"""

# PR_SET_PDEATHSIG fires when the *thread* that forked ends. Callers may be short-lived threads
# (asyncio.to_thread), so every fork happens on this one, which lives as long as the process.
_forks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-forks")


def in_order(step: Callable[[], None]) -> None:
    """Run a step on the thread that may start servers, after all steps begun before.

    Ctrl-C interrupts the waiting for the step, not the step.

    Args:
        step: What to do.
    """
    _forks.submit(step).result()


def _python(code: str, *arguments: str) -> list[str]:
    """The command line of a bare interpreter (no site, no environment) that runs a snippet."""
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def start_attached(
    command: Sequence[str], log: Path, *, by_kernel: bool = sys.platform == "linux"
) -> "AttachedProcess":
    """Start a server that ends when this process ends, however that happens.

    Call it through `in_order`: the server ends with the thread that calls this. The server gets a session of
    its own, so that Ctrl-C on the terminal reaches only this process, which then stops its servers in order.

    Args:
        command: Absolute path of the program, and its arguments.
        log: File to which its output is appended.
        by_kernel: Let the kernel watch (Linux), rather than a watcher process.

    Returns:
        The running process.

    Raises:
        OSError: If the program cannot be started or the log cannot be written.
    """
    line = _python(_DIE_WITH_PARENT, str(os.getpid()), *command) if by_kernel else list(command)
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 - our own command line, no shell
            line,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if by_kernel:
        return AttachedProcess(server, None)
    watcher = subprocess.Popen(  # noqa: S603 - same
        _python(_WATCH, str(server.pid)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return AttachedProcess(server, watcher)


class AttachedProcess:
    """A server process together with whatever watches over it.

    Args:
        server: The server.
        watcher: The process that kills it when we are gone, where the kernel does not.
    """

    def __init__(self, server: subprocess.Popen[bytes], watcher: subprocess.Popen[bytes] | None) -> None:
        self.pid = server.pid
        self._server = server
        self._watcher = watcher

    def has_ended(self) -> bool:
        """Tell whether the server has ended, and bury it if so."""
        if self._server.poll() is None:
            return False
        self._dismiss_watcher()
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the server.

        Args:
            timeout_s: Seconds to wait at most.

        Returns:
            True when it has ended.
        """
        try:
            self._server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return self.has_ended()

    def _dismiss_watcher(self) -> None:
        # Before the pid can be given to somebody else: the watcher would kill a stranger.
        if self._watcher is None:
            return
        self._watcher.kill()
        self._watcher.wait()
        pipe: IO[bytes] | None = self._watcher.stdin
        if pipe is not None:
            pipe.close()
        self._watcher = None


def start_detached(command: Sequence[str], log: Path) -> int:
    """Start a server that outlives this process.

    Args:
        command: Absolute path of the program, and its arguments.
        log: File to which its output is appended.

    Returns:
        Its process id.

    Raises:
        OSError: If no process can be started.
    """
    answer = subprocess.run(  # noqa: S603 - our own command line, no shell
        _python(_DETACH, str(log), *command), stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    return int(answer.stdout)
