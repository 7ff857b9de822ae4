"""Worker and trainer are started again when they end, but not for ever."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stream_app.demo import staff
from stream_app.demo.staff import Hand
from stream_app.errors import WorkFailed


class Script(Hand):
    """A hand that runs a line of shell instead of a worker."""

    script = "sleep 100"

    def command(self) -> Sequence[str]:
        return ["/bin/sh", "-c", self.script]


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Not started; restarts come quickly."""
    monkeypatch.setattr(staff, "_FIRST_PAUSE_S", 0.01)
    made = Script("worker", tmp_path / "worker", {}, [])
    yield made
    made.stop()


def look_after(hand: Script) -> None:
    """Mend it until it is given up."""
    while True:
        hand.mend(lambda _: None)


def test_one_that_was_killed_is_started_again_and_it_is_said(hand: Script) -> None:
    said: list[str] = []
    hand.launch()
    first = hand.process
    assert first is not None
    hand.mend(said.append)
    assert said == []

    hand.kill()
    deadline = time.monotonic() + 20
    while hand.process is None and time.monotonic() < deadline:
        hand.mend(said.append)

    assert hand.process is not None
    assert hand.process.pid != first.pid
    assert len(said) == 1
    assert "ended unexpectedly" in said[0]
    assert str(hand.log) in said[0]


def test_one_that_ends_again_and_again_ends_the_demo_with_its_last_words(hand: Script) -> None:
    hand.script = "echo lifecycle: no such thing >&2; exit 1"
    hand.launch()

    with pytest.raises(
        WorkFailed, match=r"the worker ended 6 times .*no such thing.*its log is .*server.log"
    ):
        look_after(hand)


def test_the_command_of_a_hand_is_the_ordinary_one_with_its_settings(tmp_path: Path) -> None:
    made = Hand("trainer", tmp_path, {"LIFECYCLE_KAFKA": "k:1"}, ["--lifecycle", "saas"])

    line = list(made.command())

    assert "LIFECYCLE_KAFKA=k:1" in line
    assert f"LIFECYCLE_METRICS__PORT={made.port}" in line
    assert line[-5:] == ["-m", "stream_app", "trainer", "--lifecycle", "saas"]
