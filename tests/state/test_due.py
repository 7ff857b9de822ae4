from hypothesis import given, settings
from hypothesis import strategies as st

from state import FAR, DueHeap
from state.due import entry_of

KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"])
MOVES = st.lists(
    st.tuples(st.just("schedule"), KEYS, st.integers(0, 50) | st.just(FAR))
    | st.tuples(st.just("pop"), st.just(b""), st.integers(0, 60))
    | st.tuples(st.just("remove"), KEYS, st.just(0)),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_the_heap_equals_a_scan_of_all_customers(moves: list[tuple[str, bytes, int]]) -> None:
    heap, table = DueHeap(), dict[bytes, int]()
    for move, key, instant in moves:
        if move == "schedule":
            heap.schedule(key, instant)
            table[key] = instant
        elif move == "remove":
            heap.remove(key)
            table.pop(key, None)
        else:
            expected = sorted((due, key) for key, due in table.items() if due <= instant)
            assert list(heap.pop_until(instant)) == expected
            table = {key: due for key, due in table.items() if due > instant}
        table = {key: due for key, due in table.items() if due < FAR}
        assert heap.next_due() == min(table.values(), default=FAR)
        assert len(heap) == len(table)
        assert all(heap.due_of(key) == table.get(key, FAR) for key in (b"a", b"b", b"c", b"d", b"e", b"f"))


def test_a_heap_built_from_a_table_equals_one_that_was_scheduled() -> None:
    items = [(b"c%d" % n, n * 7919 % 101) for n in range(50)]
    scheduled = DueHeap()
    for key, due in items:
        scheduled.schedule(key, due)
    built = DueHeap({key: entry_of(due, key) for key, due in items})
    assert list(built.pop_until(FAR)) == list(scheduled.pop_until(FAR))


def test_who_is_scheduled_again_within_the_pass_comes_up_again() -> None:
    heap, seen = DueHeap({b"ann": entry_of(10, b"ann")}), []
    for due, key in heap.pop_until(30):
        seen.append(due)
        heap.schedule(key, due + 10)
    assert seen == [10, 20, 30]
    assert heap.next_due() == 40


def test_superseded_entries_do_not_pile_up() -> None:
    heap = DueHeap()
    for due in range(100_000, 0, -1):
        heap.schedule(b"ann", due)
    assert len(heap._heap) < 100


@given(MOVES.filter(bool), st.integers(1, 6))
def test_the_first_of_a_heap_are_the_earliest(moves: list[tuple[str, bytes, int]], count: int) -> None:
    heap = DueHeap()
    heap.schedule(b"g", 30)
    for move, key, instant in moves:
        if move == "schedule":
            heap.schedule(key, instant)
    whole = sorted((heap.due_of(key), key) for key in map(bytes, zip(range(97, 104))) if key in heap)
    last = heap.keep_first(count)
    assert last == entry_of(*whole[:count][-1])
    heap.schedule(whole[0][1], 25)
    whole[0] = (25, whole[0][1])
    assert list(heap.pop_until(FAR)) == sorted(whole[:count])
