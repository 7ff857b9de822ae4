"""How often does Python look for cycles? Rarely: profiles have none, and looking at all of them takes time.

A worker's run, or a gateway's batch of requests, allocates thousands of objects that die with it; with the defaults the
collector would walk over them and over everything that lives dozens of times, for nothing. What a walk costs is what lives
and is young, so a worker that has a backlog waits longest: some hundred thousand fetched records wait with it.
"""

import ctypes
import gc
from collections.abc import Callable
from typing import Any

__all__ = ["WITH_A_BACKLOG", "freeze", "look_rarely", "look_when_idle"]

WITH_A_BACKLOG = 1_000_000
"""Allocations after which a worker looks: more than wait with a backlog."""
#: Younger collections after which each older generation is looked at.
_OLDER = (20, 50)
#: Allocations worth a look when there is nothing else to do.
_IDLE = 20_000


def look_rarely(allocations: int) -> None:
    """Collect after many more allocations than by default.

    Args:
        allocations: After how many (less what was freed) the young are looked at.
    """
    gc.set_threshold(allocations, *_OLDER)


def look_when_idle() -> None:
    """Collect the young if some have gathered; for moments with nothing else to do, when few of them live."""
    if gc.get_count()[0] > _IDLE:
        gc.collect(1)


def freeze() -> None:
    """Set aside what lives now, such as a recovered table: it is not looked at again until the next call.

    What building it has left over is given back: pages that lie free among the values, a twentieth of them all.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    _trim(0)


#: glibc's; other allocators have none, and keep less back.
_trim: Callable[[int], Any] = getattr(ctypes.CDLL(None), "malloc_trim", lambda _pad: 0)
