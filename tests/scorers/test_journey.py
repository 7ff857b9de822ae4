from scorers.journey import Journey
from tests.scorers.imagined import lifecycle

JOURNEY = Journey(
    lifecycle(
        'enter = "orders >= 1"',
        'enter = "orders >= 2"',
        'enter = "orders >= 3"\nlost = true',
        'enter = "orders >= 4"',
    ).stages
)


def test_each_kind_of_step_has_its_word() -> None:
    words = {
        (-1, 0): "entered",
        (-1, 2): "entered",
        (0, 1): "advanced",
        (0, 2): "skipped",
        (2, 4): "advanced",  # nobody has to be lost on the way up
        (1, 4): "skipped",
        (2, 0): "returned",
        (2, 3): "lapsed",
        (4, 3): "lapsed",
        (3, 1): "reactivated",
        (3, 4): "reactivated",
    }
    assert {move: JOURNEY.reason(*move) for move in words} == words


def test_coming_back_from_a_lost_stage_starts_a_new_cycle() -> None:
    assert JOURNEY.next_cycle(-1, 2, 0) == 1
    assert JOURNEY.next_cycle(1, 2, 1) == 1
    assert JOURNEY.next_cycle(2, 3, 1) == 1
    assert JOURNEY.next_cycle(3, 0, 1) == 2
