"""What does a labelled example look like on its way to the trainer?"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from math import inf

import msgspec


class Example(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A question asked at one instant with the prediction of that instant, and its answer at the horizon.

    JSON on the wire. JSON has no infinity, so an infinite age travels as ``null``. A label that was not asked
    is ``null`` too, and teaches nothing.

    Attributes:
        id: Unique per question; a second delivery is recognised by it.
        lifecycle: Name of the lifecycle.
        asked_at: Event time of the question, RFC 3339.
        answered_at: Event time of the answer, RFC 3339: `asked_at` plus the horizon, never earlier.
        stage: Name of the customer's stage when asked.
        features: Raw model features, in the order of the schema.
        schema: Hash of the feature names (`schema_of`).
        churn_risk: The published probability of the moment; `None` when none was given.
        next_stage: The distribution of the moment, by stage name; the current stage means stay.
        value: Expected spend of the moment, in the base currency.
        model_version: Version of the model that predicted; 0 is the cold start.
        churned: 1 when nothing of the watched kind happened within the horizon, else 0.
        next: Name of the first stage moved to within the horizon; the current stage when there was no move.
        spent: Amount spent within the horizon.
        deadline: Days after which silence alone moves the customer, `None` if not within the horizon of the next stage.
        deadline_stage: Name of the stage that it moves the customer to.
        deadline_by_orders: Whether an order is what is waited for.
    """

    id: str
    lifecycle: str
    asked_at: str
    answered_at: str
    stage: str
    features: list[float | None]
    schema: str
    churn_risk: float | None = None
    next_stage: dict[str, float] = {}
    value: float | None = None
    model_version: int = 0
    churned: int | None = None
    next: str | None = None
    spent: float | None = None
    deadline: float | None = None
    deadline_stage: str = ""
    deadline_by_orders: bool = True

    @property
    def is_open(self) -> bool:
        """Whether this is a question as it was asked, without any answer."""
        return self.churned is None and self.next is None and self.spent is None

    @property
    def is_whole(self) -> bool:
        """Whether next stage and value are answered together: nothing else about this question follows."""
        return self.next is not None and self.spent is not None

    def vector(self) -> list[float]:
        """Give the raw features with infinities restored."""
        return [inf if value is None else value for value in self.features]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Example)


def encode_example(example: Example) -> bytes:
    """Write an example as JSON.

    Examples:
        >>> example = Example(
        ...     id="a", lifecycle="retail", stage="customer", features=[inf, 1.0], schema="s", churned=1,
        ...     asked_at="2026-01-01T00:00:00Z", answered_at="2026-04-01T00:00:00Z",
        ... )
        >>> decode_example(encode_example(example)).vector()
        [inf, 1.0]
    """
    return _ENCODER.encode(example)


def decode_example(data: bytes) -> Example:
    """Read an example.

    Raises:
        msgspec.DecodeError: When the bytes are not an example; the message says which field.
    """
    try:
        example = _DECODER.decode(data)
        for instant in (example.asked_at, example.answered_at):
            datetime.fromisoformat(instant)
    except msgspec.DecodeError:
        raise
    except ValueError as error:  # no UTF-8, or no instant
        raise msgspec.DecodeError(str(error)) from error
    return example


def schema_of(names: Sequence[str]) -> str:
    """Hash feature names in their order; a model only learns and predicts under one schema.

    Examples:
        >>> schema_of(["a", "b"]) == schema_of(["b", "a"])
        False
    """
    return hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest()
