"""What others wrote is shown as it is, and whole: in a pipe and on a terminal of any width."""

import asyncio
import json
from pathlib import Path

import orjson
import pytest

from stream_app import cli
from stream_app.delivery.attempts import Attempt, AttemptLog, log_path
from stream_app.printing import Printer, rows
from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import connect

ODD = ["crm:id:17", "[/x]", "[red]a", "0b6f7c1e-8b7e-4f4e-9d61-6f0c1f6d2a10:de:" + "x" * 90]


@pytest.mark.parametrize("text", ODD)
def test_a_row_is_one_line_that_holds_the_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = rows("id", "why")
    table.add_row(text, "because " * 40)
    Printer().print(table)

    _, line = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{text} ")
    assert line.count("because") == 40


def test_a_narrow_terminal_folds_and_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # is taken for a terminal
    monkeypatch.setenv("COLUMNS", "40")
    table = rows("id", "why")
    table.add_row(ODD[-1], "because")
    Printer(stderr=False).print(table)

    said = capsys.readouterr().out
    assert "…" not in said
    assert said.count("x") == ODD[-1].count("x")


def test_nobody_steers_the_terminal_with_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    Printer().print("a\x1b[2Jb\nc")

    assert capsys.readouterr().out == "a\\x1b[2Jb\\nc\n"


@pytest.mark.integration
def test_alerts_name_customers_as_they_are_called(
    redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_PREFIX", "printing")

    async def raise_alerts() -> None:
        client = connect(redis_url)
        told = {"lifecycle": "six-stage", "status": "raised", "stage": "loyal", "churn_risk": 0.9}
        when = {"event_time": "2026-03-01T12:00:00Z", "raised_at": "2026-03-01T12:00:00Z"}
        try:
            book = AlertBook(client, "printing:", ["six-stage"])
            await book.write(
                [orjson.dumps({"customer_id": name, "version": 1, **told, **when}) for name in ODD]
            )
        finally:
            await client.aclose()

    asyncio.run(raise_alerts())

    assert cli.run(["alerts", "--redis", redis_url]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]} == set(ODD)
    for name in ODD:
        assert cli.run(["alerts", "ack", name, "--note", "[done]", "--redis", redis_url]) == 0
        said = capsys.readouterr().out
        assert f"{name} in six-stage" in said
        assert "[done]" in said


def test_deliveries_show_what_the_destination_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = AttemptLog(log_path(tmp_path, "lifecycle", "crm"))
    error = 'HTTP 422 {"errors": [/contact/email] is :x: wrong}'
    for at, name in enumerate(ODD):
        log.add(Attempt(at, f"{name}:1", name, "stage-change", "loyal", 1, "refused", 422, 0.1, error))
    log.close()

    assert cli.run(["deliveries", "crm", "--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()[1:]
    assert all(line.rstrip().endswith(error) for line in said)
    assert {line.split()[1] for line in said} == {f"{name}:1" for name in ODD}
    assert cli.run(["deliveries", "crm", "--data-dir", str(tmp_path), "--json"]) == 0
    assert {row["customer"] for row in json.loads(capsys.readouterr().out)} == set(ODD)
