"""How good were the models, and how good is what must be beaten: the table `models` of `metrics.json`.

Prequential: every number judges predictions as they were made, before their answers were known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from state import DAY
from stream_app import baselines
from stream_app.figures import Floats, binary, deciles, gini, losses, mean, months
from stream_app.judgement import Judgement, learning_delays

__all__ = ["ChurnRows", "ModelFigures", "StageRows", "ValueRows", "model_figures"]

Figures = dict[str, Any]
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ChurnRows:
    """Answered churn risks.

    Args:
        at: Instants (µs).
        stage: Index of the stage.
        labels: 1 for churned.
        risks: Probability of churn by who says so: ``model`` and the baselines.
    """

    at: npt.NDArray[np.int64]
    stage: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    risks: dict[str, Floats]

    def figures(self, rows: Rows | slice = slice(None)) -> Figures:
        """Give the model's figures, and the baselines' beside them."""
        labels = self.labels[rows]
        by_name = {name: {**binary(risks[rows], labels)} for name, risks in self.risks.items()}
        for name, figures in by_name.items():
            figures["lift_by_decile"] = deciles(self.risks[name][rows], labels)
        return _beside(by_name)


@dataclass(frozen=True, slots=True)
class StageRows:
    """Answered next stages.

    Args:
        at: Instants (µs).
        stage: Index of the stage then.
        following: Index of the stage that followed; the same for those who stayed.
        chances: Probability given to what followed, by who says so.
        likeliest: Index of the stage held likeliest, by who says so.
        staying: The model's probability of staying.
    """

    at: npt.NDArray[np.int64]
    stage: npt.NDArray[np.int64]
    following: npt.NDArray[np.int64]
    chances: dict[str, Floats]
    likeliest: dict[str, npt.NDArray[np.int64]]
    staying: Floats

    def figures(self, rows: Rows | slice = slice(None)) -> Figures:
        """Give the model's figures, and the baselines' beside them; ``ece`` is that of the chance to move at all."""
        following, ones = self.following[rows], np.ones(len(self.following[rows]), np.int64)
        by_name: dict[str, Figures] = {
            name: {
                "examples": len(ones),
                "accuracy": mean(self.likeliest[name][rows] == following),
                "log_loss": mean(losses(chances[rows], ones)),
            }
            for name, chances in self.chances.items()
        }
        moved = following != self.stage[rows]
        by_name["model"] |= {"moved": mean(moved), "ece": binary(1.0 - self.staying[rows], moved)["ece"]}
        return _beside(by_name)


@dataclass(frozen=True, slots=True)
class ValueRows:
    """Answered values.

    Args:
        at: Instants (µs).
        stage: Index of the stage.
        spent: What was spent.
        said: What was expected, by who says so.
    """

    at: npt.NDArray[np.int64]
    stage: npt.NDArray[np.int64]
    spent: Floats
    said: dict[str, Floats]

    def figures(self, rows: Rows | slice = slice(None)) -> Figures:
        """Give the model's figures, and the baseline's beside them."""
        spent = self.spent[rows]
        by_name: dict[str, Figures] = {
            name: {
                "examples": len(spent),
                "mae": mean(np.abs(said[rows] - spent)),
                "bias": mean(said[rows] - spent),
                "gini": gini(said[rows], spent),
                "lift_by_decile": deciles(said[rows], spent),
            }
            for name, said in self.said.items()
        }
        by_name["model"]["mean_spent"] = mean(spent)
        return _beside(by_name)


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The rows of one lifecycle by model, and the table of their figures."""

    churn: ChurnRows
    next_stage: StageRows
    value: ValueRows
    table: Figures


