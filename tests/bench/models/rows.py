"""Samples of the data sets, and the rows that everybody is judged on: what `lifecycle backtest` wrote."""

import gzip
import lzma
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from state import DAY
from stream_app.scoring import load_lifecycles

Numbers = np.ndarray[Any, Any]
_DAY_S = 86_400


@dataclass(frozen=True)
class Kind:
    """A data set.

    Args:
        name: Also the format of the backtest.
        path: Inside the folder of data sets.
        horizon: Days that labels look ahead.
        every: Days between snapshots.
        warm: First days, which nobody is judged on.
        slack: Days beside warm-up and horizon before the first scored snapshot.
        header: Whether the file begins with a line of names.
        is_real: Whether people did this, not a simulator.
        options: Of the command, beside the format.
        form: Format of the backtest, by default the name.
    """

    name: str
    path: str
    horizon: int
    every: int
    warm: int
    slack: int
    header: bool
    is_real: bool
    options: tuple[str, ...] = ()
    form: str = ""


KINDS = {
    "cdnow": Kind("cdnow", "cdnow/CDNOW_master.txt.gz", 90, 7, 28, 14, header=True, is_real=True),
    "online-retail": Kind(
        "online-retail",
        "online_retail/orders_2009_2011_derived.csv.gz",
        90,
        7,
        56,
        14,
        header=True,
        is_real=True,
    ),
    "starbucks": Kind("starbucks", "starbucks/transcript.json.xz", 7, 1, 5, 2, header=False, is_real=False),
    "taobao": Kind(
        "taobao",
        "taobao_userbehavior/UserBehavior_first_983_users.csv.gz",
        2,
        1,
        1,
        1,
        header=False,
        is_real=True,
    ),
    "retentioneering": Kind(
        "retentioneering",
        "retentioneering_ecom/ecom.csv.gz",
        14,
        1,
        14,
        1,
        header=True,
        is_real=False,
        options=(
            *("--column", "customer=user_id", "--column", "timestamp=timestamp", "--column", "event=event"),
            *("--rename", "product_view=Product Viewed", "--rename", "add_to_cart=Product Added"),
            *("--rename", "purchase=Order Completed", "--rename", "search=Products Searched"),
            *("--rename", "catalog=Product List Viewed", "--rename", "support_chat=Ticket Opened"),
        ),
        form="csv",
    ),
}
PURCHASES = {
    "starbucks": '"event": "transaction"',
    "taobao": ",buy,",
    "retentioneering": ",purchase,",
}
"""By data set: what a line about a purchase holds."""


@dataclass
class Rows:
    """Scored snapshots in the order of time, and all purchases.

    Args:
        kind: The data set.
        customer: Number of the customer.
        day: Day of the snapshot, counted from the day of the first event.
        risk: Churn risk as predicted.
        label: 1 for churned.
        chances: Next-stage distribution as predicted, by stage.
        stage: Stage at the snapshot.
        following: Stage moved to, the same for none, -1 while unknown.
        tenure: Days in that stage.
        value: Spend as predicted.
        year: Spend within a year as predicted.
        spent: What was spent.
        scored: Whether the row counts.
        taught: Whether models can have learned by then.
        names: Of the customers.
        start: Day of the first event, counted from 1970.
        value_days: Days that value looks ahead.
        stage_days: Days that the next stage looks ahead.
        bought: By customer: days with purchases and their amounts.
    """

    kind: Kind
    customer: Numbers
    day: Numbers
    risk: Numbers
    label: Numbers
    chances: Numbers
    stage: Numbers
    following: Numbers
    tenure: Numbers
    value: Numbers
    year: Numbers
    spent: Numbers
    scored: Numbers
    taught: Numbers
    names: list[str]
    start: float
    value_days: float
    stage_days: float
    bought: list[tuple[Numbers, Numbers]] = field(default_factory=list)


def beside() -> Path:
    """The folder of data sets: ``data`` or ``shared/data`` in the checkout, or beside a folder around it."""
    around = [*Path(__file__).resolve().parents, *Path.cwd().resolve().parents]
    tried = [folder / name for folder in around for name in ("data", "shared/data")]
    return next((folder for folder in tried if (folder / "cdnow").is_dir()), Path("data"))


