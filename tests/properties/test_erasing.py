"""Whoever is erased leaves nothing but the numbers that keep old records out, and may come back."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from state import DAY, Event, Profile
from stream_app.outputs import ALERT, ERASURE, Output
from tests.properties.histories import CUSTOMERS, histories
from tests.state.builders import build_event
from tests.stream_app.partitions import RETAIL, TICKS, VISITS, Partition, arrived, scoring

BOTH = (RETAIL, VISITS)


def lifecycle_of(output: Output) -> str:
    return str(orjson.loads(output.payload)["lifecycle"])


@settings(max_examples=50, deadline=None)
@given(history=histories(), customer=st.sampled_from(CUSTOMERS))
def test_an_erased_customer_leaves_versions_and_offsets_only(history: list[Event], customer: str) -> None:
    partition = Partition(scoring(*BOTH))
    log = arrived(history)
    partition.fold(log)
    before = partition.profiles.get(customer, Profile())
    others = {name: profile for name, profile in partition.profiles.items() if name != customer}
    highest = max((change["version"] for change in partition.changes(customer)), default=0)
    effects = partition.erase(customer)
    known = customer in {event.customer for event in history}
    assert [output.kind for output in effects.outputs] == [ERASURE] * 2 + [ALERT] * 2 * known
    partition.check_books()
    profiles = partition.profiles
    after = profiles.pop(customer, Profile())
    assert profiles == others
    if before.evaluated_at:
        assert [standing.version for standing in after.standings] == [highest + 1] * 2
        assert after.offsets == before.offsets
        bare = Profile(
            offsets=after.offsets,
            standings=after.standings,
            revision=after.revision,
            due=after.due,
            anonymous=True,
        )
        bare.outbox = [(TICKS, 0, output.kind, output.payload) for output in effects.outputs]
        bare.written_under = after.written_under
        assert after == bare
        for standing in after.standings:
            assert (standing.stage, standing.since, standing.risk, standing.cycle) == (-1, 0, -1.0, 0)
    assert customer not in dict(partition.engine.profiles())
    again = [output for output in partition.engine.republish() if output.key == customer.encode()]
    assert again == sorted(effects.outputs if before.evaluated_at else [], key=lifecycle_of)
    begin = len(partition.outputs)
    partition.fold(log)  # read again from the start
    partition.tick(history[-1].at + 300 * DAY)
    assert all(output.key != customer.encode() for output in partition.outputs[begin:])
    partition.check_books()


@settings(max_examples=40, deadline=None)
@given(history=histories(customers=("ann", "bob")))
def test_whoever_comes_back_is_new_under_higher_versions(history: list[Event]) -> None:
    partition = Partition(scoring(*BOTH))
    partition.fold([*arrived([*history, build_event(at=history[-1].at, message=7)])])
    highest = max(change["version"] for change in partition.changes("ann"))
    partition.erase("ann")
    begin = len(partition.changes("ann"))
    back = history[-1].at + 3 * DAY
    record = arrived([build_event(at=back, amount=5_000_000, message=9)])[0]
    partition.fold([replace(record, offset=10_000)])
    new = partition.changes("ann")[begin:]
    first = next(change for change in new if change["lifecycle"] == "retail")
    assert (first["stage"], first["previous_stage"], first["reason"]) == ("customer", None, "entered")
    assert (first["orders"], first["revenue"], first["cycle"]) == (1, 5.0, 1)
    assert [change["version"] for change in new] == list(range(highest + 2, highest + 2 + len(new)))
    partition.check_books()
    assert partition.profiles["ann"].first[0] == back


def test_erasing_twice_or_nobody_is_answered_and_harmless() -> None:
    partition = Partition(scoring(*BOTH))
    assert [output.kind for output in partition.erase("nobody").outputs] == [ERASURE] * 2
    assert partition.profiles == {}
    partition.fold(arrived([build_event()]))
    versions = []
    for _ in range(2):
        partition.erase("ann")
        versions.append(partition.profiles["ann"].standings[0].version)
        partition.check_books()
    assert versions[1] > versions[0]


def test_an_erasure_that_was_not_delivered_comes_back_after_a_crash() -> None:
    partition = Partition(scoring(*BOTH))
    partition.fold(arrived([build_event()]))
    effects = partition.erase("ann", offset=4)
    heir = Partition(scoring(*BOTH), values=partition.table.values)
    undelivered, _ = heir.engine.recover({2: 1, TICKS: 4})
    assert undelivered == effects.outputs
    later = Partition(scoring(*BOTH), values=partition.table.values)
    assert later.engine.recover({2: 1, TICKS: 5})[0] == []
