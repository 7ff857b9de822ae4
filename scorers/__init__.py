"""Features in, stages and probabilities out: lifecycles as data and models that learn online."""

from scorers.definition import Catalogue, LabelRules, LifecycleError, Stage
from scorers.durations import DurationError, format_duration, parse_duration
from scorers.lifecycle import Lifecycle
from scorers.migration import Migration, compatible, summary

__all__ = [
    "Catalogue",
    "DurationError",
    "LabelRules",
    "Lifecycle",
    "LifecycleError",
    "Migration",
    "Stage",
    "compatible",
    "format_duration",
    "parse_duration",
    "summary",
]
