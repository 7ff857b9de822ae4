"""Progress goes to standard error, in lines where nobody watches a bar."""

import pytest

from stream_app.embedded.progress import StandardError


def test_without_a_terminal_each_quarter_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with StandardError() as listener:
        listener.say("downloading [2 files]")
        for done in range(0, 41_000_000, 1_000_000):
            listener.downloaded(done, 40_000_000)

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "downloading [2 files]",
        "downloaded 10 of 40 MB",
        "downloaded 20 of 40 MB",
        "downloaded 30 of 40 MB",
        "downloaded 40 of 40 MB",
    ]
