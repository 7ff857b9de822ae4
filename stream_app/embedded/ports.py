"""Which loopback ports can the embedded servers take?"""

import random
import socket

import psutil

from stream_app.errors import Unavailable

LOOPBACK = "127.0.0.1"

# Below the ranges from which Linux (32768) and macOS (49152) take the ports of outgoing connections. A
# client that keeps calling a server while it restarts would otherwise, sooner or later, be given the server's
# own port as its source port, connect to itself, and keep the server out.
_LOWEST, _HIGHEST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a loopback port now.

    Args:
        port: TCP port.

    Returns:
        True when binding succeeds; the port is released again at once.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def is_answering(port: int, timeout_s: float = 0.5) -> bool:
    """Tell whether something accepts connections on a loopback port.

    Args:
        port: TCP port.
        timeout_s: Seconds to wait for the connection.

    Returns:
        True when the connection was accepted.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout_s):
            return True
    except OSError:
        return False


def choose_port(taken: frozenset[int] = frozenset()) -> int:
    """Choose a free loopback port outside the range of outgoing connections.

    Args:
        taken: Ports promised to somebody else already.

    Returns:
        A port that was free a moment ago.

    Raises:
        Unavailable: If no free port was found in a few hundred tries.

    Examples:
        >>> is_free(choose_port())
        True
    """
    draw = random.SystemRandom()
    for _ in range(500):
        port = draw.randrange(_LOWEST, _HIGHEST)
        if port not in taken and is_free(port):
            return port
    raise Unavailable(
        f"no free port on {LOOPBACK} between {_LOWEST} and {_HIGHEST}: "
        "end some servers, or choose ports with --kafka-port and --redis-port"
    )


def require_free(port: int, server: str, flag: str) -> None:
    """Refuse a port that somebody else listens on.

    Args:
        port: The port that was asked for.
        server: Who wants it, for the message.
        flag: The flag that chooses another one, for the message.

    Raises:
        Unavailable: If the port is taken; the message names the holder where the system tells.
    """
    if not is_free(port):
        raise Unavailable(
            f"port {port} on {LOOPBACK}, wanted for {server}, is taken{_holder(port)}: "
            f"end that process or choose another port with {flag}"
        )


def _holder(port: int) -> str:
    """Name the process that listens on a port, as far as this user may know."""
    try:
        pids = {
            c.pid
            for c in psutil.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
        }
        names = [f"{psutil.Process(pid).name()} (pid {pid})" for pid in sorted(p for p in pids if p)]
    except (psutil.Error, OSError):
        return ""
    return " by " + ", ".join(names) if names else ""
