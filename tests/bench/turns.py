"""Contenders that take turns, so that whatever the machine does meanwhile falls on all of them."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from tests.bench.report import console

_T = TypeVar("_T")


def in_turns(contenders: Sequence[_T], rounds: int) -> Iterator[tuple[int, _T]]:
    """Each contender once a round, every other round the other way round, announced.

    Examples:
        >>> list(in_turns(["clean", "garbage"], 2))
        [(0, 'clean'), (0, 'garbage'), (1, 'garbage'), (1, 'clean')]
    """
    for number in range(rounds):
        for contender in contenders[:: -1 if number % 2 else 1]:
            console.rule(f"{contender}, round {number + 1} of {rounds}")
            yield number, contender
