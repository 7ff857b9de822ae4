"""The plots of the report, as inline SVG: no script, no network, the same bytes for the same result."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from scorers.evaluation import CALIBRATION_BINS
from state import DAY
from stream_app.figures import Floats

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555", "#999933")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

MODEL, GUIDE = "#0072B2", "#999999"
_BASELINES = ("#D55E00", "#009E73", "#CC79A7")
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "text.parse_math": False,  # a stage may have dollars in its name
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#444444",
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "axes.grid": True,
    "grid.color": "#ececec",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 2.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_POINTS = 200  # of a curve: more cannot be seen
Counts = Sequence[tuple[int, Sequence[int]]]
Labels = npt.NDArray[Any]


class Plot:
    """One plot that is being drawn; `svg` is there when its `drawing` block has ended."""

    svg: str = ""


@contextmanager
def drawing(plot: Plot, name: str, *, width: float = 5.2, height: float = 3.6) -> Iterator[Axes]:
    """Draw one plot.

    Args:
        plot: Gets the SVG.
        name: Distinguishes the ids inside the SVG from those of other plots on the page.
        width: In inches.
        height: In inches.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        yield figure.add_subplot()
        buffer = io.StringIO()
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    plot.svg = text[text.index("<svg") :]


def stages_over_time(counts: Counts, stages: Sequence[str]) -> str:
    """Customers by stage.

    Args:
        counts: Instant (µs) and customers by stage.
        stages: Stage names.
    """
    plot = Plot()
    with drawing(plot, "stages", width=10.6, height=3.8) as axes:
        times = _days([at for at, _ in counts])
        layers = [[by_stage[index] for _, by_stage in counts] for index in range(len(stages))]
        axes.stackplot(times, *layers, labels=stages, colors=_cycled(len(stages)), alpha=0.85)
        axes.xaxis_date()
        axes.set_ylabel("customers")
        axes.margins(x=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return plot.svg


def bars(counts: Sequence[tuple[str, float]], name: str, unit: str, *, form: str = "{:,.0f}") -> str:
    """Horizontal bars, the first one on top; those below zero in another colour."""
    plot = Plot()
    with drawing(plot, name, height=0.8 + 0.3 * max(1, len(counts))) as axes:
        labels = [label for label, _ in counts][::-1]
        values = [count for _, count in counts][::-1]
        drawn = axes.barh(labels, values, color=[MODEL if value >= 0 else _BASELINES[0] for value in values])
        axes.bar_label(drawn, fmt=form, padding=3, fontsize=8.5)
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.16)
    return plot.svg


