"""Backtests through the command: exact transitions, exact labels, files as the contracts say."""

import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream_app.cli import run
from tests.stream_app.datasets import BUNDLED, EXCERPTS, opened

BASIC = """
name = "basic"

[[stage]]
name = "prospect"

[[stage]]
name = "customer"
enter = "orders >= 1"

[[stage]]
name = "loyal"
enter = "orders_180d >= 3 and avg_order_value > 20"

[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 90"
lost = true
"""
START = datetime(2020, 1, 1, 12, tzinfo=UTC)


def event(number: int, day: float, customer: str = "ann", **more: Any) -> bytes:
    order = {"type": "track", "event": "Order Completed", "messageId": f"m{number}", "userId": customer}
    order |= {"timestamp": (START + timedelta(days=day)).isoformat(), "properties": {"revenue": 30.5}}
    return orjson.dumps(order | more)


class Result:
    """The files of a backtest, read back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transitions = self._lines("transitions.jsonl")
        self.profiles = {row["customer_id"]: row for row in self._lines("profiles.jsonl")}
        self.predictions = self._lines("predictions.jsonl")
        self.trail = self._lines("labels.jsonl")
        self.metrics = json.loads((folder / "metrics.json").read_bytes())
        self.report = (folder / "report.html").read_text("utf-8")

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in (self.folder / name).read_bytes().splitlines()]


def backtested(tmp_path: Path, source: Path, *flags: str) -> Result:
    lifecycle = tmp_path / "basic.toml"
    lifecycle.write_text(BASIC)
    out = tmp_path / "out"
    assert run(["backtest", str(source), "--lifecycle", str(lifecycle), "--out", str(out), *flags]) == 0
    return Result(out)


def of_lines(tmp_path: Path, *lines: bytes, until: str = "2021-01-01T00:00:00Z") -> Result:
    source = tmp_path / "events.jsonl"
    source.write_bytes(b"\n".join(lines))
    return backtested(tmp_path, source, "--until", until)


def told(result: Result) -> list[tuple[str, str, str]]:
    return [(row["stage"], row["reason"], row["event_time"]) for row in result.transitions]


def test_transitions_happen_at_the_instants_that_arithmetic_gives(tmp_path: Path) -> None:
    result = of_lines(tmp_path, *(event(number, day) for number, day in enumerate((0, 10, 20, 200))))

    assert told(result) == [
        ("customer", "entered", "2020-01-01T12:00:00Z"),
        ("loyal", "advanced", "2020-01-21T12:00:00Z"),
        ("lapsed", "lapsed", "2020-04-20T12:00:00Z"),  # 90 days after the third order, exactly
        ("customer", "reactivated", "2020-07-19T12:00:00Z"),
        ("lapsed", "lapsed", "2020-10-17T12:00:00Z"),
    ]
    ann = result.profiles["ann"]
    assert (ann["orders"], ann["revenue"], ann["events"], ann["stage"]) == (4, 122.0, 4, "lapsed")
    assert ann["since"] == "2020-10-17T12:00:00Z"
    assert ann["first_event_time"] == "2020-01-01T12:00:00Z"


@pytest.mark.parametrize("step", [1, -1])
def test_what_happens_at_one_instant_is_folded_in_the_order_of_topics(tmp_path: Path, step: int) -> None:
    """As a worker folds it, in whatever order it stands in the file."""
    looking = tmp_path / "looking.toml"
    looking.write_text(
        'name = "looking"\n[[stage]]\nname = "new"\n[[stage]]\nname = "browsing"\nenter = "product_views >= 1"\n'
        '[[stage]]\nname = "buying"\nenter = "orders >= 1"\n'
    )
    view, order = event(1, 0.0, event="Product Viewed", properties={}), event(2, 0.0)
    source = tmp_path / "events.jsonl"
    source.write_bytes(b"\n".join([view, order][::step]))

    result = backtested(tmp_path, source, "--lifecycle", str(looking), "--until", "2020-02-01T00:00:00Z")
    assert [row["stage"] for row in result.transitions if row["lifecycle"] == "looking"] == [
        "browsing",
        "buying",
    ]


def test_ids_that_are_one_person_become_one_customer(tmp_path: Path) -> None:
    anonymous = {"userId": None, "anonymousId": "a1"}
    login = {"type": "identify", "event": None, "anonymousId": "a1"}
    days = (0, 10, 10.5, 20, 200)
    more = (anonymous, anonymous, login, anonymous, {})
    result = of_lines(
        tmp_path,
        *(event(number, day, **each) for number, (day, each) in enumerate(zip(days, more, strict=True))),
    )

    assert list(result.profiles) == ["ann"]
    ann = result.profiles["ann"]
    assert (ann["orders"], ann["revenue"], ann["events"], ann["stage"]) == (4, 122.0, 5, "lapsed")
    assert ann["first_event_time"] == "2020-01-01T12:00:00Z"
    assert result.metrics["merges"] == {"merged": 1}
    assert (result.metrics["events"], result.metrics["customers"]) == (5, 1)
    assert [
        (row["customer_id"], *move) for row, move in zip(result.transitions, told(result), strict=True)
    ] == [
        ("a1", "customer", "entered", "2020-01-01T12:00:00Z"),
        ("ann", "prospect", "entered", "2020-01-12T00:00:00Z"),
        ("ann", "customer", "advanced", "2020-01-12T00:00:00Z"),
        ("ann", "loyal", "advanced", "2020-01-21T12:00:00Z"),
        ("ann", "lapsed", "lapsed", "2020-04-20T12:00:00Z"),
        ("ann", "customer", "reactivated", "2020-07-19T12:00:00Z"),
        ("ann", "lapsed", "lapsed", "2020-10-17T12:00:00Z"),
    ]


def test_what_was_asked_about_an_id_that_became_a_customer_has_no_answer_of_its_own(tmp_path: Path) -> None:
    """Ann has bought once as a1 before she logs in on day 10, and buys once more as ann, once as a1."""
    anonymous = {"userId": None, "anonymousId": "a1"}
    login = {"type": "identify", "event": None, "anonymousId": "a1"}
    days = (0, 4, 10, 20, 30)
    more = ({}, anonymous, login, {}, anonymous)
    lines = [event(number, day, **each) for number, (day, each) in enumerate(zip(days, more, strict=True))]
    source = tmp_path / "events.jsonl"
    source.write_bytes(b"\n".join(lines))
    flags = ["--until", "2020-08-01T00:00:00Z", "--snapshot-every", "7d", "--label-horizon", "28d"]
    result = backtested(tmp_path, source, *flags)
    asked = {(row["customer_id"], row["at"][:10]): row for row in result.predictions}

    a1, ann = asked["a1", "2020-01-08"], asked["ann", "2020-01-08"]
    assert a1["churn_risk"] is not None
    assert (a1["label"], a1["next_stage_label"], a1["value_label"]) == (None, None, None)
    assert (ann["label"], ann["value_label"]) == (0, 61.0)
    assert [row["value_label"] for (name, _), row in asked.items() if name == "a1"] == [None]
    told = result.metrics["models"]
    assert all(each["labels"]["learned"] == each["labels"]["answered"] for each in told.values())
    assert told["value"]["labels"]["answered"] < told["value"]["labels"]["asked"]
    assert all(step["examples"] <= 1 for step in result.trail)


def test_no_more_labels_are_learned_than_there_are_answers(tmp_path: Path) -> None:
    looks = [event(number, number, customer="bob", event="Product Viewed") for number in range(1, 9)]
    lines = [event(0, 0), *looks]
    source = tmp_path / "events.jsonl"
    source.write_bytes(b"\n".join(lines))
    flags = ["--until", "2020-08-01T00:00:00Z", "--snapshot-every", "7d"]
    told = backtested(tmp_path, source, *flags).metrics["models"]

    assert told["churn"]["labels"]["asked"] < told["next_stage"]["labels"]["asked"]
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert re.search(r"[1-9]\d* of people who cannot churn", report)
    assert all(each["labels"]["learned"] == each["labels"]["answered"] for each in told.values())


def test_until_ends_the_history_there(tmp_path: Path) -> None:
    lines = [event(number, day) for number, day in enumerate((0, 10, 20, 200))]

    result = of_lines(tmp_path, *lines, until="2020-04-20T11:59:59Z")
    assert [stage for stage, *_ in told(result)] == ["customer", "loyal"]
    assert result.metrics["events"] == 3

    result = of_lines(tmp_path, *lines, until="2020-04-20T12:00:00Z")
    assert told(result)[-1] == ("lapsed", "lapsed", "2020-04-20T12:00:00Z")


def test_without_until_the_last_event_is_the_end(tmp_path: Path) -> None:
    source = tmp_path / "events.jsonl"
    source.write_bytes(event(1, 0) + b"\n" + event(2, 90, customer="bob"))
    result = backtested(tmp_path, source)

    assert result.profiles["ann"]["stage"] == "lapsed"
    assert result.metrics["end"] == "2020-03-31T12:00:00Z"


def test_what_cannot_be_folded_is_counted_with_its_reason(tmp_path: Path) -> None:
    bad = [
        b"{broken",
        b"null",
        event(7, 1, userId=""),
        event(8, 365 * 90),
        event(9, 1, properties={"total": -1}),
    ]
    result = of_lines(tmp_path, event(1, 0), event(1, 0), *bad, event(2, 1))

    metrics = result.metrics
    assert (metrics["events"], metrics["duplicates"], metrics["dead_letters"]) == (8, 1, 5)
    assert metrics["dead_letter_reasons"] == {
        "invalid_json": 1,
        "wrong_type": 1,
        "missing_id": 1,
        "future_timestamp": 1,
        "bad_amount": 1,
    }
    assert metrics["end"] == "2021-01-01T00:00:00Z"
    assert result.profiles["ann"]["orders"] == 2


def test_totals_are_those_of_the_rows(tmp_path: Path) -> None:
    source = EXCERPTS / "online_retail_ii_first_400.csv"
    result = backtested(tmp_path, source, "--format", "online-retail")
    orders: dict[str, list[float]] = defaultdict(list)
    refunds: dict[str, int] = defaultdict(int)
    for row in source.read_text().splitlines()[1:]:
        customer, _, kind, _, _, amount, _ = row.split(",")
        if kind == "purchase":
            orders[customer].append(float(amount))
        else:
            refunds[customer] += 1

    assert result.metrics["customers"] == len(result.profiles) == len(set(orders) | set(refunds))
    for customer, row in result.profiles.items():
        assert row["orders"] == len(orders[customer])
        assert row["revenue"] == pytest.approx(sum(orders[customer]), abs=1e-6)
        assert row["refunds"] == refunds[customer]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Ten weeks of real orders, scored every week with labels that look two weeks ahead."""
    flags = [
        "--format",
        "online-retail",
        "--limit",
        "3000",
        "--snapshot-every",
        "7d",
        "--label-horizon",
        "14d",
    ]
    return backtested(tmp_path_factory.mktemp("scored"), BUNDLED, *flags)


