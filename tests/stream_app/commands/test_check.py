"""``lifecycle check`` says what holds, or what is wrong, before anything runs."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stream_app import cli
from stream_app.bundled import bundled
from stream_app.settings import load_settings


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIFECYCLE_CONFIG", raising=False)


def test_it_prints_a_file_that_configures_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.run(["check", "--kafka", "a:1", "--lifecycle", "saas"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "printed.toml").write_text(printed, encoding="utf-8")

    again = load_settings(tmp_path / "printed.toml", environment={})

    assert again == load_settings(environment={}, kafka="a:1", lifecycles=["saas"])
    assert tomllib.loads(printed)["lifecycles"] == ["saas"]


def test_it_prints_json_with_the_stages_of_each_lifecycle(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--json", "--lifecycle", "six-stage", "--lifecycle", "b2b"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["settings"]["labels"]["ask_every"] == "30d"
    assert document["lifecycles"]["six-stage"]["stages"][0] == "awareness"
    assert document["event_names"] > 20


def test_it_prints_no_secret(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFECYCLE_REDIS", "redis://app:hunter2@localhost:6379/0")
    monkeypatch.setenv("LIFECYCLE_MODELS__KEY", "hunter2")
    monkeypatch.setenv("LIFECYCLE_GATEWAY__KEYS__WEBSITE__KEY", "hunter2")
    monkeypatch.setenv("LIFECYCLE_GATEWAY__WEBHOOKS__STRIPE__SECRET", "hunter2")
    monkeypatch.setenv("LIFECYCLE_KAFKA_SECURITY__PASSWORD", "hunter2")

    assert cli.run(["check"]) == 0
    assert cli.run(["check", "--json"]) == 0

    assert "hunter2" not in capsys.readouterr().out


def test_an_unknown_feature_in_a_lifecycle_file_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\n[[stage]]\nname = "a"\n[[stage]]\nname = "b"\nenter = "ordrs >= 1"\n',
        encoding="utf-8",
    )

    assert cli.run(["check", "--lifecycle", str(file)]) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"lifecycle: {file}:6: ")
    assert "orders" in said
    assert said.count("\n") == 1


def test_an_unknown_preset_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--lifecycle", "seven-stages"]) == 2
    said = capsys.readouterr().err
    assert "no such lifecycle preset (did you mean 'seven-stage'?); presets are b2b, " in said
    assert "; a file of your own" in said


def test_a_broken_measures_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text("kind = 1\n[oops]\n", encoding="utf-8")
    (tmp_path / "my.toml").write_text('[events]\nmeasures = "names.toml"\n', encoding="utf-8")

    assert cli.run(["check", "--config", str(tmp_path / "my.toml")]) == 2
    assert str(tmp_path / "names.toml") in capsys.readouterr().err


def test_a_destination_that_cannot_be_told_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "crm.toml").write_text('url = "https://a"\nspeed = 3\n', encoding="utf-8")
    (tmp_path / "my.toml").write_text('destinations = ["crm.toml"]\n', encoding="utf-8")

    assert cli.run(["check", "--config", str(tmp_path / "my.toml")]) == 2
    assert f"{tmp_path / 'crm.toml'}: speed: " in capsys.readouterr().err


def test_the_feature_catalogue_explains_every_feature(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--features", "--json"]) == 0

    features = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert features["days_since_last_order"]["unit"] == "days"
    assert all(one["meaning"] and one["source"] for one in features.values())


def test_services_that_do_not_answer_are_named_with_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["check", "--reachable", "--kafka", "127.0.0.1:1"]) == 1
    assert "Kafka does not answer at 127.0.0.1:1" in capsys.readouterr().err


def test_a_kafka_that_does_not_answer_is_told_in_one_line() -> None:
    command = [sys.executable, "-m", "stream_app", "check", "--reachable", "--kafka", "127.0.0.1:1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # logs go past capsys

    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("url", ["http://app:hunter2@x", "redis+sentinel://app:hunter2@x", "redis://x:port"])
def test_a_url_of_redis_that_no_worker_takes_is_refused_without_its_secret(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_REDIS", url)

    assert cli.run(["check"]) == 2
    captured = capsys.readouterr()
    assert "LIFECYCLE_REDIS: " in captured.err
    assert "hunter2" not in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


@pytest.mark.integration
def test_services_that_answer_are_named(
    kafka: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["check", "--reachable", "--json", "--kafka", kafka, "--redis", redis_url]) == 0

    services = json.loads(capsys.readouterr().out)["services"]
    assert services["kafka"] == f"1 broker at {kafka}"
    assert services["redis"].startswith("version ")


def test_keys_of_the_gateway_are_printed_as_tables_without_the_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_GATEWAY__KEYS__WEBSITE__KEY", "hunter2")

    assert cli.run(["check"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)

    assert list(printed["gateway"]["keys"]) == ["website"]
    assert printed["gateway"]["keys"]["website"]["key"] != "hunter2"


def test_a_sample_shows_which_events_a_payload_becomes(capsys: pytest.CaptureFixture[str]) -> None:
    sample = str(bundled("sources", "samples", "shopify.http"))

    assert cli.run(["check", "--sample", sample, "--source", "shopify", "--json"]) == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert outcome["topic"] == "lifecycle.purchases"
    assert outcome["event"]["properties"]["revenue"] == 59.99

    assert cli.run(["check", "--sample", sample, "--source", "shopify"]) == 0
    assert capsys.readouterr().out.startswith("lifecycle.purchases: {")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--sample", "x.json"], 2, "belong together"),
        (["--sample", "/nowhere.json", "--source", "stripe"], 2, "/nowhere.json: cannot be read"),
        (["--sample", "SAMPLE", "--source", "strip"], 2, "did you mean stripe?"),
        (["--sample", "SAMPLE", "--source", "shopify"], 1, "no rule applies to any payload"),
        (["--sample", "SAMPLE", "--source", "marketo"], 1, "no rule applies to any payload"),
    ],
)
def test_a_sample_that_fits_nothing_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    stripe = str(bundled("sources", "samples", "stripe.json"))

    assert cli.run(["check", *(stripe if word == "SAMPLE" else word for word in words)]) == code
    captured = capsys.readouterr().err
    assert said in captured
    assert captured.count("\n") == 1
