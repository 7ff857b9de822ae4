"""Attempts against a real HTTP server: signatures, retries, refusals, tokens, filters."""

import asyncio
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from stream_app.delivery.attempts import AttemptLog
from stream_app.delivery.destination import Destination
from stream_app.delivery.message import Message, is_wanted, message_of
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.sender import Sender
from tests.stream_app.delivery.target import Asked, Target, target
from tests.stream_app.delivery.test_presets import ALERT, CHANGE

NEW, OLD = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct", "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQt"


def made(fields: dict[str, Any], kind: Any = "stage-change") -> Message:
    message = message_of(kind, orjson.dumps(fields), ())
    assert message is not None
    return message


class Case:
    """A destination on a real server, its log and what came of a message."""

    def __init__(self, server: Target, directory: Path, **more: Any) -> None:
        self.server = server
        more = {"longest_pause": "20ms", "timeout": "500ms", **more}
        self.destination = Destination(name="crm", url=f"{server.url}/hook", **more)
        self.attempts = AttemptLog(directory / "crm.db")
        self.metrics = DeliveryMetrics()

    def deliver(self, fields: dict[str, Any], patience: float = 30, kind: Any = "stage-change") -> str:
        async def sending() -> str:
            now = lambda: time.time_ns() // 1000  # noqa: E731
            async with Sender(self.destination, self.attempts, self.metrics, now) as sender:
                return await sender.deliver(made(fields, kind), patience)

        return asyncio.run(sending())

    def deliver_beside(self, fields: dict[str, Any], *, others: int, is_awaited: bool) -> None:
        """Deliver a message, and that many others beside it; in the end wait for it, or leave it."""

        async def sending() -> None:
            now = lambda: time.time_ns() // 1000  # noqa: E731
            async with Sender(self.destination, self.attempts, self.metrics, now) as sender:
                one = asyncio.create_task(sender.deliver(made(fields)))
                for version in range(100, 100 + others):
                    await sender.deliver(made({**CHANGE, "version": version}))
                    await asyncio.sleep(0.003)
                if not is_awaited:
                    one.cancel()
                await asyncio.gather(one, return_exceptions=not is_awaited)

        asyncio.run(sending())

    @property
    def outcomes(self) -> list[str]:
        return [attempt.outcome for attempt in self.attempts.latest(most=100)][::-1]


def answers(*statuses: int, **headers: str) -> Any:
    """Answer with these in turn, then 200."""
    left = list(statuses)
    return lambda _: (left.pop(0) if left else 200, headers, {"why": "as told"})


def test_a_receiver_verifies_the_message_with_the_new_and_with_the_old_secret(tmp_path: Path) -> None:
    with target() as server:
        case = Case(server, tmp_path, secrets=[NEW, OLD])
        assert case.deliver(CHANGE) == "delivered"
        (asked,) = server.asked

    for secret in (NEW, OLD):
        told = Webhook(secret).verify(asked.body.decode(), asked.headers)
        assert (told["type"], told["data"]) == ("lifecycle.stage.changed", CHANGE)
    assert asked.headers["webhook-id"] == "O%27Neil+1@example.com:7"
    with pytest.raises(Exception, match="signature"):
        Webhook(NEW).verify(asked.body.decode().replace("loyalty", "advocacy"), asked.headers)


def test_it_is_tried_until_it_is_taken_with_the_same_id(tmp_path: Path) -> None:
    with target() as server:
        case = Case(server, tmp_path, secrets=[NEW])
        server.answer = answers(500, 429, 503)
        assert case.deliver(CHANGE) == "delivered"

    assert case.outcomes == ["failed", "failed", "failed", "delivered"]
    assert len(set(server.ids)) == 1
    assert case.attempts.was_delivered(server.ids[0])


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_what_is_refused_for_good_is_not_tried_again(tmp_path: Path, status: int) -> None:
    with target() as server:
        case = Case(server, tmp_path)
        server.answer = answers(status, location="/elsewhere")
        assert case.deliver(CHANGE) == "refused"
        assert len(server.asked) == 1

    (attempt,) = case.attempts.latest(most=10, failed=True)
    assert attempt.error is not None
    assert (attempt.status, "as told" in attempt.error) == (status, True)


def test_a_dead_one_is_given_up_in_the_end_and_that_is_in_the_log(tmp_path: Path) -> None:
    with target() as server:
        case = Case(server, tmp_path)
    assert case.deliver(CHANGE, patience=0.2) == "given_up"

    assert case.outcomes[-1] == "given_up"
    assert set(case.outcomes[:-1]) == {"failed"}


@pytest.mark.parametrize("body", ["join('', orders)", "to_number('99999999999999999999')"])
def test_a_body_that_cannot_be_made_is_refused_and_stops_nothing(tmp_path: Path, body: str) -> None:
    with target() as server:
        case = Case(server, tmp_path, body=body)

        assert case.deliver(CHANGE) == "refused"
        assert server.asked == []


@pytest.mark.parametrize("customer", ["..", "."])
def test_a_customer_id_leads_to_no_other_place(tmp_path: Path, customer: str) -> None:
    with target() as server:
        case = Case(server, tmp_path)
        case.destination = case.destination.model_copy(
            update={"url": f"{server.url}/contacts/{{customer_id}}"}
        )
        assert case.deliver({**CHANGE, "customer_id": customer}) == "refused"
        assert case.deliver({**CHANGE, "customer_id": "../a?b#c"}) == "delivered"

    assert [asked.path for asked in server.asked] == ["/contacts/..%2Fa%3Fb%23c"]