def model_figures(judgement: Judgement) -> ModelFigures:
    """Judge everything that was answered, and let the baselines answer the same rows under the same delays."""
    churn, moves, value = _churn(judgement), _next_stage(judgement), _value(judgement)
    table = {
        "churn": _table(churn, judgement, "churn"),
        "next_stage": _table(moves, judgement, "next_stage"),
        "value": _table(value, judgement, "value"),
    }
    table["churn"]["labels"] = {
        **_labels(judgement, "churn", judgement.known, len(churn.labels)),
        "churned": int(churn.labels.sum()),
        "never_active": judgement.asked - judgement.known,
    }
    followed = np.bincount(moves.following[moves.following != moves.stage], minlength=len(judgement.stages))
    table["next_stage"]["labels"] = {
        **_labels(judgement, "next_stage", judgement.asked, len(moves.at)),
        "stayed": int((moves.following == moves.stage).sum()),
        "moved_to": dict(zip(judgement.stages, followed.tolist(), strict=True)),
    }
    table["value"]["labels"] = {
        **_labels(judgement, "value", judgement.asked, len(value.at)),
        "spent_something": int((value.spent > 0).sum()),
    }
    return ModelFigures(churn, moves, value, table)


def _churn(judgement: Judgement) -> ChurnRows:
    columns = judgement.churn()
    at, labels = columns["at"].astype(np.int64), columns["label"].astype(np.int64)
    delay = _delay(judgement, "churn")
    risks = {
        "model": columns["risk"],
        "base_rate": baselines.base_rate(at, labels, delay),
        "recency": baselines.recency(at, columns["recency"].astype(np.float64), labels, delay),
    }
    return ChurnRows(at, columns["stage"].astype(np.int64), labels, risks)


def _next_stage(judgement: Judgement) -> StageRows:
    columns = judgement.next_stage()
    at, stage, following = (columns[name].astype(np.int64) for name in ("at", "stage", "label"))
    delay = _delay(judgement, "next_stage")
    tenure = columns["tenure"].astype(np.float64)
    simple = baselines.next_stages(at, stage, tenure, following, len(judgement.stages), delay)
    return StageRows(
        at,
        stage,
        following,
        chances={"model": columns["chance"], **{name: chances for name, (chances, _) in simple.items()}},
        likeliest={
            "model": columns["likeliest"].astype(np.int64),
            **{name: stages for name, (_, stages) in simple.items()},
        },
        staying=columns["staying"],
    )


def _value(judgement: Judgement) -> ValueRows:
    columns = judgement.value()
    return ValueRows(
        columns["at"].astype(np.int64),
        columns["stage"].astype(np.int64),
        columns["spent"],
        {"model": columns["said"], "last_period": columns["before"]},
    )


def _delay(judgement: Judgement, label: str) -> baselines.Delay:
    """The delay under which the models learned the label, for the baselines to have no better and no worse one.

    On each customer's own schedule a question is complete, and learned, at its longest horizon.
    """
    own_schedule = judgement.grain != 1
    delays = learning_delays(judgement.horizons)
    return baselines.Delay(judgement.horizons.longest if own_schedule else delays[label], judgement.grain)


def _beside(by_name: dict[str, Figures]) -> Figures:
    return {**by_name.pop("model"), "baselines": by_name}


def _table(rows: ChurnRows | StageRows | ValueRows, judgement: Judgement, label: str) -> Figures:
    first = int(rows.at.min()) if len(rows.at) else 0
    return {
        **rows.figures(),
        # before that nobody can have learned, and a baseline knows nothing at all
        "since_first_label": rows.figures(rows.at >= first + _delay(judgement, label).horizon),
        "by_month": list(_by_month(rows.at, rows.figures)),
        "by_stage": {
            name: rows.figures(rows.stage == index)
            for index, name in enumerate(judgement.stages)
            if np.any(rows.stage == index)
        },
    }


def _by_month(at: npt.NDArray[np.int64], figures: Callable[[Rows], Figures]) -> Iterator[Figures]:
    numbers = months(at)
    for number in np.unique(numbers).tolist():
        yield {"month": f"{1970 + number // 12}-{number % 12 + 1:02}", **figures(numbers == number)}


def _labels(judgement: Judgement, label: str, asked: int, answered: int) -> Figures:
    """How many questions were asked and answered, and how long their labels waited to be learned, in days."""
    waits = {wait / DAY: count for (name, wait), count in judgement.waits.items() if name == label}
    learned = sum(waits.values())
    total = sum(wait * count for wait, count in waits.items())
    return {
        "asked": asked,
        "answered": answered,
        "waiting": asked - answered,
        "learned": learned,
        "wait_days": {
            "shortest": min(waits, default=None),
            "mean": total / learned if learned else None,
            "longest": max(waits, default=None),
        },
    }
