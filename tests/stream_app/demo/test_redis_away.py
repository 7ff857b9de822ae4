"""Without its Redis a demo goes on, says so once, and starts it again."""

import time
from pathlib import Path

import pytest

from stream_app.demo import redis_away
from stream_app.demo.grounds import Grounds
from stream_app.demo.redis_away import RedisAway
from stream_app.embedded import EmbeddedServices
from stream_app.errors import Unavailable

pytestmark = pytest.mark.integration


def test_redis_is_started_again_after_a_while_and_without_kafka_nothing_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_away, "AGAIN_S", 0.2)
    said: list[str] = []
    with EmbeddedServices(tmp_path) as services:
        grounds = Grounds(tmp_path, tmp_path, services.kafka, services.redis_url, stay=False, own=services)
        watch = RedisAway(grounds, said.append)
        watch.look()
        assert said == []

        services.redis.kill()
        deadline = time.monotonic() + 60
        while services.redis.process is None and time.monotonic() < deadline:
            watch.look()
            time.sleep(0.05)
        services.redis.await_ready()
        assert [line.partition(";")[0] for line in said] == ["Redis has ended", "starting Redis again"]

        services.broker.kill()
        with pytest.raises(Unavailable, match="Kafka has ended"):
            watch.look()
