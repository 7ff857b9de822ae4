"""Lifecycle now: customers per stage, who came and went, how it went over time, and who went on to where."""

from collections import Counter

from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.charts import bars, lines
from stream_app.console.context import Context
from stream_app.console.flows import Flow, counts, flows, trend
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.store import NEW
from stream_app.console.tables import Column, Link, Table

__all__ = ["now"]


def now(context: Context, asked: Asked) -> Page:
    """Build the first view."""
    stages = context.stages(asked.lifecycle)
    standing = counts(context.store, asked.lifecycle)
    moved = flows(context.store, asked)
    days, over_time = trend(context.store, asked, stages)
    return Page(
        title="Lifecycle now",
        lead="Where customers stand, who came and who went.",
        figures=_figures(context, asked, standing, moved),
        charts={
            "stages": Chart(
                "Customers by stage",
                bars(stages, {"customers": [standing.get(stage, 0) for stage in stages]}, lying=True),
            ),
            "trend": Chart("Customers by stage over time", lines(days, over_time, stacked=True)),
        },
        tables={"stages": _stages(asked, stages, standing, moved), "conversion": _conversion(asked, moved)},
        has_period=True,
    )


def _figures(context: Context, asked: Asked, standing: dict[str, int], moved: list[Flow]) -> list[Figure]:
    customers = sum(standing.values())
    lost = {stage.name for stage in context.lifecycles[asked.lifecycle].stages if stage.lost}
    gone = sum(number for stage, number in standing.items() if stage in lost)
    newest = context.fact("newest")
    reasons = Counter[str]()
    for flow in moved:
        reasons[flow.reason] += flow.customers
    return [
        Figure(
            "Customers",
            f"{customers:,}",
            f"as of {format_instant(newest)[:16]}Z" if newest else "no events yet",
        ),
        Figure("New in the period", f"{sum(flow.customers for flow in moved if flow.before == NEW):,}"),
        Figure(
            "Lost now",
            f"{gone / customers:.0%}" if customers else "—",
            ", ".join(sorted(lost)) or "no stage is lost",
        ),
        Figure("Came back in the period", f"{reasons['reactivated']:,}", "from a lost stage"),
    ]


def _stages(asked: Asked, stages: tuple[str, ...], standing: dict[str, int], moved: list[Flow]) -> Table:
    total = sum(standing.values())
    came, went = Counter[str](), Counter[str]()
    for flow in moved:
        came[flow.after] += flow.customers
        went[flow.before] += flow.customers
    return Table(
        "Stages",
        (
            Column("stage"), Column("customers", "count"), Column("share", "share"), Column("came", "count"),
            Column("went", "count"), Column("change", "sign"),
        ),
        [
            [
                Link(stage, address("/risk", {**asked.kept(), "stage": stage})), standing.get(stage, 0),
                standing.get(stage, 0) / total if total else None, came[stage], went[stage], came[stage] - went[stage],
            ]
            for stage in stages
        ],
        note="Came and went count moves within the chosen period.",
    )  # fmt: skip


def _conversion(asked: Asked, moved: list[Flow]) -> Table:
    """Of those who left a stage within the period: where did they go?"""
    left = Counter[str]()
    pairs = Counter[tuple[str, str]]()
    for flow in moved:
        if NEW not in (flow.before, flow.after):
            left[flow.before] += flow.customers
            pairs[flow.before, flow.after] += flow.customers
    rows = [
        [
            before, after,
            Link(number, address("/transitions/customers", asked.here(before=before, after=after))),
            number / left[before],
        ]
        for (before, after), number in pairs.most_common()
    ]  # fmt: skip
    return Table(
        "Conversion from stage to stage",
        (Column("from"), Column("to"), Column("moves", "count"), Column("share of those who left", "share")),
        rows,
        "Nobody moved in this period.",
    )
