"""Every metric is explained where operators look, and rules and dashboards ask for no other."""

import re
from pathlib import Path

from prometheus_client.registry import Collector

from scorers.example import encode_example
from stream_app.dashboards.boards import BOARDS
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.gateway.figures import Figures
from stream_app.model_metrics import ModelMetrics
from stream_app.settings import load_settings
from stream_app.training import Training
from stream_app.worker.run import build_worker
from stream_app.worker.scraped import Scraped
from tests.scorers.buyers import TASK, examples

DEPLOY = Path(__file__).parents[2] / "deploy"
_SUFFIX = re.compile(r"_(total|bucket|sum|count)$")
#: Figures that have too few answers to be told in a test this short.
_LATER = {"lifecycle_model_lift"}


def base(name: str) -> str:
    """A metric's name as its family has it."""
    return _SUFFIX.sub("", name)


def documented() -> set[str]:
    rows = [
        line for line in (DEPLOY / "README.md").read_text().splitlines() if line.startswith("| `lifecycle_")
    ]
    return {base(name) for row in rows for name in re.findall(r"`(lifecycle_\w+)`", row.split("|")[1])}


def families(collector: Collector) -> set[str]:
    return {family.name for family in collector.collect() if family.name.startswith("lifecycle_")}


def told(directory: Path) -> set[str]:
    """Names of what worker, trainer, gateway and deliver process tell."""
    app, context = build_worker(load_settings(environment={"LIFECYCLE_DATA_DIR": str(directory)}))
    training = Training({"retail": TASK})
    for offset, example in enumerate(examples(400)):
        training.absorb(offset, encode_example(example))
    models = ModelMetrics(lambda: 0)
    models.update(training)
    collectors = [
        context.metrics.registry, Scraped(app.gate, lambda _: None), models, Figures().registry, DeliveryMetrics().registry
    ]  # fmt: skip
    return {name for collector in collectors for name in families(collector)}


def test_every_metric_is_explained_and_every_explained_one_exists(tmp_path: Path) -> None:
    assert documented() - _LATER == told(tmp_path) - _LATER
    assert documented() >= _LATER


def test_rules_and_dashboards_ask_for_metrics_that_exist() -> None:
    rules = "\n".join(path.read_text() for path in (DEPLOY / "prometheus" / "rules").glob("*.yml"))
    queries = [panel.query for board in BOARDS for row in board.rows.values() for panel in row]
    asked = set(re.findall(r"\b(lifecycle_\w+)", "\n".join([rules, *queries])))
    assert {name for name in asked if base(name) not in documented()} == set()
