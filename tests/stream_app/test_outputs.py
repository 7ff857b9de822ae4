import orjson
from hypothesis import given
from hypothesis import strategies as st

from state import MEASURE_IDS, Profile, Standing, parse_instant
from stream_app.alerting import erased_alert
from stream_app.outputs import ALERT, erasure_json, stage_change_json

AT = parse_instant("2026-03-01T12:00:00.000001Z")
STAGES = ("prospect", "customer", "loyal")


def _told(standing: Standing, profile: Profile | None = None) -> dict[str, object]:
    payload = stage_change_json(
        "ann",
        profile or Profile(),
        standing,
        lifecycle="retail",
        stages=STAGES,
        reason="advanced",
        event_time=AT,
        value_segment="high",
        recommended_action="welcome series",
        model_version=7,
    )
    found: dict[str, object] = orjson.loads(payload)
    return found


def test_a_stage_change_has_the_fields_of_the_contract_and_the_totals() -> None:
    profile = Profile()
    for name, total in (("orders", 3), ("revenue", 12_345_678), ("refunds", 1)):
        profile.counts[MEASURE_IDS[name]] = total
    standing = Standing(1, 0, AT, 2, 9, 0.1234567, 2, 0.7654321)
    assert _told(standing, profile) == {
        "customer_id": "ann",
        "lifecycle": "retail",
        "stage": "customer",
        "previous_stage": "prospect",
        "since": "2026-03-01T12:00:00.000001Z",
        "reason": "advanced",
        "churn_risk": 0.123457,
        "next_stage": "loyal",
        "next_stage_probability": 0.765432,
        "value_segment": "high",
        "recommended_action": "welcome series",
        "event_time": "2026-03-01T12:00:00.000001Z",
        "version": 9,
        "model_version": 7,
        "cycle": 2,
        "orders": 3,
        "revenue": 12.345678,
        "refunds": 1,
    }


def test_what_is_not_known_is_null() -> None:
    told = _told(Standing(0, -1, AT, 1, 1))
    assert (told["previous_stage"], told["churn_risk"], told["next_stage"]) == (None, None, None)


@given(customer=st.text(min_size=1, max_size=20), version=st.integers(0, 1 << 53))
def test_erasures_name_whom_and_which_version(customer: str, version: int) -> None:
    erased = orjson.loads(erasure_json(customer, "retail", version))
    assert erased == {"customer_id": customer, "lifecycle": "retail", "version": version, "erased": True}
    alert = erased_alert(customer, "retail", version)
    assert (alert.kind, alert.key) == (ALERT, customer.encode())
    told = {"customer_id": customer, "lifecycle": "retail", "status": "erased", "version": version}
    assert orjson.loads(alert.payload) == told
