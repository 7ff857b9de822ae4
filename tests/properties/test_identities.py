"""Two ids of one person become the customer that one id would have been, in any order of arrival and across crashes."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, MEASURE_IDS, MINUTE, Event, Profile, encode_profile
from stream_app.outputs import ALERT, ERASURE, STAGE_CHANGE
from tests.properties.histories import NAMES
from tests.state.builders import START, build_event
from tests.stream_app.households import Household
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring

#: The anonymous ids live in other partitions than their customers, or not: the sum of the bytes decides.
IDS = ("anon-1", "anon-2", "anon-3", "anon-4")
USERS = ("u1", "u2")
OWNER = {"anon-1": "u1", "anon-2": "u1", "anon-3": "u2", "anon-4": "u2"}
PLAIN = """
name = "plain"
[[stage]]
name = "new"
[[stage]]
name = "buyer"
enter = "orders >= 1"
[[stage]]
name = "fan"
enter = "orders >= 3 and page_views_30d >= 1"
"""


def identify(user: str, anonymous: str, at: int, message: int) -> Event:
    return build_event("Signed In", at, customer=user, message=message, link=anonymous)


@st.composite
def persons(draw: st.DrawFn) -> list[Event]:
    """Events of two persons under six ids, each id of theirs identified once, within the allowed lateness."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(IDS + USERS),
                st.sampled_from(NAMES),
                st.integers(0, 2 * DAY),
                st.integers(0, 4),
            ),
            max_size=18,
        )
    )
    events = [
        build_event(
            name,
            START + at,
            customer=who,
            amount=units * 10_000_000,
            message=(n + 1) << 20,
            anonymous=who in IDS,
        )
        for n, (who, name, at, units) in enumerate(drawn)
    ]
    for number, anonymous in enumerate(IDS):
        at = START + draw(st.integers(0, 2 * DAY))
        events.append(identify(OWNER[anonymous], anonymous, at, 7_000 + number))
    return events


def one_id(events: list[Event], rules: Any) -> dict[str, Profile]:
    """The same events, with one id for each person from the start."""
    partition = Partition(rules)
    renamed = [copy.copy(event) for event in sorted(events, key=lambda each: each.at)]
    for event in renamed:
        event.customer, event.link = OWNER.get(event.customer, event.customer), ""
    partition.fold(arrived(renamed))
    partition.tick(START + 4 * DAY)
    return partition.profiles


def folded(profile: Profile) -> bytes:
    """What is folded in a profile, without what was decided on the way."""
    names = ("counts", "first", "last", "hours", "days", "orders", "sessions", "seen", "seen_visits")
    return encode_profile(Profile(**{name: getattr(profile, name) for name in names}))


@settings(max_examples=60, deadline=None)
@given(events=persons(), seed=st.integers(0, 1 << 30), data=st.data())
def test_whatever_the_order_and_the_crashes_the_customer_is_the_one_of_one_id(
    events: list[Event], seed: int, data: st.DataObject
) -> None:
    rules = scoring(PLAIN, lateness=3 * DAY)
    house, chance = Household(rules), random.Random(seed)
    house.live_through(data.draw(st.permutations(events)), chance)
    house.crash(chance.randrange(3))
    house.pass_to(START + 4 * DAY)
    house.settle()
    expected = one_id(events, rules)
    assert house.known() == set(USERS)
    for user in USERS:
        assert folded(house.profile(user)) == folded(expected[user])
        assert [s.stage for s in house.profile(user).standings] == [s.stage for s in expected[user].standings]
    house.check_books()
    assert sorted(house.told("merged")) == sorted(
        (owner, each, "identified") for each, owner in OWNER.items()
    )


