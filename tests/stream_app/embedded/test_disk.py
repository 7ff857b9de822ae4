"""What is wrong with the disk or the data directory is said before anything starts."""

import os
import subprocess
from pathlib import Path

import pytest

from stream_app.embedded.disk import make_directory, remove_abandoned, require_space, sole_use
from stream_app.errors import Unavailable


def test_too_little_room_is_refused_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=r"no disk space for jars in .*not-yet: \d+ MiB are free, \d+ MiB are"
    ):
        require_space(tmp_path / "not-yet", 1 << 60, "jars")


def test_a_directory_in_use_names_its_holder(tmp_path: Path) -> None:
    with (
        sole_use(tmp_path),
        pytest.raises(Unavailable, match=rf"used by another instance \(pid {os.getpid()}\)"),
        sole_use(tmp_path),
    ):
        pass


def test_a_directory_is_free_again_after_use(tmp_path: Path) -> None:
    with sole_use(tmp_path):
        pass
    with sole_use(tmp_path):
        pass


def test_a_file_in_the_way_of_the_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(Unavailable, match="cannot create the directory"):
        make_directory(tmp_path / "data" / "embedded")


def test_only_abandoned_temporary_directories_are_removed(tmp_path: Path) -> None:
    ended = subprocess.run(["/bin/sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout
    for name in ("x-abandoned", "x-in-use", "x-about-to-be-taken", "stranger"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in-use.lock").write_text(ended)
    (tmp_path / "x-about-to-be-taken" / "in-use.lock").write_text("")

    with sole_use(tmp_path / "x-in-use"):
        remove_abandoned(tmp_path, "x-")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["stranger", "x-about-to-be-taken", "x-in-use"]
