"""Which profiles are kept at hand, decoded? Those stored last: few customers cause most events."""

from collections import OrderedDict

from state import Profile

__all__ = ["RECENT", "RecentProfiles"]

RECENT = 16_384
"""Profiles that the partitions of one process keep at hand together, some kilobytes each."""


class RecentProfiles:
    """The profiles of one partition that were stored last.

    Each is the very object that was stored: whoever gets it and changes it must store it.

    Args:
        most: How many to keep; 0 keeps none.

    Examples:
        >>> recent = RecentProfiles(1)
        >>> recent.keep("ann", Profile())
        >>> recent.keep("bob", Profile())
        >>> recent.get("ann") is None, recent.get("bob") is None
        (True, False)
    """

    __slots__ = ("_kept", "_most", "clear", "get")

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Profile] = OrderedDict()
        self.get = self._kept.get
        self.clear = self._kept.clear

    def keep(self, customer: str, profile: Profile) -> None:
        """Keep a profile that was just stored, in place of the one that was stored longest ago."""
        kept = self._kept
        kept[customer] = profile
        kept.move_to_end(customer)
        if len(kept) > self._most:
            kept.popitem(last=False)
