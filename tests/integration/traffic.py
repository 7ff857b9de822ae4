"""Events as shops send them, one function a kind."""

import json
import time
from typing import Any
from uuid import uuid4

from state import DAY, format_instant
from tests.integration.workers import Sent

TOPIC_OF = {"Order Completed": "purchases", "Email Opened": "email", "Product Viewed": "clickstream"}


def moment(days_ago: float = 0.0) -> str:
    """An instant of the wall clock."""
    return format_instant(time.time_ns() // 1000 - round(days_ago * DAY))


def body(customer: object, event: object, at: object, /, **more: Any) -> dict[str, Any]:
    """A track event as a mapping, to be spoilt."""
    made = {"messageId": uuid4().hex, "type": "track", "event": event, "userId": customer, "timestamp": at}
    return {**made, **more}


def sent(customer: str, event: str, at: object, **more: Any) -> Sent:
    """A track event on its topic."""
    value = json.dumps(body(customer, event, at, **more)).encode()
    return Sent(TOPIC_OF[event], customer.encode(), value)


def order(customer: str, at: object, revenue: float) -> Sent:
    """An order."""
    return sent(customer, "Order Completed", at, properties={"revenue": revenue})
