"""What the models are held against, refitted on everything that is known by then, never weakened."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib import resources
from io import StringIO
from math import inf
from typing import Any

import numpy as np

from tests.bench.models.rows import Numbers, Rows

EVERY = (
    28 / 90
)  # refitted every so many horizons: monthly for one of 90 days, every other day for one of a week
LEAST = 500  # resolved rows before a model is fitted
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
"""BG/NBD in weeks for 2,357 customers of CDNOW (Fader, Hardie, Lee. "Counting Your Customers the Easy Way". 2005)."""
_HALF_LIVES = (7.0, 30.0, 90.0)


def churn(rows: Rows, tell: Callable[[str], object]) -> dict[str, Numbers]:
    """The churn risk of each row as each reference would have served it then."""
    tell("counting features of the references")
    x = features(rows)
    made = {"base rate": _base_rate(rows), "recency": _recency(rows, x)}
    for name in ("BG/NBD", "MBG/NBD"):
        tell(f"fitting {name}")
        made[name] = _buy_till_you_die(rows, name, rows.kind.horizon)[0]
    tell("fitting LightGBM")
    made["LightGBM"] = _supervised(rows, x, _lightgbm)
    tell("fitting logistic regression")
    made["logistic regression"] = _supervised(rows, x, _logistic)
    return made


def fit_published() -> dict[str, float]:
    """Fit BG/NBD by the library to the sample of its paper, which the library carries."""
    from lifetimes import BetaGeoFitter  # noqa: PLC0415

    # Read as a file: the library's own loader needs a module that setuptools no longer has.
    with resources.files("lifetimes").joinpath("datasets/cdnow_customers_summary.csv").open() as lines:
        known = np.array([[float(cell) for cell in line.split(",")[1:4]] for line in list(lines)[1:]])
    model = BetaGeoFitter(penalizer_coef=0.0).fit(*known.T)
    return {name: round(float(model.params_[name]), 4) for name in PUBLISHED}


def next_stage(rows: Rows) -> dict[str, Numbers]:
    """Stays; the most frequent successor; and an empirical Markov chain by stage and time in stage."""
    stages = rows.chances.shape[1]
    fine = np.minimum((2.0 * np.log2(1.0 + np.maximum(rows.tenure, 0.0))).astype(int), 19)
    return {
        "stays": _chain(rows, np.zeros_like(fine), stages, is_only_staying=True),
        "frequent successor": _chain(rows, np.zeros_like(fine), stages),
        "Markov chain by stage and time in it": _chain(rows, fine, stages),
    }


def value(rows: Rows, horizon: int) -> dict[str, Numbers]:
    """The spend of the last period, and BG/NBD with Gamma-Gamma."""
    last = np.zeros(len(rows.day))
    for row, (customer, day) in enumerate(zip(rows.customer, rows.day, strict=True)):
        days, amounts = rows.bought[customer]
        last[row] = amounts[(days >= day - horizon) & (days < day)].sum()
    return {"last period": last, "BG/NBD with Gamma-Gamma": _buy_till_you_die(rows, "BG/NBD", horizon)[1]}


def snapshots(rows: Rows, horizon: float | None = None) -> Iterator[tuple[int, Numbers, Numbers]]:
    """Day, rows asked on it, and rows whose labels of that *horizon* are known by then, by default those of churn."""
    late = rows.day + (rows.kind.horizon if horizon is None else horizon)
    for day in np.unique(rows.day):
        yield int(day), np.flatnonzero(rows.day == day), np.flatnonzero(late <= day)


def features(rows: Rows) -> Numbers:
    """Recency, frequency, rhythm and amounts of each row, decayed at three half-lives, from purchases before it."""
    made = np.zeros((len(rows.day), 20))
    for row, (customer, day) in enumerate(zip(rows.customer, rows.day, strict=True)):
        days, amounts = rows.bought[customer]
        known = int(np.searchsorted(days, day))
        days, amounts = days[:known], amounts[:known]
        ago = day - days
        gaps = np.diff(days)
        mean = float(gaps.mean()) if len(gaps) else 0.0
        made[row, :14] = (
            ago[-1],
            ago[0],
            known,
            mean,
            float(gaps.std()) if len(gaps) else 0.0,
            float(gaps[-1]) if len(gaps) else 0.0,
            ago[-1] / mean if mean else 0.0,
            float(amounts.mean()),
            float(amounts[-1]),
            (ago <= 30).sum(),
            (ago <= 90).sum(),
            (ago <= 180).sum(),
            amounts[ago <= 90].sum(),
            (ago <= 90).sum() - ((ago > 90) & (ago <= 180)).sum(),
        )
        for k, half_life in enumerate(_HALF_LIVES):
            weights = 0.5 ** (ago / half_life)
            made[row, 14 + 2 * k : 16 + 2 * k] = weights.sum(), weights @ amounts
    return made


def _base_rate(rows: Rows) -> Numbers:
    risk = np.full(len(rows.day), 0.5)
    for _, asked, known in snapshots(rows):
        labels = rows.label[known]
        risk[asked] = (np.nansum(labels) + 1.0) / (np.isfinite(labels).sum() + 2.0)
    return risk


def _recency(rows: Rows, x: Numbers) -> Numbers:
    """How often those as long silent have churned so far, in 40 bins of the logarithm of recency."""
    bins = np.minimum((6.0 * np.log1p(x[:, 0])).astype(int), 39)
    risk = np.full(len(rows.day), 0.5)
    for _, asked, known in snapshots(rows):
        labels = np.nan_to_num(rows.label[known])
        base = (labels.sum() + 1.0) / (len(known) + 2.0)
        ones = np.bincount(bins[known], labels, minlength=40)
        seen = np.bincount(bins[known], minlength=40)
        risk[asked] = ((ones + 10.0 * base) / (seen + 10.0))[bins[asked]]
    return risk


def _buy_till_you_die(rows: Rows, name: str, horizon: int) -> tuple[Numbers, Numbers]:
    """Chance of no purchase within the horizon, and expected spend, by the library's fits."""
    from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter  # noqa: PLC0415

    fitter = {"BG/NBD": BetaGeoFitter, "MBG/NBD": ModifiedBetaGeoFitter}[name]
    risk, spend = np.full(len(rows.day), 0.5), np.zeros(len(rows.day))
    model: Any = None
    gamma: Any = None
    fitted = -inf
    for day, asked, _ in snapshots(rows):
        x, last, age, mean = _history(rows, asked, day)
        if day - fitted >= EVERY * rows.kind.horizon and len(asked) >= 50:
            newer = _fitted(fitter, x, last, age)
            model, fitted = newer or model, day
            again = x > 0
            if again.sum() >= 20:
                gamma = _amounts(x[again], mean[again]) or gamma
        if model is None:
            continue
        r, alpha = model.params_["r"], model.params_["alpha"]
        alive = np.asarray(model.conditional_probability_alive(x, last, age))
        none = ((alpha + age) / (alpha + age + horizon)) ** (r + x)
        risk[asked] = 1.0 - alive * (1.0 - none)
        with np.errstate(all="ignore"):
            orders = np.asarray(
                model.conditional_expected_number_of_purchases_up_to_time(horizon, x, last, age)
            )
        each = mean if gamma is None else np.asarray(gamma.conditional_expected_average_profit(x, mean))
        spend[asked] = np.nan_to_num(orders) * each
    return risk, spend


