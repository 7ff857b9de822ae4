"""Whoever comes as a ``userId`` is a customer, and leaves whom it was merged into if somebody had claimed that id."""

import copy
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, MEASURE_IDS, REFUSED, Profile
from tests.properties.histories import NAMES
from tests.properties.test_identities import PLAIN, USERS, folded, identify
from tests.state.builders import START, build_event
from tests.stream_app.households import Household
from tests.stream_app.partitions import Partition, arrived, scoring


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(st.tuples(st.sampled_from(NAMES), st.booleans(), st.booleans()), min_size=1, max_size=8),
    seed=st.integers(0, 1 << 30),
    data=st.data(),
)
def test_in_whatever_order_each_ends_as_if_nobody_had_claimed(
    kinds: list[tuple[str, bool, bool]], seed: int, data: st.DataObject
) -> None:
    rules, chance = scoring(PLAIN, lateness=3 * DAY), random.Random(seed)
    events = [
        build_event(
            name, START + n * HOUR, customer="u2" if of_the_other else "u1", message=(n + 1) << 20,
            amount=10_000_000, anonymous=of_the_other and anonymous,
        )
        for n, (name, of_the_other, anonymous) in enumerate(kinds)
    ]  # fmt: skip
    events.append(build_event("Order Completed", START + DAY, customer="u2", message=999 << 20, amount=1))
    events.append(identify("u1", "u2", START + 2 * HOUR, 7_000))
    house = Household(rules)
    house.live_through(data.draw(st.permutations(events)), chance)
    house.crash(house.home("u2"))
    house.settle()
    alone = Partition(rules)
    apart = [copy.copy(event) for event in sorted(events, key=lambda each: each.at)]
    for event in apart:
        event.link = ""
    alone.fold(arrived(apart))
    assert house.known() == {"u1", "u2"}
    for user in USERS:
        assert folded(house.profile(user)) == folded(alone.profiles[user])
        assert house.profile(user).standings[0].stage == alone.profiles[user].standings[0].stage
        assert not house.profile(user).anonymous
    ended = house.told("refused") + house.told("unmerged")
    assert ("u1", "u2", "is a known customer") in ended
    house.check_books()
    house.fold(identify("u1", "u2", START + 2 * DAY, 8_000))
    house.settle()
    assert house.known() == {"u1", "u2"}


def test_what_was_merged_too_long_ago_stays_but_a_known_customer_does_not() -> None:
    house = Household(scoring(undo=2 * DAY))
    house.fold(build_event("Page Viewed", START, customer="u2", message=1, anonymous=True))
    house.fold(identify("u1", "u2", START + HOUR, 2))
    house.settle()
    house.fold(build_event("Page Viewed", START + 9 * DAY, customer="u2", message=3, anonymous=True))
    house.settle()
    order = build_event("Order Completed", START + 10 * DAY, customer="u2", message=4, amount=7)
    house.fold(order, copy.copy(order))
    house.settle()
    assert [house.profile(user).counts[MEASURE_IDS["events"]] for user in USERS] == [3, 1]
    assert house.known() == {"u1", "u2"}
    assert house.told("unmerged") == [("u1", "u2", "is a known customer, what was merged stays")]
    house.check_books()


def test_whom_a_merged_id_identifies_as_a_customer_is_claimed_when_it_is_free() -> None:
    house = Household(scoring())
    house.fold(identify("u1", "u2", START, 1))
    house.settle()
    house.fold(build_event("Page Viewed", START + HOUR, customer="anon-1", message=2, anonymous=True))
    house.fold(identify("u2", "anon-1", START + 2 * HOUR, 3))
    house.settle()
    assert house.told("merged") == [("u1", "u2", "identified"), ("u2", "anon-1", "identified")]
    assert [house.profile(user).counts[0] for user in USERS] == [1, 2]
    assert house.known() == {"u1", "u2"}


def test_whoever_erases_a_customer_does_not_erase_another_who_was_taken_for_it() -> None:
    house = Household(scoring())
    house.fold(identify("u1", "u2", START, 1))
    house.settle()
    house.fold(build_event("Order Completed", START + HOUR, customer="u2", message=2))
    house.erase("u1")
    house.settle()
    assert house.known() == {"u2"}
    assert house.profile("u2").counts[0] == 1


def test_who_is_erased_before_its_answer_is_delivered_still_answers() -> None:
    house = Household(scoring())
    house.fold(build_event("Order Completed", START, customer="u2", message=1))
    house.fold(identify("u1", "u2", START + HOUR, 2))
    place = house.home("u2")
    house.take(place)
    del house.logs[house.home("u1")][:]  # the refusal was stored and not delivered
    house.erase("u2")
    house.crash(place)
    house.settle()
    assert house.told("refused") == [("u1", "u2", "is a known customer")]
    assert [link.state for link in house.profile("u1").identity.links] == [REFUSED]
    assert folded(house.profile("u2")) == folded(Profile())


def test_links_that_came_to_nothing_do_not_grow_without_end() -> None:
    house = Household(scoring(most_ids=3))
    for number in range(10):
        house.fold(build_event("Page Viewed", START, customer=f"known-{number}", message=number + 1))
        house.fold(identify("u1", f"known-{number}", START + HOUR + number, 100 + number))
        house.settle()
    links = house.profile("u1").identity.links
    assert [(link.id, link.state) for link in links] == [(f"known-{n}", REFUSED) for n in (7, 8, 9)]
    house.fold(identify("u1", "known-0", START + DAY, 200))
    house.settle()
    assert house.told("refused").count(("u1", "known-0", "is a known customer")) == 2
    assert house.known() == {"u1", *(f"known-{number}" for number in range(10))}
