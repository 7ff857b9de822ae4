from collections import Counter

import orjson
import pytest
from msgspec.structs import replace

from scorers.definition import LifecycleError
from state import DAY, HOUR, decode_profile
from stream_app.alignment import Arrived
from stream_app.effects import Refused
from stream_app.engine import CLOCK_KEY, META_KEY
from stream_app.errors import Misconfigured
from stream_app.migrating import Schema
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring


def test_a_record_that_was_not_understood_stops_nothing() -> None:
    partition = Partition(scoring())
    refused = Refused("invalid_json", "No JSON.", b"ann", b"{", [("h", b"1")])
    (event,) = arrived([build_event()])
    (effects, *_) = partition.fold([Arrived(0, 2, 0, refused), replace(event, offset=1)])
    (letter,) = effects.dead_letters
    assert (letter.source, letter.offset, letter.refused) == (2, 0, refused)
    assert dict(effects.outcomes) == {(2, "dead_letter"): 1, (2, "applied"): 1}
    assert list(effects.changed) == [b"ann"]


def test_what_is_about_no_customer_makes_none_and_lets_time_pass() -> None:
    partition = Partition(scoring(lateness=HOUR))
    costs = build_event("Ad Cost Reported", START + HOUR, customer="ad-campaign-123456", anonymous=True)
    (effects,) = partition.fold(arrived([build_event(), costs]))
    assert list(effects.changed) == [b"ann"]
    assert dict(effects.outcomes) == {(2, "applied"): 1, (5, "impersonal"): 1}
    assert partition.engine.time == START - 1


def test_a_run_tells_every_transition_and_stores_each_customer_once() -> None:
    partition = Partition(scoring())
    log = arrived([
        build_event("Page Viewed", START, message=1 << 20),
        build_event(at=START + HOUR, message=2 << 20),
        build_event(at=START + HOUR, message=3 << 20, customer="bob"),
    ])  # fmt: skip
    (effects,) = partition.fold(log)
    expected = {
        ("retail", "", "prospect"): 1,
        ("retail", "prospect", "customer"): 1,
        ("retail", "", "customer"): 1,
    }
    assert effects.moves == Counter(expected)
    assert set(effects.changed) == {b"ann", b"bob"}
    assert bool(effects)
    profile = decode_profile(effects.changed[b"ann"])
    assert profile.revision == 1
    assert [entry[:3] for entry in profile.outbox] == [(2, 1, 0), (2, 1, 0)]


def test_a_run_without_a_change_has_no_effect() -> None:
    partition = Partition(scoring())
    assert not partition.engine.fold([])
    assert not partition.engine.advance(START)


def test_the_clock_follows_the_newest_event_and_waits_for_the_allowed_lateness() -> None:
    partition = Partition(scoring(lateness=HOUR))
    partition.fold(arrived([build_event(at=START)]))
    assert partition.engine.time == START - HOUR - 1
    log = arrived([build_event(at=at, message=at) for at in (START, START - HOUR - 1, START - HOUR - 2)])
    (effects, *_) = partition.fold([replace(record, offset=record.offset + 1) for record in log])
    assert dict(effects.outcomes) == {(2, "applied"): 2, (2, "late"): 1}
    assert orjson.loads(partition.table.values[CLOCK_KEY]) == {
        "time": START - HOUR - 1,
        "newest": START,
        "told": False,
    }


def test_two_lifecycles_run_side_by_side_under_one_sequence_of_versions() -> None:
    partition = Partition(scoring(RETAIL, VISITS))
    partition.fold(arrived([build_event()]))
    told = [(each["lifecycle"], each["version"]) for each in partition.changes()]
    assert told == [("retail", 1), ("visits", 2)]
    assert partition.engine.population == Counter({(0, 1): 1, (1, 0): 1})


def test_silence_in_slices_is_silence() -> None:
    events = [build_event(customer=f"c{number}", message=number << 20) for number in range(7)]
    sliced, whole = Partition(scoring(), pause=1), Partition(scoring(), pause=1 << 40)
    for partition in (sliced, whole):
        partition.fold(arrived(events))
        partition.tick(START + 120 * DAY)
        assert not partition.engine.is_behind
    assert len(sliced.effects) > len(whole.effects)
    assert sliced.told() == whole.told()
    assert sliced.settled() == whole.settled()


def test_the_state_says_under_which_lifecycles_and_windows_it_was_written() -> None:
    (meta,) = orjson.loads(Partition(scoring(RETAIL)).table.values[META_KEY]).values()
    assert [each["name"] for each in meta["lifecycles"]] == ["retail"]
    assert meta["windows"] == scoring(RETAIL).fold.windows()


def test_known_customers_are_listed_without_the_partitions_own_records() -> None:
    partition = Partition(scoring())
    partition.fold(arrived([build_event()]))
    assert [customer for customer, _ in partition.engine.profiles()] == ["ann"]
    found = partition.engine.profile("ann")
    assert found == partition.profiles["ann"]
    assert partition.engine.profile("nobody") is None


def test_a_refusal_of_a_changed_lifecycle_is_an_error_of_the_configuration() -> None:
    configured = scoring()
    name = configured.tracks[0].name
    kept = configured.fold.windows()
    described = {"lifecycles": [{"format": 0, "name": name}], "windows": kept}
    with pytest.raises(Misconfigured) as raised:
        Schema(configured, orjson.dumps({"7": described})).migration(7)
    assert isinstance(raised.value.__cause__, LifecycleError)


def test_a_migration_that_was_cut_off_goes_on_where_it_was() -> None:
    """Some profiles are written under the new description already, the others not: each is migrated once."""
    old = Partition(scoring(RETAIL))
    old.fold(arrived([build_event(customer=name, message=n) for n, name in enumerate(("ann", "bob"))]))
    renamed = scoring(RETAIL.replace('name = "customer"', 'name = "buyer"\nwas = ["customer"]'))
    half = Partition(renamed, values=dict(old.table.values))
    _, migrated = half.engine.recover({})
    cut = {META_KEY: half.engine.meta(), **{k: v for k, v in old.table.values.items() if k != META_KEY}}
    cut[b"ann"] = migrated.changed[b"ann"]

    heir = Partition(renamed, values=cut)
    _, rest = heir.engine.recover({})

    assert list(rest.changed) == [b"bob"]
    assert heir.profiles["ann"].standings == heir.profiles["bob"].standings


def test_a_run_of_which_only_the_count_is_left_is_not_nothing() -> None:
    """All that it has changed may be held; it is delivered all the same, and counted."""
    partition = Partition(scoring(), hold=10)
    log = arrived([build_event(message=1), build_event("Page Viewed", at=START + 1, message=2)])
    partition.fold(log[:1])
    partition.engine.delivered(2, 1)
    [effects, *_] = partition.fold(log[1:])
    assert not effects.changed
    assert not effects.outputs
    assert dict(effects.outcomes) == {(0, "applied"): 1}
    assert effects
