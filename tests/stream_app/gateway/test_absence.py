"""That Kafka is away is told when it begins, rarely while it lasts, and when it is over."""

from structlog.testing import capture_logs

from stream_app.gateway.absence import Absence


def test_an_absence_of_ten_minutes_is_told_in_three_lines() -> None:
    now = 1000.0
    absence = Absence(lambda: now)

    with capture_logs() as logs:
        for _ in range(600):
            absence.noticed("nobody listens")
            now += 1
        absence.over("k:1")

    assert [(each["event"], each["log_level"]) for each in logs] == [
        ("kafka is away", "warning"),
        ("kafka is still away", "warning"),
        ("kafka is there", "info"),
    ]
    assert (logs[0]["reason"], logs[1]["seconds"], logs[2]["away_seconds"]) == ("nobody listens", 300, 600)


def test_each_absence_is_told_anew_and_a_quick_start_is_none() -> None:
    absence = Absence(lambda: 0.0)

    with capture_logs() as logs:
        absence.over("k:1")
        absence.noticed("refused")
        absence.over("k:1")
        absence.noticed("refused")

    assert [each["event"] for each in logs] == [
        "kafka is there",
        "kafka is away",
        "kafka is there",
        "kafka is away",
    ]
    assert "away_seconds" not in logs[0]
