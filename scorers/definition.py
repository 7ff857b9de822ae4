"""What does a lifecycle file say? A checked definition, or one line with file, line and reason."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from scorers.conditions import CONTEXT
from scorers.durations import DurationError, parse_duration
from scorers.expressions import Condition, ExpressionError, names, parse

_LARGEST: Final = 1 << 20
#: What is learned of who goes where grows with their square, and must fit one message.
_MOST_STAGES: Final = 32
_NAME: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII
)  # becomes part of Redis keys and file names
_CHURN: Final = ("orders", "events", "cancellations")
_FILE_KEYS: Final = ("name", "description", "stage", "labels")
_STAGE_KEYS: Final = ("name", "description", "enter", "leave", "min_dwell", "lost", "actions", "was")
_LABEL_KEYS: Final = ("churn", "horizon", "next_stage_horizon", "value_horizon")


class LifecycleError(ValueError):
    """A lifecycle file cannot be used, in one line: ``file:line: reason``.

    Operator action: correct the file at that line; `lifecycle check` tells whether it is right.
    """


class Catalogue(Protocol):
    """Knows which feature names exist; the feature catalogue of the profile fits as it is."""

    def kind_of(self, name: str, /) -> str | None:
        """``"age"`` for a ``days_since_…`` name, another word if known, None if unknown."""

    def nearest(self, name: str, /) -> str | None:
        """The known name most like this one."""

    def beyond(self, name: str, /) -> str | None:
        """In which way the name asks for a longer window than there is, None if it does not."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage as declared.

    Args:
        name: Unique in the lifecycle; what the outside world reads.
        enter: When a customer is here; None for the first stage, where everyone enters.
        leave: Once here, not left for an earlier stage before this holds.
        min_dwell: Once here, not left for an earlier stage before this many microseconds.
        lost: Whether coming back from here starts a new cycle.
        actions: What marketing does here, the most recommended first.
        was: Names that this stage had in earlier versions of the file.
    """

    name: str
    enter: Condition | None
    leave: Condition | None
    min_dwell: int
    lost: bool
    actions: tuple[str, ...]
    was: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelRules:
    """What the models learn: the outcome that counts as churn, and horizons in microseconds of event time.

    Args:
        churn: Churned is who within the horizon has no order, no event at all, or who cancels.
        horizon: Horizon of churn.
        next_stage_horizon: Horizon of the next stage.
        value_horizon: Horizon of spend.
    """

    churn: str = "orders"
    horizon: int = 7_776_000_000_000
    next_stage_horizon: int = 2_592_000_000_000
    value_horizon: int = 7_776_000_000_000


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole file; *source* is what errors call it."""

    name: str
    description: str
    stages: tuple[Stage, ...]
    labels: LabelRules
    source: str