def calibration(
    risks: Floats, labels: Labels, name: str = "churn", became: str = "share that churned"
) -> str:
    """What was predicted against what became true, in bins of equal count, over how often it was predicted."""
    plot = Plot()
    order = np.argsort(risks, kind="stable")
    parts = [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]
    said = [float(np.mean(risks[part])) for part in parts]
    true = [float(np.mean(labels[part])) for part in parts]
    with drawing(plot, f"calibration {name}") as axes:
        counts, edges = np.histogram(risks, bins=25, range=(0.0, 1.0))
        heights = counts / max(int(counts.max(initial=0)), 1) * 0.25
        axes.bar(
            edges[:-1], heights, width=1 / 25, align="edge", color="#dbe7f0", label="how often predicted"
        )
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--", linewidth=1.2, label="perfect")
        axes.plot(said, true, marker="o", markersize=4.5, color=MODEL, label=name)
        axes.set(xlabel="predicted probability", ylabel=became, xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left")
    return plot.svg


def roc(risks: Mapping[str, Floats], labels: Labels, areas: Mapping[str, float | None]) -> str:
    """True against false alarms at every threshold, by who says so."""
    plot = Plot()
    with drawing(plot, "roc") as axes:
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--", linewidth=1.2, label="chance")
        for (name, said), colour in zip(risks.items(), (MODEL, *_BASELINES), strict=False):
            false, true, _ = _ranked(said, labels)
            area = areas.get(name)
            axes.plot(false, true, color=colour, label=name if area is None else f"{name}, area {area:.3f}")
        axes.set(xlabel="share of the loyal alarmed for", ylabel="share of the churners found")
        axes.set(xlim=(0, 1), ylim=(0, 1.01))
        axes.legend(loc="lower right")
    return plot.svg


def lift(by_decile: Mapping[str, Sequence[float] | None], name: str, whom: str) -> str:
    """How many times more than at random are among each tenth of the customers."""
    plot = Plot()
    told = {who: lifts for who, lifts in by_decile.items() if lifts}
    with drawing(plot, f"lift {name}") as axes:
        width = 0.8 / max(len(told), 1)
        for place, (who, lifts) in enumerate(told.items()):
            where = np.arange(1, len(lifts) + 1) - 0.4 + width * (place + 0.5)
            axes.bar(where, lifts, width=width, color=(MODEL, *_BASELINES)[place], label=who)
        axes.axhline(1.0, color=GUIDE, linestyle="--", linewidth=1.2, label="at random")
        axes.set_xticks(range(1, 11))
        axes.set(xlabel=f"tenths of the customers, {whom} first", ylabel="lift")
        axes.grid(visible=False, axis="x")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return plot.svg


def by_month(
    months: Sequence[str], series: Mapping[str, Sequence[float | None]], name: str, unit: str, base: str = ""
) -> str:
    """A figure over time, by who it is about; *base* is drawn dashed."""
    plot = Plot()
    with drawing(plot, name) as axes:
        times = [np.datetime64(month).astype("datetime64[D]").astype(np.int64) for month in months]
        colours = iter((MODEL, *_BASELINES))
        for who, values in series.items():
            is_base = who == base
            colour = GUIDE if is_base else next(colours)
            told = [np.nan if value is None else value for value in values]
            line = "--" if is_base else "-"
            axes.plot(times, told, marker="o", markersize=3.5, label=who, color=colour, linestyle=line)
        axes.xaxis_date()
        axes.set_ylabel(unit)
        axes.tick_params(axis="x", rotation=30)
        axes.legend(loc="best")
    return plot.svg


def expected_against_spent(said: Floats, spent: Floats) -> str:
    """Mean spend by tenth of the customers, as expected and as it came."""
    plot = Plot()
    parts = [part for part in np.array_split(np.argsort(-said, kind="stable"), 10) if len(part)]
    places = np.arange(1, len(parts) + 1)
    with drawing(plot, "value") as axes:
        axes.bar(places - 0.2, [np.mean(said[part]) for part in parts], 0.4, color=MODEL, label="expected")
        axes.bar(
            places + 0.2, [np.mean(spent[part]) for part in parts], 0.4, color=_BASELINES[1], label="spent"
        )
        axes.set_xticks(places)
        axes.set(xlabel="tenths of the customers, highest expectation first", ylabel="mean spend")
        axes.grid(visible=False, axis="x")
        axes.legend(loc="upper right")
    return plot.svg


def _ranked(risks: Floats, labels: Labels) -> tuple[list[float], list[float], list[float]]:
    """False and true alarm rates and share reached, at about 200 thresholds; ties fall on one threshold."""
    order = np.argsort(-risks, kind="stable")
    ordered, found = risks[order], np.cumsum(labels[order])
    last_of_tie = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    if len(last_of_tie) > _POINTS:
        wanted = np.linspace(0, len(ordered) - 1, _POINTS)
        last_of_tie = np.unique(last_of_tie[np.searchsorted(last_of_tie, wanted)])
    seen = last_of_tie + 1
    ones, zeros = max(int(labels.sum()), 1), max(len(labels) - int(labels.sum()), 1)
    true, false = found[last_of_tie] / ones, (seen - found[last_of_tie]) / zeros
    return [0.0, *false.tolist()], [0.0, *true.tolist()], [0.0, *(seen / len(labels)).tolist()]


def _cycled(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _days(instants: Sequence[int]) -> list[float]:
    """Days since 1970: what matplotlib's date axes count in."""
    return [at / DAY for at in instants]
