import pytest
from hypothesis import given, settings

from state import DAY, Event, FoldPlan, Profile, Standing, StateError, ask, decode_profile, encode_profile
from state.codec import with_head
from state.head import HEAD_BYTES
from tests.state.builders import START, build_event, events, folded

# Written by layout version 1, which had no head, when it was new. If this fails, stored profiles no longer load: raise the
# version and teach `decode` the old layout; do not replace the bytes.
GOLDEN = bytes.fromhex(
    "01dc00128200290211dc001d02010001000001ce0016e360000000000000000000000000000000000000000001dc001d"
    "cf000647a11f422800cf000647a11f42280100cf000647a11f4228010000cf000647a11f422800000000000000000000"
    "00000000000000000000000000dc001dcf000647a11f422801cf000647a11f42280100cf000647a11f4228010000cf00"
    "0647a11f42280000000000000000000000000000000000000000000000810094ce00077dfa01ce00077dfb01810692cd"
    "4feb0192cf000647a11f422800ce0016e36092cf000647a11f422801cf000647a11f422801c40c695b8ba00000000000"
    "000007c40c695b8ba0000000000000000891990200cf000647a11f4228000109cb3fd000000000000003cb3fe0000000"
    "000000c2919ccf000647a11f4228000002c4040000803fcb3fd0000000000000c4080000003f0000003fcb4008000000"
    "000000ce0016e36004ffffffcf000647b53d198800cf000647a11f422800cf000647a11f422800cf000647a11f422800"
    "059194021100c4027b7d"
)


# What version 2 puts in front.
HEAD = bytes.fromhex("02000647b53d19880002000000000000001100000000010002")


def golden_profile() -> Profile:
    profile = folded(
        [build_event(amount=1_500_000, message=7), build_event("Product Viewed", at=START + 1, message=8)],
        FoldPlan.build(["orders_30d", "events_24h"]),
    )
    profile.offsets = {0: 41, 2: 17}
    profile.standings = [
        Standing(stage=2, previous=0, since=START, cycle=1, version=9, risk=0.25, next_stage=3, next_p=0.5)
    ]
    ask(
        profile,
        at=START,
        lifecycle=0,
        stage=2,
        features=[1.0],
        risk=0.25,
        next_stage=[0.5, 0.5],
        value=3.0,
        model_version=4,
    )
    profile.due, profile.asked_at, profile.scored_at, profile.evaluated_at, profile.revision = (
        START + DAY,
        START,
        START,
        START,
        5,
    )
    profile.outbox = [(2, 17, 0, b"{}")]
    return profile


def test_the_stored_bytes_of_version_1_still_load() -> None:
    assert decode_profile(GOLDEN) == golden_profile()
    assert with_head(GOLDEN) == encode_profile(golden_profile())


def test_a_field_that_came_later_stands_at_the_end_of_the_stored_bytes() -> None:
    written_under, anonymous, identity, alerted_at, deadline = b"\x00", b"\xc2", b"\xc0", b"\x00", b"\xc4\x00"
    stored = GOLDEN[1:].replace(b"\xdc\x00\x12", b"\xdc\x00\x15", 1)
    standing = GOLDEN.index(b"\x91\x99\x02") - 1
    pending = GOLDEN.index(b"\x91\x9c\xcf") - 1
    settled = GOLDEN.index(b"\xff\xff\xff") + 2
    question = b"\x91\x9d" + stored[pending + 2 : settled] + deadline
    stored = (
        stored[:standing]
        + b"\x91\x9a"
        + stored[standing + 2 : pending]
        + alerted_at
        + question
        + stored[settled:]
    )
    assert encode_profile(golden_profile()) == HEAD + stored + written_under + anonymous + identity


@settings(max_examples=50, deadline=None)
@given(events(within=100 * DAY))
def test_a_profile_comes_back_as_it_was_stored(history: list[Event]) -> None:
    profile = folded(history, FoldPlan.build(["events_24h", "orders_30d", "sessions_7d"], lateness=DAY))
    data = encode_profile(profile)
    assert decode_profile(data) == profile
    assert encode_profile(decode_profile(data)) == data


def test_a_profile_of_fewer_measures_and_fields_takes_the_defaults() -> None:
    profile = decode_profile(b"\x01\x94\x80\x91\x05\x91\x01\x91\x02")
    assert (profile.counts[:2], profile.revision) == ([5, 0], 0)
    assert len(profile.counts) == len(profile.first) == len(profile.last) == len(Profile().counts)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (b"\x63\x90", "layout version 99, this program knows up to 2"),
        (b"\x01\xff", "damaged"),
        (encode_profile(Profile())[:-3], "damaged"),
        (encode_profile(Profile())[:9], "damaged: it ends early"),
        (encode_profile(Profile())[:1], "damaged: it ends early"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(data: bytes, complaint: str) -> None:
    with pytest.raises(StateError, match=complaint):
        decode_profile(data)
    if len(data) < HEAD_BYTES:
        with pytest.raises(StateError, match=complaint):
            with_head(data)
