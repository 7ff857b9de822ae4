import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app import report_plots as plots

SAID, BECAME = np.array([0.2, 0.8]), np.array([0, 1])


@pytest.mark.parametrize(
    "svg",
    [
        plots.stages_over_time([(0, [1, 2]), (86_400_000_000, [2, 2])], ("new", "loyal")),
        plots.stages_over_time([], ("new", "loyal")),
        plots.bars([("entered", 3), ("lapsed", 0)], "reasons", "transitions"),
        plots.bars([("log_orders", -0.5)], "weights", "log odds", form="{:+.2f}"),
        plots.calibration(SAID, BECAME),
        plots.lift({"ours": [5.0] * 10, "theirs": None}, "churn", "highest risk"),
        plots.by_month(["1997-06"], {"ours": [0.5], "base": [None]}, "loss", "log-loss", "base"),
        plots.expected_against_spent(SAID, SAID),
    ],
)
def test_a_plot_is_whole_svg_with_text_as_text(svg: str) -> None:
    root = ET.fromstring(svg)  # noqa: S314 - our own output

    assert root.tag.endswith("svg")
    assert any(element.tag.endswith("text") for element in root.iter())


def test_dollars_in_a_name_are_no_formula() -> None:
    svg = plots.stages_over_time([(0, [1, 2]), (86_400_000_000, [2, 2])], ("$5 to $10", "$_{$"))

    assert "$5 to $10" in svg
    assert "$_{$" in svg


def test_the_same_result_gives_the_same_bytes() -> None:
    assert plots.roc({"a": SAID}, BECAME, {"a": 1.0}) == plots.roc({"a": SAID}, BECAME, {"a": 1.0})


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 1)), min_size=1, max_size=60))
def test_curves_go_from_nobody_to_everybody_and_split_no_ties(pairs: list[tuple[float, int]]) -> None:
    false, true, reached = plots._ranked(
        np.array([risk for risk, _ in pairs]), np.array([label for _, label in pairs])
    )

    assert (false[0], true[0], reached[0]) == (0, 0, 0)
    assert reached[-1] == 1
    assert false == pytest.approx(sorted(false))
    assert true == pytest.approx(sorted(true))
    assert len(reached) <= 1 + len({risk for risk, _ in pairs})
