"""What would become of a payload? A source file is tried without a gateway, without Kafka and without a signature."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from state import Rejected
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.event_names import load_measures
from stream_app.gateway.answers import Refused
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.intake import Intake
from stream_app.gateway.mapping import Payload, event_of, payloads
from stream_app.gateway.source_file import Source, load_source
from stream_app.settings import Settings


class Outcome(NamedTuple):
    """What became of one payload.

    Attributes:
        topic: That gets it.
        event: As it will stand there; None if no rule applies, or it is refused.
        refusal: Why it would be a dead letter.
    """

    topic: str | None = None
    event: dict[str, Any] | None = None
    refusal: Rejected | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """For programs."""
        refusal = None if self.refusal is None else {
            "reason": self.refusal.reason, "sentence": self.refusal.sentence,
        }  # fmt: skip
        return {"topic": self.topic, "event": self.event, "refused": refusal}

    @property
    def line(self) -> str:
        """For people."""
        if self.refusal is not None:
            return f"dead letter ({self.refusal.reason}): {self.refusal.sentence}"
        if self.event is None:
            return "passed over: no rule applies"
        return f"{self.topic}: {orjson.dumps(self.event).decode()}"


def try_sample(settings: Settings, sample: Path, source: str) -> list[Outcome]:
    """What each payload of a sample becomes.

    Args:
        settings: Which event names are known, and what is believable.
        sample: A body as it was sent; in an ``.http`` file headers and an empty line stand before it.
        source: One of the known systems, or a ``.toml`` file.

    Raises:
        Misconfigured: If the source file is wrong or the sample cannot be read.
        WorkFailed: If the body cannot be read as the source says.
    """
    rules = load_source(source)
    headers, body = _read(sample)
    intake = Intake(load_measures(settings), settings.events)
    arrival = Arrival(time.time_ns() // 1000)
    try:
        found = payloads(rules, body, headers, {})
    except Refused as refused:
        raise WorkFailed(f"{sample}: {refused.message} Source {source} wants {rules.body!r}.") from None
    return [_outcome(rules, payload, intake, arrival, settings.topic_prefix) for payload in found]


def _outcome(source: Source, payload: Payload, intake: Intake, arrival: Arrival, prefix: str) -> Outcome:
    try:
        event = event_of(source, payload)
        if event is None:
            return Outcome()
        made = intake.take(event, arrival)
    except Rejected as rejected:
        return Outcome(refusal=rejected)
    return Outcome(f"{prefix}{made.topic}", orjson.loads(made.value))


def _read(sample: Path) -> tuple[dict[str, str], bytes]:
    try:
        content = sample.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{sample}: cannot be read ({error.strerror}); check --sample") from None
    if sample.suffix != ".http":
        return {}, content.strip()
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): text.strip() for name, _, text in pairs}, body.strip()