@pytest.mark.parametrize("clock", ["event", "wall"])
@pytest.mark.parametrize("is_first", [True, False])
def test_browsing_belongs_to_whoever_logs_in(clock: str, is_first: bool) -> None:
    house = Household(scoring(RETAIL, VISITS), clock=clock)
    house.now = START + 2 * DAY
    browsing = [
        build_event("Page Viewed", START + n * HOUR, customer="anon-1", message=n + 1, anonymous=True)
        for n in range(3)
    ]
    login = identify("u1", "anon-1", START + 5 * HOUR, 99)
    house.fold(*([login, *browsing] if is_first else [*browsing, login]))
    house.settle()
    later = build_event(
        "Order Completed", START + DAY, customer="anon-1", message=50, anonymous=True, amount=5_000_000
    )
    house.fold(later, copy.copy(later))
    house.settle()
    known = house.profile("u1")
    assert [known.counts[MEASURE_IDS[name]] for name in ("events", "page_views", "orders")] == [5, 3, 1]
    assert known.first[0] == START
    assert house.known() == {"u1"}
    assert house.told("merged") == [("u1", "anon-1", "identified")]
    house.check_books()
    gone = [output for part in house.parts for output in part.outputs if output.kind == ERASURE]
    assert {output.key for output in gone} == {b"anon-1"}
    assert all(b'"alias":"u1"' in output.payload for output in gone)
    moves = [each["stage"] for part in house.parts for each in part.moves("u1")]
    assert moves[-1] in {"customer", "browsing"}


def test_a_stage_that_the_anonymous_id_had_reached_was_entered_then() -> None:
    house = Household(scoring(RETAIL))
    house.fold(build_event("Order Completed", START, customer="anon-1", message=1, anonymous=True))
    house.fold(identify("u1", "anon-1", START + 9 * DAY, 2))
    house.settle()
    [change] = [each for part in house.parts for each in part.changes("u1") if each["stage"] == "customer"]
    assert (change["since"], change["reason"]) == ("2026-01-05T10:00:00Z", "advanced")
    assert change["previous_stage"] == "prospect"


def test_two_known_customers_are_never_merged() -> None:
    house = Household(scoring())
    house.fold(build_event("Order Completed", START, customer="u2", message=1))
    house.fold(identify("u1", "u2", START + HOUR, 2), identify("u1", "u2", START + 2 * HOUR, 3))
    house.settle()
    assert house.told("refused") == [("u1", "u2", "is a known customer")]
    assert house.known() == {"u1", "u2"}
    assert house.profile("u2").counts[0] == 1
    house.check_books()


def test_a_stage_that_only_the_merged_id_had_led_to_is_not_held_when_it_is_taken_out() -> None:
    house = Household(scoring(RETAIL))
    house.fold(build_event("Order Completed", START, customer="u1", message=1))
    for number in range(2):
        at = START + DAY + number * HOUR
        house.fold(build_event("Order Completed", at, customer="anon-1", message=10 + number, anonymous=True))
    house.fold(identify("u1", "anon-1", START + 2 * DAY, 2))
    house.settle()
    assert house.profile("u1").standings[0].stage == 2
    house.unmerge("anon-1")
    house.settle()
    standing = house.profile("u1").standings[0]
    assert (standing.stage, standing.since) == (1, START)
    [told] = [each for part in house.parts for each in part.moves("u1")][-1:]
    assert (told["stage"], told["previous_stage"], told["reason"]) == ("customer", "loyal", "returned")
    house.check_books()


def test_an_id_belongs_to_the_first_customer_who_claims_it() -> None:
    house = Household(scoring())
    house.fold(build_event("Page Viewed", START, customer="anon-1", message=1, anonymous=True))
    for number, user in enumerate(USERS):
        house.fold(identify(user, "anon-1", START + HOUR + number, 2 + number))
        house.settle()
    assert house.told("merged") == [("u1", "anon-1", "identified")]
    assert house.told("refused") == [("u2", "anon-1", "belongs to another customer")]
    assert [house.profile(user).counts[0] for user in USERS] == [2, 1]


def test_a_customer_has_only_so_many_ids() -> None:
    house = Household(scoring(most_ids=2))
    for number in range(3):
        house.fold(
            build_event("Page Viewed", START, customer=f"anon-{number}", message=number + 1, anonymous=True)
        )
        house.fold(identify("u1", f"anon-{number}", START + HOUR, 10 + number))
        house.settle()
    assert house.told("refused") == [("u1", "anon-2", "limit")]
    assert house.known() == {"u1", "anon-2"}
    assert house.profile("u1").counts[0] == 5


