"""Each stage change counts once, however often it was delivered."""

import orjson

from stream_app.demo.journal import Journal
from tests.stream_app.stage_changes import change


def journal_of(*changes: dict[str, object]) -> Journal:
    journal = Journal()
    for each in changes:
        journal.read(orjson.dumps(each))
    return journal


def test_a_change_that_came_twice_counts_once() -> None:
    first, second = change("ann", 1, "new", reason="entered"), change("ann", 2, "loyal", reason="advanced")

    journal = journal_of(first, second, first, second)

    assert dict(journal.transitions) == {"entered": 1, "advanced": 1}
    assert journal.stages == {"retail": {"loyal": 1}}


def test_a_new_score_is_no_transition_and_still_the_latest_word() -> None:
    journal = journal_of(
        change("ann", 1, "new", reason="entered"),
        change("ann", 2, "new", reason="rescored", churn_risk=0.9),
    )

    assert dict(journal.transitions) == {"entered": 1}
    assert journal.rescored == 1
    assert journal.latest["retail", "ann"]["churn_risk"] == 0.9


def test_lifecycles_count_apart() -> None:
    journal = journal_of(
        change("ann", 1, "new", reason="entered"),
        change("ann", 1, "trial", reason="entered", lifecycle="saas"),
        change("bob", 1, "new", reason="entered"),
    )

    assert journal.stages == {"retail": {"new": 2}, "saas": {"trial": 1}}
    assert (journal.customers("retail"), journal.customers("saas")) == (2, 1)


def test_samples_are_one_customer_of_each_stage() -> None:
    journal = journal_of(
        change("ann", 1, "new", since="2026-01-01T00:00:00Z"),
        change("bob", 1, "new", since="2026-01-02T00:00:00Z"),
        change("cyd", 1, "loyal"),
    )

    assert sorted(journal.one_of_each_stage("retail")) == ["bob", "cyd"]
