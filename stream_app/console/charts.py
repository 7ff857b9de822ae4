"""Charts as option objects of Apache ECharts: plain JSON, no script, tooltips without HTML."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["bars", "lift", "lines", "piles", "reliability", "sankey"]

_COLOURS: Final = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#edc948", "#9c755f", "#ff9da7", "#86bcb6",
)  # fmt: skip
"""A stage has the colour of its place in the lifecycle, in every chart."""
_KINDS: Final = {
    "entered": "#9aa0a6", "advanced": "#2e9e6b", "skipped": "#8fd3b0", "reactivated": "#4e79a7", "returned": "#f2b134",
    "lapsed": "#d1495b",
}  # fmt: skip
"""Colours of moves that are no stage's: on is green, back is yellow, lost is red."""
_NOBODY: Final = "#9aa0a6"
_TOOLTIP: Final = {"trigger": "axis", "renderMode": "richText", "confine": True}
_GRID: Final = {"left": 8, "right": 36, "top": 40, "bottom": 8, "containLabel": True}
Option = dict[str, Any]


def _base(**more: Any) -> Option:
    return {
        "aria": {"enabled": True}, "animation": False, "color": list(_COLOURS), "grid": _GRID, "tooltip": _TOOLTIP, **more,
    }  # fmt: skip


def lines(
    at: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    stacked: bool = False,
    zero: bool = True,
) -> Option:
    """Lines over days, months or moments; stacked they are areas that add up."""
    style = {"stack": "all", "areaStyle": {"opacity": 0.75}, "lineStyle": {"width": 0.5}} if stacked else {}
    return _base(
        legend={"type": "scroll", "top": 4, "show": len(series) > 1},
        xAxis={
            "type": "category",
            "data": list(at),
            "boundaryGap": False,
            "axisLabel": {"hideOverlap": True},
        },
        yAxis={"type": "value", "scale": not zero},
        series=[
            {
                "type": "line",
                "name": name,
                "data": list(values),
                "showSymbol": len(at) < 40,
                "connectNulls": True,
                **style,
            }
            for name, values in series.items()
        ],
    )


def bars(
    names: Sequence[str], values: Sequence[float | None], *, lying: bool = False, stages: bool = False
) -> Option:
    """Bars by name; lying ones leave room for long names, those of stages have the stages' colours."""
    category = {"type": "category", "data": list(names), "inverse": lying}
    value = {"type": "value"}
    series = {
        "type": "bar",
        "data": list(values),
        "barMaxWidth": 34,
        "colorBy": "data" if stages else "series",
        "label": {"show": True, "position": "right" if lying else "top"},
    }
    return _base(
        grid={**_GRID, "top": 16},
        xAxis=value if lying else category,
        yAxis=category if lying else value,
        series=[series],
    )


def piles(names: Sequence[str], moves: Mapping[str, Sequence[float | None]]) -> Option:
    """Bars of moves by reason, on top of each other."""
    return _base(
        legend={"type": "scroll", "top": 4},
        xAxis={"type": "category", "data": list(names), "axisLabel": {"hideOverlap": True}},
        yAxis={"type": "value"},
        series=[
            {
                "type": "bar",
                "stack": "all",
                "name": reason,
                "data": list(values),
                "itemStyle": {"color": _KINDS.get(reason, _NOBODY)},
            }
            for reason, values in moves.items()
        ],
    )


def lift(tenths: Sequence[float]) -> Option:
    """Bars by tenth of the customers, beside the line of those who do not choose."""
    option = bars([str(at) for at in range(1, len(tenths) + 1)], [round(one, 2) for one in tenths])
    option["series"][0]["markLine"] = {
        "symbol": "none", "silent": True, "data": [{"yAxis": 1}], "label": {"formatter": "all"},
    }  # fmt: skip
    return option


def sankey(stages: Sequence[str], flows: Sequence[tuple[str, str, int, str]]) -> Option:
    """Who came from where: each stage stands on the left as it was and on the right as it became.

    Args:
        stages: In the order in which they are drawn.
        flows: From, to, how many, and where a click leads.
    """
    shade = {stage: _COLOURS[at % len(_COLOURS)] for at, stage in enumerate(stages)}
    before, after = {flow[0] for flow in flows}, {flow[1] for flow in flows}
    order = [
        *sorted((before | after) - set(stages)),
        *stages,
    ]
    # A trailing space tells the right side from the left one without showing it.
    nodes = [_node(name, 0, shade) for name in order if name in before]
    nodes += [_node(f"{name} ", 1, shade) for name in order if name in after]
    return {
        "aria": {"enabled": True},
        "animation": False,
        "tooltip": {"trigger": "item", "renderMode": "richText", "confine": True},
        "series": [
            {
                "type": "sankey",
                "left": 8,
                "right": 110,
                "top": 8,
                "bottom": 8,
                "nodeGap": 12,
                "layoutIterations": 0,
                "draggable": False,
                "emphasis": {"focus": "adjacency"},
                "lineStyle": {"color": "source", "opacity": 0.35},
                "data": nodes,
                "links": [
                    {"source": start, "target": f"{end} ", "value": number, "href": href}
                    for start, end, number, href in flows
                ],
            }
        ],
    }


def _node(name: str, depth: int, shade: Mapping[str, str]) -> Option:
    return {"name": name, "depth": depth, "itemStyle": {"color": shade.get(name.strip(), _NOBODY)}}


def reliability(points: Sequence[tuple[float, float, int]]) -> Option:
    """Predicted against observed: on the diagonal a risk of 30 % means that 30 of 100 leave."""
    return _base(
        legend={"top": 4},
        tooltip={"trigger": "item", "renderMode": "richText", "confine": True},
        xAxis={
            "type": "value",
            "min": 0,
            "max": 1,
            "name": "predicted",
            "nameLocation": "middle",
            "nameGap": 22,
        },
        yAxis={"type": "value", "min": 0, "max": 1, "name": "observed"},
        grid={**_GRID, "bottom": 28},
        series=[
            {
                "type": "line",
                "name": "observed",
                "symbolSize": 9,
                "data": [[round(predicted, 4), round(observed, 4)] for predicted, observed, _ in points],
            },
            {
                "type": "line",
                "name": "perfect",
                "data": [[0, 0], [1, 1]],
                "symbol": "none",
                "silent": True,
                "lineStyle": {"type": "dashed"},
            },
        ],
    )
