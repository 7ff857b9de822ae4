"""A record finds the process that it means, and no other."""

import os
from pathlib import Path

import psutil

from stream_app.embedded.record import Record, read_record, write_record


def test_a_written_record_finds_its_process_again(tmp_path: Path) -> None:
    written = write_record(tmp_path / "process.json", os.getpid(), 1234)

    read = read_record(tmp_path / "process.json")

    assert read == written
    assert read.process() == psutil.Process()


def test_a_process_that_has_the_id_of_an_earlier_one_is_not_taken_for_it() -> None:
    ours = psutil.Process()

    assert Record(ours.pid, ours.create_time() - 3600, 1234).process() is None


def test_a_missing_or_damaged_record_is_no_record(tmp_path: Path) -> None:
    damaged = tmp_path / "process.json"
    damaged.write_text('{"pid": 1')

    assert read_record(damaged) is None
    assert read_record(tmp_path / "none.json") is None