def read(path: Path, catalogue: Catalogue) -> Definition:
    """Read a lifecycle file.

    Raises:
        LifecycleError: If it cannot be read, or says anything that a lifecycle cannot say.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except OSError as error:
        raise LifecycleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise LifecycleError(f"{path}:{line}: is not UTF-8 text") from error
    return define(text, catalogue, str(path))


def define(text: str, catalogue: Catalogue, source: str) -> Definition:
    """Check the text of a lifecycle file.

    Args:
        text: The TOML.
        catalogue: Which features exist.
        source: What errors call the text.

    Raises:
        LifecycleError: With the line of the text and the reason.
    """
    if len(text) > _LARGEST:
        raise LifecycleError(f"{source}:1: is larger than 1 MiB, no lifecycle")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise LifecycleError(f"{source}:{line}: is not TOML: {error}") from error
    except RecursionError:
        raise LifecycleError(f"{source}:1: is nested too deeply, no lifecycle") from None
    return _Checker(text, source, catalogue).definition(document)


class _Checker:
    """One pass over a parsed document, with the text at hand to find lines."""

    def __init__(self, text: str, source: str, catalogue: Catalogue) -> None:
        self._lines = text.split("\n")
        self._source = source
        self._catalogue = catalogue

    def definition(self, document: dict[str, Any]) -> Definition:
        self._only(document, _FILE_KEYS, "", "the file")
        name = self._text(document, "name", "", "the lifecycle", required=True)
        if not _NAME.fullmatch(name):
            raise self._error(
                "", "name", f"{name!r} is no lifecycle name: up to 64 letters, digits, '.', '_', '-'"
            )
        tables = document.get("stage")
        if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
            raise self._error("", "stage", "a lifecycle needs [[stage]] tables, in order")
        if len(tables) > _MOST_STAGES:
            raise self._error("", "stage", f"{len(tables)} stages are more than {_MOST_STAGES}")
        stages = tuple(self._stage(number, table) for number, table in enumerate(tables))
        self._distinct(stages)
        return Definition(
            name=name,
            description=self._text(document, "description", "", "the lifecycle"),
            stages=stages,
            labels=self._labels(document.get("labels", {})),
            source=self._source,
        )

    def _stage(self, number: int, table: dict[str, Any]) -> Stage:
        where = f"stage {number}"
        name = self._text(table, "name", where, f"stage number {number + 1}", required=True)
        whom = f"stage {name!r}"
        if not name.isprintable() or name != name.strip() or len(name) > 64:
            raise self._error(where, "name", f"{name!r} is no stage name: up to 64 printable characters")
        self._only(table, _STAGE_KEYS, where, whom)
        if number == 0 and "enter" in table:
            raise self._error(
                where, "enter", f"{whom} is the first: everyone enters there, without a condition"
            )
        if number > 0 and "enter" not in table:
            raise self._error(
                where, "name", f"{whom} needs an enter condition: only the first stage has none"
            )
        lost = table.get("lost", False)
        if not isinstance(lost, bool):
            raise self._error(where, "lost", f"{whom}: lost must be true or false, not {lost!r}")
        if lost and number == 0:
            raise self._error(where, "lost", f"{whom} is the first, where everyone enters: it cannot be lost")
        self._text(table, "description", where, whom)
        return Stage(
            name=name,
            enter=self._condition(table, "enter", where, whom),
            leave=self._condition(table, "leave", where, whom),
            min_dwell=self._duration(table, "min_dwell", where, whom, 0),
            lost=lost,
            actions=self._texts(table, "actions", where, whom),
            was=self._texts(table, "was", where, whom),
        )

    def _labels(self, table: object) -> LabelRules:
        if not isinstance(table, dict):
            raise self._error("", "labels", "[labels] must be a table")
        self._only(table, _LABEL_KEYS, "labels", "[labels]")
        rules = LabelRules()
        churn = table.get("churn", rules.churn)
        if churn not in _CHURN:
            raise self._error("labels", "churn", f"churn must be one of {', '.join(_CHURN)}, not {churn!r}")
        horizons = {
            key: self._duration(table, key, "labels", "[labels]", getattr(rules, key))
            for key in _LABEL_KEYS[1:]
        }
        for key, horizon in horizons.items():
            if horizon <= 0:
                raise self._error("labels", key, f"{key} must be longer than nothing")
        return replace(rules, churn=churn, **horizons)

    def _distinct(self, stages: tuple[Stage, ...]) -> None:
        seen: set[str] = set()
        for number, stage in enumerate(stages):
            for key, name in [("name", stage.name), *(("was", old) for old in stage.was)]:
                if name in seen:
                    raise self._error(f"stage {number}", key, f"two stages are, or were, called {name!r}")
                seen.add(name)

    def _condition(self, table: Mapping[str, Any], key: str, where: str, whom: str) -> Condition | None:
        if key not in table:
            return None
        text = self._text(table, key, where, whom, required=True)
        try:
            tree = parse(text)
        except ExpressionError as error:
            raise self._error(where, key, f"{whom}: {key}: {error.reason}", text[: error.offset]) from error
        for name in names(tree):
            if name.name not in CONTEXT and self._catalogue.kind_of(name.name) is None:
                reason = f"{whom}: {key}: {self._unknown(name.name)}"
                raise self._error(where, key, reason, text[: name.offset])
        return tree

    def _unknown(self, name: str) -> str:
        if beyond := self._catalogue.beyond(name):
            return f"feature {name!r} reaches too far back: {beyond}"
        near = self._catalogue.nearest(name)
        return f"unknown feature {name!r}" + (f" (did you mean {near!r}?)" if near else "")

    def _duration(self, table: Mapping[str, Any], key: str, where: str, whom: str, default: int) -> int:
        if key not in table:
            return default
        try:
            return parse_duration(table[key])
        except DurationError as error:
            raise self._error(where, key, f"{whom}: {key}: {error}") from error

    def _text(
        self, table: Mapping[str, Any], key: str, where: str, whom: str, *, required: bool = False
    ) -> str:
        text = table.get(key, "")
        if not isinstance(text, str):
            raise self._error(where, key, f"{whom}: {key} must be text, not {text!r}")
        if required and not text.strip():
            raise self._error(where, key, f"{whom} has no {key}")
        return text

    def _texts(self, table: Mapping[str, Any], key: str, where: str, whom: str) -> tuple[str, ...]:
        texts = table.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(each, str) and each.strip() for each in texts):
            raise self._error(where, key, f"{whom}: {key} must be a list of texts")
        return tuple(texts)

    def _only(self, table: Mapping[str, Any], known: tuple[str, ...], where: str, whom: str) -> None:
        for key in table:
            if key not in known:
                raise self._error(where, key, f"{whom}: unknown key {key!r}: known are {', '.join(known)}")

    def _error(self, where: str, key: str, reason: str, before: str = "") -> LifecycleError:
        """The error at the line of *key* in table *where*; *before* is the part of its text that was fine."""
        number, line = self._line(where, key)
        opens_below = line.rstrip().endswith(('"""', "'''"))  # TOML drops a line break right after the quotes
        return LifecycleError(f"{self._source}:{number + before.count(chr(10)) + opens_below}: {reason}")

    def _line(self, where: str, key: str) -> tuple[int, str]:
        table, stages, best = "", -1, (1, "")
        assigned = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        headed = re.compile(rf"""\s*\[+\s*["']?{re.escape(key)}\b""")
        for number, line in enumerate(self._lines, 1):
            header = re.match(r"""\s*\[+\s*["']?([A-Za-z0-9_-]+)""", line)
            if header:
                stages += header[1] == "stage"
                table = f"stage {stages}" if header[1] == "stage" else header[1]
            if header and table == where:
                best = (number, "")
            if (table == where and assigned.match(line)) or (where == "" and headed.match(line)):
                return number, line
        return best