def purchases() -> dict[str, list[int]]:
    instants: dict[str, list[int]] = defaultdict(list)
    for record in list(opened(BUNDLED, "online-retail").records)[:3000]:
        if b"Order Completed" in record.value:
            instants[record.customer].append(record.at)
    return instants


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


DAY = 86_400_000_000


def test_snapshots_score_every_known_customer_at_midnight_of_every_seventh_day(scored: Result) -> None:
    instants = purchases()
    by_snapshot: dict[str, set[str]] = defaultdict(set)
    for row in scored.predictions:
        if row["churn_risk"] is not None:
            by_snapshot[row["at"]].add(row["customer_id"])

    assert sorted(by_snapshot)[:2] == ["2009-12-08T00:00:00Z", "2009-12-15T00:00:00Z"]
    for at, customers in by_snapshot.items():
        assert customers == {who for who, times in instants.items() if times[0] < micros(at)}


def test_labels_are_what_the_orders_say(scored: Result) -> None:
    instants, end = purchases(), micros(scored.metrics["end"])
    for row in scored.predictions:
        at = micros(row["at"])
        if row["churn_risk"] is None or at + 14 * DAY > end:
            assert row["label"] is None
            continue
        bought = any(at <= time < at + 14 * DAY for time in instants[row["customer_id"]])
        assert row["label"] == (0 if bought else 1)


