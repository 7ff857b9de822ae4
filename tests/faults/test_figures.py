"""What the looks at a group add up to."""

from itertools import pairwise

from tests.bench.faults.figures import Look, Memory, catch_ups, growth
from tests.bench.faults.traffic import endless, shop


def looks(*told: tuple[float, int, int]) -> list[Look]:
    """Of one partition: instant, sent, done."""
    return [Look(at, (sent,), (done,)) for at, sent, done in told]


def test_a_fault_is_overcome_when_nothing_has_waited_for_a_second() -> None:
    seen = looks((0, 10, 10), (1, 20, 20), (2, 30, 20), (3, 40, 20), (4, 50, 20), (5, 60, 55), (6, 60, 60))

    assert catch_ups(seen, [1.5]) == [3.5]


def test_a_fault_that_nothing_waited_for_took_no_time() -> None:
    seen = looks((0, 10, 10), (1, 20, 19), (2, 30, 29), (3, 40, 40))

    assert catch_ups(seen, [0.5]) == [0.0]


def test_a_fault_counts_until_the_next_one_is_overcome_too_when_that_came_before() -> None:
    seen = looks((0, 9, 9), (1, 9, 9), (2, 20, 9), (3, 20, 9), (4, 20, 9), (5, 20, 20), (6, 20, 20))

    assert catch_ups(seen, [1.5, 3.5]) == [3.5, 1.5]


def test_what_is_never_overcome_counts_to_the_last_look() -> None:
    assert catch_ups(looks((0, 9, 0), (1, 9, 0), (2, 9, 0), (8, 9, 0)), [0.0]) == [8.0]


def test_memory_grows_by_what_the_oldest_process_gains_once_settled() -> None:
    mib = 1 << 20
    oldest = [Memory(float(at), (100 if at < 25 else 150 + at // 10) * mib) for at in range(0, 100, 10)]

    grown = growth([[Memory(0.0, 900 * mib)], oldest])

    assert (grown["resident_mib_first"], grown["resident_mib_last"]) == (100.0, 159.0)
    assert grown["resident_mib_most"] == 900.0
    assert grown["resident_seconds"] == 70.0


def test_the_traffic_of_a_soak_is_the_same_for_a_seed_and_never_behind_its_marks() -> None:
    def made() -> list[tuple[int, int, int]]:
        slices = endless(5, rate=40, slices=6, every=0.5, customers=9, start=10**15, span=6 * 10**9)
        return [(min(e.at or 0 for e in s), max(e.at or 0 for e in s), mark) for s, mark in slices]

    slices = made()

    assert slices == made()
    assert all(latest <= mark for _, latest, mark in slices)
    assert all(mark < earliest for (_, _, mark), (earliest, _, _) in pairwise(slices))


def test_every_event_of_the_shop_has_an_identity_of_its_own() -> None:
    made = shop(3, 500, 20, 10**15)

    assert len({each.value for each in made}) == len(made)
