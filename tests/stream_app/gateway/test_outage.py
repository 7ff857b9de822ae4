"""Kafka goes away under load and comes back: nothing that was answered with success is missing."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stream_app.embedded import EmbeddedServices
from tests.integration.workers import Tenant
from tests.stream_app.gateway.doors import KEY, Door, gateway, track, until

pytestmark = pytest.mark.integration

QUICK = {"LIFECYCLE_GATEWAY__ANSWER_WITHIN": "2s"}


@pytest.fixture(scope="module")
def own_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    """Servers that may be killed."""
    with EmbeddedServices(tmp_path_factory.mktemp("own")) as started:
        yield started


class Sender(threading.Thread):
    """Sends batches until it is told to stop; what is not accepted it sends again, as SDKs do."""

    def __init__(self, door: Door, number: int) -> None:
        super().__init__()
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._door = door
        self._number = number
        self._told = threading.Event()

    def run(self) -> None:
        session, batch = requests.Session(), 0
        while not self._told.is_set():
            batch += 1
            ids = [f"s{self._number}-{batch}-{each}" for each in range(20)]
            sent = {"batch": [track(n, messageId=each) for n, each in enumerate(ids)]}
            while True:
                status = session.post(
                    f"{self._door.url}/v1/batch", json=sent, auth=(KEY, ""), timeout=60
                ).status_code
                self.statuses[status] += 1
                if status == 200:
                    self.accepted += ids
                    break
                if self._told.is_set():
                    return
                time.sleep(0.1)

    def stop(self) -> None:
        self._told.set()
        self.join()


def ready(door: Door) -> int:
    return requests.get(f"{door.url}/readyz", timeout=30).status_code


def test_kafka_dies_under_load_and_nothing_that_was_accepted_is_missing(
    own_services: EmbeddedServices, tmp_path: Path
) -> None:
    tenant = Tenant(own_services.kafka, own_services.redis_url, tmp_path)
    with gateway(tenant, **QUICK) as door:
        senders = [Sender(door, number) for number in range(4)]
        for sender in senders:
            sender.start()
        until(lambda: sum(len(sender.accepted) for sender in senders) > 400)

        own_services.broker.kill()
        until(lambda: ready(door) == 503)
        until(lambda: sum(sender.statuses[503] for sender in senders) > 8)
        alive = requests.get(f"{door.url}/healthz", timeout=30).status_code
        own_services.broker.start()

        until(lambda: ready(door) == 200)
        before = sum(len(sender.accepted) for sender in senders)
        until(lambda: sum(len(sender.accepted) for sender in senders) > before + 400)
        for sender in senders:
            sender.stop()
        arrived = Counter(each["messageId"] for each in door.events())

    accepted = [each for sender in senders for each in sender.accepted]
    assert alive == 200
    assert set(sum((sender.statuses for sender in senders), Counter())) == {200, 503}
    assert [each for each in accepted if not arrived[each]] == []


def test_a_gateway_that_starts_before_kafka_waits_for_it_and_says_so(
    own_services: EmbeddedServices, tmp_path: Path
) -> None:
    tenant = Tenant(own_services.kafka, own_services.redis_url, tmp_path)
    own_services.broker.kill()
    with gateway(tenant, wait=False, **QUICK) as door:
        early = door.post("/v1/batch", {"batch": [track(1, messageId="early")]})
        not_ready = requests.get(f"{door.url}/readyz", timeout=30)
        time.sleep(3)  # it has tried again and again by then
        complaints = [record for record in door.said() if record["event"] == "kafka is away"]
        own_services.broker.start()
        door.await_kafka()
        late = door.post("/v1/batch", {"batch": [track(1, messageId="late")]})
        ids = [each["messageId"] for each in door.events()]

    assert len(complaints) == 1
    assert early.status_code == 503
    assert int(early.headers["Retry-After"]) >= 1
    assert (not_ready.status_code, not_ready.json()["code"]) == (503, "not_ready")
    assert late.status_code == 200
    assert ids == ["late"]


def test_what_waits_for_kafka_is_bounded(own_services: EmbeddedServices, tmp_path: Path) -> None:
    tenant = Tenant(own_services.kafka, own_services.redis_url, tmp_path)
    bounds = {"LIFECYCLE_GATEWAY__MAX_QUEUE_BYTES": "3000000", "LIFECYCLE_GATEWAY__ANSWER_WITHIN": "30s"}
    with gateway(tenant, **bounds) as door:
        own_services.broker.pause()
        answers: list[requests.Response] = []
        sent = {"batch": [track(n, messageId=f"q{n}", properties={"text": "x" * 10_000}) for n in range(90)]}
        threads = [
            threading.Thread(target=lambda: answers.append(door.post("/v1/batch", sent))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) >= 4)
        refused = {(answer.status_code, answer.json()["code"]) for answer in answers}
        own_services.broker.resume()
        for thread in threads:
            thread.join()

    assert refused == {(503, "busy")}
    assert {answer.status_code for answer in answers} == {200, 503}


def test_what_the_context_of_a_batch_adds_counts_before_it_waits(
    own_services: EmbeddedServices, tmp_path: Path
) -> None:
    tenant = Tenant(own_services.kafka, own_services.redis_url, tmp_path)
    bounds = {"LIFECYCLE_GATEWAY__MAX_QUEUE_BYTES": "3000000", "LIFECYCLE_GATEWAY__ANSWER_WITHIN": "30s"}
    with gateway(tenant, **bounds) as door:
        own_services.broker.pause()
        answers: list[requests.Response] = []
        sent = {"batch": [track(n) for n in range(100)], "context": {"text": "x" * 20_000}}
        threads = [
            threading.Thread(target=lambda: answers.append(door.post("/v1/batch", sent))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) == 1)
        refused = answers[0].json()
        own_services.broker.resume()
        for thread in threads:
            thread.join()

    assert refused["code"] == "busy"
    assert answers[1].status_code == 200


def test_topics_that_contradict_the_configuration_end_it_with_one_line(
    own_services: EmbeddedServices, tmp_path: Path
) -> None:
    tenant = Tenant(own_services.kafka, own_services.redis_url, tmp_path)
    tenant.create_topics()
    ended = tenant.command(
        "gateway", "--port", "0", "--write-key", KEY, LIFECYCLE_TOPICS__PARTITIONS=str(tenant.partitions + 1)
    )

    assert ended.returncode == 2
    (said,) = [line for line in ended.stderr.splitlines() if line.startswith("lifecycle:")]
    assert "partitions" in said


def test_without_any_key_it_does_not_start(own_services: EmbeddedServices, tmp_path: Path) -> None:
    ended = Tenant(own_services.kafka, own_services.redis_url, tmp_path).command("gateway", "--port", "0")

    assert ended.returncode == 2
    assert "nobody may send" in ended.stderr
