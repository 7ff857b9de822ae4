"""Seeded customers whose answers follow from a known law, for tests of learning."""

import random
from math import inf

from scorers.closed_form import probability
from scorers.deadline import Deadline
from scorers.example import Example
from scorers.learner import Learner, Task
from scorers.predictor import predictor_of
from scorers.transforms import FEATURES

TASK = Task(lifecycle="retail", stages=("prospect", "customer", "loyal", "lapsed"), fingerprint="f1")


def features_of(**known: float) -> list[float]:
    """A raw feature vector; what is not named is zero, and never for ages."""
    known.setdefault("order_days", known.get("orders", 0.0))
    known.setdefault("days_in_stage", 0.0)
    return [known.get(name, inf if "days" in name and name[-1] != "d" else 0.0) for name in FEATURES]


def buyer(rng: random.Random) -> list[float]:
    if rng.random() < 0.1:
        return features_of(sessions=rng.randint(1, 9), days_since_first_event=30.0, days_since_last_event=3.0)
    orders = rng.randint(1, 12)
    age = rng.uniform(orders * 3.0, 500.0)
    recency = rng.uniform(0.0, age) if orders > 1 else age
    gap = (age - recency) / (orders - 1) if orders > 1 else inf
    spend = rng.lognormvariate(3.0, 0.8)
    return features_of(
        orders=orders,
        days_since_first_order=age,
        days_since_last_order=recency,
        order_gap_mean_days=gap,
        order_gap_std_days=gap / 2,
        last_gap_days=gap,
        avg_order_value=spend,
        last_order_value=spend,
        order_trend=rng.choice([0.5, 1.0, inf]),
        revenue_30d=spend * (recency < 30),
        revenue_decayed_90d=spend * orders * 0.5 ** (recency / 90),
        orders_30d=float(recency < 30),
        email_opens_30d=rng.randint(0, 5),
        sessions=orders + 2,
        days_since_first_event=age + 1,
        days_since_last_event=recency,
    )


def due(x: list[float], stage: int) -> Deadline | None:
    """The last month of a year without an order is a deadline for whoever is loyal, and leads to lapsed."""
    left = 365.0 - x[FEATURES.index("days_since_last_order")]
    return Deadline(left, 3, by_orders=True) if stage == 2 and 0.0 < left <= 30.0 else None


def examples(count: int, *, seed: int = 1, ask_learner: bool = True) -> list[Example]:
    """Answered questions in order, with the predictions of a learner that learned the ones before."""
    rng = random.Random(seed)
    learner = Learner(TASK)
    made = []
    for number in range(count):
        x = buyer(rng)
        stage = rng.randrange(4)
        deadline = due(x, stage)
        given = predictor_of(learner).score(x, stage, deadline) if ask_learner else None
        active = x[FEATURES.index("orders")] > 0
        opens = x[FEATURES.index("email_opens_30d")]
        recency = x[FEATURES.index("days_since_last_order")]
        churned = int(rng.random() < probability(recency / 60 - opens)) if active else None
        moves = rng.random() < 0.3 + 0.1 * opens
        example = Example(
            id=f"{seed}-{number}",
            lifecycle="retail",
            asked_at="2026-01-01T00:00:00Z",
            answered_at="2026-04-01T00:00:00Z",
            stage=TASK.stages[stage],
            features=list(x),
            schema=predictor_of(learner).schema,
            churn_risk=given.churn if given else 0.5,
            next_stage=dict(zip(TASK.stages, given.next_stage, strict=True)) if given else {},
            value=given.value if given else 0.0,
            model_version=learner.labels,
            churned=churned,
            next=TASK.stages[(stage + 1) % 4] if moves else TASK.stages[stage],
            deadline=deadline.days if deadline else None,
            deadline_stage=TASK.stages[deadline.stage] if deadline else "",
            spent=rng.expovariate(1 / 40) * (1 - churned) if churned is not None else 0.0,
        )
        if ask_learner:
            learner.learn(example)
        made.append(example)
    return made
