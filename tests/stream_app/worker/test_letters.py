"""A refused record always fits into a letter."""

from stream_app.effects import DeadLetter, Refused
from stream_app.topics import LARGEST_LETTER, LARGEST_RECORD
from stream_app.worker.letters import dead_letter
from stream_app.worker.publisher import Record


def written(value: bytes | None, sentence: str = "No.", headers: object = (), key: bytes = b"k") -> Record:
    refused = Refused("wrong_type", sentence, key, value, headers)
    return dead_letter(DeadLetter(0, 7, refused), "lifecycle.email", 3, "2026-11-22T14:10:16Z")


def size(record: Record) -> int:
    headers = sum(len(name.encode()) + len(value) + 10 for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def test_the_largest_record_of_a_source_is_kept_whole() -> None:
    record = written(b"x" * LARGEST_RECORD, headers=[("h", b"y" * 1000)])

    assert record.value == b"x" * LARGEST_RECORD
    assert size(record) < LARGEST_LETTER


def test_what_was_larger_before_it_was_compressed_is_shortened_and_says_so() -> None:
    for record in (
        written(b"x" * 3 * LARGEST_RECORD),
        written(b"x", headers=[("", b"")] * 1_500_000),
        written(b"x", key=b"k" * 2 * LARGEST_RECORD),
    ):
        assert size(record) < LARGEST_LETTER
        assert dict(record.headers)["shortened"] in {b"1", str(3 * LARGEST_RECORD).encode()}
        assert dict(record.headers)["offset"] == b"7"


def test_a_sentence_that_quotes_too_much_is_cut_in_its_middle() -> None:
    told = dict(written(b"x", sentence="begin " + "q" * 100_000 + " end.").headers)["sentence"].decode()

    assert told.startswith("begin ")
    assert told.endswith(" end.")
    assert len(told) < 2_010


def test_no_value_is_told_from_an_empty_one() -> None:
    assert [dict(written(value).headers).get("null") for value in (None, b"")] == [b"1", None]
