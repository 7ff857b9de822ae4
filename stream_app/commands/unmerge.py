"""`lifecycle unmerge`: takes an id out of the customer that it was merged into."""

import asyncio
import logging
from time import monotonic
from typing import Annotated, Any
from uuid import uuid4

import orjson
import typer

from stream_app.control import control
from stream_app.errors import Misconfigured, Unavailable, WorkFailed
from stream_app.options import AsJson, ConfigFile, Kafka
from stream_app.settings import Settings, load_settings

_WHY = {
    "not merged": "it belongs to no customer; check the id",
    "too late": "the undo window (identity.undo_window) is over; what both did is one history now",
    "another id was merged since": "only the newest merge of a customer can be undone, and another id was merged since",
}


def unmerge(
    anonymous: Annotated[str, typer.Argument(metavar="ANON", help="The id that was merged.")],
    config: ConfigFile = None,
    kafka: Kafka = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the workers.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Undo the newest merge of a customer: the id stands for itself again, with all that came under it.

    Possible within identity.undo_window (7 days of event time by default). A worker must be running.
    """
    if not anonymous.strip():
        raise Misconfigured("ANON is empty: give the id that was merged")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(config, kafka=kafka)
    told = asyncio.run(_ask(settings, anonymous, timeout))
    if told["action"] != "unmerged":
        raise WorkFailed(f"{anonymous!r} cannot be unmerged: {_WHY.get(told['reason'], told['reason'])}")
    if as_json:
        typer.echo(orjson.dumps(told).decode())
        return
    typer.echo(
        f"{anonymous} stands for itself again, apart from {told['customer_id']}, and is not merged into it any more"
    )


async def _ask(settings: Settings, anonymous: str, timeout_s: float) -> dict[str, Any]:
    """Ask for the release, and wait for what the partition of the id says about it."""
    nonce = uuid4().hex
    async with control(settings, answers="merges") as workers:
        await workers.listen(anonymous)
        await workers.ask({"unmerge": anonymous, "nonce": nonce})
        patience = monotonic() + timeout_s
        while monotonic() < patience:
            for record in await workers.hear():
                told: dict[str, Any] = orjson.loads(record.value)
                if told.get("nonce") == nonce:
                    return told
    raise Unavailable(
        f"no worker answers within {timeout_s:g} s; the request stands and is done when one starts: start `lifecycle worker`"
    )
