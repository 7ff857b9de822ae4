"""Read a customer's lifecycle stage from a website: fast, cached, and never waiting for a Redis that is away.

```python
from stream_app.reader import StageReader

reader = StageReader("redis://localhost:6379/0", default_stage="awareness")  # one for the process
profile = reader.get("c-17")
profile.stage, profile.churn_risk, profile.recommended_action
```

`AsyncStageReader` is the same for asyncio. Both need redis-py and nothing else of the service.

* An anonymous id that has been merged into a customer is followed within the same round trip.
* What was read is kept in the process and dropped the moment Redis says that it changed (server-assisted
  invalidation over one background connection; the channel of stage changes where that is not to be had).
* When Redis does not answer within the timeout, the last known profile is served, else the default stage; then no
  page asks again until the background connection has found Redis back. `get` raises nothing of Redis.
"""

from stream_app.reader.aio import AsyncStageReader
from stream_app.reader.blocking import StageReader
from stream_app.reader.profile import Origin, StageProfile

__all__ = ["AsyncStageReader", "Origin", "StageProfile", "StageReader"]
