from state import (
    DAY,
    DEDUP,
    HOUR,
    MEASURE_IDS,
    MINUTE,
    FeaturePlan,
    FoldPlan,
    Profile,
    apply,
    catalogue,
    encode_profile,
)
from tests.state.builders import START, build_event, folded


def count(profile: Profile, measure: str) -> int:
    return profile.counts[MEASURE_IDS[measure]]


def test_an_order_counts_as_an_event_and_adds_its_amount() -> None:
    profile = folded(
        [build_event(amount=1_500_000), build_event(at=START + 1, amount=250_000)], FoldPlan.build([])
    )
    assert (count(profile, "events"), count(profile, "orders"), count(profile, "revenue")) == (
        2,
        2,
        1_750_000,
    )


def test_a_refund_is_counted_and_its_amount_kept_apart() -> None:
    profile = folded([build_event("Order Refunded", amount=2_000_000)], FoldPlan.build([]))
    assert (count(profile, "refunds"), count(profile, "refund_amount"), count(profile, "revenue")) == (
        1,
        2_000_000,
        0,
    )


def test_an_update_that_is_no_activity_counts_nothing_but_is_remembered() -> None:
    plan, profile = FoldPlan.build([]), Profile()
    event = build_event(active=False)
    assert apply(profile, event, plan)
    assert not any(profile.counts)
    assert not any(profile.last)
    assert not apply(profile, event, plan)


def test_only_windows_that_are_asked_for_are_kept() -> None:
    profile = folded(
        [build_event("Product Viewed"), build_event("Email Opened")], FoldPlan.build(["email_opens_30d"])
    )
    assert profile.hours == {}
    assert list(profile.days) == [MEASURE_IDS["email_opens"]]


def test_a_burst_of_visits_does_not_push_an_order_out_of_the_dedup_window() -> None:
    plan, order = FoldPlan.build([]), build_event()
    profile = folded([order], plan)
    for minute in range(200):
        apply(profile, build_event("Product Viewed", at=START + minute * MINUTE), plan)
    assert not apply(profile, order, plan)
    assert len(profile.seen_visits) == DEDUP * 12


def test_messages_with_hashes_that_overlap_in_memory_are_told_apart() -> None:
    plan = FoldPlan.build([])
    profile = folded(
        [build_event(message=0x0000_0001_0000_0002), build_event(message=0x0000_0002_0000_0001)], plan
    )
    assert count(profile, "orders") == 2
    assert apply(profile, build_event(message=START // 1_000_000 | 2 << 32), plan)


def test_visits_at_most_a_gap_apart_are_one_session() -> None:
    visits = [build_event("Product Viewed", at=START + minutes * MINUTE) for minutes in (0, 30, 60, 91)]
    assert count(folded(visits, FoldPlan.build([])), "sessions") == 2
    (said,) = [feature.source for feature in catalogue() if feature.name == "sessions"]
    assert said.endswith("at most 30 minutes apart")


def test_a_late_visit_joins_two_sessions() -> None:
    plan = FoldPlan.build(["sessions_7d"], lateness=DAY)
    early, late = build_event("Product Viewed"), build_event("Product Viewed", at=START + HOUR)
    profile = folded([early, late], plan)
    assert count(profile, "sessions") == 2
    apply(profile, build_event("Product Viewed", at=START + HOUR // 2), plan)
    assert count(profile, "sessions") == 1
    assert FeaturePlan(["sessions_7d"]).values(profile, START + HOUR) == [1]


def test_orders_and_mails_open_no_session() -> None:
    plan = FoldPlan.build([])
    assert count(folded([build_event(), build_event("Email Opened")], plan), "sessions") == 0


def test_two_orders_on_one_utc_day_are_one_order_day() -> None:
    orders = [build_event(at=START), build_event(at=START + HOUR), build_event(at=START + DAY)]
    profile = folded(orders, FoldPlan.build([]))
    assert (count(profile, "orders"), count(profile, "order_days")) == (3, 2)


def test_sums_stop_at_64_bits_instead_of_breaking_the_stored_profile() -> None:
    plan = FoldPlan.build(["revenue_30d", "revenue_7d"])
    profile = folded([build_event(at=START + n, amount=10**18) for n in range(40)], plan)
    assert encode_profile(profile)
    assert count(profile, "revenue") == 9 * 10**18


def test_a_quiet_profile_grows_no_larger_than_its_windows() -> None:
    plan = FoldPlan.build(["events_7d", "events_90d"])
    profile = folded([build_event("Sofa Inspected", at=START + n * HOUR) for n in range(2000)], plan)
    events = MEASURE_IDS["events"]
    assert len(profile.hours[events]) == 2 * (7 * 24 + 1)
    assert len(profile.days[events]) <= 2 * 91


def test_a_batch_that_a_client_sends_again_is_counted_once() -> None:
    """The usual SDKs send up to a hundred events at once, and all of them again when no answer has come."""
    plan = FoldPlan.build([])
    batch = [build_event(at=START + n, amount=1_000_000, message=(n + 1) << 20) for n in range(100)]
    profile = folded(batch, plan)
    assert not any(apply(profile, event, plan) for event in batch)
    assert count(profile, "orders") == 100
