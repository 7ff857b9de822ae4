"""What a start must know of every customer, at the front of the stored profile, where it is read without the rest.

A head has a fixed place for everything: the layout version, the next instant, whether outputs are owed, and who the
customer is counted with. Numbers are big-endian, so parts of a head are keys that sort by instant or by offset.
"""

import struct
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from state.profile import Profile

LAYOUT: Final = 2
"""Version of the layout that has a head."""

NOTHING_OWED: Final = 255
"""In the place of a source topic: nothing is owed."""

DUE: Final = slice(1, 9)
"""Where the next instant stands."""
OWED_SOURCE: Final = 9
OWED: Final = slice(9, 18)
"""Where the newest owed stamp stands: source, offset."""
HEAD_BYTES: Final = 23
"""Length of a head without its stages."""
_GROUP: Final = 18
_COUNT: Final = 22
_STAGE: Final = 2
_OWED: Final = struct.Struct(">BQ")
_IDENTITY: Final = 4


class Group(NamedTuple):
    """Whom a customer is counted with.

    Attributes:
        written_under: Identity of the description under which the profile was stored.
        stages: Stage index by lifecycle index, -1 for none.
    """

    written_under: int
    stages: tuple[int, ...]


@cache
def _layout(standings: int) -> struct.Struct:
    return struct.Struct(f">BqBQIB{standings}h")


_ONE: Final = _layout(1).pack


def head_of(profile: Profile) -> bytes:
    """The head of a profile.

    Examples:
        >>> head = head_of(Profile(due=7, written_under=5, outbox=[(2, 17, 0, b"{}")]))
        >>> int.from_bytes(head[DUE], "big"), group_of_head(head), owes(head, {2: 17}), owes(head, {2: 18})
        (7, Group(written_under=5, stages=()), True, False)
    """
    outbox = profile.outbox
    # Offsets are marked in the order of runs: an older stamp is owed only as long as the newest, which stands last, is.
    source, offset = outbox[-1][:2] if outbox else (NOTHING_OWED, 0)
    due = profile.due if profile.due > 0 else 0  # noqa: FURB136 - a call to max costs more than all the rest
    standings = profile.standings
    if len(standings) == 1:  # most have one lifecycle, and this is done for every event
        return _ONE(LAYOUT, due, source, offset, profile.written_under, 1, standings[0].stage)
    stages = [standing.stage for standing in standings]
    return _layout(len(stages)).pack(LAYOUT, due, source, offset, profile.written_under, len(stages), *stages)


def size_of_head(stored: bytes) -> int:
    """Bytes of the head at the front of *stored*, which has one."""
    return HEAD_BYTES + _STAGE * stored[_COUNT]


def group_bytes(stored: bytes) -> bytes:
    """The part of a head that is equal for customers who are counted together."""
    return stored[_GROUP : HEAD_BYTES + _STAGE * stored[_COUNT]]


def group_of(group: bytes) -> Group:
    """What `group_bytes` gave, in words."""
    stages = struct.unpack(f">{group[_IDENTITY]}h", group[_IDENTITY + 1 :])
    return Group(int.from_bytes(group[:_IDENTITY], "big"), stages)


def group_of_head(head: bytes) -> Group:
    """Whom the customer of a head is counted with."""
    return group_of(group_bytes(head))


def owes(stored: bytes, committed: Mapping[int, int]) -> bool:
    """Whether outputs are owed that may not have been delivered.

    Args:
        stored: Begins with a head.
        committed: Committed offset by source: what is stamped below it has been delivered.
    """
    source: int
    offset: int
    source, offset = _OWED.unpack_from(stored, OWED_SOURCE)
    return source != NOTHING_OWED and offset >= committed.get(source, 0)
