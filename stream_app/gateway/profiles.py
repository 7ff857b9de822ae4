"""What is known about a customer: the hash in Redis, for those who cannot read Redis.

An id that was merged into another one is followed: ``PREFIX:alias:{ID}`` names the customer it belongs to.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from stream_app.gateway.answers import Refused, found
from stream_app.gateway.figures import Figures
from stream_app.gateway.keys import Keys, keys_outside_body
from stream_app.redis_connection import AsyncRedis, RedisUnavailable, telling_redis
from stream_app.redis_keys import keys_of

_LONGEST_ID: Final = 512
_NUMBERS: Final = {
    "churn_risk": float,
    "next_stage_probability": float,
    "version": int,
    "model_version": int,
    "cycle": int,
    "orders": int,
    "revenue": float,
    "refunds": float,
}


class Profiles:
    """``GET /v1/profiles/{id}``.

    Args:
        client: Redis.
        keys: Who may read.
        lifecycles: Names, the first one is meant where none is asked for.
        figures: What is counted.
    """

    def __init__(self, client: AsyncRedis, keys: Keys, lifecycles: tuple[str, ...], figures: Figures) -> None:
        self._client = client
        self._keys = keys
        self._lifecycles = lifecycles
        self._figures = figures

    async def endpoint(self, request: Request) -> Response:
        """One customer's hash as JSON, numbers as numbers and null for what is not known."""
        try:
            answer = found(await self._profile(request))
        except RedisUnavailable:
            answer = Refused(503, "unavailable", "Profiles cannot be read at present; try again.", 1).answer()
        except Refused as refused:
            answer = refused.answer()
        self._figures.requests.labels("/v1/profiles", str(answer.status_code)).inc()
        return answer

    async def _profile(self, request: Request) -> dict[str, Any]:
        tenant = self._keys.reader(keys_outside_body(request))
        customer = request.path_params["id"]
        lifecycle = request.query_params.get("lifecycle", self._lifecycles[0])
        if lifecycle not in self._lifecycles:
            raise Refused(
                404, "unknown_lifecycle", f"No such lifecycle; there are {', '.join(self._lifecycles)}."
            )
        fields = await self._read(tenant, lifecycle, customer) if len(customer) <= _LONGEST_ID else None
        if fields is None:
            raise Refused(404, "unknown_customer", "Nothing is known about this id.")
        return fields

    async def _read(self, tenant: str, lifecycle: str, customer: str) -> dict[str, Any] | None:
        keys = keys_of(f"{tenant}:", self._lifecycles)[lifecycle]
        # In a Cluster the two keys lie in the same slot: both carry the id as their tag.
        with telling_redis("a profile cannot be read"):
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.hgetall(keys.customer(customer))
                pipeline.get(f"{tenant}:alias:{{{customer}}}")
                own, alias = await pipeline.execute()
            if alias is not None:
                own = await self._client.hgetall(keys.customer(alias.decode()))
        return _typed(own) if b"stage" in own else None


def _typed(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    typed: dict[str, Any] = {}
    for name, value in fields.items():
        field, text = name.decode(), value.decode()
        if field.startswith("_"):
            continue
        typed[field] = text or None
        if text and field in _NUMBERS:
            with suppress(ValueError):
                typed[field] = _NUMBERS[field](text)
    return typed
