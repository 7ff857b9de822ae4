"""Health: lag, throughput, latency, dead letters, Redis and Kafka; what is wrong, and what to do."""

import json
from typing import Any

from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.charts import bars, lines
from stream_app.console.context import Context
from stream_app.console.flows import counts
from stream_app.console.page import Chart, Figure, NotThere, Page
from stream_app.console.tables import Column, Link, Table
from stream_app.console.transitions import pages
from stream_app.console.vitals import quantile
from stream_app.console.written import written
from stream_app.letters import Letter, Place, Repairs
from stream_app.setting_types import without_password

__all__ = ["health", "letter_page"]

_LATENCY = "lifecycle_stage_change_latency_seconds"


def health(context: Context, asked: Asked) -> Page:
    """Build the view."""
    moments = list(context.vitals.moments)
    at = [moment.at for moment in moments]
    return Page(
        title="Health",
        lead="Is the service well, and if not, what is to be done?",
        figures=_figures(context),
        charts={
            "throughput": Chart(
                "Events finished a second",
                lines(at, {"events a second": [one.per_second for one in moments]}),
            ),
            "lag": Chart("Events waiting", lines(at, {"waiting": [one.waiting for one in moments]})),
            **_refusals(context),
        },
        tables={
            "topics": _topics(context),
            "parts": _parts(context, asked),
            "letters": _letters(context, asked),
        },
        values={"pages": _letter_pages(context, asked), "is_health": True},
        template="health.html",
    )


def _figures(context: Context) -> list[Figure]:
    vitals, progress = context.vitals, context.progress
    newest = vitals.moments[-1] if vitals.moments else None
    slow, behind = quantile(vitals.samples, _LATENCY, 0.99), vitals.largest("lifecycle_consumer_lag_seconds")
    letters = context.store.rows("SELECT coalesce(sum(letters), 0) FROM letter_count")[0][0]
    return [
        _state("Kafka", vitals.kafka, context.settings.kafka),
        _state(
            "Redis",
            vitals.redis_reason,
            f"{vitals.redis_memory / 2**20:,.0f} MiB used" if vitals.redis_memory else "",
        ),
        Figure(
            "Workers",
            "unknown" if vitals.workers is None else str(vitals.workers),
            "in the consumer group",
            "bad" if vitals.workers == 0 else "",
        ),
        Figure(
            "Events waiting",
            f"{newest.waiting:,}" if newest else "—",
            "not finished by the workers" if behind is None else f"the oldest for {behind:,.0f} s",
        ),
        Figure(
            "Events a second",
            f"{newest.per_second:,.0f}" if newest else "—",
            "finished, in the last three seconds",
        ),
        Figure(
            "Event to Redis, p99",
            "—" if slow is None else f"≤ {slow:g} s",
            "all stage changes since the workers started"
            if slow is not None
            else "set metrics of [console] to see it",
        ),
        Figure(
            "Waiting for Redis",
            _whole(vitals.total("lifecycle_redis_pending")),
            "changes that the workers hold",
        ),
        Figure(
            "Dead letters",
            f"{letters:,}",
            "events refused, as long as this console remembers",
            "bad" if letters else "",
        ),
        Figure("Console behind", f"{progress.waiting:,}", "records that this page does not count yet"),
    ]


def _state(name: str, reason: str | None, note: str) -> Figure:
    return (
        Figure(name, "answers", note, "good") if reason is None else Figure(name, "away", "see above", "bad")
    )


def _whole(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}"


def _refusals(context: Context) -> dict[str, Chart]:
    found = context.store.rows(
        "SELECT reason, sum(letters) FROM letter_count GROUP BY reason ORDER BY 2 DESC LIMIT 12"
    )
    if not found:
        return {}
    return {
        "reasons": Chart(
            "Dead letters by reason",
            bars([row[0] for row in found], [row[1] for row in found], lying=True),
        )
    }


def _topics(context: Context) -> Table:
    return Table(
        "Topics",
        (Column("topic"), Column("records written", "count"), Column("waiting for a worker", "count")),
        [[one.topic, one.written, one.waiting] for one in context.vitals.topics],
        "Kafka has not answered yet.",
        "Written counts every record since the topic was made.",
    )