def sample(kind: Kind, data: Path, count: int, seed: int, folder: Path) -> Path:
    """Write a file like the data set's with *count* of its customers."""
    source = data / kind.path
    if not source.exists():
        raise SystemExit(f"models: {source} is not there; give the folder of the data sets with --data")
    opened = lzma.open if source.suffix == ".xz" else gzip.open
    with opened(source, "rt", encoding="utf-8") as lines:
        kept = [line for line in lines if line.strip()]
    head, body = (kept[:1], kept[1:]) if kind.header else ([], kept)
    owners = [_owner(kind, line) for line in body]
    names = sorted(set(owners))
    random.Random(seed).shuffle(names)
    chosen = set(names[:count])
    folder.mkdir(exist_ok=True)
    made = folder / f"sample{''.join(source.suffixes[:1])}"
    made.write_text(
        "".join([*head, *(line for line, own in zip(body, owners, strict=True) if own in chosen)])
    )
    return made


def purchases_alone(kind: Kind, source: Path, folder: Path) -> Path:
    """Write the lines of *source* that are about purchases."""
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    head, body = (lines[:1], lines[1:]) if kind.header else ([], lines)
    made = folder / f"purchases{source.suffix}"
    made.write_text("".join([*head, *(line for line in body if PURCHASES[kind.name] in line)]))
    return made


def _owner(kind: Kind, line: str) -> str:
    if kind.name == "starbucks":
        return str(orjson.loads(line)["person"])
    return line.split(maxsplit=1)[0] if kind.name == "cdnow" else line.split(",", maxsplit=1)[0]