def test_next_stage_labels_are_what_the_transitions_say(scored: Result) -> None:
    moves: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for change in scored.transitions:
        moves[change["customer_id"]].append((micros(change["event_time"]), change["stage"]))
    labelled = [row for row in scored.predictions if row["next_stage_label"] is not None]

    assert len(labelled) > 1000
    for row in labelled:
        at = micros(row["at"])
        journey = moves[row["customer_id"]]
        stage = [name for time, name in journey if time < at][-1]
        ahead = [name for time, name in journey if at <= time < at + 14 * DAY]
        assert row["next_stage_label"] == (ahead[0] if ahead else stage)
        assert sum(row["next_stage"].values()) == pytest.approx(1, abs=1e-4)


def test_a_model_has_learned_exactly_what_was_answered_before(scored: Result) -> None:
    """Churn and next stage look two weeks ahead here and are one example; value is another, after 90 days."""
    times = sorted(micros(row["at"]) for row in scored.predictions)
    for row in scored.predictions:
        at = micros(row["at"])
        labels = bisect_right(times, at - 14 * DAY) + bisect_right(times, at - 90 * DAY)
        # besides labels only fits count, which need none: thirteen in the 14 days, but at most one a snapshot
        assert 0 <= row["model_version"] - labels <= len({time for time in times if time < at})


