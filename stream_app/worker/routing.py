"""Which topic does an output go to?"""

from collections.abc import Sequence

from stream_app.outputs import ALERT, ERASURE, EXAMPLE, STAGE_CHANGE, Output
from stream_app.worker.publisher import Record

__all__ = ["by_kind"]

_KINDS = {STAGE_CHANGE: "stage-changes", ERASURE: "stage-changes", ALERT: "churn-alerts", EXAMPLE: "training"}


def by_kind(outputs: Sequence[Output]) -> dict[str, list[Record]]:
    """Records by the short name of their topic, in order."""
    routed: dict[str, list[Record]] = {}
    for output in outputs:
        headers = [("erase", b"1")] if output.kind == ERASURE else ()
        routed.setdefault(_KINDS[output.kind], []).append(Record(output.key, output.payload, headers))
    return routed
