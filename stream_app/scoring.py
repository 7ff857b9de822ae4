"""Everything that a scoring step needs besides the customer: compiled lifecycles, feature plans, models, policy."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import cast

import msgspec

from scorers.deadline import Deadline, deadline_of
from scorers.definition import LifecycleError
from scorers.learner import Task
from scorers.lifecycle import Lifecycle
from scorers.predictor import Predictor, cold_start
from scorers.presets import find
from scorers.transforms import FEATURES, PROFILE_FEATURES
from state import (
    DAY,
    HOUR,
    MEASURE_IDS,
    ChurnLabel,
    FeaturePlan,
    FoldPlan,
    Horizons,
    Kind,
    Profile,
    Standing,
    beyond,
    kind_of,
    nearest,
)
from stream_app.bundled import bundled
from stream_app.errors import Misconfigured
from stream_app.settings import Settings

_ORDERING = frozenset(MEASURE_IDS[name] for name in ("orders", "order_days", "revenue"))

__all__ = ["Policy", "Scoring", "Track", "load_lifecycles", "scoring_for"]


class Policy(msgspec.Struct, frozen=True, dict=True):
    """When scores are computed, published, asked for and alerted on.

    Attributes:
        lateness: Allowed lateness (µs of event time).
        rescore_every: Silence (µs) after which the scores are computed again.
        rescore_after: Shortest time (µs) between two computations that mere activity causes.
        risk_step: Change of the churn risk that is worth a publication.
        alert_threshold: Risk at which an alert goes out.
        alert_thresholds: The same for the value segments that have one of their own.
        alert_hysteresis: How far below it the risk has fallen when the alert is over.
        alert_cool_down: Least time (µs) between two alerts about one customer.
        ask_every: Time (µs) between two questions to the models about one customer.
        max_pending: Most questions of one lifecycle that wait in a profile.
        segments: Value segments, (least lifetime revenue in micro-units, name), richest first.
        most_ids: Anonymous ids that one customer may have.
        undo: How long (µs of event time) the newest merge of a customer can be undone.
    """

    lateness: int = HOUR
    rescore_every: int = 7 * DAY
    rescore_after: int = HOUR
    risk_step: float = 0.05
    alert_threshold: float = 0.8
    alert_thresholds: Mapping[str, float] = {}
    alert_hysteresis: float = 0.1
    alert_cool_down: int = 7 * DAY
    ask_every: int = 30 * DAY
    max_pending: int = 4
    segments: tuple[tuple[int, str], ...] = ((0, "low"),)
    most_ids: int = 64
    undo: int = 7 * DAY

    def segment_of(self, revenue: int) -> str:
        """Name of the value segment of a lifetime *revenue* (micro-units)."""
        return next((name for least, name in self.segments if revenue >= least), self.segments[-1][1])

    @cached_property
    def least_threshold(self) -> float:
        """Risk below which nobody is alerted about, of whatever value."""
        return min(self.alert_threshold, *self.alert_thresholds.values(), 1.0)


class Track:
    """One lifecycle with what its evaluation needs.

    Attributes:
        lifecycle: The compiled rules.
        rules: Feature plan of the rules.
        deciding: The same features by stage, but looked at are only those that decide while somebody stands there; the
            last is for those who stand nowhere yet.
        horizons: Label horizons.
        actions: First recommended action of each stage.
    """

    __slots__ = ("_ordering", "actions", "deciding", "horizons", "lifecycle", "name", "rules", "stages")

    def __init__(self, lifecycle: Lifecycle) -> None:
        self.lifecycle = lifecycle
        self.name = lifecycle.name
        self.stages = lifecycle.stage_names
        self.rules = FeaturePlan(lifecycle.features)
        standings = [*range(len(self.stages)), -1]
        self.deciding = [FeaturePlan(lifecycle.features, lifecycle.deciding(stage)) for stage in standings]
        self._ordering = self.rules.reading(_ORDERING)
        labels = lifecycle.labels
        self.horizons = Horizons(
            labels.horizon, labels.next_stage_horizon, labels.value_horizon, cast("ChurnLabel", labels.churn)
        )
        self.actions = tuple(stage.actions[0] if stage.actions else "" for stage in lifecycle.stages)

    def deadline(self, profile: Profile, standing: Standing, at: int) -> Deadline | None:
        """What silence alone leads to within the horizon of the next stage, seen from the instant *at* (µs)."""
        until = at + self.horizons.next_stage
        return deadline_of(
            self.lifecycle, standing, at, until, lambda t: self.rules.look(profile, t)[0], self._ordering
        )

    @property
    def task(self) -> Task:
        """What the models of this lifecycle predict."""
        horizons = self.horizons
        return Task(
            lifecycle=self.name,
            stages=self.stages,
            fingerprint=self.lifecycle.fingerprint,
            churn=horizons.label,
            churn_days=horizons.churn / DAY,
            next_stage_days=horizons.next_stage / DAY,
            value_days=horizons.value / DAY,
        )


class Scoring:
    """Compiled configuration and the models of the moment.

    Args:
        lifecycles: Compiled lifecycles; names are distinct.
        policy: When to score, publish, ask and alert.
        dedup: Messages that a profile remembers.

    Attributes:
        predictors: Serving models by lifecycle index. The only part that changes: a new model replaces the old one
            between two events.
        scored: How often scores were computed, by lifecycle index.
    """

    def __init__(self, lifecycles: Sequence[Lifecycle], policy: Policy, dedup: int = 32) -> None:
        self.tracks = tuple(Track(lifecycle) for lifecycle in lifecycles)
        self.policy = policy
        self.inputs = FeaturePlan(PROFILE_FEATURES)
        names = [*FEATURES, *(name for track in self.tracks for name in track.rules.names)]
        self.fold = FoldPlan.build(names, lateness=policy.lateness, dedup=dedup)
        self.horizons = tuple(track.horizons for track in self.tracks)
        self.silence = 2 * max(horizons.churn for horizons in self.horizons)
        self._read = frozenset().union(*(track.rules.measures for track in self.tracks))
        self._watched: dict[Kind, bool] = {}
        self._concerned: dict[tuple[int, int, Kind], bool] = {}
        self.scored = [0] * len(self.tracks)
        self.predictors: list[Predictor] = [cold_start(track.task) for track in self.tracks]

    def index_of(self, lifecycle: str) -> int:
        """The index of the lifecycle of that name."""
        return next(index for index, track in enumerate(self.tracks) if track.name == lifecycle)

    def watches(self, kind: Kind) -> bool:
        """Whether an event of this kind counts in a measure that some rule reads."""
        watched = self._watched.get(kind)
        if watched is None:
            watched = self._watched[kind] = not self._read.isdisjoint(kind.touched)
        return watched

    def concerns(self, kind: Kind, standings: Sequence[Standing]) -> bool:
        """Whether an event of this kind counts in a measure by which rules decide about somebody who stands like this."""
        if len(standings) < len(self.tracks):
            return True
        known = self._concerned
        for index, standing in enumerate(standings):
            place = (index, standing.stage, kind)
            is_read = known.get(place)
            if is_read is None:
                deciding = self.tracks[index].deciding[standing.stage]
                is_read = known[place] = not deciding.measures.isdisjoint(kind.touched)
            if is_read:
                return True
        return False

    @staticmethod
    def view(values: Sequence[float], standing: Standing, at: int) -> list[float]:
        """Add to what a profile says at *at* (µs) what the *standing* says: the features as models read them."""
        return [*values, (at - standing.since) / DAY]

    def serve(self, predictors: dict[str, Predictor]) -> list[str]:
        """Take new models into service; those whose task is another one are left out.

        Returns:
            Names of the lifecycles that changed models.
        """
        changed = []
        for index, track in enumerate(self.tracks):
            predictor = predictors.get(track.name)
            if predictor is not None and predictor.task.schema == track.task.schema:
                self.predictors[index] = predictor
                changed.append(track.name)
        return changed


class _Catalogue:
    """The feature catalogue of `state`, as `scorers` asks for it: the two never import each other."""

    kind_of = staticmethod(kind_of)
    nearest = staticmethod(nearest)
    beyond = staticmethod(beyond)


def load_lifecycles(names: Sequence[str]) -> tuple[Lifecycle, ...]:
    """Load lifecycles by preset name or path.

    Raises:
        Misconfigured: In one line: file, line, reason; also if two have the same name.
    """
    try:
        loaded = tuple(Lifecycle.load(find(name, [bundled("lifecycles")]), _Catalogue()) for name in names)
    except LifecycleError as error:
        raise Misconfigured(str(error)) from error
    seen: set[str] = set()
    for lifecycle in loaded:
        if lifecycle.name in seen:
            raise Misconfigured(f"lifecycle {lifecycle.name!r} is configured twice; give each its own name")
        seen.add(lifecycle.name)
    return loaded


def _thresholds(settings: Settings) -> dict[str, float]:
    unknown = settings.scoring.alert_thresholds.keys() - settings.value_segments.keys()
    given = "alert_thresholds" in settings.scoring.model_fields_set
    if unknown and given:
        known = ", ".join(settings.value_segments)
        raise Misconfigured(
            f"scoring.alert_thresholds: no value segment is called {min(unknown)!r}; known: {known}"
        )
    return {name: least for name, least in settings.scoring.alert_thresholds.items() if name not in unknown}


def scoring_for(settings: Settings) -> Scoring:
    """Compile what the settings name.

    Raises:
        Misconfigured: If a lifecycle file cannot be used.
    """
    segments = sorted(
        ((round(least * 1e6), name) for name, least in settings.value_segments.items()), reverse=True
    )
    policy = Policy(
        lateness=settings.events.allowed_lateness,
        rescore_every=settings.scoring.rescore_every,
        risk_step=settings.scoring.risk_step,
        alert_threshold=settings.scoring.alert_threshold,
        alert_thresholds=_thresholds(settings),
        alert_hysteresis=settings.scoring.alert_hysteresis,
        alert_cool_down=settings.scoring.alert_cool_down,
        ask_every=settings.labels.ask_every,
        max_pending=settings.labels.max_pending,
        segments=tuple(segments),
        most_ids=settings.identity.most_ids,
        undo=settings.identity.undo_window,
    )
    return Scoring(load_lifecycles(settings.lifecycles), policy, settings.events.dedup_window)