@settings(max_examples=40, deadline=None)
@given(events=persons(), seed=st.integers(0, 1 << 30))
def test_an_unmerged_id_and_its_customer_are_what_they_would_have_been(
    events: list[Event], seed: int
) -> None:
    rules = scoring(PLAIN, lateness=3 * DAY)
    chance = random.Random(seed)
    events = sorted(events, key=lambda each: each.at)
    only = [each for each in events if each.customer in {"u1", "anon-1"} and each.link in {"", "anon-1"}]
    house = Household(rules)
    asked = chance.randrange(len(only) + 1)
    for number, event in enumerate(only):
        house.fold(event)
        if chance.random() < 0.5:
            house.settle(chance)
        if number == asked and house.told("merged"):
            house.unmerge("anon-1")
    house.settle()
    if not house.told("unmerged"):
        house.unmerge("anon-1")
        house.crash(house.home("anon-1"))
        house.settle()
    apart = Partition(rules)
    alone = [copy.copy(each) for each in only]
    for event in alone:
        event.link = ""
    apart.fold(arrived(alone))
    for customer in ("u1", "anon-1"):
        expected = apart.profiles.get(customer, Profile())
        assert folded(house.profile(customer)) == folded(expected)
        if expected.standings:
            assert house.profile(customer).standings[0].stage == expected.standings[0].stage
    assert house.told("unmerged") == [("u1", "anon-1", "asked for")]
    house.check_books()
    house.fold(identify("u1", "anon-1", START + 3 * DAY, 1))
    house.settle()
    assert house.told("unmerged") == [("u1", "anon-1", "asked for")]
    assert len(house.told("merged")) == 1


def test_an_id_whose_first_event_came_after_its_merge_has_a_stage_of_its_own_when_it_is_taken_out() -> None:
    house = Household(scoring(PLAIN))
    house.fold(identify("u1", "anon-1", START, 1))
    house.settle()
    house.fold(build_event("Order Completed", START + 1, customer="anon-1", message=2, anonymous=True))
    house.settle()
    closed = house.profile("anon-1").standings[0].version
    house.unmerge("anon-1")
    house.settle()
    standing = house.profile("anon-1").standings[0]
    assert (standing.stage, standing.since) == (1, START + 1)
    assert standing.version > closed
    house.check_books()


def test_only_the_newest_merge_can_be_undone_and_not_for_ever() -> None:
    house = Household(scoring(undo=2 * DAY))
    for number in (1, 2):
        house.fold(
            build_event("Page Viewed", START, customer=f"anon-{number}", message=number, anonymous=True)
        )
        house.fold(identify("u1", f"anon-{number}", START + number * HOUR, 10 + number))
        house.settle()
    for asked in ("anon-1", "nobody"):
        house.unmerge(asked)
        house.settle()
    house.fold(build_event("Page Viewed", START + 3 * DAY, customer="u1", message=77))
    house.unmerge("anon-2")
    house.settle()
    assert [(each, why) for _, each, why in house.told("unmerge_refused")] == [
        ("anon-1", "another id was merged since"),
        ("nobody", "not merged"),
        ("anon-2", "too late"),
    ]
    assert house.profile("u1").counts[0] == 5


def test_whoever_is_erased_is_erased_under_all_ids() -> None:
    for asked in ("u1", "anon-1"):
        house = Household(scoring())
        house.fold(build_event("Page Viewed", START, customer="anon-1", message=1, anonymous=True))
        house.fold(identify("u1", "anon-1", START + MINUTE, 2))
        house.settle()
        house.erase(asked)
        house.settle()
        assert house.known() == set()
        for customer in ("u1", "anon-1"):
            left = house.profile(customer)
            assert folded(left) == folded(Profile())
            assert not left.identity.links
            assert (left.identity.moved_to, left.identity.kept) == ("", None)
        outputs = house.parts[house.home("anon-1")].outputs
        gone = [output for output in outputs if (output.kind, output.key) == (ERASURE, b"anon-1")]
        assert b"alias" not in gone[-1].payload
        house.check_books()
        house.fold(build_event("Page Viewed", START + HOUR, customer="anon-1", message=3, anonymous=True))
        house.fold(identify("u1", "anon-1", START + 2 * HOUR, 4))
        house.settle()
        assert house.profile("u1").counts[0] == 2
        assert house.known() == {"u1"}


def test_a_rebuilt_redis_learns_whose_an_id_is() -> None:
    house = Household(scoring())
    house.fold(build_event("Page Viewed", START, customer="anon-1", message=1, anonymous=True))
    house.fold(identify("u1", "anon-1", START + MINUTE, 2))
    house.settle()
    told = [output for part in house.parts for output in part.engine.republish()]
    assert sorted((output.kind, output.key) for output in told) == [
        (STAGE_CHANGE, b"u1"),
        (ALERT, b"anon-1"),
        (ERASURE, b"anon-1"),
    ]
