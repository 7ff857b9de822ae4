import numpy as np

from scorers.habits import LEAST
from scorers.population import CARRIED, KEPT, Population
from scorers.transforms import INPUTS, Rhythm


def told(population: Population, day: float, value: float, count: int) -> None:
    for number in range(count):
        x = np.full(len(INPUTS), value)
        population.observe(
            Rhythm(2.0 + number % 3, 100.0 + number, 10.0 + number % 7), x, day, f"{day}/{number}"
        )


def test_each_period_keeps_the_average_of_its_own_days() -> None:
    population = Population(90.0)
    told(population, 0.0, 1.0, LEAST)
    told(population, 7.0, 5.0, 1000)
    told(population, 14.0, 9.0, 1000)
    early, middle, late = (population.at(day).centre[0] for day in (3.0, 8.0, 15.0))
    assert early == 1.0
    assert abs(middle - (CARRIED * 1.0 + 1000 * 5.0) / (CARRIED + 1000)) < 1e-9
    assert 8.5 < late < 9.0
    assert population.now is population.at(1e9)


def test_what_was_before_is_as_in_the_oldest_period() -> None:
    population = Population(90.0)
    told(population, 100.0, 3.0, LEAST)
    assert population.at(-5.0) is population.periods[0]


def test_a_period_knows_the_habits_of_its_days() -> None:
    population = Population(90.0)
    told(population, 0.0, 1.0, LEAST + 1)
    told(population, 30.0, 1.0, 5)
    assert population.at(0.0).habit is not None
    assert population.at(30.0).habit == population.habits.fitted


def test_memory_is_bounded() -> None:
    population = Population(90.0)
    for week in range(KEPT + 40):
        told(population, 7.0 * week, 1.0, LEAST if not week else 1)
    assert len(population.periods) == KEPT


def test_after_a_clock_that_jumped_ahead_periods_go_on() -> None:
    population = Population(90.0)
    told(population, 1000.0, 1.0, LEAST)
    told(population, 80_000.0, 1.0, 1)
    for week in range(5):
        told(population, 1007.0 + 7.0 * week, 3.0, 200)
    assert population.habits.fits == 6
    assert [period.since for period in population.periods] == sorted(
        period.since for period in population.periods
    )
    assert population.now.since == 1035.0
    assert population.now.centre[0] > 2.9