def test_the_audit_trail_names_the_version_that_then_predicted(scored: Result) -> None:
    after = {step["learned_at"]: step["model_version"] for step in scored.trail}
    asked = {row["at"]: row["model_version"] for row in scored.predictions if row["at"] in after}

    assert len(asked) > 5
    assert asked == {at: after[at] for at in asked}


def test_nothing_is_learned_before_its_horizon_has_passed(scored: Result) -> None:
    horizons = {"churn": 14, "next_stage": 14, "value": 90}
    asked = Counter(row["at"] for row in scored.predictions)
    end = micros(scored.metrics["end"])
    learned = {(step["asked_at"], label) for step in scored.trail for label in step["labels"]}

    for step in scored.trail:
        for label in step["labels"]:
            assert micros(step["answered_at"]) == micros(step["asked_at"]) + horizons[label] * DAY
        assert micros(step["learned_at"]) >= micros(step["answered_at"])
        assert step["examples"] == asked[step["asked_at"]]
    for label, days in horizons.items():
        answered = {at for at in asked if micros(at) + days * DAY <= end}
        assert {at for at, name in learned if name == label} == answered


def test_metrics_judge_the_answered_predictions(scored: Result) -> None:
    churn = scored.metrics["models"]["churn"]
    answered = [row for row in scored.predictions if row["label"] is not None]

    assert churn["examples"] == len(answered)
    assert churn["base_rate"] == pytest.approx(sum(row["label"] for row in answered) / len(answered))
    assert 0.5 < churn["auc"] < 1
    brier = sum((row["churn_risk"] - row["label"]) ** 2 for row in answered) / len(answered)
    assert churn["brier"] == pytest.approx(brier, abs=1e-4)


def test_the_report_draws_and_loads_nothing_from_elsewhere(scored: Result) -> None:
    assert scored.report.count("<svg") == 10
    assert not re.search(r'(?:src|href)="(?!#)', scored.report)
    assert "<script" not in scored.report
    for title in (
        "Stages over time",
        "Transitions by reason",
        "Calibration",
        "ROC",
        "Lift",
        "Loss over time",
        "AUC over time",
        "Feature weights",
    ):
        assert f"<h3>{title}</h3>" in scored.report


def test_the_same_source_gives_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    flags = ["--format", "online-retail", "--simulate-touches", "--limit", "1500"]
    source = EXCERPTS / "online_retail_ii_first_400.csv"
    first, second = (backtested(tmp_path / name, source, *flags) for name in "ab")

    for name in ("transitions.jsonl", "profiles.jsonl", "predictions.jsonl", "labels.jsonl"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert "simulated" in first.report
    assert first.metrics["notice"].endswith("orders are real")


def test_an_empty_source_is_no_error(tmp_path: Path) -> None:
    result = of_lines(tmp_path)

    assert (result.metrics["events"], result.profiles) == (0, {})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--snapshot-every", "weekly"], "--snapshot-every weekly"),
        (["--label-horizon", "0d"], "--label-horizon 0d"),
        (["--until", "soon"], "--until 'soon'"),
        (["--lifecycle", "nowhere.toml"], "nowhere.toml"),
        (["--out", "/proc/nowhere"], "--out /proc/nowhere: cannot be written"),
        (
            ["--save-model", "/proc/nowhere/models.bin"],
            "--save-model /proc/nowhere/models.bin: cannot be written",
        ),
        (["--save-model", str(EXCERPTS)], "cannot be written (is a folder"),
    ],
)
def test_wrong_flags_are_wrong_usage(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(EXCERPTS / "online_retail_ii_first_400.csv")

    assert run(["backtest", source, "--format", "online-retail", *flags]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
