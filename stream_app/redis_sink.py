"""How does Redis hold exactly what ``lifecycle.stage-changes`` says, whatever crashes and however often?

The topic delivers the records of a partition in offset order, at least once. Two processes may deliver the
same partition for a while (the old owner has not noticed yet). A worker that sends its outbox again after a
crash puts the same change on the topic twice, at two offsets. Redis can be a Cluster, where no script
reaches a customer's hash and a shared key together. The argument why the result is exact nevertheless:

1. *Verdicts are a function of the topic.* A record is accepted when its version is above every earlier one
   of its customer. ``customers.lua`` compares with the version in the hash and writes, atomically, and
   keeps in the field ``_sink`` the offset and stage of each record accepted since the fence, and of one
   before it. So a record that comes again, in whatever batch and from whatever writer, gets the verdict and
   the "before" of the first time: its offset is remembered (accepted), or is below the last remembered one
   or not newer in version (duplicate).
2. *Shared keys are a function of verdicts.* What a batch adds to counts, risks and stream follows from
   verdicts alone (:mod:`stream_app.redis_verdicts`). Each shared key has, in its slot, a fence per
   partition: the offset that it has applied. A script applies ``(after, upto]`` only where the fence stands
   at ``after``, and moves it in the same step. A redelivery or a second writer finds the fence elsewhere
   and adds just what lies beyond it.
3. *Order.* Verdicts come first, the fences follow, the caller's acknowledgement comes last. A crash between
   any two leaves records to be delivered again, which 1 and 2 make harmless: a fence never passes a record
   without a verdict, and a verdict is forgotten only when all fences have passed it.
4. *Erasure.* The hash shrinks to version and memory first, goes entirely when the fences have passed, and
   at the end of the batch the stream is searched, once for all who were erased. The last two repeat
   harmlessly, and do so whenever the erasure is delivered again. This rests on workers writing nothing for
   partitions that they have lost: no trace of the customer stays to compare with. The hash of an id that was
   merged goes likewise, and its alias is set with that, or taken away when it stands for itself again. The
   stream is not searched for a merged id: what was published under it stays, and merging must stay cheap.
5. *Republish.* Between its two markers each partition builds its counts anew beside the standing ones: a
   customer last written before the first marker has not been counted there. The second marker swaps them
   in. It ends with the erasures of all who are gone: Redis may have come back from before them.
6. *Loss.* A fence that lies before what was acknowledged, or a new score of a customer who is not there,
   proves that Redis lost data (flushed, an old snapshot restored, a failover). That is noted in Redis
   before anything goes on, and reported, so that the worker republishes the partition; again, if the batch
   fails after all.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError

from stream_app import redis_scripts
from stream_app.redis_calls import Call, changes_call, counts_call, customer_calls, risks_call
from stream_app.redis_connection import AsyncRedis, RedisUnavailable, eviction_of, telling_redis
from stream_app.redis_erasure import erased_by, scrub
from stream_app.redis_keys import RedisKeys, alias_key, keys_of
from stream_app.redis_records import Change, PushResult, Run, SinkRecord, runs
from stream_app.redis_round_trips import RoundTrips
from stream_app.redis_verdicts import Judged, Lane, is_orphan, judge

__all__ = ["PushResult", "RedisSink", "RedisUnavailable", "SinkRecord"]

CALL_LENGTH = 200  # customers a script call: saves overhead, and still lets others get in between
CONTENTION = 50  # two writers of one partition push each other forward; more rounds mean something else
SHARED = ("counts", "risks", "changes")


class RedisSink:
    """Writes stage changes to Redis; the module says what it guarantees and why.

    Args:
        client: From :func:`stream_app.redis_connection.connect`; stays the caller's to close.
        prefix: Key prefix, ``lifecycle:``.
        lifecycles: Names of the configured lifecycles in order.
        stream_length: Entries that the stream keeps, about.
        patience: Seconds that one round trip may take.
    """

    def __init__(
        self,
        client: AsyncRedis,
        prefix: str,
        lifecycles: Sequence[str],
        *,
        stream_length: int = 100_000,
        patience: float = 2.0,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._keys = keys_of(prefix, lifecycles)
        self._stream_length = stream_length
        self._patience = patience
        self._trips = RoundTrips(client, patience)
        self._call_length = 1 if isinstance(client, RedisCluster) else CALL_LENGTH
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._told: set[int] = set()
        self._shas: dict[str, str] = {}

    async def push(self, partition: int, records: Sequence[SinkRecord]) -> PushResult:
        """Brings Redis up to the last of these records.

        Acknowledge them to Kafka after this has returned, and not before.

        Args:
            partition: Partition of ``lifecycle.stage-changes``.
            records: Its next records in offset order, or earlier ones again.

        Raises:
            RedisUnavailable: Redis does not answer or refuses; push the same records again later.
        """
        with telling_redis(f"partition {partition} of the stage changes is not taken"):
            try:
                result = await self._push(partition, records)
            except NoScriptError:  # a restarted server or a promoted replica knows no scripts
                self._shas.clear()
                result = await self._push(partition, records)
        if result.lost:
            self._told.add(partition)  # not before: whoever gets an error instead has not been told
        return result

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        with telling_redis("it is not known whether stage changes can be written"):
            async with asyncio.timeout(self._patience):
                await self._client.ping()

    async def eviction(self) -> str:
        """See :func:`stream_app.redis_connection.eviction_of`."""
        return await eviction_of(self._client)

    async def applied(self, partition: int) -> int:
        """Offset up to which Redis holds a partition in full, -1 for nothing.

        An offset at or beyond the end of the topic shows that Redis holds the history of another Kafka.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        with telling_redis(f"progress of partition {partition} is unknown"):
            return min([(await self.lane(keys, partition)).settled for keys in self._keys.values()])

    def forget_partition(self, partition: int) -> None:
        """Drops what is remembered of a partition, as when another worker takes it over."""
        self._told.discard(partition)
        for name in self._keys:
            self._lanes.pop((name, partition), None)

    async def _push(self, partition: int, records: Sequence[SinkRecord]) -> PushResult:
        result = PushResult()
        erasures: dict[str, list[Change]] = {name: [] for name in self._keys}
        expected: int | None = None
        for run in runs(records):
            result.unreadable += run.unreadable
            result.unknown += sum(len(found) for name, found in run.changes.items() if name not in self._keys)
            for name, keys in self._keys.items():
                lane = self._lanes.get((name, partition)) or await self.lane(keys, partition)
                self._lanes[name, partition] = lane
                if lane.settled < (run.first - 1 if expected is None else expected):
                    await self._note_loss(lane, result)
                erasures[name] += await self._apply(lane, run, run.changes.get(name, []), result)
                result.lost = result.lost or (bool(lane.lost) and partition not in self._told)
            expected = run.last
            if run.marker == "end":
                result.republished = run.nonce
        for name, keys in self._keys.items():
            await scrub(self._client, keys.changes, erased_by(erasures[name]))
        return result

    async def _apply(
        self, lane: Lane, run: Run, changes: Sequence[Change], result: PushResult
    ) -> list[Change]:
        """Takes one lifecycle to the end of *run*; returns the erasures, for which the stream is still to be searched."""
        judged = await self.judge(lane, changes)
        if not lane.lost and any(map(is_orphan, judged)):
            await self._note_loss(lane, result)
        for _ in range(CONTENTION):
            if lane.settled >= run.last:
                break
            if await self.advance(lane, run, judged):
                await self._note_loss(lane, result)
        else:
            raise TimeoutError("another writer keeps moving this partition")
        erasures = [change for change in changes if change.kind == "e"]
        await self.forget(lane, erasures)
        result.applied += len(judged)
        result.duplicates += len(changes) - len(judged)
        return erasures

    async def judge(self, lane: Lane, changes: Sequence[Change]) -> list[Judged]:
        """First step: compare-and-set of the customer hashes; returns what is accepted beyond all fences."""
        new = [change for change in changes if change.offset > lane.settled]
        sha = await self._sha("customers")
        calls = list(customer_calls(sha, lane, new, self._call_length))
        answers = [answer for answered in await self._trips.ask(calls) for answer in answered]
        pairs = zip(new, answers, strict=True)
        return [judge(change, answer) for change, answer in pairs if answer is not None]

    async def advance(
        self, lane: Lane, run: Run, judged: Sequence[Judged], only: Sequence[str] = SHARED
    ) -> bool:
        """Second step: moves the shared keys that lag behind *run*; says whether one has lost what it had."""
        before = {name: getattr(lane, name) for name in only if getattr(lane, name) < run.last}
        calls = []
        for name in before:
            sha = await self._sha(name)
            if name == "counts":
                calls.append(counts_call(sha, lane, run, judged))
            elif name == "risks":
                calls.append(risks_call(sha, lane, run, judged))
            else:
                calls.append(changes_call(sha, lane, run, judged, self._stream_length))
        for name, answer in zip(before, await self._trips.ask(calls), strict=True):
            if name == "counts":
                lane.read_ledger(answer)
            else:
                setattr(lane, name, int(answer))
        return any(getattr(lane, name) < after for name, after in before.items())

    async def forget(self, lane: Lane, erasures: Iterable[Change]) -> None:
        """Third step: nothing of erased customers stays in their hashes, but whose the ids are now."""
        calls: list[Call] = []
        for erasure in erasures:
            sha, customer = await self._sha("forget"), lane.keys.customer(erasure.customer)
            alias = alias_key(self._prefix, erasure.customer)
            calls.append(["EVALSHA", sha, 2, customer, alias, erasure.version, erasure.alias])
        await self._trips.ask(calls)

    async def lane(self, keys: RedisKeys, partition: int) -> Lane:
        """What Redis says of a partition's fences."""
        lane = Lane(keys, partition)
        ledger, risks, changes = await self._trips.ask(
            [
                ["HMGET", keys.ledger(partition), "fence", "origin", "rebuild", "nonce", "lost"],
                ["GET", keys.risk_fence(partition)],
                ["GET", keys.change_fence(partition)],
            ]
        )
        lane.read_ledger(ledger)
        lane.risks, lane.changes = int(risks or -1), int(changes or -1)
        return lane

    async def _note_loss(self, lane: Lane, result: PushResult) -> None:
        await self._trips.ask([["HSET", lane.keys.ledger(lane.partition), "lost", "yes"]])
        lane.lost = "yes"
        result.lost = True

    async def _sha(self, name: str) -> str:
        sha = self._shas.get(name)
        if sha is None:
            async with asyncio.timeout(self._patience):
                loaded: Any = await self._client.script_load(redis_scripts.source(name))
            sha = self._shas[name] = loaded.decode() if isinstance(loaded, bytes) else loaded
        return sha
