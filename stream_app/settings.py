"""What can be configured, and what holds when nothing is?

One frozen tree of settings. A value comes from the file, is overridden by ``LIFECYCLE_*`` variables (sections
joined with two underscores: ``LIFECYCLE_TOPICS__PARTITIONS``), and those by flags. Nothing below the commands
reads the environment. Every setting is explained in ``config/README.md``; ``config/lifecycle.toml`` spells
out the defaults.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from scorers.durations import parse_duration
from stream_app.bundled import bundled
from stream_app.setting_sources import Sources, validated
from stream_app.setting_types import REDIS_SCHEMES, Duration, Instant, Interval, Names, Retention, Shares

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Prefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
_us: Final = parse_duration


def _default_data_dir() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "lifecycle"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)


class KafkaSecurity(_Section):
    """How the brokers are spoken to; the embedded Kafka needs none of it."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _sasl_names_a_user(self) -> Self:
        if self.protocol.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"protocol {self.protocol} needs username and password")
        return self


class Topics(_Section):
    """The topics that ``lifecycle topics`` creates and checks."""

    partitions: Positive = 8
    replication_factor: Positive = 1
    source_retention: Retention = _us("30d")
    output_retention: Retention = _us("30d")


class Events(_Section):
    """Which events are accepted, and what their names mean."""

    allowed_lateness: Duration = _us("1h")
    dedup_window: Annotated[int, Field(ge=1, le=4096)] = 128
    max_event_bytes: Positive = 1_048_576
    max_future: Duration = _us("1d")
    earliest: Instant = 631_152_000_000_000  # 1990-01-01T00:00:00Z
    max_amount: Annotated[float, Field(gt=0)] = 1e12
    measures: Path | None = None

    @property
    def measures_file(self) -> Path:
        """The file that says which event name counts as what, and what currencies are worth."""
        return self.measures or bundled("measures.toml")


class Identity(_Section):
    """How many anonymous ids are one customer, and how long that can be undone."""

    most_ids: Annotated[int, Field(ge=1, le=1000)] = 64
    undo_window: Duration = _us("7d")


class Labels(_Section):
    """How often a score is kept to be learned from; the horizons stand in the lifecycle files."""

    ask_every: Interval = _us("30d")
    max_pending: Positive = 4


class Scoring(_Section):
    """How often silence is re-scored, and which changes of risk are worth a publication."""

    rescore_every: Interval = _us("7d")
    risk_step: Share = 0.05
    alert_threshold: Share = 0.8
    alert_thresholds: Shares = {"high": 0.7}
    alert_hysteresis: Share = 0.1
    alert_cool_down: Duration = _us("7d")


class Worker(_Section):
    """How a worker reads, stores and delivers."""

    session_timeout: Interval = _us("15s")
    heartbeat: Interval = _us("3s")
    table_store: Literal["memory", "rocksdb"] = "memory"
    delivery: Literal["runs", "single"] = "runs"
    batch_records: Positive = 10_000
    fetch_wait: Duration = _us("100ms")
    commit_interval: Duration = _us("1s")
    tick_interval: Interval = _us("1s")
    tick_patience: Duration = _us("30s")
    stalled_after: Interval = _us("5m")

    @model_validator(mode="after")
    def _several_heartbeats_fit_a_session(self) -> Self:
        if self.heartbeat * 3 > self.session_timeout:
            raise ValueError("heartbeat must be at most a third of session_timeout")
        return self


class Sink(_Section):
    """What the Redis sink keeps."""

    stream_maxlen: Positive = 1_000_000


class Deliver(_Section):
    """What the process that delivers to others keeps."""

    keep_attempts: Interval = _us("30d")


class Models(_Section):
    """How models travel from the trainer to the workers."""

    key: SecretStr | None = None
    broadcast_every: Interval = _us("10s")


class WriteKey(_Section):
    """Who may send events, and for whom they are."""

    key: Annotated[SecretStr, Field(min_length=1)]
    tenant: Prefix | None = None
    events_per_second: Positive | None = None


class ReadKey(_Section):
    """Who may read profiles, and of whom."""

    key: Annotated[SecretStr, Field(min_length=1)]
    tenant: Prefix | None = None


class Webhook(_Section):
    """A sender that signs what it sends, or names itself by a secret."""

    secret: Annotated[SecretStr, Field(min_length=1)] | None = None
    source: str | None = None
    url: str | None = None
    tenant: Prefix | None = None


