"""A Redis that ends while people look around: everything else goes on, as it would live, and they see what it means."""

from collections.abc import Callable
from time import monotonic

from stream_app.demo.grounds import Grounds
from stream_app.embedded.plan import own_directory, running_servers
from stream_app.errors import Unavailable

AGAIN_S = 60.0
"""After which the demo starts its own Redis again: enough to find the trouble in the console."""


class RedisAway:
    """Looks after the services once the replay is over.

    Args:
        grounds: The services.
        say: Hears of it.
    """

    def __init__(self, grounds: Grounds, say: Callable[[str], None]) -> None:
        self._grounds = grounds
        self._say = say
        self._since: float | None = None

    def look(self) -> None:
        """Notice that Redis has ended, and start it again after a while.

        Raises:
            Unavailable: If Kafka has ended: without it nothing goes on.
        """
        kafka, redis = running_servers(own_directory(self._grounds.services))
        if kafka.process is None:
            raise Unavailable(f"Kafka has ended: its log is {kafka.log}")
        if redis.process is not None:
            self._since = None
        elif self._since is None:
            self._since = monotonic()
            self._say(
                f"Redis has ended; everything else goes on, and the console says what that means. {self._promise}"
            )
        elif self._grounds.own is not None and monotonic() - self._since > AGAIN_S:
            self._say("starting Redis again")
            self._grounds.own.redis.launch()
            self._since = None

    @property
    def _promise(self) -> str:
        if self._grounds.own is not None:
            return f"It is started again in {AGAIN_S:.0f} s."
        return f"Start it again with `lifecycle up --data-dir {self._grounds.services}`."
