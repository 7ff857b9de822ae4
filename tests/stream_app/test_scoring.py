from pathlib import Path

import msgspec
import pytest

from scorers.predictor import cold_start
from scorers.transforms import PROFILE_FEATURES
from state import DAY, HOUR
from stream_app.errors import Misconfigured
from stream_app.scoring import load_lifecycles, scoring_for
from stream_app.settings import load_settings
from tests.stream_app.partitions import RETAIL, VISITS, lifecycle, scoring


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = []
    for name, text in (("retail", RETAIL), ("visits", VISITS)):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        paths.append(str(path))
    return paths


def test_files_and_presets_are_loaded_side_by_side(files: list[str]) -> None:
    assert [each.name for each in load_lifecycles([*files, "win-back"])] == ["retail", "visits", "win-back"]


def test_a_name_is_configured_once(files: list[str]) -> None:
    with pytest.raises(Misconfigured, match="'retail' is configured twice"):
        load_lifecycles([files[0], files[0]])


def test_a_file_that_cannot_be_used_is_refused_with_file_line_and_nearest_name(files: list[str]) -> None:
    path = Path(files[0])
    path.write_text(RETAIL.replace("orders_60d >= 3", "ordres_60d >= 3"))
    with pytest.raises(Misconfigured, match=rf"{path.name}:\d+: .*'ordres_60d'.*did you mean 'orders_60d'"):
        load_lifecycles(files)


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ("orders_3661d", "3660 days are the longest window"),
        ("orders_9999999d", "3660 days are the longest window"),
        ("orders_87841h", "3660 days are the longest window"),
        ("revenue_decayed_458d", "457 days are the longest half-life"),
        ("order_trend_4000d", "3660 days are the longest window"),
    ],
)
def test_a_window_that_reaches_too_far_back_is_refused_with_the_limit(
    files: list[str], feature: str, said: str
) -> None:
    path = Path(files[0])
    path.write_text(RETAIL.replace("orders_60d >= 3", f"{feature} >= 3"))
    with pytest.raises(Misconfigured, match=rf"feature '{feature}' reaches too far back: {said}"):
        load_lifecycles(files)


def test_settings_become_the_policy_with_the_richest_segment_first(files: list[str]) -> None:
    settings = load_settings(
        environment={},
        lifecycles=files,
        value_segments={"low": 0, "high": 500, "middle": 99.5},
        events={"allowed_lateness": "2h", "dedup_window": 5},
        scoring={
            "risk_step": 0.2,
            "alert_threshold": 0.6,
            "alert_hysteresis": 0.25,
            "rescore_every": "3d",
            "alert_thresholds": "high=0.5,middle=0.55",
            "alert_cool_down": "2d",
        },
        labels={"ask_every": "10d", "max_pending": 2},
    )
    found = scoring_for(settings)
    policy = found.policy
    assert policy.segments == ((500_000_000, "high"), (99_500_000, "middle"), (0, "low"))
    assert (policy.lateness, policy.rescore_every, policy.ask_every) == (2 * HOUR, 3 * DAY, 10 * DAY)
    assert (policy.risk_step, policy.alert_threshold, policy.max_pending) == (0.2, 0.6, 2)
    assert (policy.alert_hysteresis, policy.alert_cool_down) == (0.25, 2 * DAY)
    assert policy.alert_thresholds == {"high": 0.5, "middle": 0.55}
    assert policy.least_threshold == 0.5
    assert [policy.segment_of(revenue) for revenue in (0, 99_500_000, 1 << 50)] == ["low", "middle", "high"]
    assert (found.fold.dedup, found.fold.lateness) == (5, 2 * HOUR)


def test_a_threshold_of_a_segment_that_there_is_not_is_refused(files: list[str]) -> None:
    wrong = load_settings(environment={}, lifecycles=files, scoring={"alert_thresholds": {"vip": 0.5}})
    with pytest.raises(Misconfigured, match="no value segment is called 'vip'; known: low, medium, high"):
        scoring_for(wrong)


def test_the_fold_keeps_what_rules_and_models_ask_for_and_nothing_else() -> None:
    kept = scoring(RETAIL, VISITS).fold
    assert not kept.missing(scoring(VISITS, RETAIL).fold.windows())
    assert any(name.startswith("page_views") for name in kept.windows())
    assert not any(name.startswith("page_views") for name in scoring(RETAIL).fold.windows())
    assert scoring(RETAIL).inputs.names == PROFILE_FEATURES


def test_questions_go_on_for_twice_the_longest_horizon_of_silence() -> None:
    assert scoring(VISITS).silence == 40 * DAY
    assert scoring(VISITS, RETAIL).silence == 180 * DAY


def test_a_new_model_replaces_the_one_of_its_own_task_only() -> None:
    found = scoring(RETAIL, VISITS)
    mine = msgspec.structs.replace(cold_start(found.tracks[0].task), version=12)
    changed = RETAIL.replace('name = "loyal"', 'name = "fan"')
    other = msgspec.structs.replace(cold_start(scoring(changed).tracks[0].task), version=99)
    assert found.serve({"retail": mine, "unheard-of": mine}) == ["retail"]
    assert [each.version for each in found.predictors] == [12, 0]
    assert found.serve({"retail": other}) == []
    assert [each.version for each in found.predictors] == [12, 0]


def test_a_track_recommends_the_first_action_of_each_stage() -> None:
    track = scoring(RETAIL).tracks[0]
    assert track.actions == ("", "welcome series", "", "")
    assert track.stages == lifecycle(RETAIL).stage_names
