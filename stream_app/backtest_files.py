"""The files that a backtest writes, and the figures in them."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from state import format_instant
from stream_app.backtest import Backtest
from stream_app.errors import Misconfigured
from stream_app.model_figures import ModelFigures
from stream_app.scoring import Scoring
from stream_app.sources import Source


class LineFiles:
    """JSON Lines files in a folder, written as the lines come. Use it as a context manager.

    Args:
        folder: Created if missing; None writes nothing.
        names: Names of the files.

    Raises:
        Misconfigured: If the folder cannot be written.
    """

    def __init__(self, folder: Path | None, *names: str) -> None:
        self._files: dict[str, IO[bytes]] = {}
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                self._files[name] = (folder / name).open("wb")
        except OSError as error:
            raise Misconfigured(f"--out {folder}: cannot be written ({error.strerror})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def write(self, name: str, line: bytes) -> None:
        """Append a line."""
        file = self._files.get(name)
        if file is not None:
            file.write(line + b"\n")


def metrics_of(
    backtest: Backtest, scoring: Scoring, source: Source, models: Mapping[str, ModelFigures]
) -> dict[str, Any]:
    """Return the content of `metrics.json`; `stages` and `models` are those of the first lifecycle.

    Args:
        backtest: A run that has ended.
        scoring: Its lifecycles.
        source: What was read.
        models: How good the models were, by lifecycle name.
    """
    outcome = backtest.outcome
    counted, seconds = outcome.outcomes, outcome.seconds
    events = counted.total()
    lifecycles = {
        track.name: _lifecycle(backtest, index, scoring, models[track.name])
        for index, track in enumerate(scoring.tracks)
    }
    first = lifecycles[scoring.tracks[0].name]
    return {
        "events": events,
        "applied": counted["applied"],
        "duplicates": counted["duplicate"],
        "late": counted["late"],
        "dead_letters": counted["dead_letter"],
        "dead_letter_reasons": dict(outcome.rejections),
        "dropped": dict(source.reading.dropped),
        "merges": dict(outcome.merges),
        "customers": sum(first["stages"].values()),
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds, 1) if seconds else 0.0,
        "first_event_time": format_instant(outcome.first) if outcome.first else None,
        "end": format_instant(outcome.end) if outcome.end else None,
        "notice": source.notice,
        "stages": first["stages"],
        "transitions": first["transitions"],
        "models": first["models"],
        "lifecycles": lifecycles,
    }


def _lifecycle(backtest: Backtest, index: int, scoring: Scoring, models: ModelFigures) -> dict[str, Any]:
    track, population = scoring.tracks[index], backtest.engine.population
    reasons = backtest.outcome.reasons
    return {
        "stages": {name: population[index, stage] for stage, name in enumerate(track.stages)},
        "transitions": {reason: count for (name, reason), count in reasons.items() if name == track.name},
        "models": models.table,
    }


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, indented for people."""
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
