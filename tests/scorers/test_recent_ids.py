import pickle  # noqa: TID251 - the law under test

from scorers.recent_ids import RecentIds


def test_the_oldest_id_is_forgotten_first() -> None:
    seen = RecentIds(3)
    assert all(seen.add(name) for name in "abc")
    assert seen.add("d")
    assert not seen.add("b")
    assert seen.add("a")


def test_it_is_the_same_after_a_restart() -> None:
    seen = RecentIds(3)
    for name in "abcd":
        seen.add(name)
    again = pickle.loads(pickle.dumps(seen))  # noqa: S301
    assert [again.add(name) for name in "dcbae"] == [seen.add(name) for name in "dcbae"]
