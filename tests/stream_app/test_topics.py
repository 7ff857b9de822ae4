"""Every topic is declared once, in a way that loses nothing."""

import pytest

from stream_app.settings import Settings
from stream_app.topic_admin import contradiction
from stream_app.topics import SOURCES, Topic, changelog_name, declare

BY_NAME = {topic.name: topic for topic in declare(Settings())}
PURCHASES = BY_NAME["lifecycle.purchases"]
MODELS = BY_NAME["lifecycle.models"]


def test_everything_that_belongs_to_one_customer_has_the_same_partition_count() -> None:
    settings = Settings.model_validate({"topics": {"partitions": 5}})

    counts = {topic.name: topic.partitions for topic in declare(settings)}

    assert {name for name, count in counts.items() if count == 1} == {
        "lifecycle.training",
        "lifecycle.models",
    }
    assert set(counts.values()) == {1, 5}
    assert {f"lifecycle.{source}" for source in SOURCES} < set(counts)


def test_a_replay_of_old_history_is_not_deleted_for_its_age() -> None:
    aging = [topic for topic in BY_NAME.values() if topic.retention_ms != -1]

    assert aging
    assert all(topic.config["message.timestamp.type"] == "LogAppendTime" for topic in aging)


def test_the_changelog_is_compacted_and_named_as_faust_names_it() -> None:
    changelog = BY_NAME[changelog_name(Settings())]

    assert changelog.name == "lifecycle-profiles-changelog"
    assert changelog.cleanup_policy == "compact"
    assert changelog.retention_ms == -1


def test_the_prefix_of_a_tenant_is_in_every_name() -> None:
    assert all(topic.name.startswith("acme") for topic in declare(Settings(prefix="acme")))


def test_a_topic_as_declared_fits() -> None:
    assert all(contradiction(topic, topic.partitions, topic.config) is None for topic in BY_NAME.values())


@pytest.mark.parametrize(
    ("topic", "partitions", "config", "words"),
    [
        (PURCHASES, 4, {}, "has 4 partitions, expected 8"),
        (PURCHASES, 8, {"cleanup.policy": "compact"}, "has cleanup.policy=compact, expected delete"),
        (PURCHASES, 8, {"retention.ms": "60000"}, "has retention.ms=60000, expected"),
        (
            MODELS,
            1,
            {"cleanup.policy": "compact,delete"},
            "has cleanup.policy=compact,delete, expected compact",
        ),
        (MODELS, 1, {"max.message.bytes": "1048588"}, "has max.message.bytes=1048588, expected 10485760"),
    ],
)
def test_a_contradiction_names_topic_found_and_expected(
    topic: Topic, partitions: int, config: dict[str, str], words: str
) -> None:
    assert f"topic {topic.name} {words}" in (contradiction(topic, partitions, config) or "")


def test_a_topic_of_one_partition_is_not_blamed_on_the_setting_for_the_others() -> None:
    training = BY_NAME["lifecycle.training"]
    said = contradiction(training, 2, training.config) or ""

    assert "has 2 partitions, expected 1: " in said
    assert "topics.partitions" not in said
    assert "topics.partitions" in (contradiction(PURCHASES, 2, PURCHASES.config) or "")


def test_what_loses_nothing_is_accepted() -> None:
    longer = {"cleanup.policy": "delete", "retention.ms": "-1"}
    smaller_messages = {**PURCHASES.config, "max.message.bytes": "1048588"}

    assert contradiction(PURCHASES, 8, longer) is None
    assert contradiction(PURCHASES, 8, smaller_messages) is None
