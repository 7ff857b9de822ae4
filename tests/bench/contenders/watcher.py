"""Notes when what an event means can be read in Redis: the moment its change arrives from the stream.

Whoever writes Redis writes the customer's hash before the stream, so what is noted here is never too early.
"""

import signal
import sys
from pathlib import Path
from time import time_ns

import orjson
import redis

from tests.bench.contenders.spec import Spec
from tests.bench.latency import PROBE


def main() -> None:
    """Read until all probes have come, or until told to stop, then write ``{probe number: ns}``."""
    spec = Spec.read()
    stream, probes = f"{sys.argv[2]}stage-changes", int(sys.argv[3])
    client = redis.Redis.from_url(spec.redis)
    seen: dict[str, int] = {}
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    last = b"0-0"
    Path(spec.directory, "ready").touch()
    while not stopping and len(seen) < probes:
        found = client.xread({stream: last}, count=1000, block=200)
        moment = time_ns()
        for _, entries in found.items() if isinstance(found, dict) else found:
            for last, fields in entries:  # noqa: B007 - the last id is where the next read begins
                customer = orjson.loads(fields[b"payload"])["customer_id"]
                if customer.startswith(PROBE.decode()):
                    seen.setdefault(customer.removeprefix(PROBE.decode()), moment)
    fresh = spec.result.with_suffix(".new")
    fresh.write_bytes(orjson.dumps(seen))
    fresh.replace(spec.result)


if __name__ == "__main__":
    main()
