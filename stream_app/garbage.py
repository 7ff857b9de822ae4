"""How often does Python look for cycles? Rarely: profiles have none, and looking at all of them takes time.

A worker's run, or a gateway's batch of requests, allocates thousands of objects that die with it; with the defaults the
collector would walk over them and over everything that lives dozens of times, for nothing.
"""

import gc

__all__ = ["freeze", "look_rarely"]

#: Allocations, and younger collections, after which each generation is looked at.
_THRESHOLDS = (100_000, 20, 50)


def look_rarely() -> None:
    """Collect after many more allocations than by default."""
    gc.set_threshold(*_THRESHOLDS)


def freeze() -> None:
    """Set aside what lives now, such as a recovered table: it is not looked at again until the next call."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