def test_a_token_that_expired_is_fetched_again(tmp_path: Path) -> None:
    tokens = ["first", "second"]

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        if asked.path == "/token":
            return 200, {}, {"access_token": tokens.pop(0), "expires_in": 3600}
        return (200 if asked.headers["authorization"] == "Bearer second" else 401), {}, {}

    with target() as server:
        server.answer = answer
        oauth = {"token_url": f"{server.url}/token", "form": {"grant_type": "client_credentials"}}
        case = Case(server, tmp_path, oauth=oauth)
        assert case.deliver(CHANGE) == "delivered"

    assert [asked.path for asked in server.asked] == ["/token", "/hook", "/token", "/hook"]


@pytest.mark.parametrize(
    ("more", "change", "alert"),
    [
        ({}, True, True),
        ({"on": ["churn-alert"]}, False, True),
        ({"only": {"reasons": ["lapsed"]}}, False, True),
        ({"only": {"stages": ["loyalty"], "from_stages": ["purchase"]}}, True, False),
        ({"only": {"lifecycles": ["saas"]}}, False, False),
        ({"only": {"when": "churn_risk > `0.5`"}}, False, True),
        ({"only": {"when": "join('', orders)"}}, False, False),
        ({"stages": {"advocacy": "evangelist"}}, False, False),
    ],
)
def test_filters_decide_what_goes_there(more: dict[str, Any], change: bool, alert: bool) -> None:
    made = Destination(name="crm", url="https://crm.example", **more)
    messages = [
        message_of("stage-change", orjson.dumps(CHANGE), ()),
        message_of("churn-alert", orjson.dumps(ALERT), ()),
    ]

    assert [message is not None and is_wanted(made, message) for message in messages] == [change, alert]


def test_a_rescored_state_is_no_stage_change_and_a_marker_is_nothing() -> None:
    made = Destination(name="crm", url="https://crm.example")
    rescored = message_of("stage-change", orjson.dumps({**CHANGE, "reason": "rescored"}), ())

    assert rescored is not None
    assert not is_wanted(made, rescored)
    assert message_of("stage-change", b"{}", (("republish-begin", b"n"),)) is None
    assert message_of("stage-change", orjson.dumps(CHANGE), (("republish", b"n"),)) is None
    assert message_of("stage-change", b"not json", ()) is None
    assert message_of("stage-change", orjson.dumps({**CHANGE, "customer_id": 5}), ()) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, {}, {}), "oauth.token_url answers 400"),
        ((200, {}, b"<html>Back soon</html>"), "holds no access_token"),  # a page for people
    ],
)
def test_a_token_that_is_not_to_be_had_is_tried_again_and_the_log_says_why(
    tmp_path: Path, answer: Any, said: str
) -> None:
    with target() as server:
        server.answer = lambda _: answer
        oauth = {"token_url": f"{server.url}/token", "form": {"grant_type": "client_credentials"}}
        case = Case(server, tmp_path, oauth=oauth)
        assert case.deliver(CHANGE, patience=0.1) == "given_up"

    attempt = next(case.attempts.latest(most=1))
    assert said in (attempt.error or "")


def test_giving_up_is_no_request(tmp_path: Path) -> None:
    with target() as server:
        server.answer = lambda _: (503, {}, {})
        case = Case(server, tmp_path)
        assert case.deliver(CHANGE, patience=0.1) == "given_up"
        sent = len(server.asked)

    counted = case.metrics.registry.get_sample_value
    assert counted("lifecycle_delivery_seconds_count", {"destination": "crm"}) == sent
    labels = {"destination": "crm", "outcome": "given_up"}
    assert counted("lifecycle_delivery_attempts_total", labels) is None


def test_a_message_that_is_not_taken_is_tried_with_growing_pauses_while_others_are_taken(
    tmp_path: Path,
) -> None:
    with target() as server:
        server.answer = lambda asked: (500 if asked.headers["webhook-id"] == "bad:1" else 200, {}, {})
        case = Case(server, tmp_path, longest_pause="10s", secrets=[NEW])
        case.deliver_beside({**CHANGE, "customer_id": "bad", "version": 1}, others=300, is_awaited=False)
        tried = server.ids.count("bad:1")

    assert 2 <= tried <= 15, "each success of another message ended its pause"


@pytest.mark.parametrize("is_instant", [False, True], ids=["seconds", "instant"])
def test_nobody_comes_before_the_time_that_a_destination_asks_for(tmp_path: Path, is_instant: bool) -> None:
    came: list[float] = []

    def answer(asked: Asked) -> tuple[int, dict[str, str], Any]:
        if asked.headers["webhook-id"] != "bad:1":
            return 200, {}, {}
        came.append(time.monotonic())
        instant = datetime.fromtimestamp(time.time_ns() / 1e9 + 2, UTC)
        after = format_datetime(instant, usegmt=True) if is_instant else "1"
        return (429, {"retry-after": after}, {}) if len(came) == 1 else (200, {}, {})

    with target() as server:
        server.answer = answer
        case = Case(server, tmp_path, longest_pause="10s", secrets=[NEW])
        case.deliver_beside({**CHANGE, "customer_id": "bad", "version": 1}, others=20, is_awaited=True)

    assert came[1] - came[0] >= 0.95
