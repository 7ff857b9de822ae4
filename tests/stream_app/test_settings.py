"""File, then environment, then flags; and a wrong value is named where it can be corrected."""

from pathlib import Path

import pytest

from stream_app.bundled import bundled
from stream_app.errors import Misconfigured
from stream_app.setting_types import FOREVER
from stream_app.settings import Settings, load_settings

DAY = 86_400_000_000


def written(folder: Path, text: str) -> Path:
    """Return a configuration file that says *text*."""
    file = folder / "my.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(file: Path | None = None, *, environment: dict[str, str] | None = None, **flags: object) -> str:
    """Return the sentence with which these settings are refused."""
    with pytest.raises(Misconfigured) as caught:
        load_settings(file, environment=environment or {}, **flags)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


def test_the_bundled_file_spells_out_exactly_the_defaults() -> None:
    assert load_settings(bundled("lifecycle.toml"), environment={}) == Settings()


def test_the_environment_overrides_the_file_and_flags_override_both(tmp_path: Path) -> None:
    file = written(tmp_path, 'kafka = "f:1"\nredis = "redis://f:1"\nprefix = "file"\n')
    environment = {"LIFECYCLE_KAFKA": "e:1", "LIFECYCLE_REDIS": "redis://e:1"}

    settings = load_settings(file, environment=environment, kafka="a:1,b:2")

    assert (settings.brokers, settings.redis) == (("a:1", "b:2"), "redis://e:1")
    assert (settings.topic_prefix, settings.redis_prefix) == ("file.", "file:")


def test_a_section_keeps_what_a_later_source_does_not_mention(tmp_path: Path) -> None:
    file = written(tmp_path, "[topics]\npartitions = 4\nreplication_factor = 3\n")

    topics = load_settings(file, environment={"LIFECYCLE_TOPICS__PARTITIONS": "12"}).topics

    assert (topics.partitions, topics.replication_factor) == (12, 3)


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert load_settings(environment={}, kafka=None, lifecycles=[], topics={"partitions": None}) == Settings()


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = written(tmp_path, 'clock = "event"\n')

    assert load_settings(environment={"LIFECYCLE_CONFIG": str(file)}).clock == "event"


def test_durations_carry_their_unit_and_are_microseconds_inside() -> None:
    environment = {
        "LIFECYCLE_LABELS__ASK_EVERY": "36h",
        "LIFECYCLE_TOPICS__SOURCE_RETENTION": "forever",
        "LIFECYCLE_EVENTS__EARLIEST": "1970-01-02T00:00:00Z",
    }
    settings = load_settings(environment=environment)

    assert settings.labels.ask_every == DAY * 3 // 2
    assert settings.topics.source_retention == FOREVER
    assert settings.events.earliest == DAY


def test_lists_and_tables_can_be_given_as_variables() -> None:
    environment = {"LIFECYCLE_LIFECYCLES": "win-back, saas", "LIFECYCLE_VALUE_SEGMENTS__VIP": "5000"}

    settings = load_settings(environment=environment)

    assert settings.lifecycles == ("win-back", "saas")
    assert settings.value_segments == {"vip": 5000.0}


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path) -> None:
    lists = 'lifecycles = ["mine.toml", "saas"]\ndestinations = ["crm.toml", "webhook"]\n'
    file = written(tmp_path, f'{lists}[events]\nmeasures = "names.toml"\n')

    settings = load_settings(file, environment={})

    assert settings.lifecycles == (str(tmp_path / "mine.toml"), "saas")
    assert settings.destinations == (str(tmp_path / "crm.toml"), "webhook")
    assert settings.events.measures_file == tmp_path / "names.toml"


def test_an_unknown_key_is_refused_with_file_line_and_nearest_name(tmp_path: Path) -> None:
    file = written(tmp_path, '# mine\nkafka = "k:1"\n\n[topics]\nreplication_factor = 3\npartitons = 4\n')

    assert refusal(file) == f"{file}:6: topics.partitons: unknown setting; did you mean partitions?"


def test_an_unknown_section_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    file = written(tmp_path, "[worker]\n[topic]\npartitions = 4\n")

    assert refusal(file) == f"{file}:2: topic: unknown setting; did you mean topics?"


def test_an_unknown_variable_is_refused_by_its_own_name() -> None:
    assert refusal(environment={"LIFECYCLE_KAFKAA": "k:1"}) == (
        "variable LIFECYCLE_KAFKAA: unknown setting; did you mean kafka?"
    )


