"""Can customers who stand in an old version of a lifecycle be taken over into the new one?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scorers.definition import LifecycleError

if TYPE_CHECKING:
    from scorers.lifecycle import Lifecycle

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Migration:
    """How stored stages read under the new definition.

    Args:
        is_same: Nothing changed in meaning; there is nothing to do.
        stages: For each old stage index the new one.
        re_evaluate: Every customer must be evaluated again, because rules or stages changed.
        relearn: Labels or stages changed, so that what the models learned answers another question.
    """

    is_same: bool
    stages: tuple[int, ...]
    re_evaluate: bool
    relearn: bool

    def stage(self, old: int) -> int:
        """The new index of an old stage; -1 (no stage yet) stays."""
        return self.stages[old] if old >= 0 else old


def summary(lifecycle: "Lifecycle") -> dict[str, Any]:
    """What to store next to the state, to judge a later definition by: a small JSON object."""
    labels = lifecycle.labels
    return {
        "format": _FORMAT,
        "name": lifecycle.name,
        "fingerprint": lifecycle.fingerprint,
        "stages": list(lifecycle.stage_names),
        "labels": [labels.churn, labels.horizon, labels.next_stage_horizon, labels.value_horizon],
    }


def compatible(old_summary: Mapping[str, Any], new: "Lifecycle") -> Migration:
    """Judge whether state written under an old definition can be used under the new one.

    Changed conditions, thresholds, actions, new stages and another order are fine: customers are evaluated
    again. A stage that is gone is not, since customers may stand in it, unless a new stage says ``was =
    ["old name"]``.

    Args:
        old_summary: What `summary` gave when the state was written.
        new: The lifecycle of now.

    Returns:
        What to do with the state.

    Raises:
        LifecycleError: If the state cannot be taken over, with what to do.
    """
    source = new.declared.source
    if old_summary.get("format") != _FORMAT:
        raise LifecycleError(
            f"{source}: the state was written by another version of this program (summary format "
            f"{old_summary.get('format')!r}); use that version, or rebuild the state from the source topics"
        )
    if old_summary["name"] != new.name:
        raise LifecycleError(
            f"{source}: the state belongs to lifecycle {old_summary['name']!r}, and this is {new.name!r}; "
            "keep the name, or start with a state of its own and rebuild it from the source topics"
        )
    known = {name: number for number, stage in enumerate(new.stages) for name in (stage.name, *stage.was)}
    old_stages: list[str] = list(old_summary["stages"])
    missing = [name for name in old_stages if name not in known]
    if missing:
        gone = ", ".join(map(repr, missing))
        raise LifecycleError(
            f"{source}: customers may stand in {gone}, which this file no longer has; add "
            f'was = ["{missing[0]}"] to the stage that takes them over, or bring the stage back'
        )
    stages = tuple(known[name] for name in old_stages)
    labels = summary(new)["labels"]
    same = old_summary["fingerprint"] == new.fingerprint
    return Migration(
        is_same=same,
        stages=stages,
        re_evaluate=not same,
        relearn=old_stages != list(new.stage_names) or list(old_summary["labels"]) != labels,
    )
