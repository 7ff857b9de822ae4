"""The Lua scripts of the Redis sink, carried as package data.

Each script is one atomic step on keys of one Redis Cluster slot:

* ``customers.lua`` compare-and-set on customers' own hashes, with a short memory of its verdicts;
* ``counts.lua``, ``risks.lua``, ``changes.lua`` the shared keys, each fenced by the offset it has applied;
* ``alerts.lua`` churn alerts that stand, by version;
* ``forget.lua`` the last step of an erasure.
"""

from functools import cache
from importlib.resources import files

__all__ = ["NAMES", "source"]

NAMES = ("customers", "counts", "risks", "changes", "alerts", "forget")


@cache
def source(name: str) -> str:
    """The text of one script.

    Examples:
        >>> all("redis.call" in source(name) for name in NAMES)
        True
    """
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
