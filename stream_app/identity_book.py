"""What the two sides of a merge keep of each other, and how they say it."""

from typing import TYPE_CHECKING, NamedTuple

from state import (
    FAR,
    MERGED,
    REFUSED,
    RELEASED,
    Identity,
    Link,
    Profile,
    Standing,
    decode_profile,
    encode_profile,
)
from stream_app import identity_notes as notes
from stream_app.alerting import erased_alert
from stream_app.effects import Effects, Touched
from stream_app.identity_notes import Note, output_of, read_note
from stream_app.outputs import MERGE, NOTE, Output, merge_json
from stream_app.retelling import gone

if TYPE_CHECKING:
    from stream_app.engine import PartitionEngine

__all__ = [
    "Turn", "close", "content_of", "forget_refused", "identity_of", "is_leaving", "is_new", "link_to", "newest_merge",
    "note_received", "send", "tell",
]  # fmt: skip


class Turn(NamedTuple):
    """The notes of a run to one id.

    Attributes:
        touched: Its profile.
        effects: Gets what follows.
        now: Wall clock (µs).
    """

    touched: Touched
    effects: Effects
    now: int


def close(
    engine: "PartitionEngine", customer: str, profile: Profile, effects: Effects, alias: str = ""
) -> Profile:
    """Take an id out of the counts and out of Redis.

    Args:
        engine: Of its partition.
        customer: The id.
        profile: As it was; left alone.
        effects: Gets what follows.
        alias: The customer under which Redis is to answer for it from now on, if any.

    Returns:
        What stays: versions and offsets, which keep old records from coming back, and answers that are owed to other ids.
    """
    version = 1 + max((standing.version for standing in profile.standings), default=0)
    effects.outputs += gone(engine.scoring, customer, version, alias)
    effects.outputs += [erased_alert(customer, track.name, version) for track in engine.scoring.tracks]
    for index, standing in enumerate(profile.standings):
        engine.recount(index, standing.stage, -1, None)
    return Profile(
        offsets=profile.offsets,
        standings=[Standing(version=version) for _ in engine.scoring.tracks],
        outbox=[entry for entry in profile.outbox if entry[2] == NOTE and _is_answer(entry[3])],
        revision=profile.revision,
        due=FAR,
        anonymous=True,
    )


def _is_answer(payload: bytes) -> bool:
    """Whether another id waits for what a note says; it says nothing of the customer but ids."""
    note = read_note(payload)
    return note is not None and note.kind in notes.ANSWERS


def identity_of(profile: Profile) -> Identity:
    """What is known of other ids; begun if there is nothing yet."""
    if profile.identity is None:
        profile.identity = Identity()
    return profile.identity


def link_to(profile: Profile, other: str) -> Link | None:
    """The link to another id."""
    return next((link for link in identity_of(profile).links if link.id == other), None)


def newest_merge(identity: Identity) -> Link | None:
    """The link that was merged last: the one that can be undone."""
    return next((link for link in reversed(identity.links) if link.state == MERGED), None)


def is_leaving(identity: Identity) -> bool:
    """Whether a merged id has turned out to be a known customer, and waits for its release."""
    return bool(identity.moved_to) and identity.kept is not None and not identity.kept.anonymous


def content_of(profile: Profile) -> Profile:
    """A copy of what was folded, decided and asked, without what belongs to the place where it is stored."""
    content = decode_profile(encode_profile(profile))
    content.offsets, content.outbox, content.identity = {}, [], None
    return content


def forget_refused(identity: Identity, most: int) -> None:
    """Keep *most* of the links that have come to nothing, the newest; the other side remembers why, and says so again."""
    gone = [link for link in identity.links if link.state in (REFUSED, RELEASED)]
    for link in gone[: max(0, len(gone) - most)]:
        identity.links.remove(link)


def is_new(link: Link, number: int) -> bool:
    """Whether the note of that number has not come yet."""
    return number > link.received[0] and number not in link.received


def note_received(link: Link, number: int) -> None:
    """Note that a note has come: the numbers up to the first gap are one number."""
    link.received.append(number)
    first, *ahead = link.received
    waiting = set(ahead)
    while first + 1 in waiting:
        first += 1
        waiting.discard(first)
    link.received = [first, *sorted(waiting)]


def send(effects: Effects, profile: Profile, note: Note) -> None:
    """Owe a note; what a customer must not take twice gets the next number, and leaves no gap."""
    if note.kind in (notes.CLAIM, notes.HANDOVER, notes.FORWARD):
        identity = identity_of(profile)
        identity.sent += 1
        note.number = identity.sent
    effects.outputs.append(output_of(note))


def tell(effects: Effects, owner: str, action: str, note: Note, *, customer: str) -> None:
    """Put what became of a merge into the audit, as an output of *owner*, one of the two ids of the note."""
    other = note.sender if note.to == customer else note.to
    told = merge_json(
        action,
        customer,
        other,
        number=note.number,
        at=note.at,
        reason=note.reason or "identified",
        nonce=note.nonce,
    )
    effects.outputs.append(Output(MERGE, owner.encode(), told))