class Gateway(_Section):
    """How events come in over HTTP, and how profiles are read."""

    host: str = "127.0.0.1"
    port: Port = 8080
    keys: dict[str, WriteKey] = {}
    read_keys: dict[str, ReadKey] = {}
    webhooks: dict[str, Webhook] = {}
    cors_origins: Names = ("*",)
    events_per_second: Positive = 100_000
    max_body_bytes: Positive = 4_194_304
    max_queue_bytes: Positive = 67_108_864
    max_connections: Positive = 1024
    answer_within: Interval = _us("8s")
    request_timeout: Interval = _us("30s")


class ConsoleToken(_Section):
    """Who may look at the console, and whether they may act."""

    token: SecretStr
    role: Literal["reader", "operator"] = "reader"


class Console(_Section):
    """The web console: where it listens, who gets in, and how far its history reaches."""

    host: str = "127.0.0.1"
    port: Port = 8090
    tokens: dict[str, ConsoleToken] = {}
    session_key: Annotated[SecretStr, Field(min_length=16)] | None = None
    user_header: str | None = None
    trusted_proxies: Names = ()
    operators: Names = ()
    secure_cookie: bool = False
    keep_history: Retention = _us("1095d")
    metrics: Names = ()


class Metrics(_Section):
    """Where Prometheus scrapes this process; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: Port = 0


class Log(_Section):
    """How the process speaks."""

    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    hash_ids: bool = False


class Settings(_Section):
    """Everything that can be configured."""

    kafka: str = "localhost:9092"
    redis: Annotated[str, Field(repr=False)] = "redis://localhost:6379/0"
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(default_factory=_default_data_dir)
    prefix: Prefix = "lifecycle"
    lifecycles: Annotated[Names, Field(min_length=1)] = ("six-stage",)
    clock: Literal["wall", "event"] = "wall"
    destinations: Names = ()
    value_segments: dict[str, Annotated[float, Field(ge=0)]] = {"low": 0.0, "medium": 250.0, "high": 1000.0}
    kafka_security: KafkaSecurity = KafkaSecurity()
    topics: Topics = Topics()
    events: Events = Events()
    identity: Identity = Identity()
    labels: Labels = Labels()
    scoring: Scoring = Scoring()
    worker: Worker = Worker()
    sink: Sink = Sink()
    deliver: Deliver = Deliver()
    models: Models = Models()
    gateway: Gateway = Gateway()
    console: Console = Console()
    metrics: Metrics = Metrics()
    log: Log = Log()

    @property
    def brokers(self) -> tuple[str, ...]:
        """Kafka's bootstrap servers, one ``host:port`` each."""
        return tuple(part.strip() for part in self.kafka.split(",") if part.strip())

    @property
    def topic_prefix(self) -> str:
        """What every topic name starts with, dot included."""
        return f"{self.prefix}."

    @property
    def redis_prefix(self) -> str:
        """What every Redis key starts with, colon included."""
        return f"{self.prefix}:"

    @field_validator("kafka", mode="after")
    @classmethod
    def _brokers_have_ports(cls, text: str) -> str:
        parts = [part.strip() for part in text.split(",")]
        for part in parts:
            host, colon, port = part.rpartition(":")
            if not (colon and host and port.isdecimal() and 0 < int(port) < 65_536):
                raise ValueError(f"{part!r} is no address; write host:port, several separated by commas")
        return ",".join(parts)

    @field_validator("redis", mode="after")
    @classmethod
    def _redis_is_a_url(cls, text: str) -> str:
        if "://" not in text:
            raise ValueError("is no URL; write for example redis://host:6379/0, rediss:// for TLS")
        scheme = text.partition("://")[0]
        if scheme not in REDIS_SCHEMES:
            named = (
                f"begins with {scheme}://, which" if scheme.isalnum() else "begins with what"
            )  # no password
            known = ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES)
            raise ValueError(f"{named} is no scheme of a Redis URL; use one of {known}")
        return text


def load_settings(
    config: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    **flags: Any,
) -> Settings:
    """Return the settings of this process: file, then environment, then flags.

    Args:
        config: File given by ``--config``; by default ``LIFECYCLE_CONFIG``, else the defaults hold.
        environment: Variables to read; by default those of the process.
        **flags: Settings given as flags; ``None`` means not given. A section is a mapping:
            ``topics={"partitions": 4}``.

    Raises:
        Misconfigured: In one line: what is wrong, in which file, line and key or variable, and the nearest
            name.

    Examples:
        >>> load_settings(environment={"LIFECYCLE_TOPICS__PARTITIONS": "4"}, kafka="k1:9092,k2:9092").brokers
        ('k1:9092', 'k2:9092')
    """
    return validated(
        Settings, Sources.read(config, os.environ if environment is None else environment, flags)
    )
