"""Which topics does the service read and write, and how must Kafka keep them?

Each topic is declared here, once. Source topics, ticks and everything that belongs to one customer have the
same partition count, so that a customer is in the same partition everywhere.

Every topic but the changelog carries the time of its arrival at the broker (``LogAppendTime``), not the time
that a producer claims: otherwise Kafka would delete years of history on the day it is replayed, because each
record looks older than the retention, and refuse producers whose clock is ahead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stream_app.settings import Settings

SOURCES = ("clickstream", "email", "purchases", "service", "social", "ads")
"""Short names of the topics that bring events."""

IDENTITIES = "identities"
"""Short name of the topic by which ids of one person find together."""

READ = (*SOURCES, "ticks", IDENTITIES)
"""Short names of what a partition's lane reads; their places are the sources in offsets and stamps. Append only."""

LARGEST_RECORD = 10 * 1024 * 1024
"""Bytes: values of 8 MiB with key, headers and batch. Larger values than events may have must get in too, to
become dead letters rather than a producer's problem."""

LARGEST_LETTER = LARGEST_RECORD + 1024 * 1024
"""Bytes of the largest dead letter: the largest record, with where it stood and why it was refused."""

_FOREVER = -1
_LIMIT = {"max.message.bytes": str(LARGEST_RECORD)}
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(64 * 1024 * 1024),
    "segment.ms": "600000",  # the open segment is never compacted: close it every ten minutes
    "min.cleanable.dirty.ratio": "0.1",
}


@dataclass(frozen=True)
class Topic:
    """One topic as the service needs it.

    Args:
        name: Full name.
        partitions: How many it must have, exactly.
        replicas: How many copies a new one gets.
        config: Settings of a new one, by Kafka's names.
        external: Whether others own it, who may limit the size of their messages.
        single: Whether it has one partition whatever is configured, because it is one sequence.
    """

    name: str
    partitions: int
    replicas: int = 1
    config: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    single: bool = False

    @property
    def cleanup_policy(self) -> str:
        """What happens to old records: ``delete`` or ``compact``."""
        return self.config.get("cleanup.policy", "delete")

    @property
    def retention_ms(self) -> int:
        """Milliseconds for which records are kept, -1 for ever."""
        return int(self.config.get("retention.ms", _FOREVER))

    @property
    def summary(self) -> str:
        """How it is kept, in words."""
        if self.cleanup_policy == "compact":
            return "latest record of each key"
        return (
            "kept for ever"
            if self.retention_ms == _FOREVER
            else f"kept {self.retention_ms / 86_400_000:g} days"
        )

    @property
    def facts(self) -> dict[str, str | int]:
        """What a program may want to know."""
        return {
            "partitions": self.partitions,
            "cleanup_policy": self.cleanup_policy,
            "retention_ms": self.retention_ms,
        }


def changelog_name(settings: Settings) -> str:
    """Return the name that Faust gives the changelog of the profile table: app id, table, ``changelog``.

    Args:
        settings: Where the prefix is.

    Examples:
        >>> changelog_name(Settings())
        'lifecycle-profiles-changelog'
    """
    return f"{settings.prefix}-profiles-changelog"


def declare(settings: Settings) -> tuple[Topic, ...]:
    """Declare every topic.

    Args:
        settings: Prefix, partition count, replication and retention.

    Returns:
        All topics, sources first.

    Examples:
        >>> [topic.name for topic in declare(Settings())][:3]
        ['lifecycle.clickstream', 'lifecycle.email', 'lifecycle.purchases']
        >>> sum(topic.partitions for topic in declare(Settings()))
        106
    """
    per_customer, replicas = settings.topics.partitions, settings.topics.replication_factor

    def topic(name: str, partitions: int, config: Mapping[str, str], *, external: bool = False) -> Topic:
        return Topic(name, partitions, replicas, {**_LIMIT, **config}, external)

    source = _kept(settings.topics.source_retention)
    output = _kept(settings.topics.output_retention)
    prefix = settings.topic_prefix
    return (
        *(topic(prefix + name, per_customer, source, external=True) for name in SOURCES),
        # Also carries the requests to erase or republish, so it outlives a long holiday of the workers.
        topic(f"{prefix}ticks", per_customer, output),
        # What two ids of one person write to each other: a worker that comes back after a holiday must still find it.
        topic(f"{prefix}{IDENTITIES}", per_customer, output),
        topic(f"{prefix}merges", per_customer, _kept(_FOREVER)),
        topic(f"{prefix}stage-changes", per_customer, output),
        topic(f"{prefix}churn-alerts", per_customer, output),
        topic(f"{prefix}dead-letters", per_customer, {**output, "max.message.bytes": str(LARGEST_LETTER)}),
        # Models are rebuilt from all examples when a snapshot no longer fits.
        replace(topic(f"{prefix}training", 1, _kept(_FOREVER)), single=True),
        replace(
            topic(f"{prefix}models", 1, {**_COMPACTED, "message.timestamp.type": "LogAppendTime"}),
            single=True,
        ),
        topic(changelog_name(settings), per_customer, {**_COMPACTED, **_SETTLED}),
    )


_SETTLED = {
    # Recovery reads the changelog while workers write it: leave a minute in peace, and no hour uncompacted.
    "min.compaction.lag.ms": "60000",
    "max.compaction.lag.ms": "3600000",
}


def _kept(retention: int) -> dict[str, str]:
    """Settings of a topic that forgets by age.

    Args:
        retention: Microseconds, -1 for ever.
    """
    milliseconds = _FOREVER if retention == _FOREVER else max(1, retention // 1000)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(milliseconds),
        "retention.bytes": str(_FOREVER),
        "message.timestamp.type": "LogAppendTime",
    }