def _fitted(fitter: Any, x: Numbers, last: Numbers, age: Numbers) -> Any:
    for penalty in (0.0, 0.001, 0.01):
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            try:
                return fitter(penalizer_coef=penalty).fit(x, last, age)
            except Exception:  # noqa: BLE001, S112 - it did not converge: the library itself advises a penalty
                continue
    return None


def _amounts(x: Numbers, mean: Numbers) -> Any:
    from lifetimes import GammaGammaFitter  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return GammaGammaFitter(penalizer_coef=0.001).fit(x, np.maximum(mean, 0.01))
        except Exception:  # noqa: BLE001 - it did not converge: the fit of last month serves
            return None


def _history(rows: Rows, asked: Numbers, day: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Repeats, age at the last, age, and mean amount, in days with purchases."""
    made = np.zeros((4, len(asked)))
    for place, row in enumerate(asked):
        days, amounts = rows.bought[rows.customer[row]]
        known = int(np.searchsorted(days, day))
        repeats = amounts[1:known] if known > 1 else amounts[:1]
        made[:, place] = known - 1, days[known - 1] - days[0], day - days[0], repeats.mean()
    return made[0], made[1], made[2], made[3]


def _supervised(rows: Rows, x: Numbers, fit: Callable[[Numbers, Numbers], Any]) -> Numbers:
    risk = _base_rate(rows)
    model: Any = None
    fitted = -inf
    for day, asked, known in snapshots(rows):
        known = known[np.isfinite(rows.label[known])]  # noqa: PLW2901 - what is known and has a label
        if (
            day - fitted >= EVERY * rows.kind.horizon
            and len(known) >= LEAST
            and len(np.unique(rows.label[known])) > 1
        ):
            model, fitted = fit(x[known], rows.label[known]), day
        if model is not None:
            risk[asked] = model(x[asked])
    return risk


def _lightgbm(x: Numbers, y: Numbers) -> Callable[[Numbers], Numbers]:
    import lightgbm  # noqa: PLC0415

    asked = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 200,
        "verbosity": -1,
        "num_threads": 1,  # more of them wait for each other: a fit of a second then takes minutes on a busy machine
    }
    more = {"bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.8, "lambda_l2": 1.0, "seed": 1}
    few = {"min_data_in_leaf": min(200, max(20, len(y) // 50))}
    model = lightgbm.train({**asked, **more, **few}, lightgbm.Dataset(x, y), num_boost_round=150)
    return lambda rows: np.asarray(model.predict(rows, num_threads=1))


def _logistic(x: Numbers, y: Numbers) -> Callable[[Numbers], Numbers]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    def squeezed(rows: Numbers) -> Numbers:
        made: Numbers = np.sign(rows) * np.log1p(np.abs(rows))
        return made

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(squeezed(x), y)
    return lambda rows: model.predict_proba(squeezed(rows))[:, 1]


def _chain(rows: Rows, fine: Numbers, stages: int, *, is_only_staying: bool = False) -> Numbers:
    counts = np.zeros((stages, 20, stages))
    coarse = np.full((stages, stages), 1.0 / stages)
    chances = np.zeros((len(rows.day), stages))
    learned = np.zeros(len(rows.day), dtype=bool)
    for _, asked, known in snapshots(rows, rows.stage_days):
        fresh = known[~learned[known] & (rows.following[known] >= 0)]
        learned[known] = True
        following = rows.following[fresh]
        if is_only_staying:  # whether they stay is counted; where the others go is not
            np.add.at(
                coarse, (rows.stage[fresh], rows.stage[fresh]), (following == rows.stage[fresh]).astype(float)
            )
            moved = fresh[following != rows.stage[fresh]]
            for other in range(stages):
                away = moved[rows.stage[moved] != other]
                np.add.at(coarse, (rows.stage[away], np.full(len(away), other)), 1.0 / max(stages - 1, 1))
        else:
            np.add.at(counts, (rows.stage[fresh], fine[fresh], following), 1.0)
            np.add.at(coarse, (rows.stage[fresh], following), 1.0)
        usual = coarse[rows.stage[asked]]
        usual = usual / usual.sum(axis=1, keepdims=True)
        made = counts[rows.stage[asked], fine[asked]] + usual
        chances[asked] = made / made.sum(axis=1, keepdims=True)
    return chances
