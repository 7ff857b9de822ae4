"""How far history reaches back: what is older than the retention goes, measured from the newest event."""

from typing import Final

from stream_app.console.history import DAY_US
from stream_app.console.store import Store

__all__ = ["forget_old"]

_AT_ONCE: Final = 20_000


def forget_old(store: Store, keep: int) -> int:
    """Delete moves of customers that are older than *keep* (µs) before the newest event; -1 keeps all.

    What stands now, and the sums by day, stay: they are small, and the trend lines need them. Dead letters go too
    when the topic
    has had as long to forget them.

    Args:
        store: Of the console.
        keep: Microseconds.

    Returns:
        Moves deleted; at most some at once, so that readers and the follower get their turn.
    """
    found = store.rows("SELECT value FROM fact WHERE name = 'newest'")
    if keep < 0 or not found:
        return 0
    oldest = found[0][0] - keep
    with store.writing() as connection:
        connection.execute(
            "DELETE FROM letter WHERE at < (SELECT max(at) FROM letter) - ?", (max(keep, DAY_US),)
        )
        deleted = connection.execute(
            "DELETE FROM move WHERE (lifecycle, customer, version) IN "
            "(SELECT lifecycle, customer, version FROM move WHERE at < ? LIMIT ?)",
            (oldest, _AT_ONCE),
        )
        return deleted.rowcount
