"""Each preset against a real HTTP server: the requests are the recorded ones."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream_app.delivery.attempts import AttemptLog
from stream_app.delivery.destination import Destination, load_destination
from stream_app.delivery.message import message_of
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.sender import Sender
from tests.stream_app.delivery.target import Asked, target

RECORDED = Path(__file__).parents[2] / "data" / "destinations"
VARIABLES = {
    "WEBHOOK_URL": "https://shop.example/hook",
    "WEBHOOK_SECRET": "whsec_czNjcmV0LXMzY3JldC1zM2NyZXQtczNjcmV0",
    "ALERTMANAGER_URL": "http://alertmanager:9093",
    "HUBSPOT_TOKEN": "s3cret",
    "SALESFORCE_URL": "https://shop.my.salesforce.com",
    "SALESFORCE_CLIENT_ID": "app",
    "SALESFORCE_CLIENT_SECRET": "s3cret",
    "ZOHO_CLIENT_ID": "app",
    "ZOHO_CLIENT_SECRET": "s3cret",
    "ZOHO_REFRESH_TOKEN": "s3cret",
    "DYNAMICS_URL": "https://shop.crm.dynamics.com",
    "DYNAMICS_TENANT": "tenant",
    "DYNAMICS_CLIENT_ID": "app",
    "DYNAMICS_CLIENT_SECRET": "s3cret",
    "ACTIVECAMPAIGN_URL": "https://shop.api-us1.com",
    "ACTIVECAMPAIGN_TOKEN": "s3cret",
    "ACTIVECAMPAIGN_FIELD": "17",
    "MAILCHIMP_SERVER": "us7",
    "MAILCHIMP_LIST": "list1",
    "MAILCHIMP_TOKEN": "s3cret",
}
CHANGE = {
    "customer_id": "O'Neil+1@example.com", "lifecycle": "six-stage", "stage": "loyalty",
    "previous_stage": "purchase", "since": "2026-03-01T12:00:00Z", "reason": "advanced", "churn_risk": 0.25,
    "next_stage": "advocacy", "next_stage_probability": 0.5, "value_segment": "high",
    "recommended_action": "exclusive offers", "event_time": "2026-03-01T12:00:00Z", "version": 7,
    "model_version": 3, "cycle": 1, "orders": 4, "revenue": 80.5, "refunds": 0.0,
}  # fmt: skip
ALERT = {
    "customer_id": "O'Neil+1@example.com", "lifecycle": "six-stage", "status": "raised", "stage": "loyalty",
    "churn_risk": 0.83, "value_segment": "high", "recommended_action": "exclusive offers",
    "reasons": [{"topic": "recency", "log_odds": 1.5, "text": "last order 82 days ago: raises the risk"}],
    "event_time": "2026-03-01T12:00:00Z", "raised_at": "2026-03-01T12:00:00Z", "version": 8,
}  # fmt: skip


async def send(destination: Destination, tmp_path: Path, kind: Any, fields: dict[str, Any]) -> str:
    message = message_of(kind, orjson.dumps(fields), ())
    assert message is not None
    attempts = AttemptLog(tmp_path / "attempts.db")
    try:
        async with Sender(destination, attempts, DeliveryMetrics(), lambda: 1_772_366_400_000_000) as sender:
            return await sender.deliver(message, patience=30)
    finally:
        attempts.close()


def shape(asked: Asked) -> dict[str, Any]:
    told = {k: v for k, v in asked.headers.items() if k not in {"host", "accept-encoding", "content-length"}}
    is_form = "form" in told["content-type"]
    body = asked.body.decode() if is_form else asked.json
    return {"method": asked.method, "path": asked.path, "headers": dict(sorted(told.items())), "body": body}


@pytest.mark.parametrize(
    "preset",
    ["webhook", "alertmanager", "hubspot", "salesforce", "zoho", "dynamics", "activecampaign", "mailchimp"],
)
def test_the_requests_of_a_preset_are_the_recorded_ones(preset: str, tmp_path: Path) -> None:
    with target() as server:
        server.answer = lambda _: (200, {}, {"access_token": "t0ken", "expires_in": 3600})
        declared = load_destination(preset, VARIABLES)
        local = {"url": _here(declared.url, server.url)}
        if declared.oauth:
            token_url = _here(declared.oauth.token_url, server.url)
            local["oauth"] = declared.oauth.model_copy(update={"token_url": token_url})
        kind, fields = ("churn-alert", ALERT) if preset == "alertmanager" else ("stage-change", CHANGE)
        outcome = asyncio.run(send(declared.model_copy(update=local), tmp_path, kind, fields))

    assert outcome == "delivered"
    recorded = orjson.loads((RECORDED / f"{preset}.json").read_bytes())
    assert [shape(asked) for asked in server.asked] == recorded


def _here(url: str, server: str) -> str:
    return server + "/" + url.partition("://")[2].partition("/")[2]