def test_variables_that_kubernetes_injects_for_a_service_of_our_name_are_ignored() -> None:
    injected = {
        "LIFECYCLE_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "LIFECYCLE_GATEWAY_SERVICE_PORT_HTTP": "80",
        "LIFECYCLE_GATEWAY_PORT": "tcp://10.0.0.1:80",
        "LIFECYCLE_GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "LIFECYCLE_TEST_BROKER": "k:1",
    }
    assert load_settings(environment=injected) == Settings()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"kafka": "localhost"}, "flag --kafka: 'localhost' is no address; write host:port"),
        ({"kafka": "a:1,b:x"}, "flag --kafka: 'b:x' is no address"),
        ({"redis": "localhost:6379"}, "flag --redis: is no URL"),
        ({"clock": "sun"}, "flag --clock: Input should be 'wall' or 'event'"),
        ({"prefix": "a b"}, "flag --prefix: "),
        ({"topics": {"partitions": 0}}, "flag --partitions: Input should be greater than 0"),
        ({"gateway": {"port": 99_999_999}}, "flag --port: Input should be less than or equal to 65535"),
        ({"gateway": {"keys": {"flag-1": {"key": ""}}}}, "flag --write-key: "),
        (
            {"redis": "http://u:hunter2@x"},
            "flag --redis: begins with http://, which is no scheme of a Redis URL; use",
        ),
        ({"scoring": {"risk_step": 2}}, "flag --scoring-risk-step: "),
    ],
)
def test_a_wrong_flag_is_named(flags: dict[str, object], said: str) -> None:
    assert refusal(None, **flags).startswith(said)


@pytest.mark.parametrize("text", ["90", "ninety days", "-1d", "1y"])
def test_a_duration_without_a_known_unit_is_refused(text: str) -> None:
    sentence = refusal(environment={"LIFECYCLE_LABELS__ASK_EVERY": text})

    assert sentence.startswith(f"variable LIFECYCLE_LABELS__ASK_EVERY: '{text}' is no")
    assert "a number and a unit" in sentence


def test_a_bare_number_is_no_duration(tmp_path: Path) -> None:
    file = written(tmp_path, "[labels]\nask_every = 30\n")

    assert refusal(file).startswith(f"{file}:2: labels.ask_every: 30 has no unit")


@pytest.mark.parametrize(
    "name",
    ["LABELS__ASK_EVERY", "SCORING__RESCORE_EVERY", "WORKER__TICK_INTERVAL", "MODELS__BROADCAST_EVERY"],
)
def test_what_is_done_again_and_again_needs_a_pause(name: str) -> None:
    said = refusal(environment={f"LIFECYCLE_{name}": "0s"})
    assert said.startswith(f"variable LIFECYCLE_{name}: 0s is too short")


def test_a_data_directory_may_be_in_the_home_of_who_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert load_settings(environment={"LIFECYCLE_DATA_DIR": "~/state"}).data_dir == Path("/home/ann/state")


def test_a_heartbeat_that_does_not_fit_the_session_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, '[worker]\nheartbeat = "10s"\n')

    assert refusal(file) == f"{file}:1: worker: heartbeat must be at most a third of session_timeout"


def test_sasl_without_credentials_is_refused() -> None:
    assert "needs username and password" in refusal(
        environment={"LIFECYCLE_KAFKA_SECURITY__PROTOCOL": "SASL_SSL"}
    )


@pytest.mark.parametrize(
    "name", ["GATEWAY__WEBHOOKS__STRIPE__SECRET", "GATEWAY__KEYS__WEBSITE__KEY", "CONSOLE__SESSION_KEY"]
)
def test_a_secret_that_is_empty_is_refused(name: str) -> None:
    """A variable that was never filled would have anybody sign."""
    assert refusal(environment={f"LIFECYCLE_{name}": ""}).startswith(f"variable LIFECYCLE_{name}: ")


def test_a_setting_and_a_section_of_the_same_name_are_refused() -> None:
    environment = {"LIFECYCLE_KAFKA": "k:1", "LIFECYCLE_KAFKA__PORT": "1"}

    assert refusal(environment=environment).startswith(
        "variable LIFECYCLE_KAFKA__PORT: LIFECYCLE_KAFKA is set"
    )


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml").endswith("give another file with --config or LIFECYCLE_CONFIG")


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, "kafka = \n")

    assert refusal(file).startswith(f"{file}: is not TOML: ")
    assert "line 1" in refusal(file)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().topics.partitions = 3  # type: ignore[misc]


def test_no_secret_shows_in_the_text_of_settings() -> None:
    environment = {
        "LIFECYCLE_REDIS": "redis://u:hunter2@r:1",
        "LIFECYCLE_MODELS__KEY": "hunter2",
        "LIFECYCLE_KAFKA_SECURITY__PASSWORD": "hunter2",
    }
    assert "hunter2" not in repr(load_settings(environment=environment))
