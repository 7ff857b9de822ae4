"""What churn is, told by the lifecycle file and recomputed here from the events alone; and that no future leaks."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from stream_app.cli import run

LIFECYCLE = """
name = "{churn}"

[labels]
churn = "{churn}"
horizon = "10d"
next_stage_horizon = "5d"
value_horizon = "20d"

[[stage]]
name = "visitor"

[[stage]]
name = "customer"
enter = "orders_30d >= 1"

[[stage]]
name = "quiet"
enter = "days_since_last_event >= 15"
lost = true
"""
START = datetime(2021, 3, 1, 9, 30, tzinfo=UTC)
DAY_ZERO = datetime(2021, 3, 1, tzinfo=UTC)
NAMES = {"view": "Product Viewed", "order": "Order Completed", "cancel": "Subscription Cancelled"}


class Happening(NamedTuple):
    at: datetime
    customer: str
    kind: str
    amount: float


def history(seed: int = 7, customers: int = 40, days: int = 80) -> list[Happening]:
    draw = random.Random(seed)
    happened = [Happening(START, "c0", "order", 10.0)]
    for number in range(customers):
        at, busy = START + timedelta(days=draw.uniform(0.01, 20)), draw.uniform(0.5, 12)
        while at < START + timedelta(days=days):
            kind = draw.choices(["view", "order", "cancel"], [6, 3, 0.4])[0]
            amount = round(draw.uniform(5, 90), 2) if kind == "order" else 0.0
            happened.append(Happening(at, f"c{number}", kind, amount))
            at += timedelta(days=draw.expovariate(1 / busy))
        midnight = DAY_ZERO + timedelta(days=draw.randrange(1, days))  # exactly at a snapshot, for some
        happened.append(Happening(midnight, f"c{number}", "order", 1.0))
    return sorted(happened)


def written(path: Path, happened: list[Happening]) -> Path:
    lines = [
        orjson.dumps(
            {
                "type": "track",
                "messageId": f"{each.customer}-{each.at.timestamp()}",
                "userId": each.customer,
                "event": NAMES[each.kind],
                "timestamp": each.at.isoformat(),
                "properties": {"revenue": each.amount} if each.kind == "order" else {},
            }
        )
        for each in happened
    ]
    path.write_bytes(b"\n".join(lines))
    return path


def predictions(folder: Path, churn: str, happened: list[Happening], *flags: str) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    (folder / "lifecycle.toml").write_text(LIFECYCLE.format(churn=churn))
    source = written(folder / "events.jsonl", happened)
    words = ["backtest", str(source), "--lifecycle", str(folder / "lifecycle.toml"), "--out", str(folder)]
    assert run([*words, "--snapshot-every", "7d", *flags]) == 0
    return [orjson.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("churn", ["orders", "events", "cancellations"])
def test_labels_are_what_an_independent_look_at_the_events_says(tmp_path: Path, churn: str) -> None:
    happened = history()
    rows = predictions(tmp_path, churn, happened)
    last = happened[-1].at
    by_snapshot: dict[datetime, set[str]] = {}
    labels = set()
    for row in rows:
        at = datetime.fromisoformat(row["at"])
        by_snapshot.setdefault(at, set()).add(row["customer_id"])
        own = [each for each in happened if each.customer == row["customer_id"]]
        before, after = [e for e in own if e.at < at], [e for e in own if e.at >= at]
        known = {
            "orders": any(e.kind == "order" for e in before),
            "events": True,
            "cancellations": next((e.kind for e in reversed(before) if e.kind != "view"), "order") == "order",
        }[churn]
        assert (row["churn_risk"] is not None) == known
        ahead = [e for e in after if e.at < at + timedelta(days=10)]
        expected = {
            "orders": not any(e.kind == "order" for e in ahead),
            "events": not ahead,
            "cancellations": any(e.kind == "cancel" for e in ahead),
        }[churn]
        is_told = known and at + timedelta(days=10) <= last
        assert row["label"] == (int(expected) if is_told else None)
        spent = sum(e.amount for e in after if e.at < at + timedelta(days=20))
        assert row["value_label"] == (
            pytest.approx(spent, abs=1e-6) if at + timedelta(days=20) <= last else None
        )
        assert "value_20d" in row
        labels.add(row["label"])
    assert labels == {0, 1, None}
    # 00:00 UTC of every seventh day counted from the day of the first event, everybody known by then
    assert (
        sorted(by_snapshot) == [DAY_ZERO + timedelta(days=day) for day in range(7, 85, 7)][: len(by_snapshot)]
    )
    for at, customers in by_snapshot.items():
        assert customers == {e.customer for e in happened if e.at < at}


def test_whatever_the_future_holds_earlier_predictions_stay(tmp_path: Path) -> None:
    happened = history()
    now = DAY_ZERO + timedelta(days=49)
    draw = random.Random(3)
    past = [each for each in happened if each.at < now]
    future = [
        each._replace(
            kind=draw.choice(["view", "order", "cancel"]),
            amount=draw.uniform(0, 1e6),
            at=each.at + timedelta(days=draw.uniform(0, 9)),
        )
        for each in happened
        if each.at >= now and draw.random() < 0.7
    ]
    told = predictions(tmp_path / "a", "orders", happened)
    other = predictions(tmp_path / "b", "orders", sorted(past + future))

    def known_by(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        """What was predicted up to now, with the labels that were known by now."""
        kept = {}
        for row in rows:
            at = datetime.fromisoformat(row["at"])
            if at > now:
                continue
            for label, days in {"label": 10, "next_stage_label": 5, "value_label": 20}.items():
                row[label] = row[label] if at + timedelta(days=days) <= now else "not yet"
            kept[row["at"], row["customer_id"]] = row
        return kept

    assert known_by(told) == known_by(other)
    assert len(known_by(told)) > 100
    assert any(row["model_version"] for row in known_by(told).values())
    later = [[row["churn_risk"] for row in rows if row["at"] > now.isoformat()] for rows in (told, other)]
    assert later[0] != later[1]


def test_another_horizon_for_churn_leaves_that_of_value(tmp_path: Path) -> None:
    """Churn is learned after the horizon asked for, next stage and value after their own."""
    rows = predictions(tmp_path, "events", history(customers=12), "--label-horizon", "7d")
    trail = [orjson.loads(line) for line in (tmp_path / "labels.jsonl").read_bytes().splitlines()]

    waits = {
        (
            tuple(step["labels"]),
            datetime.fromisoformat(step["learned_at"]) - datetime.fromisoformat(step["asked_at"]),
        )
        for step in trail
    }
    assert waits == {
        (("next_stage",), timedelta(days=5)),
        (("churn",), timedelta(days=7)),
        (("value",), timedelta(days=20)),
    }
    figures = json.loads((tmp_path / "metrics.json").read_bytes())["models"]
    assert figures["churn"]["labels"]["asked"] == len(rows)
    assert figures["churn"]["labels"]["wait_days"] == {"shortest": 7.0, "mean": 7.0, "longest": 7.0}
    assert figures["churn"]["labels"]["answered"] == sum(row["label"] is not None for row in rows)
    assert figures["value"]["labels"]["waiting"] == sum(row["value_label"] is None for row in rows)
    by_month = figures["churn"]["by_month"]
    assert sum(month["examples"] for month in by_month) == figures["churn"]["examples"]
    assert [month["month"] for month in by_month] == sorted(month["month"] for month in by_month)
    assert set(figures["next_stage"]["baselines"]) == {"stays", "successor", "markov"}
