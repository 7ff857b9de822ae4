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
from collections.abc import Callable
from pathlib import Path

from scorers.learner import Learner
from scorers.predictor import predictor_of
from tests.bench.models import judging, references, rows
from tests.bench.report import Report, console
from tests.scorers.buyers import TASK, buyer, examples

NAME = "models"
QUICK = {"customers": 250, "sets": "cdnow", "resamples": 50}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults take about twenty minutes on a quiet machine."""
    parser.add_argument("--customers", type=int, default=3000, help="sampled from each data set")
    parser.add_argument("--sets", default="cdnow,online-retail,starbucks", help="which data sets")
    parser.add_argument("--data", type=Path, default=rows.beside(), help="folder of the data sets")
    parser.add_argument("--seed", type=int, default=1, help="of the sample of customers")
    parser.add_argument("--resamples", type=int, default=200, help="of the bootstrap over customers")


async def run(options: argparse.Namespace) -> Report:
    """Judge each data set, then measure what an answer and an example cost."""
    report = Report(
        NAME, sizes={"customers": options.customers, "seed": options.seed, "resamples": options.resamples}
    )
    _check_reference(report)
    for name in options.sets.split(","):
        console.rule(name)
        kind = rows.KINDS[name]
        with tempfile.TemporaryDirectory() as folder:
            sample = rows.sample(kind, options.data, options.customers, options.seed, Path(folder))
            ours = rows.backtest(kind, sample, Path(folder))
        _judge(report, kind, ours, options)
    _speed(report)
    return report


def _judge(report: Report, kind: rows.Kind, ours: rows.Rows, options: argparse.Namespace) -> None:
    contenders = references.churn(ours, console.print)
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
    stages = {"ours": judging.stages(ours.chances, ours)}
    stages |= {name: judging.stages(chances, ours) for name, chances in references.next_stage(ours).items()}
    for name, made in stages.items():
        report.figures[f"{kind.name}: next stage, {name}"] = made
    usual = min(made["log_loss"] for name, made in stages.items() if name != "ours")
    loss = stages["ours"]["log_loss"] / usual
    report.ratio(f"{kind.name}: next-stage log-loss over the best reference", loss, "<=", 1.0)
    values = {"ours": judging.amounts(ours.value, ours)}
    values |= {name: judging.amounts(value, ours) for name, value in references.value(ours).items()}
    for name, made in values.items():
        report.figures[f"{kind.name}: value, {name}"] = made
    others = [made for name, made in values.items() if name != "ours"]
    error = values["ours"]["mae"] / min(each["mae"] for each in others)
    gini = values["ours"]["gini"] / max(each["gini"] for each in others)
    report.ratio(f"{kind.name}: value error over the best reference", error, "<=", 1.0)
    report.ratio(f"{kind.name}: value Gini over the best reference", gini, ">=", 1.0)


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
    predictor, x = predictor_of(learner), buyer(random.Random(4))
    predict = _cpu_us(lambda: predictor.score(x, 1))
    learn = _cpu_us(lambda: learner.learn(made[7]))
    report.figures["speed"] = {
        "features": len(predictor.features),
        "predict_us": round(predict, 1),
        "learn_us": round(learn, 1),
    }
    report.ratio("predict, CPU µs", predict, "<=", 20.0)
    report.ratio("learn, CPU µs", learn, "<=", 100.0)


def _cpu_us(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, timer=time.thread_time, number=100, repeat=50)) / 100 * 1e6


__all__: list[str] = ["NAME", "QUICK", "add_options", "run"]
