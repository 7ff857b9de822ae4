"""What both readers decide alike: serve what is kept, ask, or do without."""

import json
import random
from dataclasses import replace
from typing import Any

from stream_app.reader.gate import Gate
from stream_app.reader.kept import Asking, Kept
from stream_app.reader.lookup import Lookup
from stream_app.reader.profile import StageProfile, unknown

__all__ = ["BEAT_SECONDS", "INVALIDATIONS", "REFUSED_SECONDS", "Core", "pause"]

INVALIDATIONS = "__redis__:invalidate"
BEAT_SECONDS = 0.5  # a background connection that is quiet for so long is asked whether it lives
REFUSED_SECONDS = 60.0  # until a refused background connection is tried again


class Core:
    """Cache, gate and keys of one reader; knows no socket.

    Args:
        lookup: Keys of the lifecycle.
        kept: The cache.
    """

    def __init__(self, lookup: Lookup, kept: Kept) -> None:
        self.lookup = lookup
        self.kept = kept
        self.gate = Gate()
        self.uses_script = True

    def without_asking(self, asked: str | None, now: float) -> StageProfile | None:
        """What can be served at once; None if Redis is to be asked."""
        if not asked or not _is_text(asked):
            return unknown("", self.lookup.default_stage, "unknown")
        if self.gate.watched and (profile := self.kept.true_now(asked, now)):
            return replace(profile, origin="cache") if profile.is_known else profile
        return None if self.gate.is_open(now) else self.instead(asked, now)

    def found(self, asking: Asking, asked: str, profile: StageProfile, now: float) -> StageProfile:
        """Take what Redis answered."""
        self.kept.keep(asking, asked, profile, now)
        return profile

    def failed(self, asked: str, now: float) -> StageProfile:
        """Take note that Redis did not answer, and serve something else."""
        self.gate.failed(now)
        return self.instead(asked, now)

    def instead(self, asked: str, now: float) -> StageProfile:
        """What is served while Redis is away."""
        profile = self.kept.last_known(asked, now)
        if profile is None:
            return unknown(asked, self.lookup.default_stage, "default")
        return replace(profile, origin="last_known") if profile.is_known else profile

    def attached(self) -> None:
        """The background connection stands: what is read from now on can be kept, what was kept may be old."""
        self.kept.forget_all()
        self.gate.attached()

    def heard(self, message: dict[str, Any] | None) -> None:
        """Take a message of the background connection."""
        if message is None or message["type"] != "message":
            return
        channel, data = message["channel"], message["data"]
        if channel not in {INVALIDATIONS, INVALIDATIONS.encode()}:
            self._told(data)
        elif data is None:  # flushed
            self.kept.forget_all()
        else:
            for key in data:
                self.kept.changed(self.lookup.customer_of(key))

    def _told(self, payload: Any) -> None:
        try:
            self.kept.changed(json.loads(payload)["customer_id"])
        except (ValueError, KeyError, TypeError):
            self.kept.forget_all()


def _is_text(asked: str) -> bool:
    r"""Whether an id can be one at all: bytes of a cookie that are no UTF-8 come as lone surrogates, which nobody can store.

    Examples:
        >>> _is_text("zoë"), _is_text(b"\xff".decode("utf-8", "surrogateescape"))
        (True, False)
    """
    try:
        str(asked).encode()
    except UnicodeEncodeError:
        return False
    return True


def pause(attempt: int) -> float:
    """Seconds before the background connection is tried again: soon at first, then every two seconds, never in step.

    Examples:
        >>> all(0 < pause(attempt) <= 2 for attempt in (0, 5, 5000))
        True
    """
    longest = min(2.0, 0.1 * float(2 ** min(attempt, 10)))
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - no secret hangs on it
