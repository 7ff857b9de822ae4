"""Two ids that are one person become one customer, wherever their profiles live.

The customer's partition reads the ``identify``; the profile of the anonymous id may live in another one. So the customer
*claims* the id; the id *hands over* all that was folded under it and becomes a signpost: later events that come under it
are *forwarded*. Each step changes one profile, and what it says to the other lies in that profile's outbox; so a crash
repeats a note byte for byte, and never loses one. Claims repeat harmlessly because an id belongs to one customer only;
what an id sends is numbered, and the customer keeps the numbers that have come.
"""

from typing import TYPE_CHECKING

from state import (
    CLAIMED,
    MERGED,
    REFUSED,
    RELEASED,
    Event,
    Identity,
    Link,
    Profile,
    apply,
    decode_profile,
    encode_profile,
)
from stream_app import identity_notes as notes
from stream_app.effects import Effects
from stream_app.identity_book import (
    Turn,
    close,
    content_of,
    forget_refused,
    identity_of,
    is_leaving,
    is_new,
    link_to,
    newest_merge,
    note_received,
    send,
    tell,
)
from stream_app.identity_notes import Note
from stream_app.joining import join
from stream_app.outputs import MERGE, Output, merge_json
from stream_app.unmerging import KNOWN, Unmerging

if TYPE_CHECKING:
    from stream_app.engine import PartitionEngine

__all__ = ["Identities"]


