"""Whatever is delivered twice, crashes half-way or writes late: in the end Redis equals the plain model."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from stream_app.redis_connection import connect
from stream_app.redis_keys import RedisKeys, keys_of
from stream_app.redis_records import Run, runs
from stream_app.redis_sink import SHARED, RedisSink
from tests.stream_app.stage_changes import Expected, Json, Log, by_customer, change, hash_of, held

if TYPE_CHECKING:
    from stream_app.redis_verdicts import Judged, Lane

CUSTOMERS = {"a": 0, "b": 0, "c": 1, "a}d{": 1}
STAGES = ("new", "loyal", "lost one")
numbers: Iterator[int] = itertools.count()
half_done = st.sampled_from([(), *((name,) for name in SHARED), SHARED[:2], SHARED[1:], SHARED])


class Delivery(RuleBasedStateMachine):
    """Workers write, sinks push, sinks die between steps, old sinks go on for a while."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.client = connect(self.url)
        self.prefix = f"law-{uuid4()}:"
        self.keys: RedisKeys = keys_of(self.prefix, ["retail"])["retail"]
        self.logs = (Log(), Log())
        self.acknowledged = [0, 0]
        self.versions = dict.fromkeys(CUSTOMERS, 0)
        self.erased_at = dict.fromkeys(CUSTOMERS, 0)
        self.standing: dict[str, Json] = {}
        self.zombies: list[tuple[RedisSink, Lane, Run, list[Judged]]] = []
        self.republishes: dict[int, tuple[str, list[str]]] = {}
        self.sink = self.new_sink()

    def new_sink(self) -> RedisSink:
        return RedisSink(self.client, self.prefix, ["retail"])

    @rule(customer=st.sampled_from(list(CUSTOMERS)), stage=st.sampled_from(STAGES))
    def change(self, customer: str, stage: str) -> None:
        self.versions[customer] += 1
        before = self.standing.get(customer)
        body = change(customer, self.versions[customer], stage, previous_stage=before and before["stage"])
        self.standing[customer] = body
        self.logs[CUSTOMERS[customer]].append(body)

    @rule(customer=st.sampled_from(list(CUSTOMERS)), back=st.integers(0, 3))
    def send_the_outbox_again(self, customer: str, back: int) -> None:
        log = self.logs[CUSTOMERS[customer]]
        mine = [r for r in log.records if r.key == customer.encode() and not r.headers]
        for record in mine[-back:] if back else []:
            body = orjson.loads(record.value)
            if body["version"] > self.erased_at[customer]:
                log.append(body)

    @rule(customer=st.sampled_from(list(CUSTOMERS)), again=st.booleans(), merged=st.booleans())
    def erase(self, customer: str, again: bool, merged: bool) -> None:
        self.versions[customer] += 1
        self.erased_at[customer] = self.versions[customer]
        self.standing.pop(customer, None)
        for _ in range(2 if again else 1):
            alias = {"alias": "its customer"} if merged else {}
            self.logs[CUSTOMERS[customer]].erase(customer, self.versions[customer], **alias)

    @rule(partition=st.integers(0, 1))
    def begin_republish(self, partition: int) -> None:
        nonce = f"n{next(numbers)}"
        self.logs[partition].mark("begin", nonce)
        self.republishes[partition] = (nonce, [c for c, p in CUSTOMERS.items() if p == partition])

    @precondition(lambda self: self.republishes)
    @rule(data=st.data(), count=st.integers(1, 9))
    def go_on_republishing(self, data: st.DataObject, count: int) -> None:
        partition = data.draw(st.sampled_from(sorted(self.republishes)))
        nonce, left = self.republishes[partition]
        for customer in left[:count]:
            if customer in self.standing:
                self.logs[partition].append(self.standing[customer], {"republish": nonce.encode()})
        del left[:count]
        if count > len(left):
            self.logs[partition].mark("end", nonce)
            del self.republishes[partition]

    @rule(partition=st.integers(0, 1), length=st.integers(1, 8))
    def push(self, partition: int, length: int) -> None:
        start = self.acknowledged[partition]
        records = self.logs[partition].records[start : start + length]
        result = self.runner.run(self.sink.push(partition, records))
        assert not result.lost
        self.acknowledged[partition] += len(records)

    @rule(partition=st.integers(0, 1), length=st.integers(1, 8), steps=half_done)
    def crash_after_some_steps(self, partition: int, length: int, steps: tuple[str, ...]) -> None:
        start = self.acknowledged[partition]
        for run in runs(self.logs[partition].records[start : start + length]):
            self.runner.run(self.do_half(partition, run, steps))
            break
        self.sink = self.new_sink()

    async def do_half(self, partition: int, run: Run, steps: tuple[str, ...]) -> None:
        lane = await self.sink.lane(self.keys, partition)
        judged = await self.sink.judge(lane, run.changes.get("retail", []))
        if steps:
            await self.sink.advance(lane, run, judged, steps)
        else:
            self.zombies.append((self.sink, lane, run, judged))

    @precondition(lambda self: self.zombies)
    @rule(steps=half_done)
    def a_zombie_goes_on(self, steps: tuple[str, ...]) -> None:
        sink, lane, run, judged = self.zombies.pop()
        if steps:
            self.runner.run(sink.advance(lane, run, judged, steps))

    @rule(partition=st.integers(0, 1), back=st.integers(1, 12))
    def deliver_again(self, partition: int, back: int) -> None:
        self.acknowledged[partition] = max(0, self.acknowledged[partition] - back)
        self.sink = self.new_sink()

    def teardown(self) -> None:
        try:
            for partition, log in enumerate(self.logs):
                result = self.runner.run(
                    self.sink.push(partition, log.records[self.acknowledged[partition] :])
                )
                assert not result.lost
            expected = Expected(*self.logs)
            counts, risks, stream = self.runner.run(held(self.client, self.keys))
            hashes = {c: self.runner.run(hash_of(self.client, self.keys, c)) for c in CUSTOMERS}

            assert hashes == {c: expected.hash_of(c) for c in CUSTOMERS}
            assert counts == expected.counts
            assert risks == expected.risks
            assert by_customer(stream) == by_customer(expected.stream)
        finally:
            self.runner.run(self.client.aclose())
            self.runner.close()


@pytest.mark.integration
def test_redis_equals_the_plain_model_after_any_delivery(redis_url: str) -> None:
    machine = type("DeliveryToRedis", (Delivery,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
