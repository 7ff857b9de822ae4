"""Logs speak to people or machines, and never tell a secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from stream_app import logs
from stream_app.settings import Log


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def said(log: Log, name: str = "test", **facts: object) -> str:
    """Return what one record looks like."""
    stream = io.StringIO()
    logs.configure(log, stream)
    structlog.get_logger(name).info("something happened", **facts)
    return stream.getvalue()


def test_a_record_is_one_json_object_on_one_line() -> None:
    line = said(Log(format="json"), partition=3, text="two\nlines")

    assert line.count("\n") == 1
    record = json.loads(line)
    assert (record["event"], record["level"], record["partition"]) == ("something happened", "info", 3)
    assert record["timestamp"].endswith("Z")


def test_what_is_no_terminal_gets_json_by_default() -> None:
    assert json.loads(said(Log()))["event"] == "something happened"


@pytest.mark.parametrize(("no_color", "escapes"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_its_user_wants_none(
    no_color: str, escapes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    logs.configure(Log(), stream)
    structlog.get_logger("colours").warning("something happened")

    assert ("\x1b[" in stream.getvalue()) == escapes


def test_people_get_plain_text() -> None:
    assert "something happened" in said(Log(format="console"), partition=3)


def test_records_of_libraries_take_the_same_form() -> None:
    stream = io.StringIO()
    logs.configure(Log(format="json"), stream)

    logging.getLogger("faust").warning("rebalanced %s", "now")

    assert json.loads(stream.getvalue())["event"] == "rebalanced now"


def test_a_library_that_repeats_itself_is_heard_once_a_minute_and_others_always() -> None:
    stream = io.StringIO()
    logs.configure(Log(format="json"), stream)
    (handler,) = logging.getLogger().handlers
    times = [*range(60), 61, 62]

    for name in ("aiokafka.client", "stream_app.worker"):
        for at in times:
            record = {"name": name, "levelno": logging.ERROR, "levelname": "ERROR", "created": 1e9 + at}
            handler.handle(logging.makeLogRecord({**record, "msg": "no node %s", "args": (1,)}))

    heard = [json.loads(line) for line in stream.getvalue().splitlines()]
    library = [each["event"] for each in heard if each["logger"] == "aiokafka.client"]
    assert library == ["no node 1", "no node 1 (and 59 times more before)"]
    assert len(heard) == len(library) + len(times)


def test_a_level_below_the_configured_one_is_silent() -> None:
    assert said(Log(level="error")) == ""


def test_customer_ids_are_hashed_on_request_and_only_then() -> None:
    assert json.loads(said(Log(), customer_id="c-17"))["customer_id"] == "c-17"

    hashed = json.loads(said(Log(hash_ids=True), customer_id="c-17"))["customer_id"]

    assert hashed == logs.hashed("c-17") != "c-17"


def test_secrets_are_redacted_wherever_they_stand() -> None:
    line = said(
        Log(),
        password="hunter2",  # noqa: S106 - what must not show
        url="redis://u:hunter2@h",
        options={"sasl_plain_password": "hunter2"},
    )

    assert "hunter2" not in line
    assert logs.REDACTED in line
