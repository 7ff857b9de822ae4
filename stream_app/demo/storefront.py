"""`lifecycle demo --shop`: a worker by the wall clock, a gateway and the sample shop, supervised like the demo's others."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec
import requests
from rich.console import Console

from stream_app.demo.draining import draining
from stream_app.demo.grounds import Grounds, open_grounds
from stream_app.demo.staff import Hand, Say
from stream_app.demo.story import afterwards
from stream_app.embedded.progress import StandardError
from stream_app.errors import Unavailable, WorkFailed
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.shop.people import PEOPLE, history
from stream_app.shop.visit import ANONYMOUS
from stream_app.shop.welcomes import FIRST
from stream_app.topic_admin import ensure
from stream_app.topics import declare

LIFECYCLE: Final = "shop"
_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.05
_WATCH_S: Final = 0.25
_ANSWER_S: Final = 10.0

WHAT: Final = (
    "A sample shop, end to end: its pages report through a browser SDK to the gateway, the gateway puts the events into\n"
    "Kafka, a worker decides each visitor's lifecycle stage and writes Redis, and the shop reads it back and changes\n"
    "what it shows. Ctrl-C stops everything."
)


class Opening(msgspec.Struct, kw_only=True):
    """What stands open, and how the shop's own check went.

    Args:
        shop: Address of the shop.
        gateway: Address of the gateway.
        kafka: Bootstrap address.
        redis: URL.
        data_dir: Data directory of the worker.
        customers: Stage of each prepared customer by e-mail address, as the shop shows it.
        stages: The stages through which the check led a visitor, each with the seconds from the gateway's answer to the
            page that shows it.
    """

    shop: str
    gateway: str
    kafka: str
    redis: str
    data_dir: str
    customers: dict[str, str]
    stages: dict[str, float]


class Server(Hand):
    """A hand that listens where a flag says, and shows its metrics wherever there is room: the gateway, the shop."""

    def __init__(
        self,
        command: str,
        directory: Path,
        variables: dict[str, str],
        flags: Sequence[str],
        taken: frozenset[int],
    ) -> None:
        super().__init__(command, directory, variables, flags, taken)
        self._variables["LIFECYCLE_METRICS__PORT"] = "0"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.address}"

    def command(self) -> Sequence[str]:
        """Say how it is called, port included."""
        return [*super().command(), "--port", str(self.port)]


class ShopStaff:
    """A worker, a gateway and the shop.

    Args:
        settings: Where the services are, and where to keep state and logs.
        config: The configuration file that was named, if any.
        say: Hears when one has to be started again.
    """

    def __init__(self, settings: Settings, config: Path | None, say: Say) -> None:
        self.key = secrets.token_hex(8)
        self._say = say
        processes = settings.data_dir / "processes"
        flags = ["--config", str(config)] if config else []
        flags += [word for name in settings.lifecycles for word in ("--lifecycle", name)]
        variables = {
            "LIFECYCLE_KAFKA": settings.kafka,
            "LIFECYCLE_REDIS": settings.redis,
            "LIFECYCLE_DATA_DIR": str(settings.data_dir),
            "LIFECYCLE_CLOCK": "wall",
            "LIFECYCLE_KAFKA_SECURITY__PROTOCOL": settings.kafka_security.protocol,
            "LIFECYCLE_TOPICS__REPLICATION_FACTOR": str(settings.topics.replication_factor),
            "LIFECYCLE_LOG__FORMAT": "json",
        }
        self.worker = Hand("worker", processes / "worker", variables, flags)
        taken = frozenset({self.worker.port})
        self.gateway = Server(
            "gateway",
            processes / "gateway",
            {**variables, "LIFECYCLE_GATEWAY__KEYS__SHOP__KEY": self.key},
            flags,
            taken,
        )
        to_gateway = ["--gateway", self.gateway.url, "--write-key", self.key]
        self.shop = Server(
            "shop", processes / "shop", variables, [*flags, *to_gateway], taken | {self.gateway.port}
        )

    @property
    def _all(self) -> tuple[Hand, ...]:
        return self.worker, self.gateway, self.shop

    def start(self) -> None:
        """Start all side by side and wait until they answer.

        Raises:
            Unavailable: If one ends instead; the message quotes its log.
        """
        for hand in self._all:
            hand.launch()
        for hand in self._all:
            hand.await_ready()

    def mend(self) -> None:
        """Start again whoever has ended.

        Raises:
            WorkFailed: If one ends again and again.
        """
        for hand in self._all:
            hand.mend(self._say)

    def stop(self) -> None:
        """Close the shop first, the worker last: what visitors did is still counted."""
        for hand in reversed(self._all):
            hand.stop()


class Storefront:
    """One demo with the shop.

    Args:
        asked: Checked settings; addresses in them do not count.
        config: The configuration file, if named.
        console: Where it speaks; standard error.
    """

    def __init__(self, asked: Settings, config: Path | None, console: Console) -> None:
        self._asked = asked.model_copy(update={"lifecycles": (LIFECYCLE,)})
        self._config = config
        self._console = console

    def say(self, text: str) -> None:
        """Print on lines of its own."""
        self._console.print(text, markup=False, soft_wrap=True)

    def run(self, present: Callable[[Opening], None], *, stay: bool, keep: bool) -> None:
        """Run it from the first service to the last.

        Args:
            present: Is told what stands open, while everything runs.
            stay: Go on until Ctrl-C; otherwise the shop is checked, and closed.
            keep: Leave Kafka and Redis running.

        Raises:
            LifecycleAppError: If services or staff do not come up, or a page does not change.
        """
        self.say(WHAT)
        with ExitStack() as ending:
            listener = ending.enter_context(StandardError())
            grounds = ending.enter_context(open_grounds(self._asked, listener, keep=keep))
            settings = grounds.settings(self._asked).model_copy(update={"clock": "wall"})
            asyncio.run(ensure(settings.kafka, declare(settings), client_options(settings)))
            staff = ShopStaff(settings, self._config, self.say)
            ending.callback(self._stop, staff)
            self.say("starting a worker, a gateway and the shop")
            staff.start()
            asyncio.run(_worker_joined(settings))
            self.say("telling the gateway of four customers' past")
            _tell_the_past(staff)
            customers = _customers_shown(staff.shop.url)
            stages = {} if stay else _led_through(staff)
            present(
                Opening(
                    shop=staff.shop.url,
                    gateway=staff.gateway.url,
                    kafka=grounds.kafka,
                    redis=grounds.redis,
                    data_dir=str(settings.data_dir),
                    customers=customers,
                    stages=stages,
                )
            )
            if stay:
                self._wait(grounds, staff)
        self.say(afterwards(grounds))

    def _wait(self, grounds: Grounds, staff: ShopStaff) -> None:
        self.say(
            "Look from another terminal:\n"
            f"  export LIFECYCLE_KAFKA={grounds.kafka} LIFECYCLE_REDIS={grounds.redis} LIFECYCLE_DATA_DIR={grounds.home}\n"
            f"  lifecycle show shop-nora --lifecycle {LIFECYCLE}\n"
            f"  logs: {staff.worker.log}, {staff.gateway.log}, {staff.shop.log}\n"
            "The shop is open. Ctrl-C closes it."
        )
        with suppress(KeyboardInterrupt):
            while True:
                grounds.require_services()
                staff.mend()
                time.sleep(_WATCH_S)

    def _stop(self, staff: ShopStaff) -> None:
        self.say("closing the shop, then the gateway and the worker")
        staff.stop()


def opening(found: Opening) -> str:
    """Tell people what stands open."""
    lines = [f"The shop:    {found.shop}", f"The gateway: {found.gateway}", ""]
    lines += ["Look around, fill the cart, buy: the page greets you by stage. Or log in as one of these:"]
    lines += [f"  {person.customer.email:<20} {person.stage:<14} {person.story}" for person in PEOPLE]
    if found.stages:
        lines += ["", "Checked: a visitor's page changed after the gateway had taken what they did"]
        lines += [f"  {stage:<14} {seconds:.2f} s later" for stage, seconds in found.stages.items()]
    return "\n".join(lines)


async def _worker_joined(settings: Settings) -> None:
    async with draining(settings) as drain:
        await drain.workers_joined()


def _browser() -> requests.Session:
    """Asks this machine, and not the proxy that the environment may name."""
    session = requests.Session()
    session.trust_env = False
    return session


def _tell_the_past(staff: ShopStaff) -> None:
    """Send it until the gateway takes it: it answers before it has found Kafka."""
    body = {"batch": list(history(time.time_ns() // 1000))}
    deadline = monotonic() + _PATIENCE_S
    while monotonic() < deadline:
        with _browser() as sender:
            answer = sender.post(
                f"{staff.gateway.url}/v1/batch", json=body, auth=(staff.key, ""), timeout=_ANSWER_S
            )
        if answer.ok:
            return
        time.sleep(_WATCH_S)
    raise Unavailable(f"the gateway does not take events: its log is {staff.gateway.log}")


def _customers_shown(shop: str) -> dict[str, str]:
    """Log in as each prepared customer, until the shop greets them by their stage."""
    shown = {}
    for person in PEOPLE:
        with _browser() as browser:
            browser.post(f"{shop}/login", {"email": person.customer.email}, timeout=_ANSWER_S)
            _await_stage(browser, shop, person.stage)
        shown[person.customer.email] = person.stage
    return shown


def _led_through(staff: ShopStaff) -> dict[str, float]:
    """Do by HTTP what a visitor's browser does, and look at the page after each step."""
    visitor, shop = f"check-{secrets.token_hex(8)}", staff.shop.url
    steps = {
        "browsing": ("Product Viewed", "Product Viewed"),
        "cart": ("Product Added",),
        "new-customer": ("Order Completed",),
    }
    with _browser() as browser:
        browser.cookies.set(ANONYMOUS, visitor)
        _await_stage(browser, shop, FIRST)
        return {stage: _step(staff, browser, visitor, stage, events) for stage, events in steps.items()}


def _step(
    staff: ShopStaff, browser: requests.Session, visitor: str, stage: str, events: Sequence[str]
) -> float:
    for event in events:
        body = {
            "anonymousId": visitor,
            "event": event,
            "properties": {"revenue": 12.9},
            "writeKey": staff.key,
        }
        beacon = {"Content-Type": "text/plain"}
        browser.post(
            f"{staff.gateway.url}/v1/t", json.dumps(body), headers=beacon, timeout=_ANSWER_S
        ).raise_for_status()
    started = monotonic()
    _await_stage(browser, staff.shop.url, stage)
    return round(monotonic() - started, 3)


def _await_stage(browser: requests.Session, shop: str, stage: str) -> None:
    deadline = monotonic() + _PATIENCE_S
    page = ""
    while monotonic() < deadline:
        page = browser.get(f"{shop}/", timeout=_ANSWER_S).text
        if f'data-stage="{stage}"' in page:
            return
        time.sleep(_LOOK_S)
    shown = page.partition('data-stage="')[2].partition('"')[0]
    raise WorkFailed(f"{shop}/ shows {shown or 'no stage'} instead of {stage} after {_PATIENCE_S:.0f} s")
