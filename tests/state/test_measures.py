import pytest

from state import MEASURES, BadMeasures, MeasureMap
from tests.state.builders import KINDS

ORDER = """
[[kind]]
name = "order"
topic = "purchases"
events = ["Order Completed"]
counts = ["orders"]
amount = "revenue"
"""


def test_ids_of_measures_never_change() -> None:
    """Stored profiles refer to positions: this list may only grow at its end."""
    assert MEASURES == (
        "events",
        "sessions",
        "page_views",
        "product_views",
        "carts",
        "checkouts",
        "orders",
        "revenue",
        "refunds",
        "email_deliveries",
        "email_opens",
        "email_clicks",
        "unsubscribes",
        "spam_complaints",
        "tickets",
        "feedback",
        "reviews",
        "shares",
        "referrals",
        "ad_impressions",
        "ad_clicks",
        "refund_amount",
        "cancellations",
        "trials",
        "signups",
        "feature_uses",
        "leads",
        "demos",
        "order_days",
    )


@pytest.mark.parametrize(
    "name", ["Order Completed", "order_completed", "ORDER-COMPLETED", "orderCompleted", "order.completed"]
)
def test_event_names_match_in_any_case_with_any_separators(name: str) -> None:
    assert KINDS.kind("track", name).name == "order"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Viewed Product", "product view"),
        ("Added Product", "cart"),
        ("Completed Order", "order"),
        ("Unsubscribed", "unsubscribe"),
        ("Review Submitted", "review"),
        ("Subscription Cancelled", "cancellation"),
        ("Email Marked as Spam", "spam complaint"),
        ("Product Shared", "share"),
        ("purchase", "order"),
    ],
)
def test_the_names_of_the_published_specs_are_known(name: str, kind: str) -> None:
    assert KINDS.kind("track", name).name == kind


def test_a_contact_that_another_system_tells_of_was_not_on_the_website() -> None:
    told, filled = KINDS.kind("track", "Lead Created"), KINDS.kind("track", "Form Submitted")
    assert told.counts == filled.counts
    assert (told.session, filled.session) == (False, True)


def test_every_measure_but_the_derived_ones_has_events() -> None:
    counted = {
        MEASURES[measure]
        for kind in KINDS.names().values()
        for measure in (*kind.counts, kind.amount)
        if measure >= 0
    }
    assert set(MEASURES) - counted <= {"sessions", "order_days"}


def test_invented_names_do_not_fill_the_memory() -> None:
    kinds = MeasureMap.parse(ORDER)
    for number in range(10_000):
        kinds.kind("track", f"Invented {number}")
    assert len(kinds.named) < 5_000
    assert kinds.kind("track", "Order  Completed").name == "order"


def test_the_last_words_of_a_cloudevents_type_decide() -> None:
    assert KINDS.kind_of_type("com.example.order.completed.v2").name == "order"
    assert KINDS.kind_of_type("com.example.sofa.inspected") is KINDS.unknown


def test_topics_follow_the_event() -> None:
    assert KINDS.topic_of("track", "Order Completed") == "purchases"
    assert KINDS.topic_of("page", None) == "clickstream"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[kind", "not valid TOML"),
        (ORDER.replace("counts", "count"), "unknown key 'count'; did you mean 'counts'"),
        (ORDER.replace('["orders"]', '["ordres"]'), "counts does not know 'ordres'; did you mean 'orders'"),
        (ORDER.replace('["orders"]', '["sessions"]'), "counts does not know 'sessions'"),
        (ORDER.replace('"revenue"', '"orders"'), "amount does not know 'orders'"),
        (ORDER.replace('"purchases"', '"shop"'), "topic does not know 'shop'"),
        (ORDER.replace('name = "order"', ""), "needs a name"),
        (ORDER + 'session = "yes"', "write true or false"),
        (ORDER + "customer = 0", "customer is 0; write true or false"),
        (ORDER + "customer = false", "customer is false, so it can count nothing"),
        (ORDER + 'types = ["track"]', "types does not know 'track'"),
        (ORDER + ORDER.replace('"order"', '"other"'), "already belongs to kind 'order'"),
        ("[rates]\nEUR = 0", "rates.EUR is 0"),
        ("rates = 1", "rates must be a table"),
        ("topics = 1", "unknown key 'topics'"),
    ],
)
def test_a_wrong_file_is_refused_with_where_and_what(text: str, complaint: str) -> None:
    with pytest.raises(BadMeasures) as caught:
        MeasureMap.parse(text, "config/measures.toml")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("config/measures.toml")
    assert "\n" not in str(caught.value)
