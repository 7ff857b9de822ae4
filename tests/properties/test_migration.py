"""Stored customers under a changed lifecycle file: evaluated again, or refused with what to do."""

from collections import defaultdict
from itertools import count

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from state import DAY, Event
from stream_app.engine import META_KEY
from stream_app.errors import Misconfigured
from stream_app.outputs import STAGE_CHANGE
from tests.properties.histories import histories
from tests.state.builders import START, build_event
from tests.stream_app.partitions import VISITS, Partition, arrived, lifecycle, scoring

OLD = """
name = "shop"
[[stage]]
name = "prospect"
[[stage]]
name = "customer"
enter = "orders >= 1"
[[stage]]
name = "loyal"
enter = "orders_60d >= 3"
"""
#: Other thresholds, another order, a new stage, a new name for an old one.
NEW = """
name = "shop"
[[stage]]
name = "visitor"
was = ["prospect"]
[[stage]]
name = "buyer"
was = ["customer"]
enter = "orders >= 1"
[[stage]]
name = "sleeping"
enter = "days_since_last_order > 50"
[[stage]]
name = "loyal"
enter = "orders_30d >= 2"
"""
WITHOUT = OLD.replace('name = "loyal"', 'name = "fan"')
#: Comes and goes without asking for windows that nobody kept in between.
LIFELONG = VISITS.replace("page_views_7d + product_views_48h", "page_views + product_views").replace(
    "email_opens_30d", "email_opens"
)
LONGER = OLD.replace("orders_60d", "orders_1000d")


#: Each owner has committed more than the one before it.
COMMITTED = count(1 << 40)


def _lived(history: list[Event], *texts: str) -> Partition:
    partition = Partition(scoring(*texts))
    partition.fold(arrived(history))
    partition.tick(history[-1].at + 20 * DAY)
    return partition


def _taken_over(old: Partition, *texts: str) -> Partition:
    heir = Partition(scoring(*texts), values=old.table.values)
    undelivered, effects = heir.engine.recover(dict.fromkeys(range(7), next(COMMITTED)))
    assert undelivered == []
    assert {output.kind for output in effects.outputs} <= {STAGE_CHANGE}  # under the names of now
    heir.outputs += effects.outputs
    heir.table.values[META_KEY] = heir.engine.meta()  # as a lane does before it stores anything else
    return heir


@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_a_compatible_change_puts_everybody_where_the_new_rules_say(history: list[Event]) -> None:
    old = _lived(history, OLD)
    heir = _taken_over(old, NEW)
    heir.check_books()
    until = history[-1].at + 20 * DAY + 1
    heir.tick(until)
    heir.check_books()
    fresh = Partition(scoring(NEW))
    fresh.fold(arrived(history))
    fresh.tick(until)
    versions = {change["customer_id"]: change["version"] for change in old.changes()}
    for customer, profile in heir.profiles.items():
        assert profile.standings[0].stage == fresh.profiles[customer].standings[0].stage
        assert profile.counts == fresh.profiles[customer].counts
        for change in heir.changes(customer):
            assert change["version"] > versions[customer]
    told = {change["customer_id"]: change["stage"] for change in [*old.changes(), *heir.changes()]}
    renamed = {"prospect": "visitor", "customer": "buyer"}
    names = lifecycle(NEW).stage_names
    for customer, profile in heir.profiles.items():
        assert renamed.get(told[customer], told[customer]) == names[profile.standings[0].stage]


@settings(max_examples=30, deadline=None)
@given(history=histories())
def test_versions_grow_on_when_a_lifecycle_comes_or_goes(history: list[Event]) -> None:
    seen: dict[str, list[int]] = defaultdict(list)
    partition = _lived(history, OLD, LIFELONG)
    later = history[-1].at + 20 * DAY
    for number, texts in enumerate([(OLD,), (LIFELONG, OLD), (LIFELONG,), (OLD, LIFELONG)], 1):
        for change in partition.changes():
            seen[change["customer_id"]].append(change["version"])
        partition = _taken_over(partition, *texts)
        log = [
            replace(record, offset=number * 1000 + record.offset)
            for record in arrived(
                build_event(
                    at=later + number * DAY, customer=event.customer, message=number << 50 | event.message
                )
                for event in history[:3]
            )
        ]
        partition.fold(log)
        partition.tick(later + number * DAY + 1)
        partition.check_books()
        names = {text.split('"')[1] for text in texts}
        customers = {event.customer for event in history[:3]}
        assert {(each["customer_id"], each["lifecycle"]) for each in partition.changes()} >= {
            (customer, name) for customer in customers for name in names
        }
    for change in partition.changes():
        seen[change["customer_id"]].append(change["version"])
    for versions in seen.values():
        assert versions == sorted(set(versions))


def test_the_same_file_with_other_comments_changes_nothing() -> None:
    old = _lived([build_event()], OLD)
    heir = Partition(scoring(OLD + "\n# a comment"), values=old.table.values)
    _, effects = heir.engine.recover({})
    assert not effects


def test_a_stage_that_is_gone_is_refused_with_what_to_do() -> None:
    old = _lived([build_event()], OLD)
    heir = Partition(scoring(WITHOUT), values=old.table.values)
    with pytest.raises(Misconfigured, match=r"customers may stand in 'loyal'.*was = \[\"loyal\"\]"):
        heir.engine.recover({})


def test_history_that_was_not_kept_is_refused_with_what_to_do() -> None:
    old = _lived([build_event()], OLD)
    heir = Partition(scoring(LONGER), values=old.table.values)
    with pytest.raises(Misconfigured, match=r"lack the history for orders per day.*replay the sources"):
        heir.engine.recover({})


def test_a_question_asked_under_other_rules_is_withdrawn() -> None:
    old = Partition(scoring(OLD))
    old.fold(arrived([build_event(at=START)]))
    old.tick(START + 40 * DAY)
    assert old.profiles["ann"].pending
    heir = _taken_over(old, NEW)
    assert not heir.profiles["ann"].pending
