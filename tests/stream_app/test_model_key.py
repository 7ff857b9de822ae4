from pathlib import Path
from stat import S_IMODE

import pytest

from stream_app.errors import Misconfigured, Unavailable
from stream_app.model_key import model_key


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    key = model_key(None, tmp_path / "data")
    assert len(key) >= 32
    assert model_key(None, tmp_path / "data") == key
    assert S_IMODE((tmp_path / "data" / "model.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["model.key"]


def test_a_configured_key_wins_and_leaves_no_file(tmp_path: Path) -> None:
    assert model_key("k" * 20, tmp_path) == b"k" * 20
    assert not list(tmp_path.iterdir())


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"models\.key"):
        model_key("short", tmp_path)
    (tmp_path / "model.key").write_text("")
    with pytest.raises(Misconfigured, match="0 bytes"):
        model_key(None, tmp_path)


def test_a_directory_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="make the directory writable"):
        model_key(None, tmp_path / "file")