class Identities:
    """The ids of one partition and what they say to others.

    Args:
        engine: Of the partition; holds the profiles.
    """

    def __init__(self, engine: "PartitionEngine") -> None:
        self._engine = engine
        unmerging = self._unmerging = Unmerging(engine)
        self._takers = {
            notes.CLAIM: self._claimed,
            notes.HANDOVER: self._handed_over,
            notes.FORWARD: self._forwarded,
            notes.REFUSAL: self._refused,
            notes.RELEASE: unmerging.asked_to_release,
            notes.RELEASED: unmerging.released,
            notes.RETAINED: unmerging.retained,
            notes.FORGET: self._forget,
            notes.ERASE: self._erase,
        }

    # ------------------------------------------------------------------ events

    def link(self, customer: str, profile: Profile, event: Event, effects: Effects) -> None:
        """Claim the id that an ``identify`` or ``alias`` of the customer names, unless that was done before."""
        identity = identity_of(profile)
        if any(link.id == event.link for link in identity.links):
            return
        claimed = sum(1 for link in identity.links if link.state in (CLAIMED, MERGED))
        if claimed >= self._engine.scoring.policy.most_ids:
            identity.sent += 1
            refused = merge_json(
                "refused", customer, event.link, number=identity.sent, at=event.at, reason="limit"
            )
            effects.outputs.append(Output(MERGE, customer.encode(), refused))
            return
        identity.links.append(Link(event.link, event.at, CLAIMED))
        send(effects, profile, Note(notes.CLAIM, event.link, customer, 0, event.at))

    def forward(self, customer: str, profile: Profile, event: Event, effects: Effects, *, late: bool) -> bool:
        """Send an event that came under a merged id after its profile; False for a message that was folded before.

        What comes under it as a ``userId`` is a known customer's, and so is everything after that.
        """
        if not event.anonymous:
            self._unmerging.stand_up(customer, profile, event, effects)
        if not self.fold_apart(profile, event):
            return False
        if is_leaving(identity_of(profile)):
            return True
        kind = event.kind
        facts = (
            event.message, event.amount, event.active, late, event.link,
            kind.name, kind.topic, kind.counts, kind.amount, kind.session,
        )  # fmt: skip
        customer_now = identity_of(profile).moved_to
        send(effects, profile, Note(notes.FORWARD, customer_now, customer, 0, event.at, event=facts))
        return True

    def fold_apart(self, profile: Profile, event: Event) -> bool:
        """Fold an event into what is kept apart, too, for as long as the merge can be undone.

        Returns:
            False for a message that was folded before, as far as that can be told.
        """
        identity = identity_of(profile)
        if identity.kept is None:
            return True
        if event.at > identity.kept_until:
            identity.kept = None
            return True
        return apply(identity.kept, event, self._engine.scoring.fold)

    # ------------------------------------------------------------------- notes

    def take(self, note: Note, profile: Profile, turn: Turn) -> bool:
        """Do what a note says to the id that it is for.

        Args:
            note: Not absorbed yet.
            profile: Of that id, that of the turn; may be replaced there.
            turn: What it is part of.

        Returns:
            False if it says what was known, or what no longer matters.
        """
        taker = self._takers.get(note.kind)
        return taker is not None and taker(note, profile, turn)

    def _claimed(self, note: Note, profile: Profile, turn: Turn) -> bool:
        identity = identity_of(profile)
        if identity.moved_to == note.sender:
            return False
        reason = _why_not(profile, identity, note.sender)
        if reason:
            refusal = Note(notes.REFUSAL, note.sender, note.to, note.number, note.at, reason=reason)
            send(turn.effects, profile, refusal)
            return True
        engine, content = self._engine, content_of(profile)
        content.written_under = engine.written_under
        handover = Note(notes.HANDOVER, note.sender, note.to, 0, note.at, encode_profile(content))
        closed = turn.touched.profile = close(engine, note.to, profile, turn.effects, note.sender)
        closed.outbox = profile.outbox
        until = max(note.at, content.evaluated_at) + engine.scoring.policy.undo
        closed.identity = Identity(note.sender, identity.sent, identity.links, content, until)
        send(turn.effects, closed, handover)
        return True

    def _handed_over(self, note: Note, profile: Profile, turn: Turn) -> bool:
        link = self._link_of(note, profile, turn.effects)
        if link is None or not is_new(link, note.number):
            return False
        identity = identity_of(profile)
        link.received = [note.number - 1, *(number for number in link.received[1:] if number > note.number)]
        note_received(link, note.number)
        link.state = MERGED
        identity.links.remove(link)
        identity.links.append(link)  # the newest comes last: it is the one that can be undone
        identity.kept = content_of(profile)
        join(self._engine, note.to, profile, decode_profile(note.content), turn.effects, turn.now)
        identity.kept_until = max(profile.evaluated_at, note.at) + self._engine.scoring.policy.undo
        tell(turn.effects, note.to, "merged", note, customer=note.to)
        return True

    def _forwarded(self, note: Note, profile: Profile, turn: Turn) -> bool:
        link = self._link_of(note, profile, turn.effects)
        if link is None or not is_new(link, note.number):
            return False
        note_received(link, note.number)
        event, late = notes.forwarded(note)
        identity = identity_of(profile)
        is_apart = identity.kept is not None and link is not newest_merge(identity)
        if is_apart:
            self.fold_apart(profile, event)
        return self._engine.absorb(event, turn.touched, turn.effects, late=late)

    def _link_of(self, note: Note, profile: Profile, effects: Effects) -> Link | None:
        """The link to the sender; whoever sends to a customer that was erased since is to be forgotten, too."""
        link = link_to(profile, note.sender)
        if link is None:
            send(effects, profile, Note(notes.FORGET, note.sender, note.to, 0, note.at))
        return None if link is None or link.state == RELEASED else link

    def _refused(self, note: Note, profile: Profile, turn: Turn) -> bool:
        link = link_to(profile, note.sender)
        if link is None or link.state != CLAIMED:
            return False
        link.state = REFUSED
        forget_refused(identity_of(profile), self._engine.scoring.policy.most_ids)
        tell(turn.effects, note.to, "refused", note, customer=note.to)
        return True

    # ------------------------------------------------------------------ erasing

    def _forget(self, note: Note, profile: Profile, turn: Turn) -> bool:
        identity = identity_of(profile)
        if identity.moved_to != note.sender:
            return False
        if is_leaving(identity):  # it is no id of theirs, but somebody else
            return self._unmerging.released(note, profile, turn)
        closed = turn.touched.profile = close(self._engine, note.to, profile, turn.effects)
        closed.identity = Identity(sent=identity.sent)
        return True

    def _erase(self, note: Note, profile: Profile, turn: Turn) -> bool:
        if link_to(profile, note.sender) is None:
            send(turn.effects, profile, Note(notes.FORGET, note.sender, note.to, 0))
        turn.touched.profile = self.erase(note.to, profile, turn.effects)
        return True

    def erase(self, customer: str, profile: Profile, effects: Effects) -> Profile:
        """Forget a customer and all its ids, under whichever of them it is asked for.

        Returns:
            What is to be stored: versions and offsets, which keep old records from coming back; of a merged id what
            there was, for its customer is to be erased first.
        """
        identity = profile.identity
        if identity is not None and identity.moved_to:
            send(effects, profile, Note(notes.ERASE, identity.moved_to, customer, 0))
            return profile
        links = (
            [] if identity is None else [each for each in identity.links if each.state in (CLAIMED, MERGED)]
        )
        closed = close(self._engine, customer, profile, effects)
        if identity is not None:
            closed.identity = Identity(sent=identity.sent)
        for link in links:
            send(effects, closed, Note(notes.FORGET, link.id, customer, 0))
        return closed

    def unmerge(self, anonymous: str, profile: Profile, effects: Effects, nonce: str) -> None:
        """Ask the customer that a merged id belongs to for its release; the answer is among the merges."""
        self._unmerging.ask(anonymous, profile, effects, nonce)


def _why_not(profile: Profile, identity: Identity, customer: str) -> str:
    """Why an id does not become part of *customer*; empty if it does."""
    if identity.moved_to:
        return "belongs to another customer"
    if any(link.id == customer and link.state == RELEASED for link in identity.links):
        return "was unmerged"
    return "" if profile.anonymous else KNOWN
