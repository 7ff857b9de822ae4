"""What a panel shows, in our words; and the same in Grafana's."""

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard, DatasourceVariable, Row, ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

__all__ = ["Board", "Panel", "build"]

#: Whoever imports a dashboard chooses the data source in its head.
_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        title: What is seen.
        text: What it means, and what to do when it looks bad.
        query: PromQL.
        legend: Name of each line, with labels in double braces.
        unit: Grafana's name of the unit.
        kind: Lines over time, areas that add up, or the number of the moment.
        bad: From here on a number is red.
        good: Below this a number is red.
        width: Columns of 24.
    """

    title: str
    text: str
    query: str
    legend: str = ""
    unit: str = "short"
    kind: Literal["lines", "areas", "number"] = "lines"
    bad: float | None = None
    good: float | None = None
    width: int = 12


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Args:
        uid: Stable id; links go by it.
        title: Its name.
        text: What it answers.
        rows: Panels by title of the row.
    """

    uid: str
    title: str
    text: str
    rows: dict[str, tuple[Panel, ...]]


def build(board: Board) -> Dashboard:
    """The dashboard for Grafana."""
    dashboard = (
        Dashboard(board.title)
        .uid(board.uid)
        .description(board.text)
        .tags(["lifecycle"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("utc")
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for title, panels in board.rows.items():
        dashboard = dashboard.with_row(Row(title))
        for panel in panels:
            dashboard = dashboard.with_panel(_number(panel) if panel.kind == "number" else _lines(panel))
    return dashboard


def _query(panel: Panel) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(panel.query).legend_format(panel.legend).datasource(_SOURCE)


def _number(panel: Panel) -> stat.Panel:
    shown = (
        stat.Panel()
        .title(panel.title)
        .description(panel.text)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(4)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(panel))
    )
    # Always given: Grafana's own thresholds are red from 80 on, whatever is counted.
    return shown.thresholds(_colours(panel))


def _lines(panel: Panel) -> timeseries.Panel:
    shown = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.text)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(8)
        .fill_opacity(30 if panel.kind == "areas" else 8)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .with_target(_query(panel))
    )
    if panel.kind == "areas":
        shown = shown.stacking(StackingConfig().mode(StackingMode.NORMAL))
    return shown


def _colours(panel: Panel) -> ThresholdsConfig:
    steps = [Threshold(value=None, color="green" if panel.good is None else "red")]
    if panel.good is not None:
        steps.append(Threshold(value=panel.good, color="green"))
    if panel.bad is not None:
        steps.append(Threshold(value=panel.bad, color="red"))
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
