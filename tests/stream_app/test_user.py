"""Whoever runs a command has a name, or at least a number."""

import getpass
import os

import pytest

from stream_app.user import user


def test_a_number_without_a_name_stands_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers may run under a number that no file knows."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654)

    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    assert user() == "987654"
