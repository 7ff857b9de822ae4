"""Events in, profiles and features out: the pure fold, without Kafka, Redis or a clock."""

from state.amounts import amount_of
from state.catalogue import FeatureKind, Spec, beyond, is_context, kind_of, known_names, nearest, resolve
from state.codec import StateError
from state.codec import decode as decode_profile
from state.codec import encode as encode_profile
from state.descriptions import Feature, catalogue
from state.due import DueHeap
from state.envelope import Headers
from state.events import Bounds, Event, belonging, is_somebody
from state.events import decode as decode_event
from state.features import FeaturePlan
from state.instants import DAY, FAR, HOUR, MINUTE, NEVER, SECOND, format_instant, parse_instant
from state.labels import (
    Answer,
    ChurnLabel,
    Horizons,
    Pending,
    ask,
    is_askable,
    next_answer,
    note_transition,
    pack,
    settle,
    unpack,
)
from state.measure_ids import MEASURE_IDS, MEASURES, SINGULARS, TOPICS
from state.measures import BadMeasures, Kind, MeasureMap
from state.merging import further, join_questions, merge
from state.plan import DEDUP, FoldPlan, UnknownFeature
from state.profile import CLAIMED, MERGED, REFUSED, RELEASED, Identity, Link, Profile, Standing, apply
from state.rejection import REASONS, Rejected
from state.survey import Survey, Surveying, Timers, survey
from state.wire import Properties, Wire, modernize, read_as

__all__ = [
    "CLAIMED",
    "DAY",
    "DEDUP",
    "FAR",
    "HOUR",
    "MEASURES",
    "MEASURE_IDS",
    "MERGED",
    "MINUTE",
    "NEVER",
    "REASONS",
    "REFUSED",
    "RELEASED",
    "SECOND",
    "SINGULARS",
    "TOPICS",
    "Answer",
    "BadMeasures",
    "Bounds",
    "ChurnLabel",
    "DueHeap",
    "Event",
    "Feature",
    "FeatureKind",
    "FeaturePlan",
    "FoldPlan",
    "Headers",
    "Horizons",
    "Identity",
    "Kind",
    "Link",
    "MeasureMap",
    "Pending",
    "Profile",
    "Properties",
    "Rejected",
    "Spec",
    "Standing",
    "StateError",
    "Survey",
    "Surveying",
    "Timers",
    "UnknownFeature",
    "Wire",
    "amount_of",
    "apply",
    "ask",
    "belonging",
    "beyond",
    "catalogue",
    "decode_event",
    "decode_profile",
    "encode_profile",
    "format_instant",
    "further",
    "is_askable",
    "is_context",
    "is_somebody",
    "join_questions",
    "kind_of",
    "known_names",
    "merge",
    "modernize",
    "nearest",
    "next_answer",
    "note_transition",
    "pack",
    "parse_instant",
    "read_as",
    "resolve",
    "settle",
    "survey",
    "unpack",
]
