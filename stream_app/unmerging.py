"""Taking an id out of the customer that it was merged into.

Both sides have kept apart what they would be without the merge: the id everything that came under it, the customer
everything else. So it can be undone exactly, for the newest merge of a customer and for as long as that is kept. The id
asks, the customer lets go first, and what is on its way between the two is in what the id has kept.
"""

from typing import TYPE_CHECKING

from state import FAR, RELEASED, Identity, Link, Profile, Standing
from stream_app import identity_notes as notes
from stream_app.effects import Effects
from stream_app.identity_book import Turn, close, identity_of, link_to, newest_merge, send, tell
from stream_app.identity_notes import Note
from stream_app.joining import become, copies

if TYPE_CHECKING:
    from stream_app.engine import PartitionEngine

__all__ = ["Unmerging"]


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

    def asked_to_release(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """The customer's answer to an id that wants to stand for itself: it lets go what it can do without."""
        identity, link = identity_of(profile), link_to(profile, note.sender)
        answer = Note(notes.RELEASED, note.sender, note.to, 0, profile.evaluated_at, nonce=note.nonce)
        if link is not None and link.state != RELEASED:
            kept = identity.kept
            if kept is None or link is not newest_merge(identity):
                answer.kind = notes.RETAINED
                answer.reason = "too late" if kept is None else "another id was merged since"
            else:
                link.state, identity.kept = RELEASED, None
                become(self._engine, note.to, profile, kept, turn.effects, turn.now)
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
        profile.anonymous, profile.pending, profile.due = True, kept.pending, FAR
        profile.asked_at, profile.scored_at = kept.asked_at, kept.scored_at
        profile.evaluated_at = kept.evaluated_at
        become(self._engine, note.to, profile, kept, turn.effects, turn.now, sides)
        note.reason = "asked for"
        tell(turn.effects, note.to, "unmerged", note, customer=note.sender)
        return True

    def retained(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """The id stays where it is; it need not keep anything apart any longer."""
        identity_of(profile).kept = None
        tell(turn.effects, note.to, "unmerge_refused", note, customer=note.sender)
        return True
