"""Do the models beat the references, on the same rows: churn, next stage and value, on real and on simulated customers?

Our figures are read from ``predictions.jsonl`` of ``lifecycle backtest``: what the command serves is what is judged. The
references see purchases only up to each snapshot, and labels only when their horizon has passed, like ours. Rows, delays
and metrics are those of delayed progressive validation (Grzenda, Gomes, Bifet 2019). The Starbucks set is SIMULATED by its
publisher. References: running base rate, recency calibrated online, BG/NBD and MBG/NBD of the library `lifetimes`
refitted monthly, LightGBM and scikit-learn's logistic regression refitted monthly on all resolved rows.
"""

import argparse
import random
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scorers.learner import Learner
from scorers.predictor import predictor_of
from stream_app.bundled import bundled
from tests.bench.models import judging, references, rows
from tests.bench.report import Report, console
from tests.scorers.buyers import TASK, buyer, due, examples

NAME = "models"
LEAST_MOVES = 1000
YEAR = 365
MEASURED = 100  # customers and examples of every kind, whose mean cost counts
QUICK = {"customers": 250, "sets": "cdnow", "more": "taobao", "presets": 100, "resamples": 50}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults take about ten minutes on a quiet core."""
    parser.add_argument("--customers", type=int, default=3000, help="sampled from each data set")
    parser.add_argument("--sets", default="cdnow,online-retail,starbucks", help="which data sets")
    parser.add_argument(
        "--more", default="starbucks,taobao,retentioneering", help="data sets with more than purchases"
    )
    parser.add_argument(
        "--presets", type=int, default=300, help="customers for the next stage in every preset"
    )
    parser.add_argument("--data", type=Path, default=rows.beside(), help="folder of the data sets")
    parser.add_argument("--seed", type=int, default=1, help="of the sample of customers")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap over customers")


async def run(options: argparse.Namespace) -> Report:
    """Judge each data set, then measure what an answer and an example cost."""
    report = Report(
        NAME, sizes={"customers": options.customers, "seed": options.seed, "resamples": options.resamples}
    )
    _check_reference(report)
    told: dict[str, rows.Rows] = {}
    for name in filter(None, options.sets.split(",")):
        console.rule(name)
        ours = told[name] = _run(name, options)[0]
        _churn(report, ours, options)
        _next_stage(report, ours, ours.kind.name)
        if ours.value_days == ours.kind.horizon:
            _value(report, ours)
    for name in filter(None, options.more.split(",")):
        console.rule(f"{name}: purchases alone, and all that is known")
        _ablation(report, name, told.get(name), options)
    if options.presets:
        console.rule("next stage in every preset")
        _presets(report, options)
    _speed(report)
    return report


def _run(
    name: str, options: argparse.Namespace, lifecycles: Sequence[str] = ("six-stage",)
) -> list[rows.Rows]:
    kind = rows.KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        sample = rows.sample(kind, options.data, options.customers, options.seed, Path(folder))
        return rows.backtest(kind, sample, Path(folder), lifecycles)


def _ablation(report: Report, name: str, every: rows.Rows | None, options: argparse.Namespace) -> None:
    """What opens, views and carts add: the same command on the same customers without them, on the same rows."""
    kind = rows.KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole", Path(folder) / "part"
        sample = rows.sample(kind, options.data, options.customers, options.seed, whole)
        part.mkdir()
        every = every or rows.backtest(kind, sample, whole)[0]
        (alone,) = rows.backtest(kind, rows.purchases_alone(kind, sample, part), part)
    risk = judging.aligned(every, alone)
    report.figures[f"{name}: churn, all that is known"] = ours = judging.binary(every.risk, every)
    report.figures[f"{name}: churn, purchases alone"] = theirs = judging.binary(risk, every)
    report.figures[f"{name}: churn, all less purchases alone"] = judging.bootstrap(
        every, risk, options.resamples
    )
    report.ratio(
        f"{name}: churn log-loss with all events over purchases alone",
        ours["log_loss"] / theirs["log_loss"],
        "<=",
        1.0,
    )


def _presets(report: Report, options: argparse.Namespace) -> None:
    """Every preset on the same customers, where they move more than a thousand times."""
    few = argparse.Namespace(**{**vars(options), "customers": options.presets})
    for name in filter(None, options.sets.split(",")):
        names = [path.stem for path in sorted(bundled("lifecycles").glob("*.toml"))]
        for preset, ours in zip(names, _run(name, few, names), strict=True):
            _next_stage(report, ours, f"{name}, {preset}")


def _churn(report: Report, ours: rows.Rows, options: argparse.Namespace) -> None:
    kind, contenders = ours.kind, references.churn(ours, console.print)
    figures = {"ours": judging.binary(ours.risk, ours)}
    figures |= {name: judging.binary(risk, ours) for name, risk in contenders.items()}
    for name, made in figures.items():
        report.figures[f"{kind.name}: churn, {name}"] = made
    others = [made for name, made in figures.items() if name != "ours"]
    loss = figures["ours"]["log_loss"] / min(each["log_loss"] for each in others)
    area = figures["ours"]["auc"] / max(each["auc"] for each in others)
    report.ratio(
        f"{kind.name}: churn log-loss over the best reference", loss, "<=", 1.0 if kind.is_real else 1.005
    )
    if kind.is_real:
        report.ratio(f"{kind.name}: churn AUC over the best reference", area, ">=", 1.0)
    for name, risk in contenders.items():
        report.figures[f"{kind.name}: churn, ours less {name}"] = judging.bootstrap(
            ours, risk, options.resamples
        )


def _next_stage(report: Report, ours: rows.Rows, where: str) -> None:
    """The distribution over stages beside the three baselines; held against them from a thousand moves on."""
    stages = {"ours": judging.stages(ours.chances, ours)}
    stages |= {name: judging.stages(chances, ours) for name, chances in references.next_stage(ours).items()}
    for name, made in stages.items():
        report.figures[f"{where}: next stage, {name}"] = made
    if stages["ours"]["moves"] < LEAST_MOVES:
        return
    usual = min(made["log_loss"] for name, made in stages.items() if name != "ours")
    loss = stages["ours"]["log_loss"] / usual
    report.ratio(f"{where}: next-stage log-loss over the best reference", loss, "<=", 1.0)


def _value(report: Report, ours: rows.Rows) -> None:
    """Spend by the horizon, whose answers teach, and within a year, which nobody has been taught yet."""
    near = ours.scored & np.isfinite(ours.spent)
    _amounts(report, ours, "value", ours.value, ours.spent, near, ours.kind.horizon)
    spent = judging.spent_within(ours, YEAR)
    _amounts(report, ours, "value of a year", ours.year, spent, ours.taught & np.isfinite(spent), YEAR)


def _amounts(
    report: Report,
    ours: rows.Rows,
    what: str,
    told: rows.Numbers,
    spent: rows.Numbers,
    known: rows.Numbers,
    horizon: int,
) -> None:
    if not known.any():
        return
    contenders = {"ours": told} | references.value(ours, horizon)
    values = {name: judging.amounts(value[known], spent[known]) for name, value in contenders.items()}
    for name, made in values.items():
        report.figures[f"{ours.kind.name}: {what}, {name}"] = made
    others = [made for name, made in values.items() if name != "ours"]
    where = f"{ours.kind.name}: {what}"
    error = values["ours"]["mae"] / min(each["mae"] for each in others)
    report.ratio(f"{where}, error over the best reference", error, "<=", 1.0)
    for figure in ("gini", "top_tenth_lift"):
        ranking = values["ours"][figure] / max(each[figure] for each in others)
        report.ratio(f"{where}, {figure.replace('_', ' ')} over the best reference", ranking, ">=", 1.0)


def _check_reference(report: Report) -> None:
    """Hold the library's BG/NBD against the parameters published for the same 2,357 customers."""
    fitted = references.fit_published()
    report.figures["BG/NBD fitted to the sample of its paper"] = fitted
    off = max(abs(fitted[name] / value - 1.0) for name, value in references.PUBLISHED.items())
    report.ratio("BG/NBD parameters, relative distance to the published ones", off, "<=", 0.01)


def _speed(report: Report) -> None:
    """The serving mixture with all inputs, CPU time: the best of many repeats, for other processes only ever add."""
    learner = Learner(TASK)
    made = examples(600, ask_learner=False)
    for example in made:
        learner.learn(example)
    predictor, rng = predictor_of(learner), random.Random(4)
    customers = [buyer(rng) for _ in range(MEASURED)]
    predict = _cpu_us(
        lambda: [predictor.score(x, number % 4, due(x, number % 4)) for number, x in enumerate(customers)]
    )
    learn = _cpu_us(lambda: [learner.learn(example) for example in made[:MEASURED]])
    report.figures["speed"] = {
        "features": len(predictor.features),
        "predict_us": round(predict, 1),
        "learn_us": round(learn, 1),
    }
    report.ratio("predict, CPU µs", predict, "<=", 20.0)
    report.ratio("learn, CPU µs", learn, "<=", 100.0)


def _cpu_us(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, timer=time.thread_time, number=2, repeat=50)) / 2 / MEASURED * 1e6


__all__: list[str] = ["NAME", "QUICK", "add_options", "run"]
