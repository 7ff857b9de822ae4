"""The command line: quick help, one line for an error, exit codes that scripts can rely on."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream_app import cli
from stream_app.bundled import bundled
from stream_app.errors import LifecycleAppError, Misconfigured, Unavailable, WorkFailed


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    """Return the exit code of a command that ends with *error*."""

    def failing() -> None:
        raise error

    def found(_name: str) -> Callable[..., Any]:
        return failing

    monkeypatch.setattr(cli, "_function", found)
    return cli.run(["status"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("wrong"), 2),
        (Unavailable("gone"), 1),
        (WorkFailed("broken"), 1),
        (LifecycleAppError("other", exit_code=3), 3),
    ],
)
def test_each_error_has_its_exit_code_and_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: LifecycleAppError, code: int
) -> None:
    assert ending(monkeypatch, error) == code
    assert capsys.readouterr().err == f"lifecycle: {error}\n"


def test_an_unexpected_error_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LIFECYCLE_TRACEBACK", raising=False)

    assert ending(monkeypatch, RuntimeError("first\nsecond")) == 1
    assert capsys.readouterr().err == (
        "lifecycle: unexpected RuntimeError: first second (LIFECYCLE_TRACEBACK=1 shows where)\n"
    )


def test_an_unexpected_error_shows_where_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_TRACEBACK", "1")

    with pytest.raises(RuntimeError):
        ending(monkeypatch, RuntimeError("first"))


def test_control_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "lifecycle: stopped\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["check", "--nonsense"],
        ["show"],
        ["topics", "--partitions", "x"],
        ["backtest", "bundled", "--format", "foo"],
        ["replay", "bundled", "--format", "foo"],
        ["replay", "bundled", "--format", "cdnow"],
        ["gateway", "--port", "99999999"],
        ["erase", ""],
        ["unmerge", " "],
    ],
)
def test_wrong_usage_is_one_line_and_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2

    said = capsys.readouterr().err
    assert said.startswith("lifecycle: ")
    assert said.count("\n") == 1


def test_a_wrong_value_of_a_flag_names_the_flag_that_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["gateway", "--port", "99999999"]) == 2
    assert capsys.readouterr().err.startswith("lifecycle: flag --port: ")


def test_a_redis_that_is_away_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "c1", "--redis", "redis://127.0.0.1:1"]) == 1

    said = capsys.readouterr().err
    assert said.startswith("lifecycle: the customer of id 'c1' cannot be looked up: Redis: ")
    assert said.count("\n") == 1


def test_the_list_of_commands_names_each_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0

    said = capsys.readouterr().out
    assert all(name in said for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: lifecycle {name}")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lifecycle ")


def test_help_imports_no_command_and_answers_at_once() -> None:
    code = (
        "import sys; from stream_app import cli; cli.run(['--help']);"
        "heavy = {'pydantic', 'faust', 'river', 'redis', 'aiokafka', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    started = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert time.perf_counter() - started < 5  # it takes 0.2 s; the machine may be busy


def test_a_character_that_the_terminal_lacks_costs_no_result(tmp_path: Path) -> None:
    measures = tmp_path / "\u25b2.toml"
    measures.write_bytes(bundled("measures.toml").read_bytes())
    variables = {"PYTHONIOENCODING": "latin-1", "LIFECYCLE_EVENTS__MEASURES": str(measures)}
    command = [sys.executable, "-m", "stream_app", "check"]
    ended = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert b"\\u25b2.toml" in ended.stdout


def test_a_reader_that_went_away_is_no_error_message() -> None:
    command = f"{sys.executable} -m stream_app check --features | head -n 1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert ended.stdout.startswith("events")
    assert ended.stderr == ""
