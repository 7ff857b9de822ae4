"""Taking an id out of the customer that it was merged into.

Both sides have kept apart what they would be without the merge: the id everything that came under it, the customer
everything else. So it can be undone exactly, for the newest merge of a customer and for as long as that is kept. The id
asks, the customer lets go first, and what is on its way between the two is in what the id has kept.

An operator asks, or the id itself when it comes as a ``userId``: then it is a known customer, and those are not merged. That
one is released in any case; where the merge cannot be undone any more, what was merged stays with the other customer.
"""

from typing import TYPE_CHECKING, Final

from state import CLAIMED, FAR, RELEASED, Event, Identity, Link, Profile, Standing
from stream_app import identity_notes as notes
from stream_app.effects import Effects
from stream_app.identity_book import (
    Turn,
    close,
    forget_refused,
    identity_of,
    is_leaving,
    link_to,
    newest_merge,
    send,
    tell,
)
from stream_app.identity_notes import Note
from stream_app.joining import become, copies

if TYPE_CHECKING:
    from stream_app.engine import PartitionEngine

__all__ = ["KNOWN", "Unmerging"]

KNOWN: Final = "is a known customer"
"""Why an id is not merged, or does not stay so."""
_STAYS: Final = f"{KNOWN}, what was merged stays"


class Unmerging:
    """What both sides do to undo a merge.

    Args:
        engine: Of the partition.
    """

    def __init__(self, engine: "PartitionEngine") -> None:
        self._engine = engine

    def ask(self, anonymous: str, profile: Profile, effects: Effects, nonce: str) -> None:
        """Ask the customer that a merged id belongs to for its release; the answer is among the merges."""
        identity = identity_of(profile)
        if identity.moved_to and identity.kept is not None:
            identity.kept_until = FAR  # the answer finds what it needs
            send(effects, profile, Note(notes.RELEASE, identity.moved_to, anonymous, 0, nonce=nonce))
            return
        reason = "too late" if identity.moved_to else "not merged"
        asked = Note("", anonymous, identity.moved_to, identity.sent, reason=reason, nonce=nonce)
        tell(effects, anonymous, "unmerge_refused", asked, customer=identity.moved_to)

    def stand_up(self, customer: str, profile: Profile, event: Event, effects: Effects) -> None:
        """Ask for the release of an id that has come as a ``userId``, once; it folds for itself from here on."""
        identity = identity_of(profile)
        if event.link and all(link.id != event.link for link in identity.links):
            identity.links.append(Link(event.link, event.at, CLAIMED))  # claimed when it is released
        if is_leaving(identity):
            return
        reason = KNOWN if identity.kept is not None else _STAYS  # what nobody keeps apart must not be lost
        kept = identity.kept = identity.kept or Profile()
        kept.anonymous, identity.kept_until = False, FAR
        send(effects, profile, Note(notes.RELEASE, identity.moved_to, customer, 0, event.at, reason=reason))

    def asked_to_release(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """The customer's answer to an id that wants to stand for itself: it lets go what it can do without."""
        identity, link = identity_of(profile), link_to(profile, note.sender)
        answer = Note(
            notes.RELEASED, note.sender, note.to, 0, max(note.at, profile.evaluated_at), nonce=note.nonce
        )
        answer.reason = note.reason
        if link is not None and link.state != RELEASED:
            kept = identity.kept
            if kept is not None and link is newest_merge(identity) and note.reason != _STAYS:
                link.state, identity.kept = RELEASED, None
                become(self._engine, note.to, profile, kept, turn.effects, turn.now)
            elif note.reason:
                link.state, answer.reason = RELEASED, _STAYS
            else:
                answer.kind = notes.RETAINED
                answer.reason = "too late" if kept is None else "another id was merged since"
            forget_refused(identity, self._engine.scoring.policy.most_ids)
        send(turn.effects, profile, answer)
        return True

    def released(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """The id stands for itself again, with everything that ever came under it."""
        identity, kept = identity_of(profile), identity_of(profile).kept
        if identity.moved_to != note.sender or kept is None:
            return False
        close(
            self._engine, note.to, profile, turn.effects
        )  # whoever followed the alias finds the id itself again
        version = 1 + max((standing.version for standing in profile.standings), default=0)
        sides, profile.standings = copies(kept.standings), kept.standings
        profile.standings += [Standing() for _ in self._engine.scoring.tracks[len(kept.standings) :]]
        for standing in profile.standings:
            standing.version, standing.previous, standing.stage = version, -1, -1
        profile.identity = Identity(
            sent=identity.sent, links=[*identity.links, Link(note.sender, note.at, RELEASED)]
        )
        profile.anonymous, profile.pending, profile.due = kept.anonymous, kept.pending, FAR
        profile.asked_at, profile.scored_at = kept.asked_at, kept.scored_at
        profile.evaluated_at = kept.evaluated_at
        become(self._engine, note.to, profile, kept, turn.effects, turn.now, sides)
        for link in profile.identity.links:
            if link.state == CLAIMED:
                send(turn.effects, profile, Note(notes.CLAIM, link.id, note.to, 0, link.at))
        note.reason = note.reason or "asked for"
        tell(turn.effects, note.to, "unmerged", note, customer=note.sender)
        return True

    def retained(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """The id stays where it is; it need not keep anything apart any longer, unless it is leaving anyway."""
        identity = identity_of(profile)
        if not is_leaving(identity):
            identity.kept = None
        tell(turn.effects, note.to, "unmerge_refused", note, customer=note.sender)
        return True