def backtest(
    kind: Kind, source: Path, folder: Path, lifecycles: Sequence[str] = ("six-stage",)
) -> list[Rows]:
    """Run the command, and read what it wrote about each lifecycle."""
    out = folder / "out"
    asked = ["--label-horizon", f"{kind.horizon}d", "--snapshot-every", f"{kind.every}d", "--out", str(out)]
    command = [
        sys.executable,
        "-m",
        "stream_app",
        "backtest",
        str(source),
        "--format",
        kind.form or kind.name,
        *kind.options,
        *asked,
        *(word for name in lifecycles for word in ("--lifecycle", name)),
        "--json",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [read(kind, source, out, name) for name in lifecycles]


def read(kind: Kind, source: Path, out: Path, lifecycle: str) -> Rows:
    """Align predictions with purchases; rows without a purchase before them are nobody's."""
    named = f'"lifecycle":"{lifecycle}"'.encode()
    with (out / "predictions.jsonl").open("rb") as lines:
        told = [orjson.loads(line) for line in lines if named in line]
    told.sort(key=lambda each: (each["at"], each["customer_id"]))
    bought = purchases(kind, source)
    start = np.floor(_first_event(kind, source))
    names = {name: number for number, name in enumerate(sorted(bought))}
    stages = list(told[0]["next_stage"])
    worth = next(name for name in told[0] if name.startswith("value_") and name != "value_label")
    moves = _moves(out / "transitions.jsonl", named)
    told = [
        each
        for each in told
        if each["customer_id"] in names and bought[each["customer_id"]][0][0] < _day(each["at"])
    ]
    day = np.array([round(_day(each["at"]) - start) for each in told])
    standing = [_standing(moves.get(each["customer_id"], []), _day(each["at"])) for each in told]
    last = max(float(days[-1]) for days, _ in bought.values()) - start + 1
    label = np.array([np.nan if each["label"] is None else float(each["label"]) for each in told])
    spent = np.array([np.nan if each.get("value_label") is None else each["value_label"] for each in told])
    in_time = (day >= kind.warm + kind.horizon + kind.slack) & (day <= last - kind.horizon)
    return Rows(
        kind=kind,
        customer=np.array([names[each["customer_id"]] for each in told]),
        day=day,
        risk=np.array([np.nan if each["churn_risk"] is None else each["churn_risk"] for each in told]),
        label=label,
        chances=np.array([[each["next_stage"][stage] for stage in stages] for each in told]),
        stage=np.array([stages.index(stage) for stage, _ in standing]),
        following=np.array(
            [
                -1 if each["next_stage_label"] is None else stages.index(each["next_stage_label"])
                for each in told
            ]
        ),
        tenure=np.array([tenure for _, tenure in standing]),
        value=np.array([each[worth] for each in told], dtype=float),
        year=np.array([each["value_365d"] for each in told], dtype=float),
        spent=spent,
        scored=in_time & np.isfinite(label),
        taught=day >= kind.warm + kind.horizon + kind.slack,
        names=sorted(bought),
        start=float(start),
        stage_days=_stage_days(lifecycle, kind),
        value_days=float(worth.removeprefix("value_").removesuffix("d")),
        bought=[(np.array(days) - start, np.array(amounts)) for _, (days, amounts) in sorted(bought.items())],
    )


def _stage_days(lifecycle: str, kind: Kind) -> float:
    """How far the next stage looks ahead: as its file says, and no further than churn."""
    (loaded,) = load_lifecycles([lifecycle])
    return min(loaded.labels.next_stage_horizon / DAY, float(kind.horizon))


def purchases(kind: Kind, source: Path) -> dict[str, tuple[list[float], list[float]]]:
    """Days with purchases, since 1970, and their amounts, by customer."""
    made: dict[str, dict[float, float]] = {}
    for customer, day, amount in _orders(kind, source):
        days = made.setdefault(customer, {})
        days[day] = days.get(day, 0.0) + amount
    return {customer: (sorted(days), [days[day] for day in sorted(days)]) for customer, days in made.items()}


def _orders(kind: Kind, source: Path) -> Iterator[tuple[str, float, float]]:
    lines = source.read_text(encoding="utf-8").splitlines()
    for line in lines[1:] if kind.header else lines:
        if kind.name == "cdnow":
            customer, date, _, dollars = line.split()
            yield customer, np.floor(_day(f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00Z")), float(dollars)
        elif kind.name == "online-retail":
            customer, moment, what, _, _, amount, _ = line.split(",", 6)
            if what == "purchase":
                yield customer, np.floor(_day(moment.replace(" ", "T")[:19] + "Z")), float(amount)
        elif kind.name == "taobao":
            customer, _, _, behavior, seconds = line.split(",")
            if behavior == "buy":
                yield customer, np.floor(int(seconds) / _DAY_S), 0.0
        elif kind.name == "retentioneering":
            customer, _, what, moment, *_ = line.split(",")
            if what == "purchase":
                yield customer, np.floor(_day(moment.replace(" ", "T") + "Z")), 0.0
        else:
            told = orjson.loads(line)
            if told["event"] == "transaction":
                yield told["person"], float(STARBUCKS + told["time"] // 24), float(told["value"]["amount"])


STARBUCKS = 17_738  # 2018-07-26, as the reader has it
TAOBAO = 17_495.0 - 8 / 24  # 2017-11-25 in China


def _first_event(kind: Kind, source: Path) -> float:
    if kind.name == "starbucks":
        return float(STARBUCKS)
    if kind.name == "taobao":
        return TAOBAO
    if kind.name == "retentioneering":
        rows = source.read_text(encoding="utf-8").splitlines()[1:]
        return min(_day(row.split(",")[3].replace(" ", "T") + "Z") for row in rows)
    if kind.name == "online-retail":
        rows = source.read_text(encoding="utf-8").splitlines()[1:]
        return min(_day(row.split(",")[1].replace(" ", "T")[:19] + "Z") for row in rows)
    return min(day for _, day, _ in _orders(kind, source))


def _moves(transitions: Path, named: bytes) -> dict[str, list[tuple[float, str]]]:
    moves: dict[str, list[tuple[float, str]]] = {}
    with transitions.open("rb") as lines:
        for line in lines:
            if named not in line:
                continue
            told = orjson.loads(line)
            moves.setdefault(told["customer_id"], []).append((_day(told["event_time"]), told["stage"]))
    return moves


def _standing(moves: list[tuple[float, str]], at: float) -> tuple[str, float]:
    """Stage and days in it just before *at*."""
    before = [move for move in moves if move[0] < at]
    since, stage = before[-1]
    return stage, at - since


def _day(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() / _DAY_S
