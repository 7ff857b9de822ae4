"""Lifecycle now: customers per stage, who came and went, how it went over time, and who went on to where."""

from collections import Counter

from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.at_risk import first_to_save, standing_alerts
from stream_app.console.charts import bars, lines, piles
from stream_app.console.context import Context
from stream_app.console.flows import Flow, comings, counts, flows, trend
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.store import NEW
from stream_app.console.tables import Column, Link, Table
from stream_app.console.written import written

__all__ = ["now"]

_FIRST = 5


def now(context: Context, asked: Asked) -> Page:
    """Build the first view."""
    stages = context.stages(asked.lifecycle)
    standing = counts(context.store, asked.lifecycle)
    moved = flows(context.store, asked)
    days, over_time = trend(context.store, asked, stages)
    return Page(
        title="Lifecycle now",
        lead="Where customers stand at this moment, who came, who went, and whom to look after first.",
        figures=_figures(context, asked, standing, moved),
        charts={
            "stages": Chart(
                "Customers by stage",
                bars(stages, [standing.get(stage, 0) for stage in stages], lying=True, stages=True),
            ),
            "trend": Chart("Customers by stage over time", lines(days, over_time, stacked=True)),
            "comings": Chart("Who came, went on, and went back", piles(*comings(context.store, asked))),
        },
        tables={
            "first": first_to_save(context, asked, _FIRST),
            "stages": _stages(asked, stages, standing, moved),
            "conversion": _conversion(asked, stages, moved),
        },
        has_period=True,
    )


def _figures(context: Context, asked: Asked, standing: dict[str, int], moved: list[Flow]) -> list[Figure]:
    customers = sum(standing.values())
    newest = context.fact("newest")
    alerts = standing_alerts(context, asked.lifecycle)
    return [
        Figure(
            "Customers",
            f"{customers:,}",
            f"as of {written(format_instant(newest), 'time')}" if newest else "no events yet",
        ),
        Figure(
            "New in the period",
            f"{sum(flow.customers for flow in moved if flow.before == NEW):,}",
            f"{asked.period['from']} to {asked.period['to']}" if newest else "",
        ),
        *_lost(context, asked, standing, moved),
        Figure(
            "Churn alerts",
            f"{alerts:,}",
            "See whom to save first" if alerts else "nobody is about to leave",
            "bad" if alerts else "good",
            address("/risk", {"lifecycle": asked.lifecycle}),
        ),
    ]


def _lost(context: Context, asked: Asked, standing: dict[str, int], moved: list[Flow]) -> list[Figure]:
    """For a lifecycle in which customers can be lost: how many are, and how many came back."""
    lost = {stage.name for stage in context.lifecycles[asked.lifecycle].stages if stage.lost}
    if not lost:
        return []
    customers, gone = sum(standing.values()), sum(standing.get(stage, 0) for stage in lost)
    back = sum(flow.customers for flow in moved if flow.reason == "reactivated")
    return [
        Figure(
            "Lost now",
            written(gone / customers if customers else None, "share"),
            f"{gone:,} in {', '.join(sorted(lost))}",
        ),
        Figure("Came back in the period", f"{back:,}", "from a lost stage"),
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
        note="Came and went count moves within the chosen period; a stage leads to its customers.",
    )  # fmt: skip


def _conversion(asked: Asked, stages: tuple[str, ...], moved: list[Flow]) -> Table:
    """Of those who left a stage within the period: where did they go?"""
    left = Counter[str]()
    pairs = Counter[tuple[str, str]]()
    for flow in moved:
        if flow.before in stages and flow.after in stages:
            left[flow.before] += flow.customers
            pairs[flow.before, flow.after] += flow.customers
    rows = [
        [
            before, after,
            Link(number, address("/transitions/customers", asked.here(before=before, after=after))),
            number / left[before],
        ]
        for (before, after), number in sorted(pairs.items(), key=lambda pair: (stages.index(pair[0][0]), -pair[1]))
    ]  # fmt: skip
    return Table(
        "Conversion from stage to stage",
        (Column("from"), Column("to"), Column("moves", "count"), Column("share of those who left", "share")),
        rows,
        "Nobody moved in this period.",
        "A number leads to the customers behind it.",
    )
