"""The plots of the report, as inline SVG: no script, no network, the same bytes for the same result."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from scorers.evaluation import CALIBRATION_BINS
from state import DAY

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555", "#999933")
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
Counts = Sequence[tuple[int, Sequence[int]]]


class Plot:
    """One plot that is being drawn; `svg` is there when its `drawing` block has ended."""

    svg: str = ""


@contextmanager
def drawing(plot: Plot, name: str, *, height: float = 3.4) -> Iterator[Axes]:
    """Draw one plot.

    Args:
        plot: Gets the SVG.
        name: Distinguishes the ids inside the SVG from those of other plots on the page.
        height: In inches; the width is 7.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(7.0, height), layout="constrained")
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
    with drawing(plot, "stages") as axes:
        times = _days([at for at, _ in counts])
        layers = [[by_stage[index] for _, by_stage in counts] for index in range(len(stages))]
        axes.stackplot(times, *layers, labels=stages, colors=_cycled(len(stages)), alpha=0.85)
        axes.xaxis_date()
        axes.set_ylabel("customers")
        axes.margins(x=0)
        axes.legend(loc="upper left", fontsize=8, framealpha=0.8)
    return plot.svg


def bars(counts: Sequence[tuple[str, int]], name: str, unit: str) -> str:
    """Horizontal bars, the first one on top."""
    plot = Plot()
    with drawing(plot, name, height=0.6 + 0.35 * max(1, len(counts))) as axes:
        labels = [label for label, _ in counts][::-1]
        drawn = axes.barh(labels, [count for _, count in counts][::-1], color=COLOURS[0])
        axes.bar_label(drawn, fmt="{:,.0f}", padding=3)
        axes.set_xlabel(unit)
        axes.margins(x=0.12)
    return plot.svg


def calibration(risks: Sequence[float], labels: Sequence[int]) -> str:
    """What was predicted against what became true, in bins of equal count."""
    plot = Plot()
    ordered = sorted(zip(risks, labels, strict=True))
    said, true = [], []
    for k in range(CALIBRATION_BINS):
        part = ordered[k * len(ordered) // CALIBRATION_BINS : (k + 1) * len(ordered) // CALIBRATION_BINS]
        if part:
            said.append(sum(risk for risk, _ in part) / len(part))
            true.append(sum(label for _, label in part) / len(part))
    with drawing(plot, "calibration") as axes:
        axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", label="perfect")
        axes.plot(said, true, marker="o", color=COLOURS[0], label="churn")
        axes.set(xlabel="predicted risk", ylabel="share that churned", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left", fontsize=8)
    return plot.svg


def roc(risks: Sequence[float], labels: Sequence[int], area: float | None) -> str:
    """True against false alarms at every threshold."""
    plot = Plot()
    false, true, _ = _ranked(risks, labels)
    with drawing(plot, "roc") as axes:
        axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", label="chance")
        told = "churn" if area is None else f"churn, area {area:.3f}"
        axes.plot(false, true, color=COLOURS[0], label=told)
        axes.set(xlabel="share of the loyal alarmed for", ylabel="share of the churners found")
        axes.legend(loc="lower right", fontsize=8)
    return plot.svg


def lift(risks: Sequence[float], labels: Sequence[int]) -> str:
    """How many times more churners than at random are among those at highest risk."""
    plot = Plot()
    _, true, reached = _ranked(risks, labels)
    points = [(share, found / share) for found, share in zip(true, reached, strict=True) if share >= 0.01]
    with drawing(plot, "lift") as axes:
        axes.axhline(1.0, color="#999999", linestyle="--", label="at random")
        axes.plot(*zip(*points, strict=True) if points else ([], []), color=COLOURS[0], label="churn")
        axes.set(xlabel="share of customers approached, highest risk first", ylabel="lift")
        axes.legend(loc="upper right", fontsize=8)
    return plot.svg


def loss_over_time(months: Sequence[tuple[int, float, float, int]]) -> str:
    """Log-loss by month of prediction, against always saying the base rate known by then."""
    plot = Plot()
    times = _days([at for at, *_ in months])
    with drawing(plot, "loss") as axes:
        base = [naive for _, _, naive, _ in months]
        axes.plot(times, base, color="#999999", linestyle="--", label="base rate")
        axes.plot(times, [loss for _, loss, _, _ in months], marker="o", color=COLOURS[0], label="churn")
        axes.xaxis_date()
        axes.set_ylabel("log-loss")
        axes.tick_params(axis="x", rotation=30)
        axes.legend(fontsize=8)
    return plot.svg


def _ranked(risks: Sequence[float], labels: Sequence[int]) -> tuple[list[float], list[float], list[float]]:
    """False and true alarm rates and share reached, at about 200 thresholds; ties fall on one threshold."""
    ordered = sorted(zip(risks, labels, strict=True), reverse=True)
    ones = sum(labels) or 1
    zeros = (len(labels) - sum(labels)) or 1
    step = max(1, len(ordered) // 200)
    false, true, reached = [0.0], [0.0], [0.0]
    found, last = 0, 0
    for position, (risk, label) in enumerate(ordered, 1):
        found += label
        is_tied = position < len(ordered) and ordered[position][0] == risk
        if is_tied or (position - last < step and position < len(ordered)):
            continue
        last = position
        false.append((position - found) / zeros)
        true.append(found / ones)
        reached.append(position / len(ordered))
    return false, true, reached


def _cycled(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]


def _days(instants: Sequence[int]) -> list[float]:
    """Days since 1970: what matplotlib's date axes count in."""
    return [at / DAY for at in instants]
