import io

import pytest
from rich.console import Console

from stream_app import progress_display
from stream_app.progress_display import ProgressDisplay


def shown(*, terminal: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, highlight=False)
    with ProgressDisplay("replaying x", console) as display:
        display.show(250, 1000, "250 events")
        display.show(500, 1000, "500 events")
    return stream.getvalue()


def test_where_nobody_watches_there_are_plain_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_display, "_FIRST_LINE_AFTER", 0.0)

    assert shown(terminal=False) == "replaying x (25%): 250 events\n"


def test_short_work_is_silent() -> None:
    assert shown(terminal=False) == ""


def test_a_terminal_gets_a_bar_that_ends_with_the_last_figures() -> None:
    assert "500 events" in shown(terminal=True)
    assert "\x1b[" in shown(terminal=True)
