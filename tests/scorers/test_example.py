from math import inf

import msgspec
import pytest

from scorers.example import decode_example, encode_example
from tests.scorers.buyers import examples


def test_examples_survive_the_wire() -> None:
    for example in examples(20):
        assert decode_example(encode_example(example)).vector() == [
            inf if value is None else value for value in example.features
        ]


def test_what_is_no_example_is_refused_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match="id"):
        decode_example(b'{"lifecycle": "retail"}')
