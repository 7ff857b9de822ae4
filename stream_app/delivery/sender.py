"""One message to one destination: tried until it is taken, refused for good, or given up."""

import asyncio
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Literal, Self

import aiohttp
import structlog
from jmespath.exceptions import JMESPathError
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_delay
from yarl import URL

from stream_app.delivery.attempts import Attempt, AttemptLog
from stream_app.delivery.destination import Destination
from stream_app.delivery.message import Message, body_of, url_of
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.pause import Pause
from stream_app.delivery.signature import signed
from stream_app.delivery.tokens import NoToken, Tokens

__all__ = ["Outcome", "Sender"]

log = structlog.get_logger(__name__)

Outcome = Literal["delivered", "refused", "given_up"]
_AGAIN = {401, 408, 409, 425, 429}  # 401: with a fresh token
_READ = 300  # bytes of an answer that are kept to explain a refusal


class _Failed(Exception):  # noqa: N818 - names say what is wrong
    def __init__(self, said: str, status: int | None = None, after: float = 0.0) -> None:
        super().__init__(said)
        self.status = status
        self.after = after


class _Refused(_Failed):
    pass


class Sender:
    """Sends messages to one destination.

    Args:
        destination: Where to.
        attempts: Its log.
        metrics: Counters.
        now: Wall clock, µs since 1970.
    """

    def __init__(
        self, destination: Destination, attempts: AttemptLog, metrics: DeliveryMetrics, now: Callable[[], int]
    ) -> None:
        self.destination = destination
        self._attempts = attempts
        self._metrics = metrics
        self._now = now
        self._room = asyncio.Semaphore(destination.concurrency)
        self._tokens = Tokens(destination.oauth) if destination.oauth else None
        self._headers = {name: value.get_secret_value() for name, value in destination.headers.items()}
        #: Set when the destination takes something: it is back, for whoever waits to try again.
        self._recovered = asyncio.Event()
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.destination.timeout / 1e6),
            connector=aiohttp.TCPConnector(limit=self.destination.concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def deliver(self, message: Message, patience: float | None = None) -> Outcome:
        """Try until the message is taken, refused for good, or given up.

        Args:
            message: The message.
            patience: Seconds after which to give up; by default those of the destination.
        """
        seconds = self.destination.give_up_after / 1e6 if patience is None else patience
        outcome: Outcome = "given_up"
        pause = Pause(self.destination.longest_pause / 1e6, self._recovered)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_Failed),
            wait=pause,
            stop=stop_after_delay(seconds),
            sleep=pause.sleep,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    outcome = await self._once(message, attempt.retry_state.attempt_number)
        except RetryError as last:
            number, said = last.last_attempt.attempt_number, str(last.last_attempt.exception())
            self._note(message, number, "given_up", None, time.monotonic(), said)
        if outcome != "delivered":
            log.warning(
                "not delivered",
                destination=self.destination.name,
                customer=message.customer,
                kind=message.kind,
                version=message.fields["version"],
                outcome=outcome,
            )
        self._metrics.delivered(self.destination.name, outcome)
        return outcome

    async def _once(self, message: Message, number: int) -> Outcome:
        async with self._room:
            began = time.monotonic()
            try:
                status: int | None = await self._send(message)
            except _Refused as refused:
                self._note(message, number, "refused", refused.status, began, str(refused))
                return "refused"
            except _Failed as failed:
                self._note(message, number, "failed", failed.status, began, str(failed))
                raise
            self._note(message, number, "delivered", status, began, None)
        self._recovered.set()
        return "delivered"

    def _note(
        self, message: Message, number: int, outcome: str, status: int | None, began: float, error: str | None
    ) -> None:
        seconds, stage = time.monotonic() - began, message.fields.get("stage")
        self._attempts.add(
            Attempt(
                self._now(),
                message.id,
                message.customer,
                message.kind,
                stage,
                number,
                outcome,
                status,
                seconds,
                error,
            )
        )
        if outcome != "given_up":  # which is no request
            self._metrics.tried(self.destination.name, outcome, seconds)

    async def _send(self, message: Message) -> int:
        destination = self.destination
        try:
            body, url = body_of(destination, message), URL(url_of(destination, message), encoded=True)
        except (JMESPathError, ValueError, TypeError) as error:
            # TypeError: what is made is no JSON, such as a number of 20 digits.
            raise _Refused(f"the request cannot be made: {' '.join(str(error).split())}") from None
        headers = {"content-type": "application/json", "user-agent": "lifecycle", **self._headers}
        if destination.keys:
            headers |= signed(destination.keys, message.id, self._now() // 1_000_000, body)
        else:
            headers["idempotency-key"] = message.id
        try:
            if self._tokens is not None:
                headers["authorization"] = await self._tokens.header(self._session)
            async with self._session.request(
                destination.method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                await self._judge(answer)
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of most errors holds the address, and with it what stands there for a secret.
            raise _Failed("no answer in time" if isinstance(error, TimeoutError) else _told(error)) from None

    async def _judge(self, answer: aiohttp.ClientResponse) -> None:
        status = answer.status
        if 200 <= status < 300:
            return
        said = f"{status}: {_plain(await answer.content.read(_READ))}"
        if status == 401 and self._tokens is not None:
            self._tokens.forget(answer.request_info.headers.get("authorization", ""))
        elif status == 401 or (status not in _AGAIN and status < 500):
            raise _Refused(said, status)
        raise _Failed(said, status, _seconds(answer.headers.get("retry-after", ""), self._now() / 1e6))


def _plain(text: bytes) -> str:
    """What a destination says, without what a terminal would obey."""
    return "".join(one if one.isprintable() else " " for one in text.decode("utf-8", "replace"))


def _told(error: Exception) -> str:
    if isinstance(error, NoToken):
        return str(error)
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    return f"{type(error).__name__}{f': {cause.strerror}' if cause and cause.strerror else ''}"


def _seconds(text: str, now: float) -> float:
    """What ``Retry-After`` asks for: seconds, or an instant, of which there are so many left *now*."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0
