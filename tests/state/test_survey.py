"""What stands in the heads is what stands in the profiles."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import (
    FAR,
    Profile,
    Standing,
    StateError,
    Survey,
    Surveying,
    decode_profile,
    encode_profile,
    survey,
)
from state.codec import with_head
from state.head import DUE, group_of_head, owes
from state.survey import SLICE

PROFILES = st.builds(
    Profile,
    due=st.integers(-5, 1 << 60) | st.just(FAR),
    written_under=st.integers(0, (1 << 32) - 1),
    standings=st.lists(st.builds(Standing, stage=st.integers(-1, 400)), max_size=4),
    outbox=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 3), st.binary(max_size=4)), max_size=3
    ),
    revision=st.integers(0, 9),
)
COMMITTED = st.dictionaries(st.integers(0, 6), st.integers(0, 9))


def headless(profile: Profile) -> bytes:
    """As layout version 1 had it."""
    return b"\x01" + msgspec.msgpack.encode(profile)


def in_one_go(slices: Surveying) -> tuple[int, Survey]:
    pauses = 0
    while True:
        try:
            next(slices)
        except StopIteration as end:
            found: Survey = end.value
            return pauses, found
        pauses += 1


@settings(max_examples=100, deadline=None)
@given(PROFILES, COMMITTED)
def test_a_head_says_what_the_decoded_profile_says(profile: Profile, committed: dict[int, int]) -> None:
    stored = encode_profile(profile)
    decoded = decode_profile(stored)
    assert decoded == profile
    assert int.from_bytes(stored[DUE], "big") == max(decoded.due, 0)
    assert group_of_head(stored) == (decoded.written_under, tuple(each.stage for each in decoded.standings))
    newest = decoded.outbox[-1:]
    assert owes(stored, committed) == any(offset >= committed.get(at, 0) for at, offset, _, _ in newest)
    assert with_head(headless(profile)) == stored


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.binary(max_size=4), st.tuples(PROFILES, st.booleans()), max_size=12), COMMITTED)
def test_a_survey_finds_what_a_scan_of_all_profiles_finds(
    made: dict[bytes, tuple[Profile, bool]], committed: dict[int, int]
) -> None:
    """Some of them were stored before there were heads."""
    profiles = {key: profile for key, (profile, _) in made.items()}
    stored = [
        (key, headless(each) if is_old else encode_profile(each)) for key, (each, is_old) in made.items()
    ]
    _, found = in_one_go(survey(stored, committed))
    counted = Counter(
        (profile.written_under, tuple(standing.stage for standing in profile.standings))
        for profile in profiles.values()
    )
    assert dict(found.groups()) == counted
    due = [(max(profile.due, 0), key) for key, profile in profiles.items() if profile.due < FAR]
    assert list(found.timers.pop_until(FAR - 1)) == sorted(due)
    owed = {key for key, value in stored if owes(with_head(value), committed)}
    assert {key for key, _ in found.owing} == owed
    assert all(decode_profile(value) == profiles[key] for key, value in found.owing)


def test_a_survey_lets_others_have_their_turn() -> None:
    stored = encode_profile(Profile())
    pauses, found = in_one_go(survey([(b"%d" % number, stored) for number in range(2 * SLICE + 1)], {}))
    assert pauses == 2
    assert [number for _, number in found.groups()] == [2 * SLICE + 1]


@pytest.mark.parametrize("value", [b"", b"\x63", encode_profile(Profile())[:20]])
def test_a_profile_that_cannot_be_read_ends_the_survey_with_what_to_do(value: bytes) -> None:
    with pytest.raises(StateError, match="replay"):
        in_one_go(survey([(b"ann", value)], {}))
