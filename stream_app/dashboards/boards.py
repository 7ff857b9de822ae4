"""Which dashboards there are: the service at a glance, its pipeline, its edges, its models, and the customers' lifecycle."""

from typing import Final

from stream_app.dashboards.edges import EDGES
from stream_app.dashboards.panel import Board, Panel

__all__ = ["BOARDS"]

_OVERVIEW = Board(
    "lifecycle-overview",
    "Lifecycle / service overview",
    "Is everything all right? Green numbers mean yes; each panel says what to do if not.",
    {
        "Now": (
            Panel(
                "Workers",
                "Processes that answer.",
                'sum(up{job="lifecycle-worker"}) or vector(0)',
                kind="number",
                good=1,
                width=4,
            ),
            Panel(
                "Trainer",
                "1: one trainer learns.",
                "sum(lifecycle_trainer_active) or vector(0)",
                kind="number",
                good=1,
                width=4,
            ),
            Panel(
                "Redis",
                "1: every worker writes to Redis. 0: websites read old stages; bring Redis back, the sink catches up.",
                "min(lifecycle_redis_up)",
                kind="number",
                good=1,
                width=4,
            ),
            Panel(
                "Events behind",
                "Events that wait to be folded. Rising: start another worker.",
                "sum(lifecycle:consumer_lag:sum)",
                kind="number",
                bad=10_000,
                width=4,
            ),
            Panel(
                "Refused",
                "Share of events that became dead letters in the last five minutes.",
                "lifecycle:dead_letters:ratio5m or vector(0)",
                unit="percentunit",
                kind="number",
                bad=0.01,
                width=4,
            ),
            Panel(
                "Customers",
                "Customers in all stages.",
                "sum by (lifecycle) (lifecycle:customers:sum)",
                "{{lifecycle}}",
                kind="number",
                width=4,
            ),
        ),
        "Traffic": (
            Panel(
                "Events by outcome",
                "Applied, duplicate, late, dead letter, a second.",
                "sum by (outcome) (lifecycle:events:rate1m)",
                "{{outcome}}",
                "ops",
                "areas",
            ),
            Panel(
                "Produced to readable in Redis",
                "99 of 100 stage changes are faster than this.",
                "lifecycle:stage_change_latency_seconds:p99",
                "p99",
                "s",
            ),
        ),
    },
)

_PIPELINE = Board(
    "lifecycle-pipeline",
    "Lifecycle / pipeline",
    "Where do events wait, and what is slow?",
    {
        "In": (
            Panel(
                "Events by topic",
                "Folded a second.",
                "sum by (topic) (lifecycle:events:rate1m)",
                "{{topic}}",
                "ops",
                "areas",
            ),
            Panel(
                "Events behind, by topic",
                "High and rising: start another worker, up to one for each partition.",
                "lifecycle:consumer_lag:sum",
                "{{topic}}",
            ),
            Panel(
                "Seconds behind",
                "Age of the oldest event that waits.",
                "max by (topic) (lifecycle_consumer_lag_seconds)",
                "{{topic}}",
                "s",
            ),
            Panel(
                "Clock of the slowest partition",
                "How far event time lies behind now.",
                "time() - min(lifecycle_watermark_seconds)",
                "behind now",
                "s",
            ),
        ),
        "Work": (
            Panel("Duration of a run", "p99 of folding one run.", "lifecycle:batch_seconds:p99", "p99", "s"),
            Panel(
                "Take-over of partitions",
                "Last recovery of each worker.",
                "lifecycle_recovery_seconds",
                "{{instance}}",
                "s",
            ),
            Panel(
                "Dead letters by reason",
                "The last hour.",
                "sum by (reason) (increase(lifecycle_dead_letters_total[1h]))",
                "{{reason}}",
            ),
            Panel(
                "Memory of each process",
                "Resident.",
                'process_resident_memory_bytes{job=~"lifecycle-.+"}',
                "{{job}} {{instance}}",
                "bytes",
            ),
        ),
        "Out": (
            Panel(
                "Write to Redis",
                "p99 of a pipeline.",
                "histogram_quantile(0.99, sum by (le) (rate(lifecycle_redis_push_seconds_bucket[5m])))",
                "p99",
                "s",
            ),
            Panel(
                "Waiting for Redis",
                "Stage changes not written yet.",
                "sum(lifecycle_redis_pending)",
                "changes",
            ),
        ),
    },
)

_MODELS = Board(
    "lifecycle-models",
    "Lifecycle / models",
    "Do the models earn their place? All figures are prequential: predicted first, judged when the label came.",
    {
        "Churn": (
            Panel(
                "AUC",
                "0.5 knows nothing, 1 everything.",
                'lifecycle_model_auc{model=~".+:churn"}',
                "{{model}}",
            ),
            Panel(
                "Log-loss against the base rate",
                "Below the base rate's line the model knows something.",
                'lifecycle_model_log_loss{model=~".+:churn"} or lifecycle:model_log_loss:base_rate',
                "{{__name__}} {{model}}",
            ),
            Panel(
                "Calibration error",
                "Expected calibration error over recent answers.",
                "lifecycle_model_ece",
                "{{model}}",
                "percentunit",
            ),
            Panel("Brier score", "Lower is better.", "lifecycle_model_brier", "{{model}}"),
        ),
        "Next stage and value": (
            Panel(
                "Next stage: log-loss",
                "Lower is better.",
                'lifecycle_model_log_loss{model=~".+:next_stage"}',
                "{{model}}",
            ),
            Panel(
                "Value: mean absolute error",
                "In the base currency.",
                "lifecycle_model_mae",
                "{{model}}",
            ),
        ),
        "Learning": (
            Panel(
                "Labels learned a minute",
                "Answers that matured in the stream.",
                "60 * rate(lifecycle_model_examples_total[5m])",
                "{{model}}",
            ),
            Panel(
                "Age of the last snapshot",
                "Workers serve what they have if this grows.",
                "max by (model) (lifecycle_model_age_seconds)",
                "{{model}}",
                "s",
            ),
            Panel(
                "Version served",
                "Labels behind the model that each worker serves.",
                "lifecycle_model_version",
                "{{job}} {{instance}} {{model}}",
            ),
            Panel(
                "Drift alarms",
                "Alarms of ADWIN on the loss in the last day.",
                "increase(lifecycle_model_drift_total[1d])",
                "{{model}}",
            ),
        ),
    },
)

_CUSTOMERS = Board(
    "lifecycle-customers",
    "Lifecycle / customers",
    "Where are the customers, where do they go, and who is about to leave?",
    {
        "Stages": (
            Panel(
                "Customers by stage",
                "Exact at every moment.",
                "lifecycle:customers:sum",
                "{{lifecycle}} {{stage}}",
                kind="areas",
            ),
            Panel(
                "Share of each stage",
                "A jump has a cause: a campaign, an import, a source that stopped.",
                "lifecycle:stage_share",
                "{{lifecycle}} {{stage}}",
                "percentunit",
            ),
        ),
        "Moves": (
            Panel(
                "Transitions a minute",
                "From stage to stage.",
                "60 * lifecycle:transitions:rate5m",
                "{{lifecycle}} {{from_stage}} → {{to_stage}}",
                width=16,
            ),
            Panel(
                "Churn alerts in the last hour",
                "Customers whose risk crossed the threshold.",
                "sum by (outcome) (increase(lifecycle_churn_alerts_total[1h]))",
                "{{outcome}}",
                width=8,
            ),
        ),
    },
)

BOARDS: Final = (_OVERVIEW, _PIPELINE, EDGES, _MODELS, _CUSTOMERS)
"""All dashboards."""
