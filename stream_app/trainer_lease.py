"""Which of several trainers may learn and publish?

Two of Kafka's own means together. A consumer group gives the only partition of the training topic to one
member at a time; the others wait. And whoever gets it opens a producer with the one transactional id, which
fences every earlier one: a trainer that was paused and comes back late cannot publish any more.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

TRANSACTION_MS = 10_000  # how long a dead trainer's open transaction can hold up readers
MOST_REQUEST_BYTES = 4 * 1024 * 1024


class Lease(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is not typed
    """Membership in the group of trainers.

    Args:
        partition: The partition that only one member has.

    Attributes:
        epoch: Grows with every change of hands; work begun under an older one is void.
        held: Whether this member has the partition now.
    """

    def __init__(self, partition: TopicPartition) -> None:
        self.partition = partition
        self.epoch = 0
        self.held = False

    def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Note that the partition may have gone to another member."""
        self.epoch += 1
        self.held = False

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note whether the partition is ours."""
        self.epoch += 1
        self.held = self.partition in assigned


def member(client: Mapping[str, Any], prefix: str, lease: Lease, session_timeout_ms: int) -> AIOKafkaConsumer:
    """Make the consumer that takes part in the group.

    Offsets are never committed: the one that counts is inside the snapshot.

    Args:
        client: Connection options.
        prefix: What the group's name starts with, dot included.
        lease: Told of changes.
        session_timeout_ms: After this long without a heartbeat a standby takes over.
    """
    consumer = AIOKafkaConsumer(
        **client,
        group_id=f"{prefix}trainer",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=session_timeout_ms,
        heartbeat_interval_ms=max(session_timeout_ms // 4, 100),
        partition_assignment_strategy=(StickyPartitionAssignor,),  # a standby that joins takes nothing away
    )
    consumer.subscribe([lease.partition.topic], listener=lease)
    return consumer


def fencing_producer(client: Mapping[str, Any], prefix: str) -> AIOKafkaProducer:
    """Make the producer whose start fences every earlier trainer and ends its open transaction."""
    return AIOKafkaProducer(
        **client,
        transactional_id=f"{prefix}trainer",
        transaction_timeout_ms=TRANSACTION_MS,
        max_request_size=MOST_REQUEST_BYTES,
        compression_type="lz4",
    )
