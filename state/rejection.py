"""Why was an event refused: a reason code for machines and a sentence for the person who meets it."""

from typing import Final

REASONS: Final = {
    "null_value": "the record has no value",
    "invalid_json": "the value is not JSON in UTF-8",
    "wrong_type": "a field is missing its type or has the wrong one",
    "missing_id": "neither userId nor anonymousId identifies anybody",
    "missing_message_id": "there is no messageId, so duplicates could not be told apart",
    "missing_timestamp": "there is no event time",
    "bad_timestamp": "the event time cannot be read",
    "future_timestamp": "the event time lies further ahead than clocks go wrong",
    "ancient_timestamp": "the event time lies before the earliest accepted",
    "bad_amount": "an amount is not a finite, non-negative number within bounds",
    "too_large": "the value or an id is larger than accepted",
    "bad_envelope": "the CloudEvents envelope cannot be opened",
}
"""Every reason that decoding gives, with its meaning. The worker adds ``wrong_partition`` of its own."""


class Rejected(ValueError):  # noqa: N818 - the record is rejected; nothing is in error here
    """An event that cannot be folded; it goes to the dead letters with its reason and stops nothing.

    Attributes:
        reason: One of `REASONS`; stable, counted in metrics.
        sentence: What happened, in which field, and what to do about it.

    Examples:
        >>> Rejected("missing_id", "Send a userId.").reason
        'missing_id'
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
