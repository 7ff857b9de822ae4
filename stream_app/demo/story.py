"""What does the demo say: what is happening, where to look, how to stop, and what has come of it?"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from scorers.durations import format_duration
from scorers.lifecycle import Lifecycle
from stream_app.demo.grounds import Grounds
from stream_app.demo.staff import Staff
from stream_app.demo.summary import Summary

ATTRIBUTION = (
    "Chen, D. (2019), Online Retail II, UCI Machine Learning Repository, https://doi.org/10.24432/C5CG6D, CC BY 4.0; "
    "grouped by customer and minute"
)
WHAT = (
    "The main job, end to end: events go into Kafka, a worker keeps a profile of each customer, decides the lifecycle\n"
    "stage, scores, and writes Redis; a trainer learns from every answer and sends new models to the worker.\n"
    "Orders and returns are real (Online Retail II); browsing, e-mail, service, social and ad events around them are\n"
    "simulated. Ctrl-C stops everything."
)


def where_to_look(grounds: Grounds, staff: Staff, lifecycles: tuple[str, ...], customer: str) -> str:
    """Say how others can watch while it runs."""
    console = f"In a browser: {staff.console.login}\n" if staff.console else ""
    flags = "".join(f" --lifecycle {name}" for name in lifecycles)
    return (
        f"{console}While it runs, look from another terminal:\n"
        f"  export LIFECYCLE_KAFKA={grounds.kafka} LIFECYCLE_REDIS={grounds.redis} LIFECYCLE_DATA_DIR={grounds.home}\n"
        f"  lifecycle show {customer}{flags}\n"
        f"  metrics: {staff.worker.metrics} (worker), {staff.trainer.metrics} (trainer)\n"
        f"  logs: {staff.worker.log}, {staff.trainer.log}"
    )


def afterwards(grounds: Grounds) -> str:
    """Say what is left when the demo has ended."""
    if grounds.stay:
        return (
            f"Kafka and Redis go on: LIFECYCLE_KAFKA={grounds.kafka} LIFECYCLE_REDIS={grounds.redis}\n"
            f"`lifecycle down --data-dir {grounds.services}` stops them."
        )
    return (
        "Kafka and Redis are stopped; their data stays until the next demo:\n"
        f"`lifecycle up --data-dir {grounds.home}` serves it again at the same addresses."
    )


def report(summary: Summary, lifecycles: tuple[Lifecycle, ...]) -> str:
    """Tell the summary to people."""
    blocks = [
        list(_work(summary)),
        *(list(_stages(summary, lifecycle)) for lifecycle in lifecycles),
        list(_transitions(summary)),
        *(list(_models(lifecycle, summary.models[lifecycle.name])) for lifecycle in lifecycles),
        list(_risks(summary, lifecycles[0])),
        [f"Data: {summary.attribution}."],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _work(summary: Summary) -> Iterator[str]:
    total = sum(summary.events.values())
    yield (
        f"{total:,} events of {summary.customers:,} customers in {summary.seconds:.1f} s: {summary.events_per_second:,.0f} "
        "a second from the first event sent to the last stage in Redis"
    )
    for topic, count in summary.events.items():
        yield f"  {topic:<12} {count:>9,}  {'simulated' if topic in summary.simulated_topics else 'real'}"
    yield f"  {'dead letters':<12} {summary.dead_letters:>9,}"
    if not summary.redis_agrees:
        yield "  Redis does not count the same customers as the topic of stage changes: please report this"


def _stages(summary: Summary, lifecycle: Lifecycle) -> Iterator[str]:
    counts = summary.stages.get(lifecycle.name, {})
    most = max(counts.values(), default=1)
    yield f"Stages at {summary.last_event_time} ({lifecycle.name})"
    for stage in lifecycle.stages:
        count = counts.get(stage.name, 0)
        yield f"  {stage.name:<16} {count:>7,}  {'█' * round(40 * count / most)}".rstrip()


def _transitions(summary: Summary) -> Iterator[str]:
    told = ", ".join(f"{reason} {count:,}" for reason, count in summary.transitions.items())
    yield f"Transitions: {told or 'none'}"
    yield f"  and {summary.rescored:,} published changes of a score, {summary.churn_alerts:,} churn alerts, raised or over"


def _models(lifecycle: Lifecycle, figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    labels = lifecycle.labels
    longest = format_duration(max(labels.horizon, labels.next_stage_horizon, labels.value_horizon))
    yield f"Models of {lifecycle.name}, judged on what they said before the answer was known"
    for model, values in figures.items():
        if not values["examples"]:
            yield f"  {model:<10} no answer yet: a question is answered after {longest} of event time"
        else:
            told = "; ".join(_QUALITY[model](values))
            yield f"  {model:<10} {values['examples']:>7,} answers; {told}"


def _churn(values: Mapping[str, Any]) -> Iterator[str]:
    base = values["base_rate"]
    yield f"AUC {_number(values['auc'])}"
    yield f"log-loss {_number(values['log_loss'])}, {_number(entropy(base))} for always saying the base rate of {base:.0%}"


def _next_stage(values: Mapping[str, Any]) -> Iterator[str]:
    yield f"{values['accuracy']:.0%} right"
    yield f"log-loss {_number(values['log_loss'])}"


def _value(values: Mapping[str, Any]) -> Iterator[str]:
    yield f"off by {values['mae']:,.0f} on average"


_QUALITY = {"churn": _churn, "next_stage": _next_stage, "value": _value}


def entropy(share: float) -> float:
    """Give the log-loss (nats) of somebody who always says the base rate.

    Examples:
        >>> round(entropy(0.5), 3), entropy(1.0)
        (0.693, 0.0)
    """
    return sum(-p * math.log(p) for p in (share, 1.0 - share) if p > 0.0)


def _risks(summary: Summary, lifecycle: Lifecycle) -> Iterator[str]:
    if not summary.top_churn_risks:
        return
    yield "Whom to save first"
    for found in summary.top_churn_risks:
        action = found.get("recommended_action") or "nothing recommended"
        yield (
            f"  {found['customer_id']:<12} risk {float(found['churn_risk'] or 0):.2f}  {found['stage']:<14} "
            f"value {found.get('value_segment') or 'unknown':<8} {action}"
        )
    yield f"  (`HGETALL lifecycle:customer:{{ID}}` in Redis; actions are those of {lifecycle.name})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
