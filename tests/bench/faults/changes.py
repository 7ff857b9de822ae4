"""T9, T10, T12: a disk is lost, a lifecycle file changes under way, the trainer dies."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.crew import environment_of
from tests.bench.faults.scene import Outcome, Size, scene
from tests.bench.faults.traffic import LIFECYCLE
from tests.bench.faults.verdict import Verdict
from tests.integration import test_trainer as trainers

#: Takes the stored state over: what is recommended changes, and there is a stage more, that nobody can be in.
_CHANGED = (
    LIFECYCLE.replace('"welcome series"', '"a gift"')
    + """
[[stage]]
name = "returned-parcel"
enter = "orders < 0"
"""
)
#: And gives it back.
_RESTORED = LIFECYCLE.replace('name = "prospect"', 'name = "prospect"\nwas = ["returned-parcel"]')


def lost_disk(services: EmbeddedServices, seed: int, size: Size, store: str = "rocksdb") -> Outcome:
    """T9: a worker dies and its disk with it; then one dies and keeps its disk."""
    with scene(services, "T9", seed, size) as here:
        here.tenant.environment["LIFECYCLE_WORKER__TABLE_STORE"] = store
        here.outcome.more["store"] = store
        here.begin()
        for number in range(size.faults):
            here.rest(1.0, size.seconds / size.faults)
            victim = here.chance.randrange(2)
            here.fault()
            here.crew.kill(victim, restart=False)
            if number % 2 == 0:
                shutil.rmtree(here.crew.data(victim), ignore_errors=True)
            here.crew.start(victim)
        return here.judge()


def rolled(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T10: a changed lifecycle file goes round two workers, one after the other, under traffic, and back again."""
    # Nobody dies here, so nobody need be missed soon; who is told to end must not be late for its group.
    with scene(services, "T10", seed, replace(size, session=30)) as here:
        new = here.tenant.directory / "changed.toml"
        new.write_text(_CHANGED, "utf-8")
        old = here.tenant.directory / "restored.toml"
        old.write_text(_RESTORED, "utf-8")
        here.begin()
        for path in (new, old):
            for slot in range(2):
                here.crew.await_ready(slot)
                here.rest(0.0, size.seconds / 6)
                here.fault()
                code = here.crew.stop(slot)
                here.outcome.verdict.differ("exit", {slot: code}, {slot: 0})
                here.crew.start(slot, LIFECYCLE_LIFECYCLES=str(path))
        return here.judge(only_facts=True)


def trainer_killed(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T12: the trainer is killed with -9 in mid-stream; the models are those of an uninterrupted run."""
    with TemporaryDirectory(prefix="lifecycle-faults-") as directory:
        return asyncio.run(_train(services.kafka, seed, size, Path(directory)))


async def _train(kafka: str, seed: int, size: Size, directory: Path) -> Outcome:
    chance, outcome = Random(seed), Outcome("T12", seed)
    settings, topic = await trainers.fresh_topic(kafka)
    made = trainers.for_task(topic, 900)
    early, last = made[:-60], made[-60:]
    environment = environment_of(
        {
            "LIFECYCLE_KAFKA": kafka,
            "LIFECYCLE_PREFIX": settings.prefix,
            "LIFECYCLE_DATA_DIR": str(directory),
            "LIFECYCLE_MODELS__KEY": trainers.KEY,
            "LIFECYCLE_MODELS__BROADCAST_EVERY": "200ms",
        }
    )

    def start() -> "subprocess.Popen[bytes]":
        with (directory / f"{len(processes)}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "stream_app", "trainer"], env=environment, stderr=log
            )

    processes: list[subprocess.Popen[bytes]] = []
    sending = asyncio.create_task(trainers.send(topic, early, pause=0.3))
    processes.append(start())
    try:
        learned = await trainers.snapshot_at(topic, 1, 300)
        for _ in range(size.faults):
            processes.append(start())
            await asyncio.sleep(chance.uniform(0.5, 4.0))  # a standby by now, or still on its way to be one
            outcome.faults += 1
            processes[-2].kill()
            killed = time.monotonic()
            learned = await trainers.snapshot_at(topic, min(learned.offset + 50, len(early)), 300)
            outcome.catch_ups.append(round(time.monotonic() - killed, 2))
        await sending
        await trainers.send(topic, last)  # only who is left can learn these
        snapshot = await trainers.snapshot_at(topic, len(made), 300)
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(120) for process in processes]
    outcome.verdict = Verdict(events=len(made))
    expected = [-signal.SIGKILL] * size.faults + [0]
    outcome.verdict.differ("exit", dict(enumerate(codes)), dict(enumerate(expected)))
    outcome.verdict.differ("models", snapshot.predictors, trainers.oracle(topic, made))
    return outcome