def _parts(context: Context, asked: Asked) -> Table:
    vitals = context.vitals
    shown, served = counts(context.store, asked.lifecycle), vitals.redis_counts.get(asked.lifecycle, {})
    agree = "the same customers in the same stages" if shown == served else "differ at this moment"
    rows: list[list[Any]] = [
        ["Kafka", context.settings.kafka, vitals.kafka or "answers"],
        ["Redis", without_password(context.settings.redis), vitals.redis_reason or "answers"],
        ["Redis and this console", f"{sum(served.values()):,} and {sum(shown.values()):,} customers", agree],
    ]
    rows += [["metrics page", page, reason or "answers"] for page, reason in vitals.pages.items()]
    if vitals.snapshot is not None:
        rows.append(
            [
                "models",
                f"snapshot of {written(vitals.snapshot.created_at, 'time')}",
                f"{vitals.training_waits or 0:,} answers wait",
            ]
        )
    return Table("Parts", (Column("part"), Column("what"), Column("state")), rows)


def _wanted(asked: Asked) -> tuple[str, list[Any]]:
    reason = asked.values.get("reason", "")
    return ("WHERE reason = ?", [reason]) if reason else ("", [])


def _letters(context: Context, asked: Asked) -> Table:
    where, values = _wanted(asked)
    question = (
        "SELECT partition, offset, at, reason, sentence, topic, source_partition, source_offset, key, bytes "  # noqa: S608 - same
        "FROM letter "
        f"{where} ORDER BY at DESC, partition, offset LIMIT ? OFFSET ?"
    )
    repaired = Repairs(context.settings.data_dir).known(f"{context.settings.topic_prefix}dead-letters")
    rows = []
    for (
        partition,
        offset,
        at,
        reason,
        sentence,
        topic,
        from_partition,
        from_offset,
        key,
        size,
    ) in context.store.rows(question, *values, asked.rows, asked.skipped):
        place = Place(partition, offset)
        rows.append(
            [
                Link(str(place), address("/health/letter", {"place": str(place)})),
                format_instant(at),
                Link(reason, address("/health", {"lifecycle": asked.lifecycle, "reason": reason})),
                sentence,
                f"{topic} {from_partition}:{from_offset}" if topic else "gateway",
                key,
                size,
                repaired.get(place),
            ]
        )
    return Table(
        "Dead letters",
        (
            Column("letter"),
            Column("arrived", "time"),
            Column("reason"),
            Column("why"),
            Column("stood on"),
            Column("key", "id"),
            Column("bytes", "count"),
            Column("sent again"),
        ),
        rows,
        "No event was refused.",
        "A letter leads to the raw record, which an operator can repair and send again; so does `lifecycle letters`.",
    )


def _letter_pages(context: Context, asked: Asked) -> dict[str, str]:
    where, values = _wanted(asked)
    total = context.store.rows(f"SELECT count(*) FROM letter {where}", *values)[0][0]  # noqa: S608 - words of this module
    return pages("/health", asked, has_more=total > asked.skipped + asked.rows)


def letter_page(context: Context, letter: Letter | None, outcome: str = "", draft: str | None = None) -> Page:
    """One dead letter: why it was refused, the raw record, and the form that sends it again.

    Raises:
        NotThere: The topic does not have it any more.
    """
    if letter is None:
        raise NotThere("Kafka no longer has this dead letter: it is older than topics.output_retention.")
    text = letter.value.decode("utf-8", "replace")
    repaired = Repairs(context.settings.data_dir).known(f"{context.settings.topic_prefix}dead-letters")
    return Page(
        title=f"Dead letter {letter.place}",
        lead=letter.facts.get("sentence", ""),
        tables={
            "facts": Table(
                "Where it stood",
                (Column("what"), Column("is")),
                [[name, value] for name, value in letter.facts.items()],
            ),
            "headers": Table(
                "Headers it came with",
                (Column("name"), Column("value")),
                [[name, value.decode("utf-8", "replace")] for name, value in letter.original],
                "None.",
            ),
        },
        values={
            "place": str(letter.place),
            "raw": text,
            "draft": text if draft is None else draft,
            "pretty": _pretty(text),
            "key": letter.key.decode("utf-8", "replace"),
            "outcome": outcome,
            "repaired": repaired.get(letter.place),
            "is_text": letter.value == text.encode(),
            "hex": letter.value[:2000].hex(" "),
        },
        template="letter.html",
    )


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return ""
