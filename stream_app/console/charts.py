"""Charts as option objects of Apache ECharts: plain JSON, no script, tooltips without HTML."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["bars", "lines", "reliability", "sankey"]

_TOOLTIP: Final = {"trigger": "axis", "renderMode": "richText", "confine": True}
_GRID: Final = {"left": 8, "right": 16, "top": 40, "bottom": 8, "containLabel": True}
Option = dict[str, Any]


def _base(**more: Any) -> Option:
    return {"aria": {"enabled": True}, "animationDuration": 300, "grid": _GRID, "tooltip": _TOOLTIP, **more}


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
        legend={"type": "scroll", "top": 4},
        xAxis={"type": "category", "data": list(at), "boundaryGap": False},
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
    names: Sequence[str], series: Mapping[str, Sequence[float | None]], *, lying: bool = False
) -> Option:
    """Bars by name; lying ones leave room for long names."""
    category = {"type": "category", "data": list(names), "inverse": lying}
    value = {"type": "value"}
    return _base(
        legend={"top": 4, "show": len(series) > 1},
        xAxis=value if lying else category,
        yAxis=category if lying else value,
        series=[
            {
                "type": "bar",
                "name": name,
                "data": list(values),
                "barMaxWidth": 34,
                "colorBy": "data" if len(series) == 1 else "series",
                "label": {"show": len(series) == 1, "position": "right" if lying else "top"},
            }
            for name, values in series.items()
        ],
    )


def sankey(flows: Sequence[tuple[str, str, int]]) -> Option:
    """Who came from where: each stage stands on the left as it was and on the right as it became."""
    before, after = dict.fromkeys(flow[0] for flow in flows), dict.fromkeys(flow[1] for flow in flows)
    # A trailing space tells the right side from the left one without showing it.
    nodes = [{"name": name, "depth": 0} for name in before] + [
        {"name": f"{name} ", "depth": 1} for name in after
    ]
    return {
        "aria": {"enabled": True},
        "tooltip": {"trigger": "item", "renderMode": "richText", "confine": True},
        "series": [
            {
                "type": "sankey",
                "left": 8,
                "right": 110,
                "top": 8,
                "bottom": 8,
                "nodeGap": 12,
                "draggable": False,
                "emphasis": {"focus": "adjacency"},
                "lineStyle": {"color": "source", "opacity": 0.35},
                "data": nodes,
                "links": [
                    {"source": start, "target": f"{end} ", "value": number} for start, end, number in flows
                ],
            }
        ],
    }


def reliability(points: Sequence[tuple[float, float, int]]) -> Option:
    """Predicted against observed: on the diagonal a risk of 30 % means that 30 of 100 leave."""
    return _base(
        legend={"top": 4},
        tooltip={"trigger": "item", "renderMode": "richText"},
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
